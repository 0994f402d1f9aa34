"""How an update shifts traffic: a DeploymentConfig, checked as AWS checks it and turned into steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from millrace.local.service import ServiceError
from millrace.local.serving.plan import VariantPlan

ALL_AT_ONCE, CANARY, LINEAR = "ALL_AT_ONCE", "CANARY", "LINEAR"
PERCENT = "CAPACITY_PERCENT"
SIZES = {CANARY: "CanarySize", LINEAR: "LinearStepSize"}
LEAST, MOST = {CANARY: 0, LINEAR: 10}, 50
GUARDRAILS = "https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html"


@dataclass(frozen=True)
class Size:
    """A part of a fleet, by instances or percent."""

    value: int
    percent: bool

    def instances(self, count: int) -> int:
        """At least one, and never more than the percentage asks for."""
        return max(1, count * self.value // 100) if self.percent else self.value


@dataclass(frozen=True)
class Rollout:
    """`wait` is the bake between steps, `termination` the one before the old fleet ends; all in seconds."""

    kind: str = ALL_AT_ONCE
    size: Size | None = None
    wait: int = 0
    termination: int = 0
    timeout: int | None = None
    alarms: tuple[str, ...] = ()

    def steps(self, count: int) -> list[int]:
        """How many instances of a variant have traffic at each step."""
        if self.size is None:
            return [count]
        first = self.size.instances(count)
        return [first, count] if self.kind == CANARY else [*range(first, count, first), count]


def read(config: Mapping[str, Any] | None) -> Rollout:
    """The rollout that a DeploymentConfig asks for; all at once without one."""
    given = config or {}
    policy = given.get("BlueGreenUpdatePolicy") or {}
    routing = policy.get("TrafficRoutingConfiguration") or {}
    kind = routing.get("Type", ALL_AT_ONCE)
    size = routing.get(SIZES.get(kind, ""))
    alarms = (given.get("AutoRollbackConfiguration") or {}).get("Alarms") or ()
    return Rollout(
        kind,
        Size(size["Value"], size["Type"] == PERCENT) if size else None,
        routing.get("WaitIntervalInSeconds", 0),
        policy.get("TerminationWaitInSeconds", 0),
        policy.get("MaximumExecutionTimeoutInSeconds"),
        tuple(dict.fromkeys(each["AlarmName"] for each in alarms if each.get("AlarmName"))),
    )


def check(config: Mapping[str, Any] | None, plans: Sequence[VariantPlan]) -> None:
    """Refused unless the configuration can be carried out with these variants."""
    if not config:
        return
    if "RollingUpdatePolicy" in config:
        also = " Only one update policy can be used." if "BlueGreenUpdatePolicy" in config else ""
        raise _invalid(f"RollingUpdatePolicy is not available at endpoints of the embedded AWS.{also}")
    alarms = (config.get("AutoRollbackConfiguration") or {}).get("Alarms") or ()
    if any(not each.get("AlarmName") for each in alarms):
        raise _invalid("Each alarm of AutoRollbackConfiguration needs an AlarmName.")
    routing = (config.get("BlueGreenUpdatePolicy") or {}).get("TrafficRoutingConfiguration") or {}
    _check_sizes(routing)
    rollout = read(config)
    for plan in plans:
        _check_variant(rollout, plan)
    _check_time(rollout, plans)


def _check_sizes(routing: Mapping[str, Any]) -> None:
    kind = routing.get("Type", ALL_AT_ONCE)
    for of, name in SIZES.items():
        if (name in routing) != (of == kind):
            needed = "is required" if of == kind else "cannot be given"
            raise _invalid(f"{name} {needed} for traffic routing of type {kind}. See {GUARDRAILS}")


def _check_variant(rollout: Rollout, plan: VariantPlan) -> None:
    if rollout.size is None:
        return
    name = SIZES[rollout.kind]
    if plan.serverless:
        raise _invalid(
            f"Variant {plan.name} is serverless: it has no instances to shift traffic by, so {rollout.kind} is not "
            f"available. Use {ALL_AT_ONCE}."
        )
    low, value = LEAST[rollout.kind], rollout.size.value
    share = value if rollout.size.percent else 100 * value / plan.count
    if not low <= share <= MOST or 2 * rollout.size.instances(plan.count) > plan.count:
        unit = "percent" if rollout.size.percent else "instance(s)"
        limits = f"{low}-{MOST}%" if low else f"less than or equal to {MOST}%"
        raise _invalid(
            f"{name} must be {limits} of the variant's total instance count: {value} {unit} of the {plan.count} "
            f"instance(s) of variant {plan.name} is not."
        )


def _check_time(rollout: Rollout, plans: Iterable[VariantPlan]) -> None:
    steps = max((len(rollout.steps(plan.count)) for plan in plans), default=1)
    waits = rollout.wait * (steps - 1) + rollout.termination
    if rollout.timeout is not None and rollout.timeout <= waits:
        raise _invalid(
            f"MaximumExecutionTimeoutInSeconds ({rollout.timeout}) must be larger than the total waiting time of "
            f"WaitIntervalInSeconds and TerminationWaitInSeconds ({waits})."
        )


def check_change(old: Sequence[VariantPlan], new: Sequence[VariantPlan], config: Mapping[str, Any] | None) -> None:
    """Refused when an endpoint with the old variants cannot be updated to the new ones."""
    kinds = [any(plan.serverless for plan in plans) for plans in (old, new)]
    if kinds == [False, True]:
        raise _invalid("Cannot update an instance-based endpoint to a serverless endpoint. Create a new endpoint.")
    names = [sorted(plan.name for plan in plans) for plans in (old, new)]
    if config and names[0] != names[1]:
        raise _invalid(
            f"A blue/green deployment needs variants of the same names: the endpoint has {', '.join(names[0])}, "
            f"the new configuration {', '.join(names[1])}."
        )


def check_scaled(old: Sequence[VariantPlan], new: Sequence[VariantPlan], scaled: set[str]) -> None:
    """Refused when a variant that is a scalable target would go or get instances of another type."""
    types = {plan.name: plan.instance_type for plan in new}
    lost = [plan.name for plan in old if plan.name in scaled and types.get(plan.name) != plan.instance_type]
    if lost:
        raise _invalid(
            f'The variant(s) "{", ".join(lost)}" must be deregistered as scalable targets with AWS Auto Scaling before '
            "they can be removed or have their instance type updated."
        )


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
