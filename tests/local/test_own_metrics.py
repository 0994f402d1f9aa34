"""The metrics of AWS's own image: they cannot be defined, and what a script prints as XGBoost would is found."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from millrace.local.sagemaker.own_metrics import definitions, with_own_metrics
from tests.local.tuning_lab import TuningLab
from tests.sagemaker_lab import IMAGE, OWN_IMAGE

AS_XGBOOST = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
ETA = {"ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.3"}]}
PRINTS = "print('[7]\\ttrain-auc:0.9\\tvalidation-auc:0.8')\n"


@pytest.fixture(scope="session")
def lab(embedded: Any) -> TuningLab:
    return TuningLab(embedded)


def test_a_script_that_prints_as_xgboost_does_has_metrics_without_any_definition(lab: TuningLab) -> None:
    job = lab.train({"train.py": PRINTS}, AlgorithmSpecification=AS_XGBOOST)
    assert {each["MetricName"]: round(each["Value"], 3) for each in job["FinalMetricDataList"]} == {
        "train:auc": 0.9,
        "validation:auc": 0.8,
    }
    assert job["AlgorithmSpecification"]["MetricDefinitions"] == definitions()


def test_defining_metrics_for_the_image_is_refused_as_aws_does(lab: TuningLab) -> None:
    mine = {**AS_XGBOOST, "MetricDefinitions": [{"Name": "validation:auc", "Regex": "auc=(.+)"}]}
    with pytest.raises(ClientError, match="You can't override the metric definitions for Amazon SageMaker algorithms"):
        lab.train({"train.py": PRINTS}, AlgorithmSpecification=mine)
    with pytest.raises(ClientError, match="You can't override the metric definitions for Amazon SageMaker algorithms"):
        lab.begin(ranges=ETA, more={"AlgorithmSpecification": mine})


def test_a_search_goes_by_a_metric_of_the_image(lab: TuningLab) -> None:
    objective = {"Type": "Maximize", "MetricName": "validation:auc"}
    name = lab.begin(
        PRINTS,
        ranges=ETA,
        jobs=1,
        parallel=1,
        more={"AlgorithmSpecification": AS_XGBOOST},
        HyperParameterTuningJobObjective=objective,
    )
    best = lab.tuned(name)["BestTrainingJob"]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == pytest.approx(0.8)


def test_a_search_for_what_aws_does_not_tune_is_refused(lab: TuningLab) -> None:
    objective = {"Type": "Maximize", "MetricName": "validation:auc"}
    with pytest.raises(ClientError, match=r"untunable hyperparameters: \[x\]. For the algorithm"):
        lab.begin(more={"AlgorithmSpecification": AS_XGBOOST}, HyperParameterTuningJobObjective=objective)


def test_a_copy_of_the_image_in_a_repository_of_ones_own_is_no_algorithm_of_aws() -> None:
    mine = {"TrainingImage": OWN_IMAGE, "MetricDefinitions": [{"Name": "score", "Regex": "score=(.+)"}]}
    assert with_own_metrics(mine) == mine
