"""The model registry: package groups, their policies, versions in a group, approvals, and their events."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from millrace.local.sagemaker import events, shapes
from millrace.local.sagemaker.kinds import MODEL_PACKAGE, MODEL_PACKAGE_GROUP
from millrace.local.sagemaker.resources import Resources
from millrace.local.sagemaker.store import Place, Record
from millrace.local.service import Caller, Handler, ServiceError

PENDING = "PendingManualApproval"
LIFE_CYCLE = ("Stage", "StageStatus")
SIGNS = "_.:/=+-@"
MOST_PROPERTIES = 50
STATUS_DETAILS: dict[str, list[Any]] = {"ValidationStatuses": [], "ImageScanStatuses": []}
UPDATABLE = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)


class Registry:
    """A version is stored under <group>/<number>, an unversioned package under its name."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._world = resources.world
        self._store = resources.store

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreateModelPackageGroup": self.create_group,
            "DescribeModelPackageGroup": self.describe_group,
            "ListModelPackageGroups": self._resources.lister(MODEL_PACKAGE_GROUP),
            "DeleteModelPackageGroup": self.delete_group,
            "PutModelPackageGroupPolicy": self.put_policy,
            "GetModelPackageGroupPolicy": self.get_policy,
            "DeleteModelPackageGroupPolicy": self.delete_policy,
            "CreateModelPackage": self.create,
            "DescribeModelPackage": self.describe,
            "BatchDescribeModelPackage": self.batch_describe,
            "UpdateModelPackage": self.update,
            "ListModelPackages": self.list_packages,
            "DeleteModelPackage": self.delete,
        }

    def create_group(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        record = self._resources.new(
            MODEL_PACKAGE_GROUP,
            caller,
            params,
            ModelPackageGroupStatus="Completed",
            CreatedBy=user_context(caller),
            _next=1,
        )
        return {"ModelPackageGroupArn": record["ModelPackageGroupArn"]}

    def describe_group(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        place, name = locate(caller, params["ModelPackageGroupName"])
        return shapes.answer("DescribeModelPackageGroup", self._group(place, name))

    def delete_group(self, caller: Caller, params: dict[str, Any]) -> None:
        place, name = locate(caller, params["ModelPackageGroupName"])
        with self._store.lock:
            group = self._group(place, name)
            if any(each.get("ModelPackageGroupName") == name for each in self._store.all(place, MODEL_PACKAGE.name)):
                raise ServiceError(
                    "ConflictException",
                    f"Model Package Group cannot be deleted as it still contains Model Packages: "
                    f"{group['ModelPackageGroupArn']}",
                )
            self._resources.remove(MODEL_PACKAGE_GROUP, place, name)

    def put_policy(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        place, name = locate(caller, params["ModelPackageGroupName"])
        group = self._group(place, name)
        self._store.update(place, MODEL_PACKAGE_GROUP.name, name, _policy=params["ResourcePolicy"])
        return {"ModelPackageGroupArn": group["ModelPackageGroupArn"]}

    def get_policy(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        place, name = locate(caller, params["ModelPackageGroupName"])
        return {"ResourcePolicy": self._with_policy(place, name)["_policy"]}

    def delete_policy(self, caller: Caller, params: dict[str, Any]) -> None:
        place, name = locate(caller, params["ModelPackageGroupName"])
        self._with_policy(place, name)
        self._store.update(place, MODEL_PACKAGE_GROUP.name, name, _policy=None)

    def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        if ("ModelPackageGroupName" in params) == ("ModelPackageName" in params):
            raise ServiceError(
                "ValidationException",
                "Exactly one of ModelPackageGroupName and ModelPackageName is required.",
            )
        check_metadata(params.get("CustomerMetadataProperties") or {})
        if "ModelPackageGroupName" in params:
            record = self._new_version(caller, params)
        else:
            record = self._resources.new(MODEL_PACKAGE, caller, params, **self._made(caller))
        events.publish(self._world, self._store, MODEL_PACKAGE, record)
        return {"ModelPackageArn": record["ModelPackageArn"]}

    def _new_version(self, caller: Caller, params: dict[str, Any]) -> Record:
        place, name = locate(caller, params["ModelPackageGroupName"])
        token = params.get("ClientToken")
        with self._store.lock:
            group = self._group(place, name)
            for earlier in self._versions(place, name):
                if token and earlier.get("_token") == token:
                    return earlier
            version = group["_next"]
            known = shapes.output_shape("DescribeModelPackage").members
            arn = MODEL_PACKAGE.arn(place, f"{name}/{version}")
            record = {key: value for key, value in params.items() if key in known} | {
                "ModelPackageGroupName": name,
                "ModelPackageVersion": version,
                "ModelPackageArn": arn,
                "ModelApprovalStatus": params.get("ModelApprovalStatus", PENDING),
                "CreationTime": self._world.clock.datetime(),
                "_token": token,
                **self._made(caller),
            }
            self._store.update(place, MODEL_PACKAGE_GROUP.name, name, _next=version + 1)
            self._store.tag(arn, params.get("Tags") or [])
            return self._store.put(place, MODEL_PACKAGE.name, f"{name}/{version}", record)

    def _made(self, caller: Caller) -> dict[str, Any]:
        return {
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": STATUS_DETAILS,
            "CreatedBy": user_context(caller),
        }

    def describe(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return shapes.answer("DescribeModelPackage", self.package(caller, params["ModelPackageName"]))

    def batch_describe(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        found, errors = {}, {}
        shape = shapes.output_shape("BatchDescribeModelPackage").members["ModelPackageSummaries"].value
        for arn in params["ModelPackageArnList"]:
            try:
                found[arn] = shapes.trim(shape, self.package(caller, arn))
            except ServiceError as error:
                errors[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
        return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": errors}

    def update(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        place, name = locate(caller, params["ModelPackageArn"])
        check_metadata(params.get("CustomerMetadataProperties") or {})
        with self._store.lock:
            record = self.package(caller, params["ModelPackageArn"])
            properties = dict(record.get("CustomerMetadataProperties") or {})
            properties |= params.get("CustomerMetadataProperties") or {}
            for key in params.get("CustomerMetadataPropertiesToRemove") or ():
                properties.pop(key, None)
            if len(properties) > MOST_PROPERTIES:
                raise ServiceError(
                    "ValidationException", f"CustomerMetadataProperties hold at most {MOST_PROPERTIES} entries."
                )
            added = params.get("AdditionalInferenceSpecificationsToAdd") or []
            updated = self._store.update(
                place,
                MODEL_PACKAGE.name,
                name,
                LastModifiedTime=self._world.clock.datetime(),
                LastModifiedBy=user_context(caller),
                CustomerMetadataProperties=properties or None,
                AdditionalInferenceSpecifications=[
                    *(record.get("AdditionalInferenceSpecifications") or ()),
                    *added,
                ]
                or None,
                **{key: params[key] for key in UPDATABLE if key in params},
            )
        events.publish_update(self._world, self._store, updated or record, params)
        return {"ModelPackageArn": record["ModelPackageArn"]}

    def list_packages(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        group = params.get("ModelPackageGroupName")
        place, name = locate(caller, group) if group else (Place.of(caller), None)
        if name is not None:
            self._group(place, name)
        wanted = params.get("ModelPackageType") or ("Versioned" if group else "Unversioned")
        status = params.get("ModelApprovalStatus")
        records = [
            record
            for record in self._store.all(place, MODEL_PACKAGE.name)
            if (name is None or record.get("ModelPackageGroupName") == name)
            and (wanted == "Both" or ("ModelPackageVersion" in record) == (wanted == "Versioned"))
            and (status is None or record.get("ModelApprovalStatus") == status)
        ]
        return self._resources.page(MODEL_PACKAGE, "ListModelPackages", records, params)

    def delete(self, caller: Caller, params: dict[str, Any]) -> None:
        record = self.package(caller, params["ModelPackageName"])
        place, name = locate(caller, record["ModelPackageArn"])
        self._resources.remove(MODEL_PACKAGE, place, name)
        events.publish(self._world, self._store, MODEL_PACKAGE, record | {"ModelPackageStatus": "Deleting"})

    def package(self, caller: Caller, name_or_arn: str) -> Record:
        """The package of a name or ARN; refused when there is none."""
        place, name = locate(caller, name_or_arn)
        return self._resources.get(MODEL_PACKAGE, place, name)

    def _group(self, place: Place, name: str) -> Record:
        return self._resources.get(MODEL_PACKAGE_GROUP, place, name)

    def _with_policy(self, place: Place, name: str) -> Record:
        group = self._group(place, name)
        if "_policy" not in group:
            raise ServiceError(
                "ValidationException", f"Cannot find resource policy for: {group['ModelPackageGroupArn']}"
            )
        return group

    def _versions(self, place: Place, group: str) -> list[Record]:
        records = self._store.all(place, MODEL_PACKAGE.name)
        return [record for record in records if record.get("ModelPackageGroupName") == group]


def locate(caller: Caller, name_or_arn: str) -> tuple[Place, str]:
    """Where a resource is, and its name there: an ARN may name another account, but no other region."""
    if name_or_arn.startswith("arn:"):
        place = Place.of_arn(name_or_arn)
        if place.region != caller.region:
            raise ServiceError(
                "ValidationException", f"{name_or_arn} is in region {place.region}, the request in {caller.region}."
            )
        return place, name_or_arn.split(":", 5)[5].split("/", 1)[1]
    return Place.of(caller), name_or_arn


def check_metadata(properties: Mapping[str, str]) -> None:
    """Values are letters, digits, spaces and a few signs of any script."""
    for name, value in properties.items():
        wrong = {sign for sign in f"{name}{value}" if sign not in SIGNS and unicodedata.category(sign)[0] not in "LZN"}
        if wrong:
            raise ServiceError(
                "ValidationException",
                f"CustomerMetadataProperties {name} failed to satisfy constraint: only letters, digits, spaces and "
                f"{SIGNS} are allowed, not {' '.join(sorted(wrong))!r}",
            )


def condition_keys(package: Record) -> dict[str, str]:
    """What policies may ask about a package as it is."""
    cycle = package.get("ModelLifeCycle") or {}
    found = {f"sagemaker:CurrentModelLifeCycle{name}": cycle[name] for name in LIFE_CYCLE if name in cycle}
    for name, value in (package.get("CustomerMetadataProperties") or {}).items():
        found[f"sagemaker:CurrentCustomerMetadataProperties/{name}"] = value
    return found


def user_context(caller: Caller) -> dict[str, Any]:
    return {"IamIdentity": {"Arn": caller.arn, "PrincipalId": caller.access_key}}
