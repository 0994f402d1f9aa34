"""The subset of JSONPath that DataProcessing knows ("Supported JSONPath Operators" in the SageMaker Developer Guide).

`$`, `.name`, `*`, `['a','b']`, `[0,2,-1]` and `[start:end]`, whose end AWS's page calls included.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from millrace.local.sagemaker.transform.errors import CLIENT, FileFailed

NAME, NUMBER = r"'([^']*)'", r"-?\d+"
TOKENS = re.compile(
    rf"\.?\[\s*(?P<names>{NAME}(?:\s*,\s*{NAME})*)\s*\]"
    rf"|\[\s*(?P<slice>(?:{NUMBER})?\s*:\s*(?:{NUMBER})?)\s*\]"
    rf"|\[\s*(?P<indexes>{NUMBER}(?:\s*,\s*{NUMBER})*)\s*\]"
    r"|(?P<any>\.\*|\[\*\])"
    r"|\.(?P<child>[^.\[\]'*\s]+)"
)


@dataclass(frozen=True)
class Step:
    """One part of a path: `many` when it gives several values, on each of which the rest of the path is applied."""

    kind: str
    wanted: tuple[Any, ...] = ()

    @property
    def many(self) -> bool:
        return self.kind in ("any", "slice") or (self.kind == "indexes" and len(self.wanted) > 1)


@dataclass(frozen=True)
class JsonPath:
    text: str
    steps: tuple[Step, ...]

    @property
    def is_root(self) -> bool:
        return not self.steps

    @property
    def for_rows(self) -> bool:
        """Whether it can be applied to a row of a CSV file: indexes only."""
        return all(step.kind in ("slice", "indexes", "any") for step in self.steps)

    def of(self, document: Any) -> Any:
        """What the path selects; FileFailed when it leads nowhere."""
        return _select(document, self.steps, self.text)


def parse(text: str) -> JsonPath:
    """The path; ValueError says where it is not understood."""
    if not text.startswith("$"):
        raise ValueError(f"'{text}' does not begin with $")
    steps: list[Step] = []
    position = 1
    while position < len(text):
        match = TOKENS.match(text, position)
        if match is None:
            raise ValueError(f"'{text}' is not understood at '{text[position:]}'")
        steps.append(_step(match))
        position = match.end()
    return JsonPath(text, tuple(steps))


def _step(match: re.Match[str]) -> Step:
    if match["names"] is not None:
        return Step("names", tuple(re.findall(NAME, match["names"])))
    if match["slice"] is not None:
        ends = [part.strip() for part in match["slice"].split(":")]
        return Step("slice", tuple(int(end) if end else None for end in ends))
    if match["indexes"] is not None:
        return Step("indexes", tuple(int(part) for part in match["indexes"].split(",")))
    return Step("any") if match["any"] else Step("names", (match["child"],))


def _select(value: Any, steps: tuple[Step, ...], text: str) -> Any:
    for number, step in enumerate(steps):
        try:
            value = SELECTORS[step.kind](value, step.wanted)
        except (KeyError, IndexError, TypeError) as error:
            raise FileFailed(CLIENT, f"{text} selects nothing in a record") from error
        if step.many:
            return [_select(item, steps[number + 1 :], text) for item in value]
    return value


def _names(value: Any, wanted: tuple[str, ...]) -> Any:
    if not isinstance(value, dict):
        raise TypeError
    return value[wanted[0]] if len(wanted) == 1 else {name: value[name] for name in wanted}


def _indexes(value: Any, wanted: tuple[int, ...]) -> Any:
    if not isinstance(value, list):
        raise TypeError
    return value[wanted[0]] if len(wanted) == 1 else [value[index] for index in wanted]


def _slice(value: Any, wanted: tuple[int | None, int | None]) -> Any:
    if not isinstance(value, list):
        raise TypeError
    start, end = wanted
    return value[start : None if end in (None, -1) else end + 1]


def _any(value: Any, _wanted: tuple[()]) -> Any:
    return list(value.values()) if isinstance(value, dict) else list(value)


SELECTORS: dict[str, Callable[[Any, Any], Any]] = {
    "names": _names,
    "indexes": _indexes,
    "slice": _slice,
    "any": _any,
}
