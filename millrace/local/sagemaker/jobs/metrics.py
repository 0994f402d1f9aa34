"""Metrics of a training job: numbers found in its log by MetricDefinitions, into Describe and CloudWatch."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from millrace.local.sagemaker.jobs.errors import JobError

NAMESPACE = "/aws/sagemaker/TrainingJobs"
BATCH = 500


def _compiled(definition: dict[str, str]) -> re.Pattern[str]:
    try:
        return re.compile(definition["Regex"])
    except re.error as error:
        raise JobError(
            f"ClientError: MetricDefinitions: the Regex {definition['Regex']!r} of {definition['Name']} is not a "
            f"regular expression: {error}"
        ) from error


class Metrics:
    def __init__(self, definitions: list[dict[str, str]]) -> None:
        self._patterns = [(entry["Name"], _compiled(entry)) for entry in definitions]
        self._seen: list[dict[str, Any]] = []

    def line(self, text: str, when: datetime) -> None:
        for name, pattern in self._patterns:
            for match in pattern.finditer(text):
                with suppress(ValueError, IndexError, TypeError):
                    self._seen.append({"MetricName": name, "Value": float(match[1]), "Timestamp": when})

    def final(self) -> list[dict[str, Any]]:
        """The last value of each metric."""
        last = {entry["MetricName"]: entry for entry in self._seen}
        return [last[name] for name, _ in self._patterns if name in last]

    def send(self, cloudwatch: Any, job_name: str) -> None:
        """Best effort, as SageMaker: a role without cloudwatch:PutMetricData only loses the curves."""
        dimensions = [{"Name": "TrainingJobName", "Value": job_name}]
        data = [entry | {"Dimensions": dimensions} for entry in self._seen]
        with suppress(ClientError, BotoCoreError):
            for start in range(0, len(data), BATCH):
                cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data[start : start + BATCH])
