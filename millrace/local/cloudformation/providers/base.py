"""What a provider is: how one resource type is made, changed and deleted through the AWS API.

The executor calls `create`, records the result, then `complete`: what fails in `complete` leaves a
resource that exists and is deleted when the stack rolls back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from botocore.exceptions import ClientError

from millrace.local.cloudformation.errors import ResourceError, Stopping
from millrace.local.cloudformation.names import generated_name

Properties = Mapping[str, Any]
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5


@dataclass(frozen=True)
class Context:
    """Where a resource lives, and clients to reach the API: with the stack's rights, and with CloudFormation's own."""

    account: str
    region: str
    stack_name: str
    stack_id: str
    logical_id: str
    seed: str
    client: Callable[[str], Any]
    own_client: Callable[[str], Any]
    stopping: threading.Event

    def name(self, *, limit: int, lower: bool = False, separator: str = "-") -> str:
        return generated_name(
            self.stack_name, self.logical_id, self.seed, limit=limit, lower=lower, separator=separator
        )

    def arn(self, service: str, resource: str, *, region: bool = True, account: bool = True) -> str:
        where = f"{self.region if region else ''}:{self.account if account else ''}"
        return f"arn:aws:{service}:{where}:{resource}"

    def wait(self, done: Callable[[], bool], *, what: str, seconds: float) -> None:
        """Ask `done` again and again, ever more slowly, until it says so or `seconds` have passed."""
        deadline, pause = time.monotonic() + seconds, FIRST_PAUSE
        while not done():
            if self.stopping.wait(pause):
                raise Stopping
            if time.monotonic() > deadline:
                raise ResourceError(f"{what} did not stabilize within {seconds:g} seconds")
            pause = min(pause * 1.5, LONGEST_PAUSE)


@dataclass(frozen=True)
class Made:
    """A resource that exists: what Ref answers and what GetAtt answers."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def adding(self, **attributes: Any) -> Made:
        return replace(self, attributes={**self.attributes, **attributes})


class Provider(Protocol):
    """One resource type. `attributes` are the names that GetAtt may ask for."""

    @property
    def attributes(self) -> frozenset[str]: ...

    @property
    def name_property(self) -> str | None:
        """The property that names the resource: with a name of one's own a replacement is refused."""

    def refused(self, properties: Properties) -> list[str]:
        """Properties that this provider has no code for."""

    def create(self, ctx: Context, properties: Properties) -> Made: ...

    def complete(self, ctx: Context, made: Made, properties: Properties) -> Made: ...

    def update(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made: ...

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None: ...


class Base:
    """Defaults for providers written by hand: subclasses give create, apply and delete.

    `apply` brings an existing resource from the old properties (none at first) to the new ones;
    `handled` are the properties that the provider's code looks at.
    """

    attributes: frozenset[str] = frozenset()
    name_property: str | None = None
    handled: frozenset[str] = frozenset()

    def refused(self, properties: Properties) -> list[str]:
        return sorted(properties.keys() - self.handled)

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        return made

    def complete(self, ctx: Context, made: Made, properties: Properties) -> Made:
        return self.apply(ctx, made, {}, properties)

    def update(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        return self.apply(ctx, made, old, new)


def is_missing(error: ClientError) -> bool:
    """Whether the API says that the resource is not there (any more)."""
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if any(sign in code for sign in ("NotFound", "NoSuch", "NonExistent", "DoesNotExist")):
        return True
    return code.startswith("Validation") and any(
        sign in message for sign in ("Could not find", "does not exist", "not found", "No scalable", "No scaling")
    )
