"""CloudWatch's operations on alarms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from millrace.local.cloudwatch.actions import Actions
from millrace.local.cloudwatch.alarm import COMPOSITE_ALARM, METRIC_ALARM, Alarm, State
from millrace.local.cloudwatch.alarms import Alarms, Place
from millrace.local.cloudwatch.checks import check_composite_alarm, check_metric_alarm
from millrace.local.cloudwatch.evaluation import INSUFFICIENT
from millrace.local.cloudwatch.evaluator import Evaluator
from millrace.local.cloudwatch.metrics import Metric
from millrace.local.cloudwatch.pages import page
from millrace.local.cloudwatch.readings import Stat
from millrace.local.cloudwatch.reasons import UNCHECKED
from millrace.local.service import Caller, Handler, ServiceError
from millrace.local.world import World

MOST_RECORDS = 100


class AlarmOperations:
    """Put, describe, delete and switch alarms."""

    def __init__(self, world: World, alarms: Alarms, evaluator: Evaluator, actions: Actions) -> None:
        self._world = world
        self._alarms = alarms
        self._evaluator = evaluator
        self._actions = actions

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "DeleteAlarms": self.delete,
            "DescribeAlarmHistory": self.describe_history,
            "DescribeAlarms": self.describe,
            "DescribeAlarmsForMetric": self.describe_for_metric,
            "DisableAlarmActions": lambda caller, params: self._switch(caller, params, on=False),
            "EnableAlarmActions": lambda caller, params: self._switch(caller, params, on=True),
            "ListTagsForResource": self.list_tags,
            "PutCompositeAlarm": self.put_composite,
            "PutMetricAlarm": self.put_metric,
            "SetAlarmState": self.set_state,
            "TagResource": self.tag,
            "UntagResource": self.untag,
        }

    def put_metric(self, caller: Caller, params: dict[str, Any]) -> None:
        check_metric_alarm(params)
        self._put(caller, params, METRIC_ALARM)

    def put_composite(self, caller: Caller, params: dict[str, Any]) -> None:
        check_composite_alarm(params)
        self._check_children(caller, params)
        self._put(caller, params, COMPOSITE_ALARM)

    def _check_children(self, caller: Caller, params: dict[str, Any]) -> None:
        name = params["AlarmName"]
        made = Alarm(caller.account, caller.region, params, self._unchecked(), self._world.clock.datetime())
        waiting, seen = set(made.condition.alarms()), set[str]()
        for each in sorted(waiting):
            if self._alarms.find(_place(caller), each) is None:
                raise ServiceError("ValidationError", f"Could not find alarm {each}, which AlarmRule refers to")
        while waiting:
            each = waiting.pop()
            if each == name:
                raise ServiceError("ValidationError", f"AlarmRule of {name} refers to itself, directly or by {seen}")
            known = self._alarms.find(_place(caller), each)
            if known is not None and known.kind == COMPOSITE_ALARM and each not in seen:
                waiting |= known.condition.alarms()
            seen.add(each)

    def _put(self, caller: Caller, params: dict[str, Any], kind: str) -> None:
        """The whole configuration is replaced; the state stays, and is looked at anew."""
        settings = {name: value for name, value in params.items() if name != "Tags"}
        known = self._alarms.find(_place(caller), settings["AlarmName"])
        if known is not None and known.kind != kind:
            raise ServiceError("ValidationError", f"{known.name} is a {known.kind}, it cannot become a {kind}")
        state = known.state if known else self._unchecked()
        alarm = Alarm(caller.account, caller.region, settings, state, self._world.clock.datetime())
        self._alarms.put(alarm)
        if known is None:
            self._alarms.tag(alarm.arn, params.get("Tags") or ())
        self._actions.configured(alarm, "update" if known else "create")
        self._evaluator.look(alarm)

    def _unchecked(self) -> State:
        now = self._world.clock.datetime()
        return State(INSUFFICIENT, UNCHECKED, "", now, now)

    def delete(self, caller: Caller, params: dict[str, Any]) -> None:
        found = self._named(caller, params["AlarmNames"])
        for alarm in found:
            parents = [each.name for each in self._parents(caller, alarm.name) if each not in found]
            if parents:
                used = ", ".join(parents)
                raise ServiceError("ValidationError", f"{alarm.name} cannot be deleted: {used} refers to it")
        for alarm in found:
            self._alarms.remove(alarm)
            self._actions.configured(alarm, "delete")

    def _parents(self, caller: Caller, name: str) -> list[Alarm]:
        composites = [each for each in self._alarms.of(_place(caller)) if each.kind == COMPOSITE_ALARM]
        return [each for each in composites if name in each.condition.alarms()]

    def _named(self, caller: Caller, names: Sequence[str]) -> list[Alarm]:
        found = [(name, self._alarms.find(_place(caller), name)) for name in dict.fromkeys(names)]
        if missing := [name for name, alarm in found if alarm is None]:
            raise ServiceError("ResourceNotFound", f"Alarm {', '.join(missing)} does not exist", status=404)
        return [alarm for _, alarm in found if alarm is not None]

    def describe(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        wanted = self._wanted(caller, params)
        kinds = params.get("AlarmTypes") or [METRIC_ALARM]
        found = [each for each in self._alarms.of(_place(caller)) if each.kind in kinds and wanted(each)]
        shown, following = page(found, params, most=MOST_RECORDS)
        answer: dict[str, Any] = {
            f"{kind}s": [each.shown() for each in shown if each.kind == kind]
            for kind in (METRIC_ALARM, COMPOSITE_ALARM)
        }
        return answer | following

    def _wanted(self, caller: Caller, params: dict[str, Any]) -> Callable[[Alarm], bool]:
        names, prefix = params.get("AlarmNames"), params.get("AlarmNamePrefix") or ""
        if names and prefix:
            raise ServiceError("ValidationError", "AlarmNames and AlarmNamePrefix cannot be given together")
        state, action = params.get("StateValue"), params.get("ActionPrefix") or ""
        related: set[str] | None = None
        if parent := params.get("ChildrenOfAlarmName"):
            known = self._alarms.find(_place(caller), parent)
            related = known.condition.alarms() if known and known.kind == COMPOSITE_ALARM else set()
        elif child := params.get("ParentsOfAlarmName"):
            related = {each.name for each in self._parents(caller, child)}

        def wanted(alarm: Alarm) -> bool:
            actions = [arn for value in ("OK", "ALARM", INSUFFICIENT) for arn in alarm.actions(value)]
            return (
                (not names or alarm.name in names)
                and alarm.name.startswith(prefix)
                and (not state or alarm.state.value == state)
                and (not action or any(arn.startswith(action) for arn in actions))
                and (related is None or alarm.name in related)
            )

        return wanted

    def describe_for_metric(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        given = (params["Namespace"], params["MetricName"], params.get("Dimensions") or ())
        metric = Metric.of(caller.account, caller.region, *given)
        statistic = params.get("Statistic") or params.get("ExtendedStatistic")

        def matches(stat: Stat) -> bool:
            return (
                stat.metric == metric
                and (not statistic or stat.statistic == statistic)
                and stat.period == params.get("Period", stat.period)
                and stat.unit == params.get("Unit", stat.unit)
            )

        alarms = [each for each in self._alarms.of(_place(caller)) if each.kind == METRIC_ALARM]
        found = [each for each in alarms if any(matches(stat) for stat in each.readings.stats)]
        return {"MetricAlarms": [each.shown() for each in found]}

    def describe_history(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        kinds = params.get("AlarmTypes") or [METRIC_ALARM]
        found = [
            item
            for item in self._alarms.history(_place(caller))
            if item.alarm_type in kinds
            and item.alarm == params.get("AlarmName", item.alarm)
            and item.kind == params.get("HistoryItemType", item.kind)
            and params.get("StartDate", item.moment) <= item.moment <= params.get("EndDate", item.moment)
        ]
        if params.get("ScanBy") != "TimestampAscending":
            found.reverse()
        shown, following = page(found, params, most=MOST_RECORDS)
        return {"AlarmHistoryItems": [item.shown() for item in shown], **following}

    def set_state(self, caller: Caller, params: dict[str, Any]) -> None:
        """For a while: the next evaluation of a metric alarm brings its own state back."""
        (alarm,) = self._named(caller, [params["AlarmName"]])
        self._evaluator.move(alarm, params["StateValue"], params["StateReason"], params.get("StateReasonData") or "")

    def _switch(self, caller: Caller, params: dict[str, Any], *, on: bool) -> None:
        for name in params["AlarmNames"]:
            alarm = self._alarms.find(_place(caller), name)
            if alarm is not None and alarm.actions_enabled != on:
                changed = replace(alarm, settings={**alarm.settings, "ActionsEnabled": on})
                self._alarms.put(changed)
                self._actions.configured(changed, "update")

    def tag(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        self._alarms.tag(self._taggable(caller, params["ResourceARN"]), params["Tags"])
        return {}

    def untag(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        self._alarms.untag(self._taggable(caller, params["ResourceARN"]), params["TagKeys"])
        return {}

    def list_tags(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        tags = self._alarms.tags(self._taggable(caller, params["ResourceARN"]))
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def _taggable(self, caller: Caller, arn: str) -> str:
        if self._alarms.find(_place(caller), arn.partition(":alarm:")[2]) is None:
            raise ServiceError("ResourceNotFoundException", f"{arn} does not exist", status=404)
        return arn


def _place(caller: Caller) -> Place:
    return caller.account, caller.region
