"""The metrics that Lambda publishes of every invocation."""

from __future__ import annotations

from millrace.local.lambdas.functions import Function, Reference
from millrace.local.lambdas.process import Outcome
from millrace.local.world import World

NAMESPACE = "AWS/Lambda"
THROTTLED = "TooManyRequestsException"
COUNT = "Count"


def ran(world: World, reference: Reference, outcome: Outcome) -> None:
    """An invocation that came to the function, well or not."""
    values = {
        "Invocations": (1.0, COUNT),
        "Errors": (float(outcome.failed), COUNT),
        "Throttles": (0.0, COUNT),
        "Duration": (outcome.seconds * 1000, "Milliseconds"),
    }
    _publish(world, reference, values)


def refused(world: World, reference: Reference, code: str) -> None:
    """Lambda did not start the function; only throttling is counted, and as no invocation."""
    if code == THROTTLED:
        _publish(world, reference, {"Throttles": (1.0, COUNT)})


def running(world: World, function: Function, at_once: int) -> None:
    """How many invocations of the function run at the same time."""
    world.metrics.publish(
        NAMESPACE,
        account=function.account,
        region=function.region,
        dimensions=[{"FunctionName": function.name}],
        values={"ConcurrentExecutions": (float(at_once), COUNT)},
    )


def queued(world: World, reference: Reference, name: str) -> None:
    """Lambda's own queue: AsyncEventsReceived, AsyncEventsDropped, failures of what comes after."""
    _publish(world, reference, {name: (1.0, COUNT)})


def _publish(world: World, reference: Reference, values: dict[str, tuple[float, str]]) -> None:
    """By function, by the version or alias that was called, and over all functions."""
    name = reference.name
    resource = f"{name}:{reference.qualifier}" if reference.qualifier else name
    world.metrics.publish(
        NAMESPACE,
        account=reference.account,
        region=reference.region,
        dimensions=[{"FunctionName": name}, {"FunctionName": name, "Resource": resource}, {}],
        values=values,
    )
