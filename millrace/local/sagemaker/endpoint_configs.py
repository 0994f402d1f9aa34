"""Whether an endpoint configuration is one that AWS would take; what serverless variants exclude is listed here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from millrace.local.sagemaker.store import Record
from millrace.local.service import ServiceError

GIGABYTE = 1024
SERVERLESS = "ServerlessConfig"
# Serverless Inference, Feature exclusions; what belongs to instances has no meaning there either.
NOT_WITH_SERVERLESS = ("AsyncInferenceConfig", "ShadowProductionVariants", "ExplainerConfig", "VpcConfig")
OF_INSTANCES = (
    "InitialInstanceCount",
    "VolumeSizeInGB",
    "AcceleratorType",
    "ManagedInstanceScaling",
    "RoutingConfig",
    "InferenceAmiVersion",
    "ContainerStartupHealthCheckTimeoutInSeconds",
    "ModelDataDownloadTimeoutInSeconds",
)
# What AWS does with these is not done here, so they are refused rather than left without effect.
NOT_HERE = ("AsyncInferenceConfig", "ShadowProductionVariants", "ExplainerConfig")
CAPTURE_MODES = ("Input", "Output", "InputAndOutput")

FindModel = Callable[[str], Record]


def check(params: Mapping[str, Any], model: FindModel) -> None:
    """Refused with what is wrong; `model` finds a model by name and refuses one that is not there."""
    variants = params["ProductionVariants"]
    for variant in variants:
        found = model(variant["ModelName"]) if "ModelName" in variant else {}
        _check_variant(variant)
        if SERVERLESS in variant:
            _check_serverless(variant, found)
    names = [variant["VariantName"] for variant in variants]
    if len(set(names)) != len(names):
        raise _invalid(f"Variant names must be unique, got {', '.join(names)}.")
    if any(SERVERLESS in variant for variant in variants):
        _check_alone(params)
    if absent := [name for name in NOT_HERE if params.get(name)]:
        raise _invalid(f"{', '.join(absent)} is not available at endpoints of the embedded AWS.")
    if "DataCaptureConfig" in params:
        _check_capture(params["DataCaptureConfig"])


def _check_variant(variant: Mapping[str, Any]) -> None:
    given = [name for name in ("InstanceType", SERVERLESS) if name in variant]
    if len(given) != 1:
        either = "is required" if not given else "are given, only one of them can be"
        raise _invalid(f"Variant {variant['VariantName']}: InstanceType or ServerlessConfig {either}.")


def _check_serverless(variant: Mapping[str, Any], model: Record) -> None:
    name, config = variant["VariantName"], variant[SERVERLESS]
    memory = config["MemorySizeInMB"]
    if memory % GIGABYTE:
        raise _invalid(
            f"Variant {name}: MemorySizeInMB must be a multiple of {GIGABYTE} from 1024 to 6144, it is {memory}."
        )
    if config.get("ProvisionedConcurrency", 0) > config["MaxConcurrency"]:
        raise _invalid(f"Variant {name}: ProvisionedConcurrency cannot be larger than MaxConcurrency.")
    wrong = [each for each in OF_INSTANCES if each in variant]
    if wrong:
        raise _invalid(f"Variant {name} is serverless: {', '.join(wrong)} cannot be given.")
    if model.get("VpcConfig"):
        raise _invalid(f"Variant {name} is serverless: VpcConfig of model {model['ModelName']} is not supported.")
    if model.get("EnableNetworkIsolation"):
        raise _invalid(
            f"Variant {name} is serverless: EnableNetworkIsolation of model {model['ModelName']} is not supported."
        )


def _check_alone(params: Mapping[str, Any]) -> None:
    if len(params["ProductionVariants"]) > 1:
        raise _invalid("A serverless endpoint has one production variant only.")
    wrong = [each for each in NOT_WITH_SERVERLESS if params.get(each)]
    if params.get("EnableNetworkIsolation"):
        wrong.append("EnableNetworkIsolation")
    if (params.get("DataCaptureConfig") or {}).get("EnableCapture", "DataCaptureConfig" in params):
        wrong.append("DataCaptureConfig")
    if wrong:
        raise _invalid(f"{', '.join(wrong)} is not supported with a serverless variant.")


def _check_capture(config: Mapping[str, Any]) -> None:
    modes = [option["CaptureMode"] for option in config["CaptureOptions"]]
    if wrong := [mode for mode in modes if mode not in CAPTURE_MODES]:
        raise _invalid(f"CaptureMode must be one of {', '.join(CAPTURE_MODES)}, not {', '.join(wrong)}.")
    if not config["DestinationS3Uri"].startswith("s3://"):
        raise _invalid(f"DestinationS3Uri must begin with s3://, it is {config['DestinationS3Uri']}.")


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
