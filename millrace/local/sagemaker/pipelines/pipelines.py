"""Pipelines in the store: how they are named, found and versioned."""

from __future__ import annotations

from typing import Any

from millrace.local.sagemaker.store import Place, Record, Store
from millrace.local.service import Caller, ServiceError

KIND = "Pipeline"


def pipeline_arn(place: Place, name: str) -> str:
    return f"arn:aws:sagemaker:{place.region}:{place.account}:pipeline/{name}"


def find_pipeline(store: Store, place: Place, name_or_arn: str) -> Record:
    """The pipeline of this account and region; ResourceNotFound otherwise."""
    name = name_or_arn.rpartition("/")[2]
    arn = pipeline_arn(place, name)
    record = store.find(place, KIND, name) if name_or_arn in (name, arn) else None
    if record is None:
        raise ServiceError(
            "ResourceNotFound", f"Pipeline '{name_or_arn if '/' in name_or_arn else arn}' does not exist."
        )
    return record


def version_of(record: Record, version: int | None) -> str:
    """The definition of a version, counted from 1; the newest when none is named."""
    versions: list[str] = record["_Versions"]
    if version is not None and version > len(versions):
        raise ServiceError(
            "ResourceNotFound",
            f"Pipeline '{record['PipelineArn']}' has no version {version}; it has {len(versions)}.",
        )
    return versions[(version or len(versions)) - 1]


def who(caller: Caller) -> dict[str, Any]:
    """CreatedBy and LastModifiedBy of an IAM identity."""
    return {"IamIdentity": {"Arn": caller.arn, "PrincipalId": caller.access_key}}
