"""The hourly look at every model, and the figures it leaves in CloudWatch. Called by `batch.py`.

It finds what events lost, ends runs whose end nobody told, and its silence raises an alarm.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from shared import log

from start_pipeline import lock as run_lock
from start_pipeline.look import HOUR, Look, look
from start_pipeline.rows import SCHEDULE
from start_pipeline.services import Services

NAMESPACE = "Millrace/Trigger"


def reconcile(services: Services, model: str, *, scheduled: float, correlation: str, deadline: float) -> None:
    """Look once for each scheduled time; a time that was worked off, or is older, is done."""
    ledger, now = services.ledger(model), max(services.clock(), scheduled)
    if scheduled and run_lock.read(ledger).last_scheduled >= scheduled:
        log.info("schedule-known", f"{model}: the look scheduled for {scheduled:.0f} was made before", model=model)
        return
    request = f"schedule-{scheduled:.0f}" if scheduled else ""
    look(services, Look(model, SCHEDULE, now, correlation, request=request), deadline=deadline)
    _publish(services, model, now=now, last_model_at=run_lock.read(ledger).last_model_at)
    if scheduled:
        run_lock.note_schedule(ledger, scheduled)


def _publish(services: Services, model: str, *, now: float, last_model_at: float) -> None:
    """No figures are no reason to look again: their absence raises the alarm."""
    dimensions = [{"Name": "Model", "Value": model}]
    metrics: list[dict[str, Any]] = [{"MetricName": "ScheduledLook", "Value": 1.0, "Unit": "Count"}]
    if last_model_at:
        age = max(0.0, now - last_model_at) / HOUR
        metrics.append({"MetricName": "ModelAgeHours", "Dimensions": dimensions, "Value": age, "Unit": "None"})
    try:
        services.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=metrics)
    except (BotoCoreError, ClientError) as error:
        log.error("metrics-lost", f"{model}: the figures could not be published: {error}", model=model)
