"""Carries out what the endpoint operations asked for: starts, shifts, scales and ends the fleets behind them.

Each operation has a thread of its own and leaves what it does in the endpoint's record, so that a server that comes
back knows what was under way.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from millrace.errors import MillraceError
from millrace.local.events.timer import Timer
from millrace.local.sagemaker import events
from millrace.local.sagemaker.kinds import ENDPOINT
from millrace.local.sagemaker.resources import Resources
from millrace.local.sagemaker.store import Place, Record
from millrace.local.serving import shown
from millrace.local.serving.capture import summary
from millrace.local.serving.deployment import Deployment, Report, Stopping
from millrace.local.serving.fleet import Fleet
from millrace.local.serving.plan import VariantPlan
from millrace.local.serving.rollout import read
from millrace.local.serving.router import Router
from millrace.local.world import World

REASON_LENGTH = 1024


class Operator:
    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._world: World = resources.world
        self._store = resources.store
        self._timer = Timer(resources.world, name="endpoint deployments")
        self._lock = threading.Lock()
        self._routers: dict[tuple[Place, str], Router] = {}
        self._deployments: dict[tuple[Place, str], Deployment] = {}

    def router(self, place: Place, name: str) -> Router | None:
        with self._lock:
            return self._routers.get((place, name))

    def create(self, place: Place, name: str) -> None:
        record = self._record(place, name)
        plans = [VariantPlan.load(each) for each in record["_plan"]]
        fleet = self._new_fleet(place, name, record["EndpointConfigName"], plans)
        launching = {
            each.name: {"Status": "Creating", "StatusMessage": f"Launching {each.count} instance(s)."} for each in plans
        }
        self._reporter(place, name, fleet)({}, launching)
        reason = _started(fleet)
        if reason is None:
            self._put_in_front(place, name, Router(fleet))
        self._settled(place, name, reason, failed="Failed")

    def update(self, place: Place, name: str) -> None:
        """As the record's `_deployment` says; the old fleet serves until the new one has proved itself."""
        record = self._record(place, name)
        wanted, router = record["_deployment"], self.router(place, name)
        plans = [VariantPlan.load(each) for each in wanted["plans"]]
        fleet = self._new_fleet(place, name, wanted["config"], plans)
        if router is None:
            raise MillraceError(f"Endpoint {name} serves nothing that could be updated")
        deployment = Deployment(
            self._world,
            place,
            router=router,
            fleet=fleet,
            rollout=read(wanted["policy"]),
            timer=self._timer,
            report=self._reporter(place, name, fleet),
        )
        with self._lock:
            self._deployments[place, name] = deployment
        try:
            old, reason = deployment.run()
        except Stopping:
            fleet.end(drain=False)
            return
        finally:
            with self._lock:
                self._deployments.pop((place, name), None)
        if old is None:
            # It keeps the deployment's `failed`: what still dies of it is no concern of the endpoint any more.
            self._roll_back(place, name, fleet, reason, wanted["before"])
        else:
            fleet.failed = self._failer(place, name)
            self._settled(place, name, None, EndpointConfigName=fleet.config, _plan=wanted["plans"])
            old.end()

    def _roll_back(self, place: Place, name: str, fleet: Fleet, reason: str, status: str) -> None:
        """The traffic has gone back already: tell so, and end the new fleet once what is under way has its answer."""
        self.set(place, name, EndpointStatus="RollingBack", FailureReason=reason[:REASON_LENGTH])
        ending = {
            each: {"Status": "Deleting", "StatusMessage": f"Terminating {variant.count} instance(s)."}
            for each, variant in fleet.variants.items()
        }
        self._reporter(place, name, fleet)({}, ending)
        fleet.end()
        self._settled(place, name, reason, failed=status)

    def reweigh(self, place: Place, name: str, fleet: Fleet, wanted: Sequence[Mapping[str, Any]]) -> None:
        self._tell_of_scaling(place, name, fleet, wanted)
        reason = None
        try:
            for each in wanted:
                variant = fleet.variants[each["VariantName"]]
                variant.weight = each.get("DesiredWeight", variant.weight)
                variant.scale(each.get("DesiredInstanceCount", variant.count))
        except (MillraceError, ClientError, BotoCoreError) as error:
            reason = str(error)
        plans = [
            replace(variant.plan, weight=variant.weight, count=variant.count).dump()
            for variant in fleet.variants.values()
        ]
        self._settled(place, name, reason, _plan=plans)

    def _tell_of_scaling(self, place: Place, name: str, fleet: Fleet, wanted: Sequence[Mapping[str, Any]]) -> None:
        counts = {
            each["VariantName"]: each["DesiredInstanceCount"] for each in wanted if "DesiredInstanceCount" in each
        }
        variants = shown.scaling(fleet, counts, self._world.clock.datetime())
        record = self._note(place, name, ProductionVariants=variants)
        if record is not None:
            events.publish_deployment(self._world, self._store, record)

    def delete(self, place: Place, name: str) -> None:
        with self._lock:
            router = self._routers.pop((place, name), None)
        if router is not None:
            router.serving.end()
        self._resources.remove(ENDPOINT, place, name)

    def resume(self) -> None:
        """After a start of the server: serve again what was served, finish what was under way."""
        shutil.rmtree(self._world.folder / "endpoints", ignore_errors=True)
        for place, name, record in self._store.everywhere(ENDPOINT.name):
            status = record["EndpointStatus"]
            if status == "Deleting":
                self.delete(place, name)
            elif status != "Failed":
                plans = [VariantPlan.load(each) for each in record["_plan"]]
                router = Router(self._new_fleet(place, name, record["EndpointConfigName"], plans))
                # In front before it is ready: requests wait for its processes.
                self._put_in_front(place, name, router)
                self._world.spawn(self._resume, place, name, router, name=f"resume endpoint {name}")

    def _resume(self, place: Place, name: str, router: Router) -> None:
        """A deployment that was under way begins anew; one that was rolling back has rolled back."""
        reason = _started(router.serving)
        record = self._record(place, name)
        if reason is not None:
            self._settled(place, name, reason, failed="Failed")
        elif record["EndpointStatus"] == "Updating" and "_deployment" in record:
            self.update(place, name)
        else:
            self._settled(place, name, record.get("FailureReason"))

    def stop(self) -> None:
        """End all processes at once: the server is going down."""
        with self._lock:
            routers, self._routers = list(self._routers.values()), {}
            deployments = list(self._deployments.values())
        for deployment in deployments:
            deployment.wake()
        for router in routers:
            for fleet in router.fleets:
                fleet.end(drain=False)

    def set(self, place: Place, name: str, **fields: Any) -> None:
        """Change the record (None removes a field) and tell of it."""
        record = self._note(place, name, **fields)
        if record is not None:
            events.publish(self._world, self._store, ENDPOINT, record)

    def _settled(
        self, place: Place, name: str, reason: str | None, *, failed: str = "InService", **fields: Any
    ) -> None:
        """No operation is under way any more; `failed` is the status that a reason brings."""
        router = self.router(place, name)
        variants = shown.production_variants(router.serving, self._world.clock.datetime()) if router else None
        self.set(
            place,
            name,
            EndpointStatus="InService" if reason is None else failed,
            FailureReason=reason[:REASON_LENGTH] if reason else None,
            ProductionVariants=variants,
            DataCaptureConfig=_capture(router),
            PendingDeploymentSummary=None,
            _deployment=None,
            **fields,
        )

    def _reporter(self, place: Place, name: str, fleet: Fleet) -> Report:
        started = self._world.clock.datetime()
        plans = [variant.plan for variant in fleet.variants.values()]

        def report(active: Mapping[str, int], status: Mapping[str, Mapping[str, Any]]) -> None:
            now = self._world.clock.datetime()
            summary = shown.pending(fleet.config, plans, started=started, now=now, active=active, status=status)
            record = self._note(place, name, PendingDeploymentSummary=summary)
            if record is not None:
                events.publish_deployment(self._world, self._store, record)

        return report

    def _note(self, place: Place, name: str, **fields: Any) -> Record | None:
        if self._world.stopping.is_set():
            return None
        fields["LastModifiedTime"] = self._world.clock.datetime()
        return self._store.update(place, ENDPOINT.name, name, **fields)

    def _record(self, place: Place, name: str) -> Record:
        return self._resources.get(ENDPOINT, place, name)

    def _new_fleet(self, place: Place, name: str, config: str, plans: Sequence[VariantPlan]) -> Fleet:
        return Fleet(self._world, place, name, config, plans, failed=self._failer(place, name))

    def _failer(self, place: Place, name: str) -> Callable[[str], None]:
        return lambda reason: self.set(place, name, EndpointStatus="Failed", FailureReason=reason[:REASON_LENGTH])

    def _put_in_front(self, place: Place, name: str, router: Router) -> None:
        with self._lock:
            self._routers[place, name] = router


def _capture(router: Router | None) -> dict[str, Any] | None:
    plans = [variant.plan for variant in router.serving.variants.values()] if router else []
    return summary(plans[0].capture) if plans else None


def _started(fleet: Fleet) -> str | None:
    """Start the fleet; why it could not, if so."""
    try:
        fleet.start()
    except (MillraceError, ClientError, BotoCoreError, OSError) as error:
        return str(error)[:REASON_LENGTH]
    return None
