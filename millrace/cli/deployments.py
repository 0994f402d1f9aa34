"""A version's way to the endpoint of an account, seen through the events of the stack that owns the endpoint."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from millrace.cli import records, screen, serving
from millrace.cli.connect import Connection
from millrace.cli.places import Place
from millrace.cli.progress import Progress, Row
from millrace.errors import MillraceError

QUIET_SECONDS = 120.0
SMOKE_SECONDS = 300.0
PATIENCE_SECONDS = 30.0


class Deployment:
    """Make it before the approval or the rejection that starts it."""

    def __init__(self, registry: Connection, place: Place, version: serving.Version, *, named: bool = False) -> None:
        assert place.connection
        self.place = place
        self.version = version
        self._registry = registry
        self._connection = place.connection
        self._named = named
        self._stack = serving.serving_stack(self._connection, version.model)
        self._before = {event.id for event in serving.events(self._connection, self._stack)}
        before = self._package()
        self._smoke_before, self._blocked_before = before.smoke(place.account.name), self._blocked(before)
        self._since = time.monotonic()
        self._seen = 0
        self._served_since = 0.0
        self._over = False

    @property
    def embedded(self) -> bool:
        return self._connection.embedded

    def over(self) -> bool:
        """Whether the endpoint serves the version and the smoke test has told; never again otherwise."""
        self._over = self._over or (self._served() and self._tested())
        return self._over

    def notice_refusal(self) -> None:
        """The version is checked, tested and watched on its way, and marked as Rejected by whoever finds a fault."""
        now = self._package()
        if now.version.state == serving.REJECTED:
            raise MillraceError(now.version.reason or f"{self.version} was rejected before it was deployed")
        if (blocked := self._blocked(now)) != self._blocked_before:
            where = f" in {self.place}" if self._named else ""
            raise MillraceError(f"{self.version} is not deployed{where}: {records.untimed(blocked)}")

    def outcome(self) -> str:
        """One sentence, once it is over."""
        where = f"in {self.place} " if self._named else ""
        found = serving.live(self._connection, self.version.model)
        name = found.name if found else self.version.model
        smoke = records.finding(self._smoke()) if self._changed() else ""
        return f"The endpoint {name} {where}serves {self.version}." + (f" Smoke test: {smoke}." if smoke else "")

    def rows(self) -> list[Row]:
        """One row per resource that changed, in the order of their first event."""
        events = self._new_events()
        self._notice_silence(len(events))
        now = self._connection.now() if events else datetime.now(UTC)
        first: dict[str, serving.Event] = {}
        rows: dict[str, Row] = {}
        for event in events:
            started = first.setdefault(event.resource, event).when
            over = not event.state.endswith("IN_PROGRESS")
            seconds = ((event.when if over else now) - started).total_seconds()
            rows[event.resource] = Row(event.resource, event.state, max(seconds, 0.0), event.reason)
        own = rows.pop(self._stack, None)  # the stack ends last
        return [self._labelled(row) for row in [*rows.values(), *([own] if own else [])]]

    def _labelled(self, row: Row) -> Row:
        prefix = f"{self.place} " if self._named and row.name != self._stack else ""
        return replace(row, name=prefix + row.name)

    def _served(self) -> bool:
        endpoint = serving.live(self._connection, self.version.model)
        if endpoint is None or endpoint.package != self.version.arn:
            return False
        if endpoint.state == "Failed":
            raise MillraceError(f"the endpoint {endpoint.name} failed: {endpoint.failure}")
        return endpoint.state == "InService" and self._settled()

    def _settled(self) -> bool:
        """The endpoint serves before its stack has cleaned up; the next update is possible only after that."""
        found = self._connection.client("cloudformation").describe_stacks(StackName=self._stack)["Stacks"][0]
        return not found["StackStatus"].endswith("_IN_PROGRESS")

    def _tested(self) -> bool:
        """Nothing is waited for where no smoke test runs, or where nothing was deployed."""
        if not self.place.account.smoke_tests or not self._seen or self._changed():
            return True
        self._served_since = self._served_since or time.monotonic()
        return time.monotonic() - self._served_since > SMOKE_SECONDS

    def _changed(self) -> bool:
        return self._smoke() != self._smoke_before

    def _smoke(self) -> str:
        return self._package().smoke(self.place.account.name)

    def _blocked(self, package: serving.Package) -> str:
        """Why the account's deploy function starts no deployment, if something is missing for it."""
        return package.records.get(f"{self.place.account.name}_blocked", "")

    def _package(self) -> serving.Package:
        return serving.package(self._registry, self.version.arn)

    def _new_events(self) -> list[serving.Event]:
        new = [event for event in serving.events(self._connection, self._stack) if event.id not in self._before]
        new.reverse()
        for event in new:
            if event.resource == self._stack and event.state.endswith(("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")):
                failed = next((each for each in new if each.state.endswith("_FAILED")), event)
                where = f" in {self.place}" if self._named else ""
                raise MillraceError(
                    f"the deployment of {self.version}{where} was rolled back: "
                    f"{failed.resource} ({failed.kind}): {failed.reason}"
                )
        return new

    def _notice_silence(self, seen: int) -> None:
        if seen != self._seen:
            self._seen, self._since = seen, time.monotonic()
        elif not seen and self._connection.embedded and time.monotonic() - self._since > QUIET_SECONDS:
            raise MillraceError(
                f"the stack {self._stack} did not begin to change in {QUIET_SECONDS:.0f} s: "
                f"see `millrace logs deploy-model{f' --account {self.place}' if self._named else ''}`"
                + (f" ({self._blocked_before})" if self._blocked_before else "")
            )


def follow(registry: Connection, places: Sequence[Place], version: serving.Version) -> list[Deployment]:
    """What to watch: a deployment per account that is at hand and has a stack for the model; the rest is said."""
    found = []
    for place in places:
        if place.connection is None:
            screen.say(
                f"  {place} is not looked at: no profile of the account {place.account.id} is in use; "
                f"`millrace history {version}` shows what it tells.",
                screen.BUSY,
            )
        elif not has_stack(place, version.model):
            screen.say(
                f"  {place}: no stack serves {version.model} there yet; it will take {version} once it is deployed."
            )
        else:
            found.append(Deployment(registry, place, version, named=len(places) > 1 or bool(place.account.stage)))
    return found


def has_stack(place: Place, model: str) -> bool:
    assert place.connection
    return any(each["StackName"].endswith(f"-Serving-{model}") for each in serving.stacks(place.connection))


def watch(deployments: Sequence[Deployment]) -> None:
    """Show what changes until every account serves its version and has tested it; then say so."""
    if not deployments:
        return
    began, told = time.monotonic(), False
    with Progress() as progress:
        while not all(each.over() for each in deployments):
            for each in deployments:
                each.notice_refusal()
            progress.update([row for each in deployments for row in each.rows()])
            if not told and time.monotonic() - began > PATIENCE_SECONDS and any(each.embedded for each in deployments):
                told = True
                screen.say(
                    "  A canary takes minutes: `millrace clock 5m` moves the embedded AWS's clock.", screen.FAINT
                )
            time.sleep(max(each.place.connection.poll_seconds for each in deployments if each.place.connection))
        progress.update([row for each in deployments for row in each.rows()])
    for each in deployments:
        screen.say(f"  {each.outcome()}", screen.GOOD)
