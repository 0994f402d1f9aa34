"""Finds the step of an earlier execution whose result a cached step takes. The runner asks before it runs a step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from millrace.local.sagemaker.pipelines.journal import KIND
from millrace.local.sagemaker.store import Place, Record, Store


@dataclass(frozen=True)
class Hit:
    """A step of an earlier execution whose result is taken."""

    execution_arn: str
    step: Record


def find_hit(
    store: Store, place: Place, *, pipeline: str, step: str, key: str, now: datetime, expire_after: timedelta
) -> Hit | None:
    """The newest successful run of the step with this key; runs that were themselves hits do not count."""
    hits = [
        Hit(record["PipelineExecutionArn"], found)
        for record in store.all(place, KIND)
        if record["PipelineArn"] == pipeline
        for found in (record["_Steps"].get(step),)
        if found is not None and _counts(found, key) and now - found["EndTime"] <= expire_after
    ]
    return max(hits, key=lambda hit: hit.step["EndTime"], default=None)


def _counts(step: Record, key: str) -> bool:
    reused = "CacheHitResult" in step or "SelectiveExecutionResult" in step
    return step.get("_CacheKey") == key and step["StepStatus"] == "Succeeded" and not reused
