"""What an endpoint configuration asks for, resolved: the container, model data and role of each variant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from millrace.local.sagemaker.kinds import MODEL, MODEL_PACKAGE
from millrace.local.sagemaker.registry import locate
from millrace.local.sagemaker.resources import Resources
from millrace.local.sagemaker.store import Place, Record
from millrace.local.service import Caller

STARTUP_SECONDS = 480


@dataclass(frozen=True)
class VariantPlan:
    """One production variant; kept in the endpoint's record, so that a restart needs nothing else."""

    name: str
    image: str
    model_data: str
    compressed: bool
    environment: dict[str, str]
    role: str
    isolated: bool
    weight: float
    count: int
    startup_seconds: int
    vpc: dict[str, Any] | None = None
    alarms: tuple[str, ...] = ()
    instance_type: str = ""
    serverless: dict[str, int] | None = None
    capture: dict[str, Any] | None = None

    def dump(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def load(cls, content: dict[str, Any]) -> VariantPlan:
        return cls(**content)


def plan(
    resources: Resources, caller: Caller, config: Record, deployment: Mapping[str, Any] | None
) -> list[VariantPlan]:
    """`deployment` is the request's DeploymentConfig: the alarms that roll a deployment back are the role's to read."""
    alarms = ((deployment or {}).get("AutoRollbackConfiguration") or {}).get("Alarms") or ()
    watched = tuple(each["AlarmName"] for each in alarms if each.get("AlarmName"))
    capture = config.get("DataCaptureConfig")
    return [
        replace(_variant(resources, caller, entry, watched), capture=capture) for entry in config["ProductionVariants"]
    ]


def batch_plan(resources: Resources, caller: Caller, model: str, environment: Mapping[str, str]) -> VariantPlan:
    """The container of a model that a transform job runs, with the job's own variables."""
    plan = _variant(resources, caller, {"VariantName": "primary", "ModelName": model}, ())
    return replace(plan, environment={**plan.environment, **environment})


def _variant(resources: Resources, caller: Caller, entry: dict[str, Any], alarms: tuple[str, ...]) -> VariantPlan:
    model = resources.get(MODEL, Place.of(caller), entry["ModelName"])
    own = (model.get("Containers") or [model.get("PrimaryContainer")])[0]
    container = _packaged(resources, caller, own) if own.get("ModelPackageName") else own
    data, compressed = _model_data(container)
    return VariantPlan(
        name=entry["VariantName"],
        image=container["Image"],
        model_data=data,
        compressed=compressed,
        environment={**(container.get("Environment") or {}), **(own.get("Environment") or {})},
        role=model["ExecutionRoleArn"],
        isolated=bool(model.get("EnableNetworkIsolation")),
        weight=float(entry.get("InitialVariantWeight", 1.0)),
        count=1 if "ServerlessConfig" in entry else int(entry.get("InitialInstanceCount") or 1),
        startup_seconds=int(entry.get("ContainerStartupHealthCheckTimeoutInSeconds") or STARTUP_SECONDS),
        vpc=model.get("VpcConfig"),
        alarms=alarms,
        instance_type=entry.get("InstanceType") or "",
        serverless=entry.get("ServerlessConfig"),
    )


def _packaged(resources: Resources, caller: Caller, own: dict[str, Any]) -> dict[str, Any]:
    place, name = locate(caller, own["ModelPackageName"])
    package = resources.get(MODEL_PACKAGE, place, name)
    container: dict[str, Any] = package["InferenceSpecification"]["Containers"][0]
    return container


def _model_data(container: dict[str, Any]) -> tuple[str, bool]:
    source = (container.get("ModelDataSource") or {}).get("S3DataSource")
    if source:
        return source["S3Uri"], source.get("CompressionType") == "Gzip"
    return container.get("ModelDataUrl", ""), True
