"""What is said beside a step, by its job's description."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from millrace.cli.executions import Step
from millrace.cli.job_notes import JobNotes, shown, training_note, tuning_note

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_training_tells_each_metric() -> None:
    metrics = [{"MetricName": "train:auc", "Value": 0.9}, {"MetricName": "validation:auc", "Value": 0.81234}]

    assert training_note({"FinalMetricDataList": metrics}) == "validation:auc 0.8123, train:auc 0.9000"


def test_a_tuning_without_a_result_tells_how_far_it_is() -> None:
    counters = {"Completed": 1, "InProgress": 2, "NonRetryableError": 1, "RetryableError": 0, "Stopped": 1}
    limits = {"ResourceLimits": {"MaxNumberOfTrainingJobs": 10}}

    told = tuning_note({"TrainingJobStatusCounters": counters, "HyperParameterTuningJobConfig": limits})

    assert told == "3 of 10 trials, 2 running, 1 failed"


def test_a_tuning_tells_the_best_trial_with_its_hyperparameters() -> None:
    best = {
        "FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": "validation:auc", "Value": 0.8234},
        "TunedHyperParameters": {"max_depth": "3", "eta": "0.123456", "booster": "dart"},
    }

    told = tuning_note({"BestTrainingJob": best, "TrainingJobStatusCounters": {"Completed": 4}})

    assert told == "4 trials; best validation:auc 0.8234 (booster dart, eta 0.1235, max_depth 3)"


@pytest.mark.parametrize(("value", "text"), [("0.100000001", "0.1"), (5, "5"), ("gbtree", "gbtree")])
def test_numbers_are_shown_with_four_digits(value: object, text: str) -> None:
    assert shown(value) == text


class Clients:
    """An account in which one training job runs; its description has no metrics yet, CloudWatch has them."""

    def __init__(self, **description: Any) -> None:
        self.described = 0
        self.queries: list[Any] = []
        self._description = {
            "TrainingJobName": "train-1",
            "TrainingStartTime": NOW,
            "LastModifiedTime": NOW,
            "AlgorithmSpecification": {"MetricDefinitions": [{"Name": "validation:auc"}, {"Name": "train:auc"}]},
            **description,
        }

    def client(self, service: str) -> Any:
        return self

    def describe_training_job(self, *, TrainingJobName: str) -> dict[str, Any]:
        self.described += 1
        return self._description

    def get_metric_data(self, *, MetricDataQueries: list[Any], **rest: Any) -> dict[str, Any]:
        self.queries = MetricDataQueries
        return {"MetricDataResults": [{"Id": "m0", "Values": [0.8, 0.7]}, {"Id": "m1", "Values": []}]}


def step(state: str) -> Step:
    arn = "arn:aws:sagemaker:ap-northeast-2:111111111111:training-job/train-1"
    return Step("Train", state, NOW, None, "", arn, "")


def notes(clients: Clients) -> JobNotes:
    return JobNotes(clients)  # type: ignore[arg-type]


def test_while_the_description_has_no_metrics_cloudwatch_is_asked_for_the_newest() -> None:
    clients = Clients()

    assert notes(clients).of(step("Executing")) == "validation:auc 0.8000"
    metric = clients.queries[0]["MetricStat"]["Metric"]
    assert metric["Namespace"] == "/aws/sagemaker/TrainingJobs"
    assert metric["Dimensions"] == [{"Name": "TrainingJobName", "Value": "train-1"}]


def test_a_job_that_waits_for_its_machine_has_no_metrics() -> None:
    clients = Clients(TrainingStartTime=None)

    assert notes(clients).of(step("Executing")) == ""
    assert not clients.queries


def test_a_step_that_has_ended_is_asked_for_once() -> None:
    clients = Clients(FinalMetricDataList=[{"MetricName": "validation:auc", "Value": 0.9}])
    same = notes(clients)

    assert {same.of(step("Succeeded")) for _ in range(3)} == {"validation:auc 0.9000"}
    assert clients.described == 1


def test_a_step_that_runs_is_asked_each_time() -> None:
    clients = Clients(FinalMetricDataList=[{"MetricName": "validation:auc", "Value": 0.9}])
    same = notes(clients)

    same.of(step("Executing"))
    same.of(step("Executing"))

    assert clients.described == 2
