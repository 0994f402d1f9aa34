"""`millrace approve`: let a model version go live, and watch its deployment."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from millrace.cli import screen, serving
from millrace.cli.connect import Connection, Options
from millrace.cli.progress import Progress, Row
from millrace.errors import MillraceError

QUIET_SECONDS = 120.0


def approve(
    context: typer.Context,
    version: Annotated[
        str | None, typer.Argument(help="A version: `3` or `claims-fraud/3` (default: the newest that is pending).")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model, when several are registered.")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not watch the deployment.")] = False,
) -> None:
    """Approve a model version; its deployment starts by itself. Waits until the endpoint serves it.

    Example: millrace approve claims-fraud/3
    """
    options: Options = context.obj
    connection = options.connect()
    wanted = serving.find_version(connection, version, model=model)
    deployment = Deployment(connection, wanted)
    start(connection, wanted)
    if no_wait:
        screen.say("The deployment goes on by itself: `millrace` shows where it is.")
    else:
        watch(deployment)


def start(connection: Connection, version: serving.Version) -> None:
    """Set the version to Approved: that event is all that a deployment needs."""
    connection.client("sagemaker").update_model_package(
        ModelPackageArn=version.arn,
        ModelApprovalStatus=serving.APPROVED,
        ApprovalDescription="Approved with `millrace approve`",  # a reason for rejecting it may stand there
    )
    screen.say(f"  Approved {version}.")


def watch(deployment: Deployment) -> None:
    """Show the serving stack's resources as they change, until the endpoint serves the version."""
    with Progress() as progress:
        while not deployment.served():
            deployment.notice_refusal()
            progress.update(deployment.rows())
            time.sleep(deployment.connection.poll_seconds)
        progress.update(deployment.rows())
    screen.say(f"  The endpoint {deployment.version.model} serves {deployment.version}.", screen.GOOD)


class Deployment:
    """A version's way to the endpoint, seen through the serving stack's events; make it before the approval."""

    def __init__(self, connection: Connection, version: serving.Version) -> None:
        self.connection = connection
        self.version = version
        self._stack = serving.serving_stack(connection, version.model)
        self._before = {event.id for event in serving.events(connection, self._stack)}
        self._since = time.monotonic()
        self._seen = 0

    def served(self) -> bool:
        endpoint = serving.endpoint(self.connection, self.version.model)
        if endpoint is None or endpoint.package != self.version.arn:
            return False
        if endpoint.state == "Failed":
            raise MillraceError(f"the endpoint {endpoint.name} failed: {endpoint.failure}")
        return endpoint.state == "InService" and self._settled()

    def notice_refusal(self) -> None:
        """The deploy function checks a version first, and marks one that must not be served as Rejected."""
        now = serving.version(self.connection, self.version.arn)
        if now.state == serving.REJECTED:
            raise MillraceError(now.reason or f"{self.version} was rejected before it was deployed")

    def _settled(self) -> bool:
        """The endpoint serves before its stack has cleaned up; the next update is possible only after that."""
        found = self.connection.client("cloudformation").describe_stacks(StackName=self._stack)["Stacks"][0]
        return not found["StackStatus"].endswith("_IN_PROGRESS")

    def rows(self) -> list[Row]:
        """One row per resource that changed, in the order of their first event."""
        events = self._new_events()
        self._notice_silence(len(events))
        first: dict[str, serving.Event] = {}
        rows: dict[str, Row] = {}
        for event in events:
            started = first.setdefault(event.resource, event).when
            over = not event.state.endswith("IN_PROGRESS")
            seconds = ((event.when if over else datetime.now(UTC)) - started).total_seconds()
            rows[event.resource] = Row(event.resource, event.state, max(seconds, 0.0), event.reason)
        own = rows.pop(self._stack, None)  # the stack ends last
        return [*rows.values(), *([own] if own else [])]

    def _new_events(self) -> list[serving.Event]:
        new = [event for event in serving.events(self.connection, self._stack) if event.id not in self._before]
        new.reverse()
        for event in new:
            if event.resource == self._stack and event.state.endswith(("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")):
                failed = next((each for each in new if each.state.endswith("_FAILED")), event)
                raise MillraceError(
                    f"the deployment of {self.version} was rolled back: "
                    f"{failed.resource} ({failed.kind}): {failed.reason}"
                )
        return new

    def _notice_silence(self, seen: int) -> None:
        if seen != self._seen:
            self._seen, self._since = seen, time.monotonic()
        elif not seen and self.connection.embedded and time.monotonic() - self._since > QUIET_SECONDS:
            raise MillraceError(
                f"the stack {self._stack} did not begin to change in {QUIET_SECONDS:.0f} s: "
                "see `millrace logs deploy-model`"
            )
