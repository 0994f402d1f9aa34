"""`millrace compare` shows runs side by side."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.verdict_lab import VerdictLab, make, verdict
from tests.local.pipeline_bench import parameter

PARAMETERS = [
    parameter("MaxDepth", "Integer", DefaultValue=4),
    parameter("Eta", "Float", DefaultValue=0.1),
    parameter("InputUri", "String", DefaultValue="s3://artifacts/inputs/a/"),
]


@pytest.fixture
def verdicts(embedded: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> VerdictLab:
    return make(embedded, monkeypatch, capsys)


def cells(out: str, name: str) -> list[str]:
    """The cells of the row with this name."""
    row = next(line for line in out.splitlines() if line.strip().startswith(name + "  "))
    return [cell.strip() for cell in row.strip().removeprefix(name).split("  ") if cell.strip()]


def test_two_runs_are_shown_side_by_side(verdicts: VerdictLab) -> None:
    kept = verdict(auc=0.79, outcome="kept", sentence="The champion claims-fraud/3 is kept")
    one = verdicts.run(verdicts.evaluate(verdict()), parameters=PARAMETERS)
    other = verdicts.run(verdicts.evaluate(kept), parameters=PARAMETERS, MaxDepth="6")

    answer = verdicts("compare", one, other)

    assert answer.code == 0, answer.err
    assert cells(answer.out, "run") == [one, other]
    assert cells(answer.out, "outcome") == ["better", "kept"]
    assert cells(answer.out, "auc") == ["0.824 (0.764 to 0.874)", "0.79 (0.73 to 0.84)"]
    assert cells(answer.out, "champion") == ["claims-fraud/3"] * 2
    assert cells(answer.out, "difference") == ["+0.023 (-0.01 to +0.05)"] * 2
    assert cells(answer.out, "MaxDepth") == ["4", "6"]
    assert cells(answer.out, "resamples won") == ["95.0%"] * 2
    assert cells(answer.out, "suspects") == ["area"] * 2
    assert "drift" not in answer.out
    assert "Parameters that are the same\n  Eta 0.1\n" in answer.out
    assert cells(answer.out, "data") == ["d" * 12] * 2
    assert len(cells(answer.out, "Evaluate")) == 2
    assert f"{other}: The champion claims-fraud/3 is kept" in answer.out


def test_a_run_that_failed_before_its_verdict_is_told(verdicts: VerdictLab) -> None:
    good = verdicts.run(verdicts.evaluate(verdict()))
    bad = verdicts.run(verdicts.bench.processing("Preprocess", "sys.exit('no rows')"))

    answer = verdicts("compare", good, bad)

    assert answer.code == 0, answer.err
    assert cells(answer.out, "outcome") == ["better", "none"]
    assert cells(answer.out, "auc")[1] == "-"
    assert f"{bad}: the run {bad} has no report: its step Evaluate is not started" in answer.out
    assert "Preprocess failed: " in answer.out


def test_everything_is_there_as_json(verdicts: VerdictLab) -> None:
    name = verdicts.bench.create(
        verdicts.evaluate(verdict(), CacheConfig={"Enabled": True, "ExpireAfter": "PT1H"}), parameters=PARAMETERS
    )
    one, other = verdicts.again(name), verdicts.again(name)

    first, second = json.loads(verdicts("compare", one, other, "--json").out)["runs"]

    assert (first["run"], second["run"]) == (one, other)
    assert first["parameters"] == {"Eta": "0.1", "InputUri": "s3://artifacts/inputs/a/", "MaxDepth": "4"}
    assert first["verdict"] == second["verdict"] == verdict()
    assert [step["cached"] for run in (first, second) for step in run["steps"]] == [False, True]
    assert cells(verdicts("compare", one, other).out, "Evaluate")[1] == "cached"


def test_one_run_alone_is_not_compared(verdicts: VerdictLab) -> None:
    answer = verdicts("compare", "latest")

    assert answer.code == 1
    assert "compare needs two runs at least" in answer.err


def test_the_same_run_twice_is_not_compared(verdicts: VerdictLab) -> None:
    run = verdicts.run(verdicts.evaluate(verdict()))

    answer = verdicts("compare", run, run[:10])

    assert answer.code == 1
    assert f"the run {run} is named twice" in answer.err
