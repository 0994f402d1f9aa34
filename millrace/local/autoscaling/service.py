"""The operations of Application Auto Scaling; the server makes one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from millrace.local.autoscaling import checks
from millrace.local.autoscaling.targets import DIMENSION, NAMESPACE, Policy, Target, Targets
from millrace.local.autoscaling.tracking import Tracking
from millrace.local.sagemaker.resources import paginate
from millrace.local.sagemaker.store import Place
from millrace.local.service import Caller, Handler, ServiceError
from millrace.local.serving.endpoints import Endpoints
from millrace.local.world import World

PAGE = 50


class ApplicationAutoScaling:
    """What it does not have (step scaling, scheduled actions, other services than SageMaker) is refused."""

    name = "application-autoscaling"
    complete = True

    def __init__(self, world: World, endpoints: Endpoints) -> None:
        self._world = world
        self.store = Targets()
        self._tracking = Tracking(world, self.store, endpoints)
        endpoints.scaled = self.variants_of

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "RegisterScalableTarget": self.register,
            "DeregisterScalableTarget": self.deregister,
            "DescribeScalableTargets": self.describe_targets,
            "PutScalingPolicy": self.put_policy,
            "DeleteScalingPolicy": self.delete_policy,
            "DescribeScalingPolicies": self.describe_policies,
            "DescribeScalingActivities": self.describe_activities,
        }

    def start(self) -> None:
        self._world.spawn(self._tracking.run, name="target tracking")

    def variants_of(self, place: Place, endpoint: str) -> set[str]:
        """The variants of an endpoint that are scalable targets."""
        return {target.variant for target in self.store.of(place) if target.endpoint == endpoint}

    def register(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        endpoint, name = checks.names(params)
        place, resource = Place.of(caller), params["ResourceId"]
        known = self.store.find(place, resource)
        if known is None:
            variant = self._tracking.variant(place, endpoint, name)
            checks.variant(variant.plan if variant else None, resource)
        least, most = checks.limits(
            params.get("MinCapacity", known.least if known else None),
            params.get("MaxCapacity", known.most if known else None),
        )
        checks.may_scale(self._world, caller, endpoint, first=not self.store.is_linked(caller.account))
        self.store.link(caller.account)
        if known is None:
            arn = f"arn:aws:application-autoscaling:{place.region}:{place.account}:scalable-target/{uuid.uuid4().hex}"
            known = Target(place, endpoint, name, least, most, arn, self._world.clock.datetime(), {})
        suspended = params.get("SuspendedState", known.suspended)
        self.store.put(replace(known, least=least, most=most, suspended=suspended))
        return {"ScalableTargetARN": known.arn}

    def deregister(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        target = self._target(caller, params, missing="No scalable target found")
        for policy in self.store.remove(target):
            self._tracking.unwatch(target, policy)
        return {}

    def describe_targets(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        found = [each for each in self._chosen(caller, params) if each.resource in self._wanted(params, each)]
        shown = [
            {
                **each.named,
                "MinCapacity": each.least,
                "MaxCapacity": each.most,
                "RoleARN": f"arn:aws:iam::{caller.account}:role/aws-service-role/{checks.LINKED}/{checks.LINKED_ROLE}",
                "CreationTime": each.created,
                "SuspendedState": {
                    name: each.suspended.get(name, False)
                    for name in (
                        "DynamicScalingInSuspended",
                        "DynamicScalingOutSuspended",
                        "ScheduledScalingSuspended",
                    )
                },
                "ScalableTargetARN": each.arn,
            }
            for each in found
        ]
        return paginate("ScalableTargets", shown, params, PAGE)

    def _wanted(self, params: Mapping[str, Any], target: Target) -> list[str]:
        return list(params.get("ResourceIds") or [params.get("ResourceId") or target.resource])

    def _chosen(self, caller: Caller, params: Mapping[str, Any]) -> list[Target]:
        if params["ServiceNamespace"] != NAMESPACE or params.get("ScalableDimension", DIMENSION) != DIMENSION:
            return []
        return self.store.of(Place.of(caller))

    def put_policy(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        target = self._target(caller, params, code="ObjectNotFoundException", missing="No scalable target registered")
        config, name = checks.policy(params), params["PolicyName"]
        known = next((each for each in self.store.policies(target) if each.name == name), None)
        if known is None:
            start = f"TargetTracking-{target.resource}"
            identity = uuid.uuid4()
            arn = (
                f"arn:aws:autoscaling:{caller.region}:{caller.account}:scalingPolicy:{identity}:resource/"
                f"{NAMESPACE}/{target.resource}:policyName/{name}"
            )
            high, low = f"{start}-AlarmHigh-{uuid.uuid4()}", f"{start}-AlarmLow-{uuid.uuid4()}"
            known = Policy(name, arn, config, high, low, self._world.clock.datetime())
        checks.may_watch(self._world, caller, known.high, checks.WATCH, "PutScalingPolicy")
        policy = replace(known, config=config)
        self._tracking.watch(target, policy.high, policy.low, policy.goal)
        self.store.put_policy(target, policy)
        return {"PolicyARN": policy.arn, "Alarms": self._alarms(target, policy)}

    def delete_policy(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        target = self._target(caller, params, code="ObjectNotFoundException", missing="No scaling policy found")
        name = params["PolicyName"]
        known = next((each for each in self.store.policies(target) if each.name == name), None)
        if known is None:
            raise ServiceError("ObjectNotFoundException", f"No scaling policy found: {name} of {target.resource}")
        checks.may_watch(self._world, caller, known.high, checks.UNWATCH, "DeleteScalingPolicy")
        self.store.remove_policy(target, name)
        self._tracking.unwatch(target, known)
        return {}

    def describe_policies(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        names = params.get("PolicyNames")
        shown = [
            {
                **target.named,
                "PolicyARN": policy.arn,
                "PolicyName": policy.name,
                "PolicyType": checks.TRACKING,
                "TargetTrackingScalingPolicyConfiguration": policy.config,
                "Alarms": self._alarms(target, policy),
                "CreationTime": policy.created,
            }
            for target in self._chosen(caller, params)
            if target.resource in self._wanted(params, target)
            for policy in self.store.policies(target)
            if not names or policy.name in names
        ]
        return paginate("ScalingPolicies", shown, params, PAGE)

    def describe_activities(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        wanted = params.get("ResourceId")
        chosen = self.store.activities(Place.of(caller)) if params["ServiceNamespace"] == NAMESPACE else []
        found = [each for each in chosen if wanted in (None, each["ResourceId"])]
        return paginate("ScalingActivities", found, params, PAGE)

    def _target(
        self, caller: Caller, params: Mapping[str, Any], *, missing: str, code: str = "ObjectNotFoundException"
    ) -> Target:
        checks.names(params)
        target = self.store.find(Place.of(caller), params["ResourceId"])
        if target is None:
            raise ServiceError(
                code,
                f"{missing} for service namespace: {NAMESPACE}, resource ID: {params['ResourceId']}, "
                f"scalable dimension: {DIMENSION}",
            )
        return target

    def _alarms(self, target: Target, policy: Policy) -> list[dict[str, str]]:
        start = f"arn:aws:cloudwatch:{target.place.region}:{target.place.account}:alarm:"
        return [{"AlarmName": name, "AlarmARN": f"{start}{name}"} for name in (policy.high, policy.low)]
