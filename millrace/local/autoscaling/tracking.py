"""Target tracking: two alarms per policy, looked at every minute of the embedded clock, move the instance count.

The high alarm takes three minutes above the target, the low one fifteen below nine tenths of it. A variant without
traffic counts as 0, as SageMaker publishes it for variants that are scaled.
"""

from __future__ import annotations

import logging
import math
import uuid
from collections.abc import Iterable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from millrace.local.autoscaling.targets import Policy, Target, Targets
from millrace.local.cloudwatch.metrics import Metric
from millrace.local.sagemaker.store import Place
from millrace.local.service import ServiceError
from millrace.local.serving.endpoints import Endpoints
from millrace.local.serving.measures import NAMESPACE
from millrace.local.serving.variant import Variant
from millrace.local.world import World

log = logging.getLogger("millrace.autoscaling")

MINUTE = 60
METRIC = "InvocationsPerInstance"
HIGH_PERIODS, LOW_PERIODS, LOW_SHARE = 3, 15, 0.9
COOLDOWN_SECONDS = 300


class Tracking:
    def __init__(self, world: World, targets: Targets, endpoints: Endpoints) -> None:
        self._world = world
        self._targets = targets
        self._endpoints = endpoints
        world.samplers.append(self.sample)

    def variant(self, place: Place, endpoint: str, name: str) -> Variant | None:
        """The variant in service."""
        router = self._endpoints.router(place, endpoint)
        return router.serving.variants.get(name) if router else None

    def watch(self, target: Target, high: str, low: str, goal: float) -> None:
        """Make the two alarms of a policy, or change them."""
        for name, comparison, periods, threshold in (
            (high, "GreaterThanThreshold", HIGH_PERIODS, goal),
            (low, "LessThanThreshold", LOW_PERIODS, goal * LOW_SHARE),
        ):
            self._cloudwatch(target.place).put_metric_alarm(
                AlarmName=name,
                AlarmDescription=f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy of {target.resource}.",
                Namespace=NAMESPACE,
                MetricName=METRIC,
                Dimensions=[
                    {"Name": "EndpointName", "Value": target.endpoint},
                    {"Name": "VariantName", "Value": target.variant},
                ],
                Statistic="Sum",
                Period=MINUTE,
                EvaluationPeriods=periods,
                Threshold=threshold,
                ComparisonOperator=comparison,
            )

    def unwatch(self, target: Target, policy: Policy) -> None:
        known = self._states(target.place, policy)
        self._cloudwatch(target.place).delete_alarms(AlarmNames=sorted(known))

    def sample(self, moments: Iterable[int]) -> None:
        """The minutes before these moments had at least no invocations."""
        metrics = [self._metric(each) for each in self._targets.all()]
        for moment in moments:
            for metric in metrics:
                self._world.metrics.record(metric, 0.0, at=moment - MINUTE)

    def run(self) -> None:
        """Every full minute, once the alarms have been judged."""
        while not self._world.stopping.is_set():
            now = self._world.clock.now()
            if not self._world.clock.wait_until(now - now % MINUTE + MINUTE, self._world.stopping):
                return
            moment = self._world.clock.now()
            self._world.alarms.wait(moment, settled=False)
            for target in self._targets.all():
                try:
                    self._adjust(target, moment)
                except (ServiceError, ClientError, BotoCoreError) as error:
                    log.warning("%s was not scaled: %s", target.resource, error)

    def _adjust(self, target: Target, moment: float) -> None:
        """Within the limits always; by the policies when an alarm rings, the largest count winning."""
        variant = self.variant(target.place, target.endpoint, target.variant)
        if variant is None or variant.plan.serverless:
            return
        count = variant.count
        wanted = [self._wanted(target, policy, count, moment) for policy in self._targets.policies(target)]
        known = [each for each in wanted if each is not None]
        ideal = max(known) if known and len(known) == len(wanted) else max([count, *known])
        bounded = min(max(ideal, target.least), target.most)
        if bounded != count:
            self._scale(target, count, bounded, moment)

    def _wanted(self, target: Target, policy: Policy, count: int, moment: float) -> int | None:
        """The instances that the policy asks for; None when it asks for no change."""
        states = self._states(target.place, policy)
        end = moment - moment % MINUTE
        point = self._world.metrics.over(self._metric(target), end - MINUTE, end)
        seen = point.total if point else 0.0
        ideal = max(1, math.ceil(count * seen / policy.goal))
        config, suspended = policy.config, target.suspended
        if states.get(policy.high) == "ALARM" and ideal > count:
            cold = moment - target.scaled_out < config.get("ScaleOutCooldown", COOLDOWN_SECONDS)
            return None if cold or suspended.get("DynamicScalingOutSuspended") else ideal
        if states.get(policy.low) == "ALARM" and ideal < count and not config.get("DisableScaleIn"):
            cold = moment - target.scaled_in < config.get("ScaleInCooldown", COOLDOWN_SECONDS)
            return None if cold or suspended.get("DynamicScalingInSuspended") else ideal
        return None

    def _scale(self, target: Target, count: int, wanted: int, moment: float) -> None:
        started = self._world.clock.datetime()
        change = [{"VariantName": target.variant, "DesiredInstanceCount": wanted}]
        outcome: dict[str, Any] = {
            "StatusCode": "Successful",
            "StatusMessage": f"Successfully set desired instance count to {wanted}.",
        }
        try:
            self._endpoints.scale(target.place, target.endpoint, change)
            self._targets.scaled(target, moment, out=wanted > count)
        except ServiceError as error:
            outcome = {"StatusCode": "Failed", "StatusMessage": error.message}
        activity = {
            "ActivityId": str(uuid.uuid4()),
            **target.named,
            "Description": f"Setting desired instance count to {wanted}.",
            "Cause": f"target tracking from {count} instance(s), within {target.least} to {target.most}",
            "StartTime": started,
            "EndTime": self._world.clock.datetime(),
            **outcome,
        }
        self._targets.note(target.place, activity)

    def _states(self, place: Place, policy: Policy) -> dict[str, str]:
        found = self._cloudwatch(place).describe_alarms(AlarmNames=[policy.high, policy.low])["MetricAlarms"]
        return {each["AlarmName"]: each["StateValue"] for each in found}

    def _metric(self, target: Target) -> Metric:
        pairs = (("EndpointName", target.endpoint), ("VariantName", target.variant))
        return Metric(target.place.account, target.place.region, NAMESPACE, METRIC, pairs)

    def _cloudwatch(self, place: Place) -> Any:
        return self._world.aws.own_client("cloudwatch", account=place.account, region=place.region)
