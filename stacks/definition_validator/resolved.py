"""What an expression stands for before the run: a type, and as much of the value as is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Known:
    """A value the expression may have; `origin` tells the reader where it comes from."""

    value: Any
    origin: str = ""


@dataclass(frozen=True)
class Resolved:
    """A typed unknown. `example` is a text of the form it will have, `least_length` how long it is at least."""

    kind: str
    source: str = ""
    values: tuple[Known, ...] = ()
    example: str | None = None
    least_length: int = 0

    @property
    def scalar(self) -> bool:
        return self.kind not in ("structure", "list", "map")

    @property
    def text(self) -> str | None:
        """The first known value as it is joined into a text."""
        return str(self.values[0].value) if self.values else None


ANY = Resolved("any")

_ACCEPTED = {
    "string": {"string", "timestamp"},
    "timestamp": {"string", "timestamp"},
    "integer": {"integer", "long"},
    "long": {"integer", "long"},
    "float": {"integer", "long", "float", "double"},
    "double": {"integer", "long", "float", "double"},
}


def fits_shape(resolved: Resolved, type_name: str) -> bool:
    """Whether a value of this kind may stand where the API wants `type_name`."""
    return resolved.kind == "any" or resolved.kind in _ACCEPTED.get(type_name, {type_name})
