"""Which state an alarm is in, from its datapoints alone: pure, and the rules as the CloudWatch User Guide has them.

"Configuring how CloudWatch alarms treat missing data": CloudWatch looks at more periods than the alarm's own (the
evaluation range), takes the most recent datapoints that are there, and fills only what is then still missing.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

OK, ALARM, INSUFFICIENT = "OK", "ALARM", "INSUFFICIENT_DATA"
# The guide's examples look at five periods for three; how many it is for other alarms AWS does not say.
FURTHER_PERIODS = 2
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
MISSING, IGNORE, BREACHING, NOT_BREACHING = "missing", "ignore", "breaching", "notBreaching"
TREATMENTS = (MISSING, IGNORE, BREACHING, NOT_BREACHING)
Value = float | None


@dataclass(frozen=True)
class Rule:
    """When datapoints make an alarm: `needed` of `periods` must breach."""

    comparison: str
    threshold: float
    periods: int
    needed: int
    missing: str = MISSING

    @property
    def range(self) -> int:
        """How many periods are looked at."""
        return self.periods + FURTHER_PERIODS

    def breaches(self, value: float) -> bool:
        return COMPARISONS[self.comparison](value, self.threshold)


@dataclass(frozen=True)
class Verdict:
    """A state, None to keep the one there is; `used` are the positions that decided, the newest first."""

    state: str | None
    used: tuple[int, ...] = ()
    filled: int = 0


def judge(rule: Rule, values: Sequence[Value]) -> Verdict:
    """The verdict on the values of the evaluation range, the newest first."""
    real = [place for place, value in enumerate(values) if value is not None]
    used = tuple(real[: rule.periods])
    filled = rule.periods - len(used)
    bad = [place for place in used if rule.breaches(values[place])]  # type: ignore[arg-type]
    if filled == 0 or len(bad) >= rule.needed:
        return Verdict(ALARM if len(bad) >= rule.needed else OK, used, filled)
    if rule.missing == BREACHING:
        return Verdict(ALARM if len(bad) + filled >= rule.needed else OK, used, filled)
    if rule.missing == NOT_BREACHING:
        return Verdict(OK, used, filled)
    return Verdict(_of_too_few(rule, used, bad), used, filled)


def _of_too_few(rule: Rule, used: Sequence[int], bad: Sequence[int]) -> str | None:
    """The state when less is there than needed and nothing takes the place of what is missing."""
    if len(bad) < len(used):
        return OK
    if rule.missing == IGNORE:
        return None
    if not used:
        return INSUFFICIENT
    # All that is there breaches: that is an alarm once the oldest is as old as the alarm needs datapoints.
    return ALARM if bad[-1] + 1 >= rule.needed else None
