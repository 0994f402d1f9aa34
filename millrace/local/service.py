"""What a service of the embedded AWS is: a name and one handler per operation, called by the gateway.

A handler gets the caller and the operation's parameters, already parsed and validated against
botocore's model, and answers with the operation's output as plain Python values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Caller:
    """Who makes a request, and where: `account` has 12 digits, `arn` names the root, user or session."""

    account: str
    region: str
    access_key: str
    arn: str


class ServiceError(Exception):
    """An error as AWS answers it: `code` is the exception's name in the service's model."""

    def __init__(self, code: str, message: str, *, status: int = 400, **fields: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields


Handler = Callable[[Caller, dict[str, Any]], dict[str, Any] | None]


class Service(Protocol):
    """One AWS service. When `complete`, an operation it lacks is refused; else moto answers it."""

    name: str
    complete: bool

    @property
    def operations(self) -> Mapping[str, Handler]: ...
