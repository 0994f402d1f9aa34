"""CreateEndpoint, UpdateEndpoint (blue/green) and the other endpoint operations, and the running fleets."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from millrace.errors import MillraceError
from millrace.local.iam import implied
from millrace.local.iam.services import SAGEMAKER_HOSTING
from millrace.local.sagemaker import events
from millrace.local.sagemaker.kinds import ENDPOINT, ENDPOINT_CONFIG
from millrace.local.sagemaker.resources import Resources
from millrace.local.sagemaker.store import Place, Record
from millrace.local.service import Caller, Handler, ServiceError
from millrace.local.serving.fleet import Fleet
from millrace.local.serving.plan import VariantPlan, plan
from millrace.local.world import World

REASON_LENGTH = 1024
BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


class Endpoints:
    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._world: World = resources.world
        self._store = resources.store
        self._lock = threading.Lock()
        self._fleets: dict[tuple[Place, str], Fleet] = {}

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

    def fleet(self, place: Place, name: str) -> Fleet | None:
        with self._lock:
            return self._fleets.get((place, name))

    def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        plans = self._plans(caller, params)
        record = self._resources.new(
            ENDPOINT,
            caller,
            params,
            EndpointStatus="Creating",
            LastDeploymentConfig=params.get("DeploymentConfig"),
            _plan=[each.dump() for each in plans],
        )
        events.publish(self._world, self._store, ENDPOINT, record)
        place, name = Place.of(caller), params["EndpointName"]
        self._world.spawn(self._create, place, name, plans, name=f"create endpoint {name}")
        return {"EndpointArn": record["EndpointArn"]}

    def _create(self, place: Place, name: str, plans: list[VariantPlan]) -> None:
        reason = self._deploy(place, name, plans)
        if reason is None:
            self._set(place, name, EndpointStatus="InService", ProductionVariants=self._live(place, name))
        else:
            self._set(place, name, EndpointStatus="Failed", FailureReason=reason)

    def update(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        place, name = Place.of(caller), params["EndpointName"]
        plans = self._plans(caller, params)
        with self._store.lock:
            record = self._idle(place, name)
            if params.get("RetainAllVariantProperties"):
                plans = self._retained(place, name, plans, params.get("ExcludeRetainedVariantProperties") or [])
            self._set(
                place,
                name,
                EndpointStatus="Updating",
                FailureReason=None,
                LastDeploymentConfig=params.get("DeploymentConfig"),
            )
        self._world.spawn(
            self._update, place, name, params["EndpointConfigName"], plans, name=f"update endpoint {name}"
        )
        return {"EndpointArn": record["EndpointArn"]}

    def _update(self, place: Place, name: str, config: str, plans: list[VariantPlan]) -> None:
        """New processes first; the old ones serve until those answer, and keep serving if they never do."""
        old = self.fleet(place, name)
        reason = self._deploy(place, name, plans)
        if reason is None:
            self._set(
                place,
                name,
                EndpointStatus="InService",
                EndpointConfigName=config,
                ProductionVariants=self._live(place, name),
                _plan=[each.dump() for each in plans],
            )
            if old is not None:
                old.end()
            return
        self._set(place, name, EndpointStatus="InService" if old else "Failed", FailureReason=reason)

    def update_weights(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        place, name = Place.of(caller), params["EndpointName"]
        with self._store.lock:
            record = self._idle(place, name)
            fleet = self.fleet(place, name)
            wanted = params["DesiredWeightsAndCapacities"]
            unknown = [each["VariantName"] for each in wanted if not fleet or each["VariantName"] not in fleet.variants]
            if unknown or fleet is None:
                raise ServiceError("ValidationException", f"The endpoint has no variant {', '.join(unknown)}.")
            self._set(place, name, EndpointStatus="Updating")
        self._world.spawn(self._reweigh, place, name, fleet, wanted, name=f"scale endpoint {name}")
        return {"EndpointArn": record["EndpointArn"]}

    def _reweigh(self, place: Place, name: str, fleet: Fleet, wanted: list[dict[str, Any]]) -> None:
        reason = None
        try:
            for each in wanted:
                variant = fleet.variants[each["VariantName"]]
                variant.weight = each.get("DesiredWeight", variant.weight)
                variant.scale(each.get("DesiredInstanceCount", variant.count))
        except MillraceError as error:
            reason = str(error)[:REASON_LENGTH]
        plans = [
            replace(variant.plan, weight=variant.weight, count=variant.count).dump()
            for variant in fleet.variants.values()
        ]
        self._set(
            place,
            name,
            EndpointStatus="InService",
            FailureReason=reason,
            ProductionVariants=self._live(place, name),
            _plan=plans,
        )

    def delete(self, caller: Caller, params: dict[str, Any]) -> None:
        place, name = Place.of(caller), params["EndpointName"]
        with self._store.lock:
            self._idle(place, name)
            self._set(place, name, EndpointStatus="Deleting")
        self._world.spawn(self._delete, place, name, name=f"delete endpoint {name}")

    def _delete(self, place: Place, name: str) -> None:
        with self._lock:
            fleet = self._fleets.pop((place, name), None)
        if fleet is not None:
            fleet.end()
        self._resources.remove(ENDPOINT, place, name)

    def resume(self) -> None:
        """After a start of the server: serve again what was served, finish what was under way."""
        shutil.rmtree(self._world.folder / "endpoints", ignore_errors=True)
        for place, name, record in self._store.everywhere(ENDPOINT.name):
            status = record["EndpointStatus"]
            if status == "Deleting":
                self._delete(place, name)
            elif status != "Failed":
                fleet = self._new_fleet(place, name, [VariantPlan.load(each) for each in record["_plan"]])
                # In front before it is ready: requests wait for its processes.
                self._put_in_front(place, name, fleet)
                self._world.spawn(self._resume, place, name, fleet, name=f"resume endpoint {name}")

    def _resume(self, place: Place, name: str, fleet: Fleet) -> None:
        reason = _started(fleet)
        if reason is None:
            self._set(place, name, EndpointStatus="InService", ProductionVariants=self._live(place, name))
        else:
            self._set(place, name, EndpointStatus="Failed", FailureReason=reason)

    def stop(self) -> None:
        """End all processes at once: the server is going down."""
        with self._lock:
            fleets, self._fleets = list(self._fleets.values()), {}
        for fleet in fleets:
            fleet.end(drain=False)

    def _deploy(self, place: Place, name: str, plans: list[VariantPlan]) -> str | None:
        """Start the plans' processes and put them in front; else why that failed."""
        fleet = self._new_fleet(place, name, plans)
        reason = _started(fleet)
        if reason is None:
            self._put_in_front(place, name, fleet)
        return reason

    def _new_fleet(self, place: Place, name: str, plans: list[VariantPlan]) -> Fleet:
        def failed(reason: str) -> None:
            self._set(place, name, EndpointStatus="Failed", FailureReason=reason[:REASON_LENGTH])

        return Fleet(self._world, place, name, plans, failed=failed)

    def _put_in_front(self, place: Place, name: str, fleet: Fleet) -> None:
        with self._lock:
            self._fleets[place, name] = fleet

    def _set(self, place: Place, name: str, **fields: Any) -> None:
        if self._world.stopping.is_set():
            return
        fields["LastModifiedTime"] = self._world.clock.datetime()
        record = self._store.update(place, ENDPOINT.name, name, **fields)
        if record is not None:
            events.publish(self._world, self._store, ENDPOINT, record)

    def _plans(self, caller: Caller, params: dict[str, Any]) -> list[VariantPlan]:
        place = Place.of(caller)
        config = self._resources.get(ENDPOINT_CONFIG, place, params["EndpointConfigName"])
        plans = plan(self._resources, caller, config, params.get("DeploymentConfig"))
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
        fleet = self.fleet(place, name)
        current = fleet.variants if fleet else {}
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

    def _live(self, place: Place, name: str) -> list[dict[str, Any]]:
        """ProductionVariants as DescribeEndpoint shows them."""
        fleet = self.fleet(place, name)
        now = self._world.clock.datetime()
        return [
            {
                "VariantName": variant.plan.name,
                "DeployedImages": [
                    {
                        "SpecifiedImage": variant.plan.image,
                        "ResolvedImage": variant.plan.image,
                        "ResolutionTime": now,
                    }
                ],
                "CurrentWeight": variant.weight,
                "DesiredWeight": variant.weight,
                "CurrentInstanceCount": variant.count,
                "DesiredInstanceCount": variant.count,
            }
            for variant in (fleet.variants.values() if fleet else ())
        ]


def _started(fleet: Fleet) -> str | None:
    """Start the fleet; why it could not, if so."""
    try:
        fleet.start()
    except (MillraceError, ClientError, BotoCoreError, OSError) as error:
        return str(error)[:REASON_LENGTH]
    return None
