"""Models and endpoint configurations: records that are checked when made, and deployed by endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.iam.services import SAGEMAKER_HOSTING, RoleSession
from millrace.local.sagemaker import endpoint_configs, events
from millrace.local.sagemaker.kinds import ENDPOINT_CONFIG, MODEL
from millrace.local.sagemaker.registry import Registry
from millrace.local.sagemaker.resources import Resources
from millrace.local.sagemaker.store import Place
from millrace.local.service import Caller, Handler, ServiceError


class Models:
    def __init__(self, resources: Resources, registry: Registry) -> None:
        self._resources = resources
        self._registry = registry

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreateModel": self.create,
            "DescribeModel": self._resources.describe(MODEL),
            "ListModels": self._resources.lister(MODEL),
            "DeleteModel": self.delete,
            "CreateEndpointConfig": self.create_config,
            "DescribeEndpointConfig": self._resources.describe(ENDPOINT_CONFIG),
            "ListEndpointConfigs": self._resources.lister(ENDPOINT_CONFIG),
            "DeleteEndpointConfig": self._resources.delete(ENDPOINT_CONFIG),
        }

    def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        role = params.get("ExecutionRoleArn")
        if not role:
            raise ServiceError("ValidationException", "ExecutionRoleArn is required.")
        place = Place.of(caller)
        arn = MODEL.arn(place, params["ModelName"])
        session = self._resources.check_role(role, SAGEMAKER_HOSTING, on=arn)
        containers = params.get("Containers") or [params.get("PrimaryContainer")]
        if len(containers) != 1 or containers[0] is None:
            raise ServiceError(
                "ValidationException", "A model has one container: PrimaryContainer, or one in Containers."
            )
        self._check_container(caller, containers[0], session)
        record = self._resources.new(MODEL, caller, params)
        events.publish(self._resources.world, self._resources.store, MODEL, record)
        return {"ModelArn": record["ModelArn"]}

    def _check_container(self, caller: Caller, container: dict[str, Any], role: RoleSession) -> None:
        package = container.get("ModelPackageName")
        if package:
            record = self._registry.package(caller, package)
            if record.get("ModelApprovalStatus", "Approved") != "Approved":
                raise ServiceError(
                    "ValidationException",
                    f"Cannot create Model using ModelPackage {record['ModelPackageArn']}: its ModelApprovalStatus is "
                    f"{record['ModelApprovalStatus']}, it must be Approved.",
                )
            return
        if not container.get("Image"):
            raise ServiceError("ValidationException", "A container needs an Image or a ModelPackageName.")
        url = container.get("ModelDataUrl")
        if url:
            self._check_data(url, role)

    def _check_data(self, url: str, role: RoleSession) -> None:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        try:
            role.client("s3").head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            raise ServiceError(
                "ValidationException",
                f'Could not access model data at {url}. Please ensure that the role "{role.role_arn}" exists and that '
                'its trust relationship policy allows the action "sts:AssumeRole" for the service principal '
                '"sagemaker.amazonaws.com". Also ensure that the role has "s3:GetObject" permissions and that the '
                f"object is located in {role.region}.",
            ) from error

    def delete(self, caller: Caller, params: dict[str, Any]) -> None:
        record = self._resources.remove(MODEL, Place.of(caller), params["ModelName"])
        events.publish(self._resources.world, self._resources.store, MODEL, record)

    def create_config(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        endpoint_configs.check(params, lambda name: self._resources.get(MODEL, Place.of(caller), name))
        record = self._resources.new(ENDPOINT_CONFIG, caller, params)
        return {"EndpointConfigArn": record["EndpointConfigArn"]}
