"""A search for hyperparameters in place of one training."""

from __future__ import annotations

import pytest

from tests.stacks.definition_sample import all_steps, document, joined, variants


def test_with_a_search_tune_takes_the_place_of_train_and_the_best_model_goes_on() -> None:
    steps = all_steps(document("tuned"))
    assert "Train" not in steps
    best = (
        "<Steps.Tune.TrainingJobDefinition.OutputDataConfig.S3OutputPath>/"
        "<Steps.Tune.BestTrainingJob.TrainingJobName>/output/model.tar.gz"
    )
    inputs = {one["InputName"]: one["S3Input"]["S3Uri"] for one in steps["Evaluate"]["Arguments"]["ProcessingInputs"]}
    (container,) = steps["RegisterModel"]["Arguments"]["InferenceSpecification"]["Containers"]
    assert joined(inputs["model"]) == joined(container["ModelDataUrl"]) == best


@pytest.mark.parametrize("variant", ["tuned-on-several-instances", "grid"])
def test_a_training_job_of_a_search_is_as_safe_as_one_without(variant: str) -> None:
    """The SDK's own tuner would leave out the volumes' key and the isolation."""
    train = all_steps(document("several-instances" if variant != "grid" else "binary"))["Train"]["Arguments"]
    tuned = all_steps(document(variant))["Tune"]["Arguments"]["TrainingJobDefinition"]
    static = tuned.pop("StaticHyperParameters")
    assert tuned == {name: value for name, value in train.items() if name != "HyperParameters"}
    searched = {each.name for each in variants()[variant].tuning.ranges}  # type: ignore[union-attr]
    assert static == {name: value for name, value in train["HyperParameters"].items() if name not in searched}


def test_a_search_says_what_is_good_and_between_what_to_look() -> None:
    config = all_steps(document("tuned"))["Tune"]["Arguments"]["HyperParameterTuningJobConfig"]
    assert config["HyperParameterTuningJobObjective"] == {"Type": "Maximize", "MetricName": "validation:auc"}
    assert config["ResourceLimits"] == {
        "MaxNumberOfTrainingJobs": 12,
        "MaxParallelTrainingJobs": 3,
        "MaxRuntimeInSeconds": 7200,
    }
    assert config["TrainingJobEarlyStoppingType"] == "Auto"
    number = {"ScalingType": "Auto"}
    assert config["ParameterRanges"] == {
        "IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "4", **number}],
        "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.01", "MaxValue": "0.3", **number}],
    }
    regression = all_steps(document("tuned-regression"))["Tune"]["Arguments"]["HyperParameterTuningJobConfig"]
    assert regression["HyperParameterTuningJobObjective"] == {"Type": "Minimize", "MetricName": "validation:rmse"}


def test_a_grid_has_values_and_as_many_jobs_as_points() -> None:
    config = all_steps(document("grid"))["Tune"]["Arguments"]["HyperParameterTuningJobConfig"]
    assert config["ResourceLimits"] == {"MaxParallelTrainingJobs": 2, "MaxRuntimeInSeconds": 7200}
    assert config["ParameterRanges"] == {
        "CategoricalParameterRanges": [
            {"Name": "max_depth", "Values": ["1", "2", "4"]},
            {"Name": "subsample", "Values": ["0.5", "0.8"]},
        ]
    }
