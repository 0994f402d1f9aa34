"""`millrace runs` and `report` say the verdict, show what was cached, and what a running job measures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.verdict_lab import BETTER, SUSPECT, VerdictLab, make, verdict
from tests.local.pipeline_bench import Workbench, eventually, fail, training
from tests.local.test_pipeline_tuning_and_transform import tune
from tests.local.tuning_lab import TuningLab

MESSAGE = "claims: 9 % of the rows are bad, at most 5 % may be"


@pytest.fixture
def verdicts(embedded: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> VerdictLab:
    return make(embedded, monkeypatch, capsys)


def test_the_end_of_a_run_says_the_verdict(verdicts: VerdictLab) -> None:
    run = verdicts.run(verdicts.evaluate(verdict()))

    for answer in (verdicts("runs", run), verdicts("runs", run, "--follow")):
        assert answer.code == 0
        assert f"Verdict: {BETTER}" in answer.out
        assert answer.out.index("Verdict:") < answer.out.index("Succeeded after")


def test_a_model_below_the_floor_is_told_with_its_sentence_and_exit_code_1(verdicts: VerdictLab) -> None:
    sentence = "Below the floor: AUC 0.612, at least 0.70 is wanted"
    told = verdict(auc=0.612, outcome="below-floor", sentence=sentence)
    run = verdicts.run(verdicts.evaluate(told), fail("BelowFloor", "see the report", DependsOn=["Evaluate"]))

    answer = verdicts("runs", run)

    assert answer.code == 1
    assert f"Verdict: {sentence}" in answer.out
    assert "BelowFloor: see the report" in answer.out


def test_a_run_without_a_verdict_ends_as_before(verdicts: VerdictLab) -> None:
    run = verdicts.run(verdicts.evaluate(None))

    answer = verdicts("runs", run)

    assert answer.code == 0
    assert "Verdict" not in answer.out


def test_another_pipelines_evaluate_step_has_no_verdict_and_does_no_harm(verdicts: VerdictLab) -> None:
    run = verdicts.run(verdicts.bench.processing("Evaluate", "", outputs=()))

    assert verdicts("runs", run).code == 0
    assert f"the step Evaluate of the run {run} has no output 'evaluation'" in verdicts("report", run).err


def test_the_report_begins_with_the_verdict(verdicts: VerdictLab) -> None:
    run = verdicts.run(verdicts.evaluate(verdict()))

    lines = verdicts("report", run).out.splitlines()

    assert lines[:2] == [BETTER, f"  {SUSPECT}"]
    assert Path(lines[2]).read_text() == "<!doctype html>"


def test_a_cached_step_is_shown_as_cached_with_the_run_it_comes_from(verdicts: VerdictLab) -> None:
    name = verdicts.bench.create(verdicts.evaluate(verdict(), CacheConfig={"Enabled": True, "ExpireAfter": "PT1H"}))
    first, second = verdicts.again(name), verdicts.again(name)

    assert verdicts("runs", first).out.splitlines()[1].split()[:2] == ["Evaluate", "Succeeded"]
    cached = verdicts("runs", second).out
    assert cached.splitlines()[1].split()[:2] == ["Evaluate", "cached"]
    assert f"the result of the run {first}" in cached
    assert f"Verdict: {BETTER}" in cached


def test_a_failed_step_says_the_sentence_that_its_job_left(verdicts: VerdictLab) -> None:
    code = f"open(os.environ['WHERE'], 'w').write('{MESSAGE}')\nsys.exit(1)\n"
    where = {"WHERE": "/opt/ml/output/message"}
    run = verdicts.run(verdicts.bench.processing("Preprocess", code, environment=where))

    answer = verdicts("runs", run)

    assert answer.code == 1
    assert f"  Preprocess: {MESSAGE}" in answer.out.splitlines()


def test_the_list_says_of_a_failed_run_which_step_failed_and_why_in_one_short_line(verdicts: VerdictLab) -> None:
    code = f"open(os.environ['WHERE'], 'w').write('{MESSAGE}' + ', again' * 100)\nsys.exit(1)\n"
    where = {"WHERE": "/opt/ml/output/message"}
    run = verdicts.run(verdicts.bench.processing("Preprocess", code, environment=where))

    [line] = [line for line in verdicts("runs").out.splitlines() if line.startswith(run)]

    assert f"Preprocess: {MESSAGE}" in line
    assert line.endswith("...")


def test_a_training_that_runs_shows_its_newest_metrics(verdicts: VerdictLab) -> None:
    script = "import threading\nprint('auc=0.5')\nprint('auc=0.75', flush=True)\nthreading.Event().wait()\n"
    arn = verdicts.bench.start(verdicts.bench.create(training(verdicts.bench, script)))

    row = eventually(lambda: row_with(verdicts, arn, "validation:auc"))
    verdicts.bench.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="t" * 32)

    assert "Executing" in row
    assert row.endswith("validation:auc 0.7500")
    verdicts.bench.ended(arn)


def test_a_training_that_has_ended_shows_its_last_metrics(verdicts: VerdictLab) -> None:
    run = verdicts.run(training(verdicts.bench, "print('auc=0.8125')"))

    assert "validation:auc 0.8125" in verdicts("runs", run).out.splitlines()[1]


def test_a_tuning_shows_its_trials_and_the_best_of_them(embedded: object, verdicts: VerdictLab) -> None:
    run = verdicts.run(tune(TuningLab(embedded)))

    row = verdicts("runs", run).out.splitlines()[1]

    assert "3 of 3 trials; best score " in row
    assert "(x 0." in row


def row_with(verdicts: VerdictLab, arn: str, text: str) -> str | None:
    rows = verdicts("runs", arn).out.splitlines()
    return next((row for row in rows if text in row), None)


@pytest.mark.parametrize("told", [verdict(), None])
def test_a_run_that_goes_on_has_no_verdict_yet(verdicts: VerdictLab, told: dict[str, object] | None) -> None:
    bench: Workbench = verdicts.bench
    waits = bench.waiting("Preprocess", puts="going/here", awaits="going/on")
    arn = bench.start(bench.create(waits, verdicts.evaluate(told, DependsOn=["Preprocess"])))

    going = verdicts("runs", arn)
    bench.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="u" * 32)

    assert "Executing for" in going.out
    assert "Verdict" not in going.out
    bench.ended(arn)
