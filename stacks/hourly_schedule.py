"""A schedule that sends one message to a worker's queue, for what no event told. The stacks of workers use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_scheduler as scheduler

from stacks.naming import Naming
from stacks.service_role import ServiceRole
from stacks.worker_queue import WorkerQueue


def send_on_schedule(
    stack: Stack,
    worker: WorkerQueue,
    *,
    naming: Naming,
    prefix: str,
    description: str,
    message: Mapping[str, Any],
    expression: str = "",
) -> None:
    """As often as `expression` or else the account's settings say; `prefix` begins the names of schedule and role."""
    role = ServiceRole(
        stack,
        "SchedulerRole",
        name=naming.of(f"{prefix}scheduler"),
        service="scheduler.amazonaws.com",
        acting_for=stack.format_arn(  # it names the group, not the schedule
            service="scheduler",
            resource="schedule-group",
            resource_name="default",
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        ),
        statements=worker.send_statements(),
    )
    scheduler.CfnSchedule(
        stack,
        "Schedule",
        name=naming.of(f"{prefix}hourly"),
        description=description,
        schedule_expression=expression or naming.account.schedule,
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        state="ENABLED",
        target=scheduler.CfnSchedule.TargetProperty(
            arn=worker.queue.queue_arn,
            role_arn=role.arn,
            input=json.dumps(message),
            dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=worker.dead_letters.queue_arn),
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_event_age_in_seconds=3600, maximum_retry_attempts=10
            ),
        ),
    )
