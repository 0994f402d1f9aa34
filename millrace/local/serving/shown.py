"""An endpoint's variants and its deployment as DescribeEndpoint and the events show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from millrace.local.serving.fleet import Fleet
from millrace.local.serving.plan import VariantPlan
from millrace.local.serving.variant import Variant


def production_variants(fleet: Fleet, now: datetime) -> list[dict[str, Any]]:
    """Of the fleet in service."""
    return [_variant(variant, now) for variant in fleet.variants.values()]


def scaling(fleet: Fleet, counts: Mapping[str, int], now: datetime) -> list[dict[str, Any]]:
    """While variants get the instance counts given."""
    found = []
    for shown in production_variants(fleet, now):
        count = counts.get(shown["VariantName"], shown.get("CurrentInstanceCount"))
        if count != shown.get("CurrentInstanceCount"):
            way = "out" if count > shown["CurrentInstanceCount"] else "in"
            said = f"Scaling {way} desired instance count to {count}."
            status = {"Status": "Updating", "StatusMessage": said, "StartTime": now}
            shown |= {"DesiredInstanceCount": count, "VariantStatus": [status]}
        found.append(shown)
    return found


def _variant(variant: Variant, now: datetime) -> dict[str, Any]:
    return {
        **_common(variant.plan, now),
        "CurrentWeight": variant.weight,
        "DesiredWeight": variant.weight,
        **_capacity(variant.plan, variant.count, variant.count),
    }


def pending(
    config: str,
    plans: Iterable[VariantPlan],
    *,
    started: datetime,
    now: datetime,
    active: Mapping[str, int],
    status: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """PendingDeploymentSummary: `active` are the instances with traffic, `status` what each variant is about."""
    variants = [
        {
            **_common(plan, now),
            "CurrentWeight": plan.weight,
            "DesiredWeight": plan.weight,
            "InstanceType": plan.instance_type or None,
            **_capacity(plan, active.get(plan.name, 0), plan.count),
            "VariantStatus": [dict(status[plan.name])] if plan.name in status else [],
        }
        for plan in plans
    ]
    return {"EndpointConfigName": config, "StartTime": started, "ProductionVariants": variants}


def _common(plan: VariantPlan, now: datetime) -> dict[str, Any]:
    image = {"SpecifiedImage": plan.image, "ResolvedImage": plan.image, "ResolutionTime": now}
    return {"VariantName": plan.name, "DeployedImages": [image]}


def _capacity(plan: VariantPlan, current: int, desired: int) -> dict[str, Any]:
    if plan.serverless:
        return {"CurrentServerlessConfig": plan.serverless, "DesiredServerlessConfig": plan.serverless}
    return {"CurrentInstanceCount": current, "DesiredInstanceCount": desired}
