"""An alarm: what it was put with, the state it is in and since when. Metric alarms and composite ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from millrace.local.cloudwatch import composite
from millrace.local.cloudwatch.evaluation import ALARM, INSUFFICIENT, MISSING, OK, Rule
from millrace.local.cloudwatch.metrics import Metric
from millrace.local.cloudwatch.readings import Query, Readings, Stat

METRIC_ALARM, COMPOSITE_ALARM = "MetricAlarm", "CompositeAlarm"
ACTIONS: Mapping[str, str] = {
    OK: "OKActions",
    ALARM: "AlarmActions",
    INSUFFICIENT: "InsufficientDataActions",
}
HIGH_RESOLUTION = (10, 20, 30)


@dataclass(frozen=True)
class State:
    """A state, why, and since when; `data` is the reason as JSON text."""

    value: str
    reason: str
    data: str
    updated: datetime
    transitioned: datetime


@dataclass(frozen=True)
class Alarm:
    """`settings` are the parameters that PutMetricAlarm or PutCompositeAlarm was called with, without tags."""

    account: str
    region: str
    settings: Mapping[str, Any]
    state: State
    configured: datetime

    @property
    def name(self) -> str:
        return str(self.settings["AlarmName"])

    @property
    def arn(self) -> str:
        return f"arn:aws:cloudwatch:{self.region}:{self.account}:alarm:{self.name}"

    @property
    def kind(self) -> str:
        return COMPOSITE_ALARM if "AlarmRule" in self.settings else METRIC_ALARM

    @property
    def actions_enabled(self) -> bool:
        return bool(self.settings.get("ActionsEnabled", True))

    def actions(self, state: str) -> Sequence[str]:
        return self.settings.get(ACTIONS[state]) or ()

    def within(self, state: State) -> Alarm:
        return replace(self, state=state)

    @cached_property
    def rule(self) -> Rule:
        return Rule(
            comparison=self.settings["ComparisonOperator"],
            threshold=float(self.settings.get("Threshold", math.nan)),
            periods=self.settings["EvaluationPeriods"],
            needed=self.settings.get("DatapointsToAlarm") or self.settings["EvaluationPeriods"],
            missing=self.settings.get("TreatMissingData") or MISSING,
        )

    @cached_property
    def readings(self) -> Readings:
        """What it reads; the query that is shown is the one that counts."""
        given = self.settings
        if given.get("Metrics"):
            return Readings.of_queries(self.account, self.region, given["Metrics"])
        names = (given["Namespace"], given["MetricName"], given.get("Dimensions") or ())
        metric = Metric.of(self.account, self.region, *names)
        statistic = given.get("Statistic") or given["ExtendedStatistic"]
        query = Query("m1", Stat(metric, statistic, given["Period"], given.get("Unit")), True)
        return Readings((query,), given["Period"])

    @cached_property
    def watched(self) -> Query:
        return next(query for query in self.readings.queries if query.shown)

    @property
    def step(self) -> int:
        """Every how many seconds it is evaluated."""
        return 10 if self.kind == METRIC_ALARM and self.readings.period in HIGH_RESOLUTION else 60

    @cached_property
    def condition(self) -> composite.Condition:
        return composite.parse(self.settings["AlarmRule"])

    def shown(self) -> dict[str, Any]:
        """As DescribeAlarms answers it."""
        lists = [*ACTIONS.values(), *(["Dimensions"] if "MetricName" in self.settings else [])]
        return {
            **{name: [] for name in lists},
            **self.settings,
            "ActionsEnabled": self.actions_enabled,
            "AlarmArn": self.arn,
            "AlarmConfigurationUpdatedTimestamp": self.configured,
            "StateValue": self.state.value,
            "StateReason": self.state.reason,
            "StateReasonData": self.state.data or None,
            "StateUpdatedTimestamp": self.state.updated,
            "StateTransitionedTimestamp": self.state.transitioned,
        }

    def __getstate__(self) -> dict[str, Any]:
        """Without what is derived: the saved state holds plain settings only."""
        return {name: self.__dict__[name] for name in self.__dataclass_fields__}
