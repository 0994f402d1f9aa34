"""Metrics of a training job: numbers found in its log by MetricDefinitions, into Describe and CloudWatch."""

from __future__ import annotations

import math
import re
import threading
import time
from contextlib import suppress
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from millrace.local.sagemaker.jobs.errors import JobError

NAMESPACE = "/aws/sagemaker/TrainingJobs"
BATCH = 500
SEND_SECONDS = 1.0
TAB = "#011"
"""How AWS's own definitions write the tab of a log line."""


def _compiled(definition: dict[str, str]) -> re.Pattern[str]:
    try:
        return re.compile(definition["Regex"])
    except re.error as error:
        raise JobError(
            f"ClientError: MetricDefinitions: the Regex {definition['Regex']!r} of {definition['Name']} is not a "
            f"regular expression: {error}"
        ) from error


class Metrics:
    """Fed from the threads that read the instances' output; asked by whoever describes the job."""

    def __init__(self, definitions: list[dict[str, str]]) -> None:
        self._patterns = [(entry["Name"], _compiled(entry)) for entry in definitions]
        self._lock = threading.Lock()
        self._seen: list[dict[str, Any]] = []
        self._sent = 0
        self._last_send = time.monotonic()

    def line(self, text: str, when: datetime) -> bool:
        """Whether the line held a metric."""
        found = [
            {"MetricName": name, "Value": value, "Timestamp": when}
            for name, pattern in self._patterns
            for match in pattern.finditer(text.replace("\t", TAB) if TAB in pattern.pattern else text)
            if (value := _number(match)) is not None
        ]
        with self._lock:
            self._seen += found
        return bool(found)

    def final(self) -> list[dict[str, Any]]:
        """The last value of each metric."""
        with self._lock:
            last = {entry["MetricName"]: entry for entry in self._seen}
        return [last[name] for name, _ in self._patterns if name in last]

    def curve(self, metric: str) -> tuple[float, ...]:
        """Every value of a metric so far."""
        with self._lock:
            return tuple(entry["Value"] for entry in self._seen if entry["MetricName"] == metric)

    def due(self) -> bool:
        """Whether it is time to send what is new; True once per interval."""
        with self._lock:
            if time.monotonic() - self._last_send < SEND_SECONDS:
                return False
            self._last_send = time.monotonic()
            return True

    def send(self, cloudwatch: Any, job_name: str) -> None:
        """Best effort, as SageMaker: a role without cloudwatch:PutMetricData only loses the curves."""
        dimensions = [{"Name": "TrainingJobName", "Value": job_name}]
        with self._lock:
            data = [entry | {"Dimensions": dimensions} for entry in self._seen[self._sent :]]
            self._sent = len(self._seen)
        with suppress(ClientError, BotoCoreError):
            for start in range(0, len(data), BATCH):
                cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data[start : start + BATCH])


def _number(match: re.Match[str]) -> float | None:
    try:
        value = float(match[1])
    except (ValueError, IndexError, TypeError):
        return None
    return value if math.isfinite(value) else None
