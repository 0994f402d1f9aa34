"""Which log `millrace logs` shows for a step, by the step's job."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from millrace.cli.connect import Connection
from millrace.cli.executions import Step
from millrace.cli.logs import show_step

TUNING = "arn:aws:sagemaker:r:1:hyper-parameter-tuning-job/tune-1"


def step(job: str, *, note: str = "") -> Step:
    return Step(name="Step", state="Succeeded", started=None, ended=None, failure="", job=job, note=note)


class Clients:
    """An account whose log streams have a line each, that names its stream."""

    class exceptions:  # as boto3 spells it
        ResourceNotFoundException = KeyError

    def __init__(self, *, best: str = "", trials: tuple[str, ...] = ()) -> None:
        self._best, self._trials = best, trials

    def client(self, _: str) -> Clients:
        return self

    def describe_hyper_parameter_tuning_job(self, **_: Any) -> dict[str, Any]:
        return {"BestTrainingJob": {"TrainingJobName": self._best}} if self._best else {}

    def list_training_jobs_for_hyper_parameter_tuning_job(self, **_: Any) -> dict[str, Any]:
        return {"TrainingJobSummaries": [{"TrainingJobName": name} for name in self._trials]}

    def get_paginator(self, _: str) -> Any:
        return SimpleNamespace(
            paginate=lambda logGroupName, logStreamNamePrefix: [
                {"events": [{"message": f"{logGroupName}:{logStreamNamePrefix}"}]}
            ]
        )


def shown(clients: Clients, one: Step, capsys: pytest.CaptureFixture[str], *, asked: bool = True) -> str:
    show_step(cast(Connection, clients), one, asked=asked)
    return capsys.readouterr().out


def test_a_tuning_shows_the_log_of_its_best_trial_and_says_which_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    told = shown(Clients(best="trial-3", trials=("trial-9",)), step(TUNING), capsys)

    assert "Step (Succeeded, the best trial, trial-3)" in told
    assert "/aws/sagemaker/TrainingJobs:trial-3/" in told


def test_a_tuning_without_a_best_trial_shows_the_newest_one(capsys: pytest.CaptureFixture[str]) -> None:
    told = shown(Clients(trials=("trial-9",)), step(TUNING), capsys)

    assert "the newest trial, trial-9" in told
    assert "/aws/sagemaker/TrainingJobs:trial-9/" in told


def test_a_step_that_calls_a_function_names_the_command_for_its_log(capsys: pytest.CaptureFixture[str]) -> None:
    function = step("arn:aws:lambda:r:1:function:millrace-dev-read-verdict")

    assert "`millrace logs millrace-dev-read-verdict`" in shown(Clients(), function, capsys)
    assert shown(Clients(), function, capsys, asked=False) == ""


def test_a_step_without_a_job_says_so_when_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    told = shown(Clients(), step("", note="the condition is true"), capsys)

    assert "runs no job, so it has no log (the condition is true)" in told
