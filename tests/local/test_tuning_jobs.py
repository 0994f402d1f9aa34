"""Hyperparameter tuning jobs, asked for through boto3: a search whose every try is a training job that really runs."""

from __future__ import annotations

import io
import json
import tarfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.iam_lab import allow, make_role, permit
from tests.local.tuning_lab import PARABOLA, TuningLab, x_range
from tests.sagemaker_lab import until


@pytest.fixture(scope="session")
def lab(embedded: Any) -> TuningLab:
    return TuningLab(embedded)


@pytest.fixture(scope="session")
def done(lab: TuningLab) -> dict[str, Any]:
    return lab.tuned(lab.begin(jobs=5, RandomSeed=7))


def values(lab: TuningLab, name: str, **how: Any) -> list[float]:
    return [each["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for each in lab.trained(name, **how)]


def test_the_best_training_job_is_the_one_with_the_best_objective(lab: TuningLab, done: dict[str, Any]) -> None:
    name = done["HyperParameterTuningJobName"]
    ranked = lab.trained(name, SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    best = done["BestTrainingJob"]

    assert done["HyperParameterTuningJobStatus"] == "Completed", done
    assert len(ranked) == 5
    assert best["TrainingJobName"] == ranked[0]["TrainingJobName"]
    assert values(lab, name, SortBy="FinalObjectiveMetricValue") == sorted(values(lab, name))
    assert done["TrainingJobStatusCounters"] == {
        "Completed": 5, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 0,
    }  # fmt: skip
    assert done["ObjectiveStatusCounters"] == {"Succeeded": 5, "Pending": 0, "Failed": 0}
    assert best["ObjectiveStatus"] == "Succeeded"


def test_its_training_jobs_get_their_hyperparameters_and_leave_their_models(
    lab: TuningLab, done: dict[str, Any]
) -> None:
    best = done["BestTrainingJob"]
    job = lab.sagemaker.describe_training_job(TrainingJobName=best["TrainingJobName"])
    assert job["TuningJobArn"] == done["HyperParameterTuningJobArn"]
    assert job["HyperParameters"]["x"] == best["TunedHyperParameters"]["x"]
    assert job["HyperParameters"]["_tuning_objective_metric"] == "score"
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == f"s3://{lab.bucket}/tuned/{best['TrainingJobName']}/output/model.tar.gz"
    body = lab.s3.get_object(Bucket=lab.bucket, Key=uri.split("/", 3)[3])["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        x = json.loads(archive.extractfile("x.json").read())  # type: ignore[union-attr]
    assert x == float(best["TunedHyperParameters"]["x"])
    tags = lab.sagemaker.list_tags(ResourceArn=best["TrainingJobArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "claims"}]


def test_training_jobs_are_named_after_the_tuning_job_and_numbered(lab: TuningLab, done: dict[str, Any]) -> None:
    name = done["HyperParameterTuningJobName"]
    names = [each["TrainingJobName"] for each in lab.trained(name, SortBy="Name")]
    assert [each.removeprefix(f"{name}-")[:3] for each in names] == ["001", "002", "003", "004", "005"]


def test_a_random_search_is_repeated_by_its_seed(lab: TuningLab, done: dict[str, Any]) -> None:
    again = lab.tuned(lab.begin(jobs=5, parallel=1, RandomSeed=7))
    tried = [
        sorted(each["TunedHyperParameters"]["x"] for each in lab.trained(name))
        for name in (done["HyperParameterTuningJobName"], again["HyperParameterTuningJobName"])
    ]
    assert tried[0] == tried[1]


def test_a_grid_tries_every_combination_once(lab: TuningLab) -> None:
    ranges = {
        "CategoricalParameterRanges": [
            {"Name": "x", "Values": ["0.1", "0.3"]},
            {"Name": "kind", "Values": ["a", "b", "c"]},
        ]
    }
    name = lab.begin(jobs=None, parallel=3, strategy="Grid", ranges=ranges)
    assert lab.tuned(name)["BestTrainingJob"]["TunedHyperParameters"]["x"] == "0.3"
    tried = [tuple(sorted(each["TunedHyperParameters"].items())) for each in lab.trained(name)]
    assert len(tried) == len(set(tried)) == 6


def test_a_bayesian_search_closes_in_on_the_best_value(lab: TuningLab) -> None:
    name = lab.begin(jobs=12, parallel=1, strategy="Bayesian", RandomSeed=3)
    assert lab.tuned(name)["HyperParameterTuningJobStatus"] == "Completed"
    found = values(lab, name, SortBy="Name")
    assert max(found) > 0.995
    assert max(found[6:]) >= max(found[:3])


def test_no_more_jobs_run_at_once_than_allowed(lab: TuningLab) -> None:
    """Each job waits until two have begun: with fewer than two at once nothing would end."""
    script = (
        "import boto3, os, time\n"
        "s3, bucket = boto3.client('s3'), os.environ['BUCKET']\n"
        "prefix = os.environ['PREFIX']\n"
        "s3.put_object(Bucket=bucket, Key=f\"{prefix}/{os.environ['TRAINING_JOB_NAME']}\", Body=b'')\n"
        "while s3.list_objects_v2(Bucket=bucket, Prefix=prefix)['KeyCount'] < 2: time.sleep(0.05)\n"
        "print('score=1')\n"
    )
    more = {"Environment": {"BUCKET": lab.bucket, "PREFIX": "at-once"}}
    name = lab.begin(script, jobs=3, parallel=2, more=more)
    done = lab.tuned(name)
    assert done["TrainingJobStatusCounters"]["Completed"] == 3
    spans = [(each["CreationTime"], each["TrainingEndTime"]) for each in lab.trained(name)]
    assert max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans) == 2


def test_minimizing_takes_the_lowest(lab: TuningLab) -> None:
    name = lab.begin(jobs=4, goal="Minimize", RandomSeed=1)
    best = lab.tuned(name)["BestTrainingJob"]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == pytest.approx(min(values(lab, name)))


def test_a_target_that_is_reached_ends_the_search(lab: TuningLab) -> None:
    name = lab.begin(jobs=50, parallel=1, TuningJobCompletionCriteria={"TargetObjectiveMetricValue": 0.1})
    done = lab.tuned(name)
    assert done["HyperParameterTuningJobStatus"] == "Completed"
    assert len(lab.trained(name)) == 1


def test_a_search_whose_time_is_over_before_any_job_has_completed_has_failed(lab: TuningLab, embedded: Any) -> None:
    limits = {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 1, "MaxRuntimeInSeconds": 120}
    name = lab.begin("import threading; threading.Event().wait()", ResourceLimits=limits)
    until(lambda: lab.trained(name), bool)
    embedded.advance(121)
    done = lab.tuned(name)
    assert (done["HyperParameterTuningJobStatus"], [job["TrainingJobStatus"] for job in lab.trained(name)]) == (
        "Failed",
        ["Stopped"],
    )
    assert "MaxRuntimeInSeconds was over" in done["FailureReason"]


# Good jobs tell three values; a bad one goes on until it is stopped.
EPOCHS = """
import argparse, os, pathlib, sys, threading
parser = argparse.ArgumentParser()
parser.add_argument("--kind")
kind = parser.parse_known_args()[0].kind
if kind == "bad":
    print("score=0.1")
    threading.Event().wait()
for value in (0.5, 0.6, 0.7):
    print(f"score={value}")
"""


def test_early_stopping_ends_a_job_that_is_worse_than_the_median(lab: TuningLab) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "kind", "Values": ["a", "b", "c", "bad"]}]}
    name = lab.begin(EPOCHS, jobs=None, parallel=1, strategy="Grid", ranges=ranges, TrainingJobEarlyStoppingType="Auto")
    done = lab.tuned(name)
    assert done["HyperParameterTuningJobStatus"] == "Completed"
    assert done["TrainingJobStatusCounters"]["Stopped"] == 1
    [stopped] = lab.trained(name, StatusEquals="Stopped")
    assert stopped["TunedHyperParameters"] == {"kind": "bad"}
    assert done["BestTrainingJob"]["TunedHyperParameters"] != {"kind": "bad"}


def test_metrics_are_visible_while_a_training_job_runs(lab: TuningLab) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "kind", "Values": ["bad"]}]}
    name = lab.begin(EPOCHS, jobs=None, parallel=1, strategy="Grid", ranges=ranges)
    running = until(lambda: lab.trained(name), lambda jobs: jobs and jobs[0]["TrainingJobStatus"] == "InProgress")
    job = until(
        lambda: lab.sagemaker.describe_training_job(TrainingJobName=running[0]["TrainingJobName"]),
        lambda found: found.get("FinalMetricDataList"),
    )
    assert job["TrainingJobStatus"] == "InProgress"
    assert job["FinalMetricDataList"][0]["Value"] == pytest.approx(0.1)

    lab.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert lab.tuned(name)["HyperParameterTuningJobStatus"] == "Stopped"
    assert [each["TrainingJobStatus"] for each in lab.trained(name)] == ["Stopped"]


def test_after_five_failures_and_no_success_it_gives_up_as_aws_does(lab: TuningLab) -> None:
    done = lab.tuned(lab.begin("raise SystemExit('broken')", jobs=20, parallel=1))
    assert done["HyperParameterTuningJobStatus"] == "Failed"
    assert done["FailureReason"].startswith("No training job succeeded after 5 attempts.")
    assert done["TrainingJobStatusCounters"]["NonRetryableError"] == 5
    assert "BestTrainingJob" not in done


def test_a_few_failures_are_borne(lab: TuningLab) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["bad", "0.2"]}]}
    done = lab.tuned(lab.begin(jobs=None, strategy="Grid", ranges=ranges))
    assert done["HyperParameterTuningJobStatus"] == "Completed"
    assert done["BestTrainingJob"]["TunedHyperParameters"] == {"x": "0.2"}
    assert done["ObjectiveStatusCounters"] == {"Succeeded": 1, "Pending": 0, "Failed": 1}


def resources(lab: TuningLab, **given: Any) -> str:
    """A tuning job whose training jobs' resources are given as the SageMaker SDK gives them; its name."""
    name = f"tune-{uuid.uuid4().hex[:8]}"
    definition = lab.definition()
    del definition["ResourceConfig"]
    lab.sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig=lab.config(jobs=1, parallel=1),
        TrainingJobDefinition=definition | given,
    )
    return name


RESOURCES = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}


def test_the_resources_of_the_training_jobs_may_be_given_as_those_of_the_search(lab: TuningLab) -> None:
    done = lab.tuned(resources(lab, HyperParameterTuningResourceConfig=RESOURCES))
    best = lab.sagemaker.describe_training_job(TrainingJobName=done["BestTrainingJob"]["TrainingJobName"])

    assert best["ResourceConfig"] == RESOURCES
    assert done["TrainingJobDefinition"]["HyperParameterTuningResourceConfig"] == RESOURCES
    assert "ResourceConfig" not in done["TrainingJobDefinition"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "one of them, and not both"),
        ({"ResourceConfig": RESOURCES, "HyperParameterTuningResourceConfig": RESOURCES}, "one of them, and not both"),
        ({"HyperParameterTuningResourceConfig": {"InstanceCount": 1}}, "InstanceType is missing"),
        (
            {
                "HyperParameterTuningResourceConfig": {
                    "InstanceConfigs": [{**RESOURCES, "InstanceType": "ml.m5.xlarge"}],
                    "AllocationStrategy": "Prioritized",
                }
            },
            "HyperParameterTuningResourceConfig.InstanceConfigs is not available",
        ),
    ],
)
def test_resources_that_are_missing_doubled_or_not_available_are_refused(
    lab: TuningLab, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(ClientError, match=said):
        resources(lab, **given)


@pytest.mark.parametrize(
    ("config", "definition", "said"),
    [
        ({"strategy": "Hyperband"}, {}, "strategy Hyperband is not available"),
        ({"strategy": "Grid"}, {}, "takes CategoricalParameterRanges only"),
        ({"jobs": None}, {}, "MaxNumberOfTrainingJobs is required"),
        ({"ranges": x_range("2", "1")}, {}, "MinValue must not be above MaxValue"),
        ({"ranges": x_range("a", "1")}, {}, "a number is needed"),
        ({"ranges": x_range(ScalingType="Logarithmic")}, {}, "Logarithmic needs values above 0"),
        ({}, {"static": {"x": "1"}}, "it can only be one of them"),
        ({}, {"AlgorithmSpecification": "none"}, "is not among the MetricDefinitions"),
        ({}, {"RoleArn": "arn:aws:iam::111111111111:role/nobody"}, "Could not assume role"),
    ],
)
def test_a_wrong_request_is_refused_with_the_reason(
    lab: TuningLab, config: dict[str, Any], definition: dict[str, Any], said: str
) -> None:
    if definition.get("AlgorithmSpecification"):
        given = lab.definition()["AlgorithmSpecification"]
        definition = {"AlgorithmSpecification": {k: v for k, v in given.items() if k != "MetricDefinitions"}}
    with pytest.raises(ClientError) as caught:
        lab.begin(PARABOLA, more=definition, **config)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert said in caught.value.response["Error"]["Message"]


def test_whoever_tunes_passes_the_training_jobs_role(lab: TuningLab) -> None:
    iam = lab.embedded.client("iam")
    tuner = make_role(iam, f"{lab.bucket}-tuner", "lambda.amazonaws.com", may=[allow("sagemaker:*")])
    iam.update_assume_role_policy(
        RoleName=f"{lab.bucket}-tuner",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            }
        ),
    )
    client = as_role(lab, tuner)
    request = {
        "HyperParameterTuningJobName": f"{lab.bucket}-passing",
        "HyperParameterTuningJobConfig": lab.config(jobs=1, parallel=1),
        "TrainingJobDefinition": lab.definition(),
    }
    with pytest.raises(ClientError, match="iam:PassRole"):
        client.create_hyper_parameter_tuning_job(**request)
    permit(iam, f"{lab.bucket}-tuner", allow("sagemaker:CreateHyperParameterTuningJob"), allow("iam:PassRole"))
    client.create_hyper_parameter_tuning_job(**request)
    assert lab.tuned(f"{lab.bucket}-passing")["HyperParameterTuningJobStatus"] == "Completed"


def as_role(lab: TuningLab, arn: str) -> Any:
    import boto3

    keys = lab.embedded.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    session = boto3.session.Session(
        keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name="ap-northeast-2"
    )
    return session.client("sagemaker", endpoint_url=lab.embedded.url)


def test_a_tuning_job_that_ran_when_the_server_ended_has_failed(
    embedded_factory: Callable[..., Any], tmp_path: Path
) -> None:
    lab = TuningLab(embedded_factory(tmp_path))
    ranges = {"CategoricalParameterRanges": [{"Name": "kind", "Values": ["bad"]}]}
    name = lab.begin(EPOCHS, jobs=None, parallel=1, strategy="Grid", ranges=ranges)
    until(lambda: lab.trained(name), lambda jobs: bool(jobs))
    lab.embedded.stop()
    again = embedded_factory(tmp_path).client("sagemaker")
    found = again.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert found["HyperParameterTuningJobStatus"] == "Failed"
    assert "was stopped" in found["FailureReason"]
