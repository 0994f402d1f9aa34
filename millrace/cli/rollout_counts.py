"""What a rollout has to hold, counted from every request of the load and from the alarms. For rollout.py."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from millrace.cli import screen, serving
from millrace.cli.connect import Connection
from millrace.cli.rollout_load import LOST, Answer

OK, RAISED = 200, 500
LOOK_SECONDS = 0.05
NEVER = float("inf")
ENOUGH = 100
"""So many requests a good version must have answered in each part of its way: with fewer nothing would be shown."""


@dataclass(frozen=True)
class Window:
    """From when to when, in this machine's time."""

    begin: float
    end: float

    def holds(self, answer: Answer) -> bool:
        return self.begin <= answer.sent <= self.end


@dataclass
class Alarm:
    """The first alarm of the new fleet that was seen to ring."""

    seen: float = NEVER
    name: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Fault:
    """What the bad model is expected to do, and how many requests must have met it.

    An alarm compares shares, so it may ring for the first failure among few requests: how many came before is chance.
    """

    words: str
    raises: bool
    least: int


@dataclass(frozen=True)
class Outcome:
    requests: int
    lost: int
    failed: int
    """Without those that the bad model failed before its alarm: for that it is rolled out to a few."""
    expected: int
    bad_after: int
    checks: Sequence[tuple[str, bool]] = field(default_factory=tuple)
    told: str = ""
    """What was shown, in plain words; true only if everything holds."""

    @property
    def holds(self) -> bool:
        return all(held for _, held in self.checks)

    def show(self) -> None:
        screen.heading("6. What has to hold")
        for text, held in self.checks:
            screen.say(f"  {'yes' if held else 'NO ':<4} {text}", screen.GOOD if held else screen.BAD)
        broken = sum(not held for _, held in self.checks)
        screen.say()
        screen.say(
            f"{broken} of {len(self.checks)} do not hold: nothing is shown by this run." if broken else self.told
        )
        screen.say()
        screen.say(
            f"{self.requests:,} requests, {self.lost:,} lost, {self.failed:,} failed, {self.bad_after:,} answered by "
            f"the bad model after the alarm ({self.expected:,} failed by it before)",
            screen.STRONG,
        )


@contextmanager
def watching(connection: Connection, account: str, version: str) -> Iterator[Alarm]:
    """Looks at the alarms of the version's fleet all the time, and notes when one rings: the state is never set."""
    found, done = Alarm(), threading.Event()
    prefix = f"millrace-{account}-serving-{version.replace('/', '-')}-"
    client = connection.client("cloudwatch", connections=1, attempts=5)

    def look() -> None:
        while not done.wait(LOOK_SECONDS) and found.seen == NEVER:
            ringing = client.describe_alarms(AlarmNamePrefix=prefix, StateValue="ALARM")["MetricAlarms"]
            if ringing:
                found.seen = time.time()
                found.name, found.reason = ringing[0]["AlarmName"], ringing[0].get("StateReason", "")
                screen.say(f"  {found.name} rings: {found.reason}", screen.BUSY)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


class Judge:
    """What the answers show of three versions: one that served before, a good one, a bad one."""

    def __init__(
        self,
        answers: Sequence[Answer],
        *,
        good: Window,
        begun: float,
        names: Sequence[str],
        alarm: Alarm,
        fault: Fault,
        enough: int,
    ) -> None:
        self.first, self.second, self.third = names
        self.answers = sorted(answers, key=lambda each: each.sent)
        self.fault, self._alarm, self._enough = fault, alarm, enough
        self._good, self._bad = good, Window(begun, alarm.seen)
        self.lost = sum(each.status == LOST for each in answers)
        failed = [each for each in self.answers if each.status not in (OK, LOST)]
        # Only what its fault explains, and only as long as it had traffic; anything else failed without excuse.
        excused = [each for each in failed if fault.raises and self._bad.holds(each) and each.status == RAISED]
        self.excused = len(excused)
        self.failed = [each for each in failed if each not in excused]
        meanwhile = [each for each in self.answers if good.holds(each)]
        last = max((each.sent for each in meanwhile if each.version == self.first), default=NEVER)
        of_second = [each for each in meanwhile if each.version == self.second]
        self.beside, self.alone = sum(each.sent < last for each in of_second), sum(e.sent > last for e in of_second)
        self._others = {each.version for each in meanwhile if each.status == OK} - {self.first, self.second}
        during = [each.version for each in self.answers if self._bad.holds(each) and each.status == OK]
        self.tried = during.count(self.third) + self.excused
        self.met = self.excused if fault.raises else during.count(self.third)
        self.old_beside = during.count(self.second)
        self.after = [each for each in self.answers if each.sent > alarm.seen]
        self.bad_after = sum(each.version == self.third for each in self.after)
        self.good_after = sum(each.version == self.second for each in self.after)

    def checks(self, package: serving.Package, served: Mapping[str, str]) -> list[tuple[str, bool]]:
        first, second, third, enough, least = self.first, self.second, self.third, self._enough, self.fault.least
        turns = min(self.beside, self.alone) >= enough and not self._others
        where = ", ".join(f"{name} {version}" for name, version in served.items())
        in_good = any(self._good.holds(each) for each in self.failed)
        return [
            ("no request is lost", not self.lost),
            (f"no request fails while {second} is rolled out", not in_good),
            ("none fails at any other time, but for the fault of the bad model", not self.failed),
            (f"{first} and {second} both answer meanwhile, then {second} alone (at least {enough:,} each)", turns),
            (f"an alarm rings for {third} from the metrics of its own requests", self._alarm.seen < NEVER),
            (
                f"{third} has a part of the requests until then, {second} the rest; {least:,} or more met its fault",
                self.met >= least and self.old_beside > 0,
            ),
            (
                f"no request after the alarm reaches {third}, none fails, and {second} answers ({enough:,})",
                not self.bad_after and all(each.status == OK for each in self.after) and self.good_after >= enough,
            ),
            (f"{third} is Rejected, and the registry says why", _told(package)),
            (f"every account serves {second} again ({where})", set(served.values()) == {second}),
        ]

    def told(self) -> str:
        took = f"took {self._median(self.third):.0f} ms for one, {self.second} takes {self._median(self.second):.0f} ms"
        did = f"failed {self.excused:,} of them" if self.fault.raises else took
        return (
            f"{self.first} served prod. {self.second} took over by canary under load: it answered {self.beside:,} "
            f"requests beside {self.first}, then {self.alone:,} alone, and none was lost or failed.\n"
            f"{self.third} was bad: {self.fault.words}. Its smoke test could not tell. In its canary it had "
            f"{self.tried:,} requests and {did}, until {self._alarm.name} rang. From then on {self.second} answered "
            f"every request ({self.good_after:,}).\n"
            f"{self.third} is Rejected, the registry says why, and every account serves {self.second}."
        )

    def _median(self, version: str) -> float:
        return statistics.median([each.milliseconds for each in self.answers if each.version == version] or [0.0])


def judge(
    answers: Sequence[Answer],
    *,
    good: Window,
    begun: float,
    names: Sequence[str],
    alarm: Alarm,
    fault: Fault,
    package: serving.Package,
    served: Mapping[str, str],
    enough: int = ENOUGH,
) -> Outcome:
    """`begun` is when the bad version was promoted."""
    found = Judge(answers, good=good, begun=begun, names=names, alarm=alarm, fault=fault, enough=enough)
    checks = found.checks(package, served)
    return Outcome(
        len(answers), found.lost, len(found.failed), found.excused, found.bad_after, tuple(checks), found.told()
    )


def _told(package: serving.Package) -> bool:
    back = any(key.endswith("_back") for key in package.records)
    return package.version.state == serving.REJECTED and bool(package.version.reason) and back
