"""Faults as one types them for `millrace chaos`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.cli.chaos import fault
from millrace.errors import MillraceError


def typed(kind: str, text: str, by: str = "*", seconds: float | None = None) -> dict[str, Any]:
    return fault(kind, text, by=by, seconds=seconds)


@pytest.mark.parametrize(
    ("kind", "text", "meant"),
    [
        ("drop", "1%", {"what": "*", "rate": 0.01}),
        ("duplicate", "0.2", {"what": "*", "rate": 0.2}),
        ("drop", "Object Created=#3", {"what": "Object Created", "nth": 3}),
        ("throttle", "sagemaker:StartPipelineExecution=50%x3", {"rate": 0.5, "times": 3}),
        ("crash", "after:dynamodb:*=1%", {"when": "after", "what": "dynamodb:*", "rate": 0.01}),
        ("crash", "before:#7", {"when": "before", "what": "*", "nth": 7}),
        ("crash", "dynamodb:PutItem=#1", {"what": "dynamodb:PutItem", "nth": 1}),
        ("redeliver", "after:a-queue=20%", {"when": "after", "what": "a-queue", "rate": 0.2}),
    ],
)
def test_a_fault_is_a_pattern_and_a_share(kind: str, text: str, meant: dict[str, Any]) -> None:
    assert meant.items() <= typed(kind, text).items()


@given(st.floats(0, 100).map(lambda number: round(number, 6)), st.text(alphabet="abc:*= ", max_size=12))
def test_any_pattern_with_any_percentage_is_read(percent: float, what: str) -> None:
    made = typed("drop", f"{what}={percent:f}%")

    assert made["what"] == (what or "*")
    assert made["rate"] == pytest.approx(percent / 100)


def test_seconds_are_for_what_can_be_late() -> None:
    assert typed("delay", "1%", seconds=60)["seconds"] == 60
    assert "seconds" not in typed("drop", "1%", seconds=60)


@pytest.mark.parametrize("text", ["", "often", "20%%", "Object Created", "x3", "1%x", "=", "-1%"])
def test_what_is_no_share_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(MillraceError, match="write 20%"):
        typed("drop", text)
