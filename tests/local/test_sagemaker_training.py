"""Training jobs in script mode, asked for through boto3 and really run."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest

from tests.sagemaker_lab import JobLab


@pytest.fixture(scope="session")
def lab(embedded: Any) -> JobLab:
    return JobLab(embedded)


TRAIN = """
import argparse, json, os, pathlib
from helper import rows
parser = argparse.ArgumentParser()
parser.add_argument("--max_depth", type=int)
parser.add_argument("--eta", type=float)
options = parser.parse_args()
for auc in (0.5, 0.75):
    print(f"[1]\\ttrain-auc:0.9\\tvalidation-auc:{auc}")
model = {"depth": options.max_depth, "eta": options.eta, "rows": rows(os.environ["SM_CHANNEL_TRAIN"]),
         "hps": json.loads(os.environ["SM_HPS"]), "where": os.getcwd().rsplit("/", 1)[1]}
pathlib.Path(os.environ["SM_MODEL_DIR"], "model.json").write_text(json.dumps(model))
pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"], "notes.txt").write_text("ok")
"""
HELPER = "import pathlib\n\ndef rows(folder):\n    return len(pathlib.Path(folder, 'train.csv').read_text().split())\n"


def test_training_runs_the_script_as_the_image_does_and_delivers_its_model(lab: JobLab) -> None:
    job = lab.train({"train.py": TRAIN, "helper.py": HELPER}, hyperparameters={"max_depth": "4", "eta": "0.3"})
    assert job["TrainingJobStatus"] == "Completed", job
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == f"s3://{lab.bucket}/models/{job['TrainingJobName']}/output/model.tar.gz"
    body = lab.s3.get_object(Bucket=lab.bucket, Key=uri.split("/", 3)[3])["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        assert archive.getnames() == ["model.json"]
        model = json.loads(archive.extractfile("model.json").read())  # type: ignore[union-attr]
    assert model == {"depth": 4, "eta": 0.3, "rows": 2, "hps": {"max_depth": 4, "eta": 0.3}, "where": "code"}
    assert lab.keys(f"models/{job['TrainingJobName']}/output/output.tar.gz")


def test_a_job_without_a_key_is_described_with_an_empty_one(lab: JobLab) -> None:
    job = lab.sagemaker.describe_training_job(TrainingJobName=lab.train({"train.py": "pass"})["TrainingJobName"])
    assert job["OutputDataConfig"]["KmsKeyId"] == ""


def test_training_metrics_are_the_last_values_in_the_log(lab: JobLab) -> None:
    job = lab.train({"train.py": TRAIN, "helper.py": HELPER})
    metrics = {each["MetricName"]: each["Value"] for each in job["FinalMetricDataList"]}
    assert metrics == {"validation:auc": pytest.approx(0.75)}
    states = [each["Status"] for each in job["SecondaryStatusTransitions"]]
    assert states == ["Starting", "Downloading", "Training", "Uploading", "Completed"]


def test_equal_models_give_equal_archives(lab: JobLab) -> None:
    script = "import os, pathlib\npathlib.Path(os.environ['SM_MODEL_DIR'], 'm').write_text('same')\n"
    etags = {
        lab.s3.head_object(
            Bucket=lab.bucket,
            Key=lab.train({"train.py": script})["ModelArtifacts"]["S3ModelArtifacts"].split("/", 3)[3],
        )["ETag"]
        for _ in range(2)
    }
    assert len(etags) == 1


def test_the_failure_file_of_training_is_its_failure_reason(lab: JobLab) -> None:
    script = (
        "import os, pathlib, sys\n"
        "pathlib.Path(os.environ['SM_OUTPUT_DIR'], 'failure').write_text('one class only')\nsys.exit(2)\n"
    )
    job = lab.train({"train.py": script}, EnableNetworkIsolation=True)
    assert job["FailureReason"] == "AlgorithmError: one class only, exit code: 2"
    assert job["SecondaryStatus"] == "Failed"
    assert lab.keys(f"models/{job['TrainingJobName']}") == []
