"""A champion that cannot be scored on the rows does not count, and the verdict says why."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate_lab import evaluate, verdict, world

REASONS = {
    "other-label": "its label is 'z', this model's is 'y'",
    "other-column": "column 'gone': is missing; needed: x, noise, 지역, gone",
    "other-kind": "column 'x': holds numbers here, but the model takes it as a category",
    "turned": "its classes are 1, 0, this model's 0, 1",
    "other-problem": "it solves a regression problem, this model a binary one",
}


@functools.cache
def outputs() -> Path:
    folder = world().folder
    (folder / "torn").mkdir()
    whole = (folder / "weak" / "model.tar.gz").read_bytes()
    (folder / "torn" / "model.tar.gz").write_bytes(whole[: len(whole) // 2])
    calls = [_call(name) for name in (*REASONS, "torn", "named")]
    calls.append(_call("two-grades") | {"model": folder / "grades", "test": folder / "grades-test"})
    calls.append(_call("missing-folder"))
    shutil.rmtree(folder / "missing-folder", ignore_errors=True)
    assert evaluate(*calls) == [""] * len(calls)
    return folder / "champions"


def _call(name: str) -> dict[str, object]:
    folder = world().folder
    return {
        "model": folder / "good", "champion": folder / name, "champion_version": "made-up/7", "floor": 0.6,
        "test": folder / "test", "output": folder / "champions" / name,
    }  # fmt: skip


def found(name: str) -> dict[str, Any]:
    return verdict(outputs() / name)


@pytest.mark.parametrize("name", REASONS)
def test_a_champion_that_does_not_fit_the_rows_does_not_count(name: str) -> None:
    assert found(name)["champion"] == {
        "version": "made-up/7", "metrics": {}, "difference": None, "problem": REASONS[name],
    }  # fmt: skip
    gate = found(name)["gate"]
    assert (gate["outcome"], gate["register"]) == ("first", 1)
    assert gate["sentence"].endswith(f"; the champion made-up/7 does not count: {REASONS[name]}.")


def test_a_champion_whose_classes_are_spelled_out_is_scored() -> None:
    assert found("named")["champion"]["problem"] is None
    assert found("named")["gate"]["outcome"] == "kept"


def test_a_torn_archive_does_not_count_either_and_the_reason_stays_short() -> None:
    document = found("torn")
    assert document["gate"]["outcome"] == "first"
    assert len(document["champion"]["problem"]) <= 100
    assert len(document["gate"]["sentence"]) <= 256  # what the registry takes
    assert document["champion"]["problem"].startswith("model.tar.gz cannot be read: "), "the folder is no news"


def test_nor_does_one_of_other_classes() -> None:
    problem = found("two-grades")["champion"]["problem"]
    assert problem == "its classes are 낮음, middle, this model's 낮음, middle, <i>high</i>"


def test_a_run_by_hand_needs_no_champion_folder() -> None:
    assert found("missing-folder")["champion"] is None


def test_the_report_says_why_it_does_not_count() -> None:
    page = (outputs() / "two-grades" / "report.html").read_text()
    assert "could not be measured on these rows: its classes are 낮음, middle, this model" in page
    assert "<i>high</i>" not in page
