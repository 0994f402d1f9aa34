"""CreateEndpoint, UpdateEndpoint and the other endpoint operations, checked here, carried out by `fleet_operator`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from millrace.local.iam import implied
from millrace.local.iam.services import SAGEMAKER_HOSTING
from millrace.local.sagemaker import events
from millrace.local.sagemaker.kinds import ENDPOINT, ENDPOINT_CONFIG
from millrace.local.sagemaker.resources import Resources
from millrace.local.sagemaker.store import Place, Record
from millrace.local.service import Caller, Handler, ServiceError
from millrace.local.serving import rollout
from millrace.local.serving.fleet_operator import Operator
from millrace.local.serving.plan import VariantPlan, plan
from millrace.local.serving.router import Router
from millrace.local.world import World

BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


class Endpoints:
    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._world: World = resources.world
        self._store = resources.store
        self._operator = Operator(resources)
        self.scaled: Callable[[Place, str], set[str]] = lambda place, name: set()
        """The variants of an endpoint that are scalable targets."""

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreateEndpoint": self.create,
            "DescribeEndpoint": self._resources.describe(ENDPOINT),
            "ListEndpoints": self._resources.lister(ENDPOINT),
            "UpdateEndpoint": self.update,
            "UpdateEndpointWeightsAndCapacities": self.update_weights,
            "DeleteEndpoint": self.delete,
        }

    def router(self, place: Place, name: str) -> Router | None:
        return self._operator.router(place, name)

    def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        deployment = params.get("DeploymentConfig")
        plans = self._plans(caller, params, deployment)
        rollout.check(deployment, plans)
        record = self._resources.new(
            ENDPOINT,
            caller,
            params,
            EndpointStatus="Creating",
            LastDeploymentConfig=deployment,
            _plan=[each.dump() for each in plans],
        )
        events.publish(self._world, self._store, ENDPOINT, record)
        place, name = Place.of(caller), params["EndpointName"]
        self._world.spawn(self._operator.create, place, name, name=f"create endpoint {name}")
        return {"EndpointArn": record["EndpointArn"]}

    def update(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        place, name = Place.of(caller), params["EndpointName"]
        known = self._resources.get(ENDPOINT, place, name)
        deployment = params.get("DeploymentConfig")
        if deployment is None and params.get("RetainDeploymentConfig"):
            deployment = known.get("LastDeploymentConfig")
        plans = self._plans(caller, params, deployment)
        with self._store.lock:
            record = self._idle(place, name)
            if self.router(place, name) is None:
                raise ServiceError(
                    "ValidationException", f'Cannot update endpoint "{record["EndpointArn"]}" in status Failed.'
                )
            if params.get("RetainAllVariantProperties"):
                plans = self._retained(place, name, plans, params.get("ExcludeRetainedVariantProperties") or [])
            rollout.check(deployment, plans)
            old = [VariantPlan.load(each) for each in record["_plan"]]
            rollout.check_change(old, plans, deployment)
            rollout.check_scaled(old, plans, self.scaled(place, name))
            self._operator.set(
                place,
                name,
                EndpointStatus="Updating",
                FailureReason=None,
                LastDeploymentConfig=deployment,
                _deployment={
                    "config": params["EndpointConfigName"],
                    "plans": [each.dump() for each in plans],
                    "policy": deployment,
                    "before": record["EndpointStatus"],
                },
            )
        self._world.spawn(self._operator.update, place, name, name=f"update endpoint {name}")
        return {"EndpointArn": record["EndpointArn"]}

    def update_weights(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        place, name = Place.of(caller), params["EndpointName"]
        return {"EndpointArn": self.scale(place, name, params["DesiredWeightsAndCapacities"])["EndpointArn"]}

    def scale(self, place: Place, name: str, wanted: Sequence[Mapping[str, Any]]) -> Record:
        """Other weights or instance counts, in the form of DesiredWeightsAndCapacities."""
        with self._store.lock:
            record = self._idle(place, name)
            router = self.router(place, name)
            variants = router.serving.variants if router else {}
            unknown = [each["VariantName"] for each in wanted if each["VariantName"] not in variants]
            if unknown or router is None:
                raise ServiceError("ValidationException", f"The endpoint has no variant {', '.join(unknown)}.")
            fixed = [each["VariantName"] for each in wanted if variants[each["VariantName"]].plan.serverless]
            if fixed:
                raise ServiceError(
                    "ValidationException", f"Variant {', '.join(fixed)} is serverless: it has no instances to scale."
                )
            self._operator.set(place, name, EndpointStatus="Updating")
        self._world.spawn(self._operator.reweigh, place, name, router.serving, wanted, name=f"scale endpoint {name}")
        return record

    def delete(self, caller: Caller, params: dict[str, Any]) -> None:
        place, name = Place.of(caller), params["EndpointName"]
        with self._store.lock:
            self._idle(place, name)
            self._operator.set(place, name, EndpointStatus="Deleting")
        self._world.spawn(self._operator.delete, place, name, name=f"delete endpoint {name}")

    def resume(self) -> None:
        self._operator.resume()

    def stop(self) -> None:
        self._operator.stop()

    def _plans(self, caller: Caller, params: dict[str, Any], deployment: Mapping[str, Any] | None) -> list[VariantPlan]:
        place = Place.of(caller)
        config = self._resources.get(ENDPOINT_CONFIG, place, params["EndpointConfigName"])
        plans = plan(self._resources, caller, config, deployment)
        arn = ENDPOINT.arn(place, params["EndpointName"])
        for each in plans:
            self._resources.check_role(each.role, SAGEMAKER_HOSTING, on=arn)
        self._check_grant(caller, config.get("KmsKeyId") or "")
        return plans

    def _check_grant(self, caller: Caller, key: str) -> None:
        """Whoever deploys a configuration with a key must be able to grant the instances' volumes its use."""
        about = implied.subject(caller.account, caller.region, volume_key=key)
        deployer = self._world.iam.identify(caller.access_key)
        try:
            implied.check(self._world, deployer, implied.ENDPOINT, about, when="grant")
        except implied.Refused as error:
            raise ServiceError("AccessDeniedException", str(error)) from error

    def _idle(self, place: Place, name: str) -> Record:
        """The endpoint's record; refused while an operation is under way."""
        record = self._resources.get(ENDPOINT, place, name)
        if record["EndpointStatus"] in BUSY:
            raise ServiceError("ValidationException", f'Cannot update in-progress endpoint "{record["EndpointArn"]}".')
        return record

    def _retained(
        self, place: Place, name: str, plans: list[VariantPlan], excluded: list[dict[str, str]]
    ) -> list[VariantPlan]:
        left_out = {each["VariantPropertyType"] for each in excluded}
        router = self.router(place, name)
        current = router.serving.variants if router else {}
        return [
            replace(
                each,
                weight=each.weight if "DesiredWeight" in left_out else current[each.name].weight,
                count=each.count if "DesiredInstanceCount" in left_out else current[each.name].count,
            )
            if each.name in current
            else each
            for each in plans
        ]
