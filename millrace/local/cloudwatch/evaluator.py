"""Evaluates alarms at each full minute of the embedded clock, and after the clock was moved.

A sliding window, as AWS has it: at each minute an alarm looks at the last periods before that minute. Where the
clock was moved (or the machine slept), the minutes in between are gone through in order: gauges are sampled for each,
and alarms look at what had been recorded. What is missing in such a gap is judged only once what the move set off
has had time to happen: nothing could run while no time passed.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import datetime

from millrace.local.cloudwatch import reasons
from millrace.local.cloudwatch.alarm import COMPOSITE_ALARM, METRIC_ALARM, Alarm, State
from millrace.local.cloudwatch.alarms import Alarms
from millrace.local.cloudwatch.evaluation import ALARM, OK, judge
from millrace.local.cloudwatch.expression import MathError
from millrace.local.cloudwatch.metrics import Metrics
from millrace.local.events.timer import Appointment, Timer
from millrace.local.world import World

log = logging.getLogger("millrace.cloudwatch")

STEP, SHORT_STEP = 60, 10
# Later than this after its moment, a minute is one of a gap.
LATE_SECONDS = 5.0
SETTLE_SECONDS = 3.0
LONGEST_GAP_SECONDS = 86400

Changed = Callable[[Alarm, Alarm], None]


class Evaluator:
    """One appointment at a time; gauges are sampled before each, `changed` is told of new states."""

    def __init__(self, world: World, alarms: Alarms, *, changed: Changed) -> None:
        self._world = world
        self._metrics: Metrics = world.metrics
        self._alarms = alarms
        self._changed = changed
        self._timer = Timer(world, name="alarms")
        self._lock = threading.RLock()
        self._next: Appointment | None = None
        self._settling = False

    def start(self) -> None:
        now = self._world.clock.now()
        self._appoint(now - now % STEP + STEP)

    def look(self, alarm: Alarm) -> None:
        """Evaluate a new or changed alarm at once; from now on as often as its period asks."""
        now = self._world.clock.now()
        with self._lock:
            self._judge(alarm, now - now % alarm.step)
            if alarm.step < STEP:
                self._appoint(min(now - now % SHORT_STEP + SHORT_STEP, self._next.due if self._next else now + STEP))

    def depend(self, alarm: Alarm) -> None:
        """Judge the composite alarms that look at this one."""
        for each in self._alarms.of((alarm.account, alarm.region)):
            if each.kind == COMPOSITE_ALARM and alarm.name in each.condition.alarms():
                self._judge_composite(each)

    def _appoint(self, moment: float) -> None:
        if self._next:
            self._next.cancel()
        self._next = self._timer.at(moment, lambda: self._due(moment))
        self._world.alarms.evaluated(moment, settled=not self._settling)

    def _due(self, moment: float) -> None:
        with self._lock:
            now = self._world.clock.now()
            try:
                if now - moment < LATE_SECONDS:
                    self._minute(int(moment))
                else:
                    self._gap(int(max(moment, now - LONGEST_GAP_SECONDS)), now)
            finally:
                short = any(alarm.step < STEP for alarm in self._alarms.all())
                step = SHORT_STEP if short else STEP
                self._appoint(now - now % step + step)

    def _sample(self, moments: Sequence[int]) -> None:
        for each in self._world.samplers:
            each(moments)

    def _minute(self, moment: int) -> None:
        if moment % STEP == 0:
            self._sample([moment])
        for alarm in self._metric_alarms():
            if moment % alarm.step == 0:
                self._judge(alarm, moment)

    def _gap(self, first: int, now: float) -> None:
        """From the minute `first` to now: the clock was moved."""
        first -= first % STEP
        self._sample(range(first, int(now) + 1, STEP))
        for alarm in self._metric_alarms():
            span = alarm.rule.periods * alarm.readings.period
            seen = sorted(
                {
                    each
                    for stat in alarm.readings.stats
                    for each in self._metrics.moments(stat.metric, first - span, now)
                }
            )
            for moment in range(first, int(now) + 1, alarm.step):
                oldest = bisect_left(seen, moment - span)
                if oldest < len(seen) and seen[oldest] < moment:
                    self._judge(alarm, moment)
        if not self._settling:
            self._settling = True
            self._world.spawn(self._settle, name="alarms settle")

    def _settle(self) -> None:
        """Wait until the clock was left alone for a moment, then judge with all that has come by now."""
        self._world.stopping.wait(SETTLE_SECONDS)
        if self._world.stopping.is_set():
            return
        with self._lock:
            self._settling = False
            now = self._world.clock.now()
            for alarm in self._metric_alarms():
                self._judge(alarm, now - now % alarm.step, until=now + 1)
            self._world.alarms.evaluated(self._next.due if self._next else now, settled=True)

    def _metric_alarms(self) -> list[Alarm]:
        return [alarm for alarm in self._alarms.all() if alarm.kind == METRIC_ALARM]

    def _judge(self, alarm: Alarm, moment: float, *, until: float | None = None) -> None:
        """Give the alarm the state that its metric had at a moment; the newest window may reach `until`."""
        if alarm.kind == COMPOSITE_ALARM:
            self._judge_composite(alarm)
            return
        period, count = alarm.readings.period, alarm.rule.range
        starts = [moment - (place + 1) * period for place in range(count)]
        windows = [(start, start + period) for start in starts]
        windows[0] = (starts[0], until or moment)
        try:
            values = alarm.readings.compute(self._metrics, windows[::-1])[alarm.watched.id][::-1]
        except MathError as error:
            log.error("alarm %s cannot be evaluated: %s", alarm.name, error)
            return
        verdict = judge(alarm.rule, values)
        if verdict.state is not None and verdict.state != alarm.state.value:
            text = reasons.reason(alarm, verdict, values, starts)
            now = self._world.clock.datetime()
            self.move(alarm, verdict.state, text, reasons.reason_data(alarm, verdict, values, starts, now))

    def _judge_composite(self, alarm: Alarm) -> None:
        place = (alarm.account, alarm.region)
        children = {name: self._alarms.find(place, name) for name in sorted(alarm.condition.alarms())}

        def state_of(name: str) -> str:
            child = children[name]
            return child.state.value if child else ""

        state = ALARM if alarm.condition.holds(state_of) else OK
        if state == alarm.state.value:
            return
        told = [
            f"{each.arn} is in {each.state.value} since {reasons.long_text(each.state.transitioned)}"
            for each in children.values()
            if each
        ]
        self.move(alarm, state, f"{alarm.arn} transitioned to {state}: {'; '.join(told)}", "")

    def move(self, alarm: Alarm, value: str, reason: str, data: str) -> None:
        """Bring the alarm into a state and tell of it."""

        def state(before: Alarm) -> State | None:
            now: datetime = self._world.clock.datetime()
            since = before.state.transitioned if before.state.value == value else now
            return State(value, reason, data, now, since)

        with self._lock:
            known = self._alarms.find((alarm.account, alarm.region), alarm.name)
            rises = known is not None and value == ALARM != known.state.value
            following = self._world.alarms.raise_alarm(alarm.account, alarm.region, alarm.name)
            with following if rises else contextlib.nullcontext():
                moved = self._alarms.move(alarm, state)
            if moved is None or moved[0].state.value == value:
                return
            self._changed(*moved)
            self.depend(moved[1])
