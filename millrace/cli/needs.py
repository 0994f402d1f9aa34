"""What the templates of an account ask of AWS: instances by kind of use, images, the bootstrap. For doctor.py."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from millrace.cli import accounts

ENDPOINT, TRAINING, PROCESSING, TRANSFORM = "endpoint", "training job", "processing job", "transform job"
IMAGE = re.compile(r"\b(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([\w./-]+):([\w.-]+)")
RESOURCES = {"ClusterConfig": PROCESSING, "ResourceConfig": TRAINING, "TransformResources": TRANSFORM}
"""Where a step of a pipeline says what it runs on."""


@dataclass(frozen=True)
class Need:
    """So many instances of a type for one kind of use, by one endpoint or by one run of a pipeline at a time."""

    use: str
    instance_type: str
    count: int
    owner: str


@dataclass(frozen=True)
class Image:
    account: str
    region: str
    repository: str
    tag: str

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag} of {self.account} in {self.region}"


@dataclass(frozen=True)
class Needs:
    instances: Sequence[Need] = ()
    serverless: Sequence[Need] = ()
    """Concurrent invocations of serverless endpoints; their type is empty."""
    images: Sequence[Image] = ()
    scales: bool = False
    bootstrap_version: int = 0
    bootstrap_parameter: str = ""
    deploy_role: str = ""
    stacks: Sequence[str] = field(default_factory=list)


def read(account: accounts.Account, assembly: Path | None = None) -> Needs:
    """What the stacks of an account need."""
    instances: list[Need] = []
    serverless: list[Need] = []
    images: set[Image] = set()
    scales, version, parameter, role, names = False, 0, "", "", []
    for folder, stack in accounts.stacks_of(account, assembly):
        template, properties = accounts.template(folder, stack), stack["properties"]
        for resource in template.get("Resources", {}).values():
            kind, given = resource.get("Type", ""), resource.get("Properties", {})
            if kind == "AWS::SageMaker::EndpointConfig":
                found = list(_of_endpoint(given, template, str(properties["stackName"])))
                instances += [each for each in found if each.instance_type]
                serverless += [each for each in found if not each.instance_type]
            elif kind == "AWS::SageMaker::Pipeline":
                instances += _of_pipeline(given)
            scales = scales or kind == "AWS::ApplicationAutoScaling::ScalableTarget"
        images |= {Image(*each) for each in IMAGE.findall(json.dumps(template))}
        version = max(version, int(properties.get("requiresBootstrapStackVersion") or 0))
        parameter = parameter or str(properties.get("bootstrapStackVersionSsmParameter") or "")
        role = role or str(properties.get("assumeRoleArn") or "")
        names.append(str(properties["stackName"]))
    return Needs(instances, serverless, sorted(images, key=str), scales, version, parameter, role, names)


def most_at_once(needs: Sequence[Need]) -> dict[tuple[str, str], tuple[int, int]]:
    """For each use and type what has to fit, and what should: blue/green doubles an endpoint while it is updated.

    One endpoint at a time beside all others, one run at a time; all endpoints at once, all runs at once.
    """
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for use, instance_type in sorted({(need.use, need.instance_type) for need in needs}):
        counts = [need.count for need in needs if (need.use, need.instance_type) == (use, instance_type)]
        least = sum(counts) + max(counts) if use == ENDPOINT else max(counts)
        found[use, instance_type] = (least, 2 * sum(counts) if use == ENDPOINT else sum(counts))
    return found


def _of_endpoint(given: Mapping[str, Any], template: Mapping[str, Any], owner: str) -> Iterator[Need]:
    most = max((int(each) for each in _capacities(template)), default=0)
    for variant in given.get("ProductionVariants", ()):
        serverless = variant.get("ServerlessConfig")
        if serverless:
            yield Need(ENDPOINT, "", int(serverless["MaxConcurrency"]), owner)
        else:
            count = int(variant.get("InitialInstanceCount") or 1)
            yield Need(ENDPOINT, str(variant["InstanceType"]), max(count, most), owner)


def _capacities(template: Mapping[str, Any]) -> Iterator[Any]:
    for resource in template.get("Resources", {}).values():
        if resource.get("Type") == "AWS::ApplicationAutoScaling::ScalableTarget":
            yield resource["Properties"].get("MaxCapacity", 0)


def _of_pipeline(given: Mapping[str, Any]) -> list[Need]:
    """The most that one run of it uses at once, as far as the definition says; steps follow each other."""
    definition = _definition(given.get("PipelineDefinition", {}).get("PipelineDefinitionBody", ""))
    defaults = {each["Name"]: each.get("DefaultValue") for each in definition.get("Parameters", ())}
    owner = str(given.get("PipelineName", "a pipeline"))
    most: dict[tuple[str, str], int] = {}
    for use, resources, times in _resources(definition):
        name = _value(resources.get("InstanceType"), defaults)
        if isinstance(name, str):
            count = int(_value(resources.get("InstanceCount"), defaults) or 1) * times
            most[use, name] = max(most.get((use, name), 0), count)
    return [Need(use, name, count, owner) for (use, name), count in most.items()]


def _definition(body: Any) -> dict[str, Any]:
    """The definition's JSON; what CloudFormation fills in later stands within its texts."""
    if isinstance(body, dict):
        pieces = body.get("Fn::Join", ["", []])[1]
        body = "".join(each if isinstance(each, str) else "x" for each in pieces)
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _resources(value: Any, times: int = 1) -> Iterator[tuple[str, Mapping[str, Any], int]]:
    if isinstance(value, list):
        for each in value:
            yield from _resources(each, times)
    elif isinstance(value, dict):
        limits = value.get("HyperParameterTuningJobConfig", {}).get("ResourceLimits", {})
        parallel = limits.get("MaxParallelTrainingJobs")
        inner = parallel if isinstance(parallel, int) else times
        for name, each in value.items():
            if name in RESOURCES and isinstance(each, dict) and "InstanceType" in each:
                yield RESOURCES[name], each, inner
            else:
                yield from _resources(each, inner)


def _value(given: Any, defaults: Mapping[str, Any]) -> Any:
    """A literal, or the default of the parameter that is named."""
    if isinstance(given, dict):
        return defaults.get(str(given.get("Get", "")).removeprefix("Parameters."))
    return given
