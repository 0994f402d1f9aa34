"""The state-change events SageMaker puts onto EventBridge's default bus, in the documented form.

The detail is the resource's Describe answer. Jobs, models and endpoints give times as milliseconds since
the epoch, model packages as ISO text; an endpoint's status is IN_SERVICE, not InService.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from millrace.local.sagemaker import shapes
from millrace.local.sagemaker.kinds import ENDPOINT, MODEL_PACKAGE, Kind
from millrace.local.sagemaker.store import Place, Record, Store
from millrace.local.world import World

DETAIL_TYPES = {
    "ProcessingJob": "SageMaker Processing Job State Change",
    "TrainingJob": "SageMaker Training Job State Change",
    "HyperParameterTuningJob": "SageMaker HyperParameter Tuning Job State Change",
    "TransformJob": "SageMaker Transform Job State Change",
    "Model": "SageMaker Model State Change",
    "ModelPackage": "SageMaker Model Package State Change",
    "Endpoint": "SageMaker Endpoint State Change",
}
DEPLOYMENT = "SageMaker Endpoint Deployment State Change"


def publish(world: World, store: Store, kind: Kind, record: Record) -> None:
    """Tell EventBridge what the resource is now."""
    _publish(world, store, kind, record, DETAIL_TYPES[kind.name])


def publish_update(world: World, store: Store, record: Record, request: Mapping[str, Any]) -> None:
    """Tell EventBridge what a version is now, and which of its fields the request named."""
    names = {name.removesuffix("ToRemove").removesuffix("ToAdd") for name in request} - {
        "ModelPackageArn",
        "ClientToken",
    }
    told = {"UpdatedModelPackageFields": sorted(names)}
    _publish(world, store, MODEL_PACKAGE, record, DETAIL_TYPES[MODEL_PACKAGE.name], told)


def publish_deployment(world: World, store: Store, record: Record) -> None:
    """Tell EventBridge how far an endpoint's deployment is."""
    _publish(world, store, ENDPOINT, record, DEPLOYMENT)


def _publish(
    world: World, store: Store, kind: Kind, record: Record, detail_type: str, more: Mapping[str, Any] | None = None
) -> None:
    arn = record[kind.arn_key]
    place = Place.of_arn(arn)
    detail = shapes.answer(f"Describe{kind.name}", record)
    if kind is ENDPOINT:
        detail["EndpointStatus"] = upper_snake(detail["EndpointStatus"])
    if kind is not MODEL_PACKAGE:
        detail["Tags"] = store.tags(arn)
    world.publish(
        account=place.account,
        region=place.region,
        source="aws.sagemaker",
        detail_type=detail_type,
        detail={**plain(detail, iso=kind is MODEL_PACKAGE), **(more or {})},
        resources=[arn],
    )


def upper_snake(status: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", status).upper()


def plain(value: Any, *, iso: bool) -> Any:
    """The value with its times as JSON can hold them."""
    if isinstance(value, dict):
        return {key: plain(item, iso=iso) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item, iso=iso) for item in value]
    if isinstance(value, datetime):
        if iso:
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return int(value.timestamp() * 1000)
    return value
