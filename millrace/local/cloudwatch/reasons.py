"""Why an alarm is in its state, in CloudWatch's words and as its reason data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from millrace.local.cloudwatch.alarm import Alarm
from millrace.local.cloudwatch.evaluation import ALARM, BREACHING, INSUFFICIENT, Value, Verdict
from millrace.local.cloudwatch.readings import Stat

UNCHECKED = "Unchecked: Initial alarm creation"
WORDS = {
    "GreaterThanThreshold": "greater than",
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
TREATED = {BREACHING: "Breaching", "notBreaching": "NonBreaching"}


def long_text(moment: datetime) -> str:
    """The form in which CloudWatch writes times: 2026-11-20T22:30:00.000+0000."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def reason(alarm: Alarm, verdict: Verdict, values: Sequence[Value], starts: Sequence[float]) -> str:
    """The sentence; values and the starts of their periods are the newest first."""
    rule = alarm.rule
    if verdict.state == INSUFFICIENT:
        return f"Insufficient Data: {_points(rule.periods)} {_was(rule.periods)} unknown."
    filled = f"{verdict.filled} missing {'datapoints were' if verdict.filled > 1 else 'datapoint was'} treated as"
    treated = f"{filled} [{TREATED[rule.missing]}]" if verdict.filled and rule.missing in TREATED else ""
    if not verdict.used:
        periods = f"{rule.periods} period{'s' if rule.periods > 1 else ''}"
        return f"Threshold Crossed: no datapoints were received for {periods}" + (
            f" and {treated}." if treated else "."
        )
    bad = [place for place in verdict.used if rule.breaches(values[place])]  # type: ignore[arg-type]
    chosen = bad if verdict.state == ALARM and bad else [each for each in verdict.used if each not in bad]
    texts = [f"{values[place]} ({_short(starts[place])})" for place in reversed(chosen[:5])]
    of = f"{len(chosen)} out of the last {rule.periods} datapoints" if rule.periods > 1 else _points(1)
    isnt = "" if verdict.state == ALARM else "not "
    text = f"Threshold Crossed: {of} [{', '.join(texts)}] {_was(len(chosen))} {isnt}{WORDS[rule.comparison]} "
    text += f"the threshold ({rule.threshold})"
    if verdict.state == ALARM:
        text += f" (minimum {_points(rule.needed)} for OK -> ALARM transition)"
    return text + (f" and {treated}." if treated else ".")


def reason_data(
    alarm: Alarm, verdict: Verdict, values: Sequence[Value], starts: Sequence[float], moment: datetime
) -> str:
    newest = [values[place] for place in verdict.used]
    made: dict[str, Any] = {
        "version": "1.0",
        "queryDate": long_text(moment),
        "startDate": long_text(_moment(starts[verdict.used[-1]])) if verdict.used else None,
        "period": alarm.readings.period,
        "recentDatapoints": list(reversed(newest)),
        "threshold": alarm.rule.threshold,
    }
    watched = alarm.watched.of
    if isinstance(watched, Stat):
        made |= {"statistic": watched.statistic, "unit": watched.unit}
    made["evaluatedDatapoints"] = [
        {"timestamp": long_text(_moment(starts[place])), "value": values[place]} for place in verdict.used
    ]
    return json.dumps({name: value for name, value in made.items() if value is not None})


def _points(count: int) -> str:
    return f"{count} datapoint{'s' if count > 1 else ''}"


def _was(count: int) -> str:
    return "were" if count > 1 else "was"


def _short(epoch: float) -> str:
    return _moment(epoch).strftime("%d/%m/%y %H:%M:%S")


def _moment(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)
