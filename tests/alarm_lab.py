"""What the tests of metrics and alarms share: a server whose clock they move, alarms with little to say."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from tests.iam_lab import document, make_role

ACCOUNT, REGION = "111111111111", "ap-northeast-2"
PATIENCE_SECONDS = 20.0
MINUTE = 60.0


class AlarmLab:
    """Metrics and alarms on a server of one's own."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.api = server.client("cloudwatch")
        self.namespace = f"Tests/{uuid.uuid4().hex[:8]}"

    def now(self) -> float:
        return float(self.server.internal("clock")["now"])

    def early(self) -> AlarmLab:
        """Move to where a minute has begun, so that none ends unasked while a test runs."""
        if (seconds := self.now() % MINUTE) > MINUTE / 2:
            self.server.advance(MINUTE - seconds + 1)
        return self

    def put(self, *values: float, name: str = "rows", **more: Any) -> None:
        """One datapoint each, at the clock's now."""
        data = [{"MetricName": name, "Value": value, **more} for value in values]
        self.api.put_metric_data(Namespace=self.namespace, MetricData=data)

    def alarm(self, name: str, **settings: Any) -> str:
        """An alarm on the sum of `rows` over a minute, above 1; settings replace what it has."""
        given: dict[str, Any] = {
            "Namespace": self.namespace,
            "MetricName": "rows",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
        }
        if "Metrics" in settings:
            for each in ("Namespace", "MetricName", "Statistic", "Period"):
                del given[each]
        unique = f"{name}-{uuid.uuid4().hex[:8]}"
        merged = {key: value for key, value in (given | settings).items() if value is not None}
        self.api.put_metric_alarm(AlarmName=unique, **merged)
        return unique

    @contextlib.contextmanager
    def limited(self, *may: dict[str, Any]) -> Iterator[Any]:
        """A client of a role that may do no more than the statements say."""
        name, iam = self.namespace.replace("/", "-"), self.server.client("iam")
        role = make_role(iam, name, "lambda.amazonaws.com", may=may)
        own = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}}
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document(own)))
        keys = self.server.client("sts").assume_role(RoleArn=role, RoleSessionName="limited")["Credentials"]
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        session = boto3.session.Session(*(keys[each] for each in names), region_name=REGION)
        api = session.client("cloudwatch", endpoint_url=self.server.url)
        try:
            yield api
        finally:
            api.close()

    def described(self, name: str) -> dict[str, Any]:
        answer = self.api.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        [found] = answer["MetricAlarms"] + answer["CompositeAlarms"]
        return dict(found)

    def state(self, name: str) -> str:
        return str(self.described(name)["StateValue"])

    def becomes(self, name: str, state: str) -> dict[str, Any]:
        """Wait until the alarm is in a state."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := self.described(name))["StateValue"] != state:
            if time.monotonic() > deadline:
                pytest.fail(f"{name} is {found['StateValue']}, not {state}: {found['StateReason']}")
        return found

    def history(self, name: str, kind: str = "StateUpdate") -> list[str]:
        """Summaries, the oldest first."""
        items = self.api.describe_alarm_history(
            AlarmName=name,
            HistoryItemType=kind,
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
            ScanBy="TimestampAscending",
        )["AlarmHistoryItems"]
        return [item["HistorySummary"] for item in items]

    def statistic(
        self, namespace: str, name: str, statistic: str, dimensions: dict[str, str], seconds: float = 900
    ) -> list[float]:
        """The statistic of each minute of the last while, the oldest first."""
        now = self.now()
        points = self.api.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=datetime.fromtimestamp(now - seconds, UTC),
            EndTime=datetime.fromtimestamp(now + 60, UTC),
            Period=60,
            Statistics=[statistic],
        )["Datapoints"]
        return [point[statistic] for point in sorted(points, key=lambda point: point["Timestamp"])]

    def published(self, namespace: str, name: str, dimensions: dict[str, str], at_least: float) -> float:
        """Wait until the sum of a metric that a service publishes has come to so much."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := sum(self.statistic(namespace, name, "Sum", dimensions))) < at_least:
            if time.monotonic() > deadline:
                pytest.fail(f"{namespace} {name} of {dimensions} is {found}, not {at_least}")
        return found
