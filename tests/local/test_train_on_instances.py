"""The Train step's own code as a training job of the embedded AWS, on two isolated instances."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest

from tests.sagemaker_lab import JobLab, channel, tar_gz
from tests.step_runs import CODE, finished_run

CHANNELS = ("train", "validation", "features")


@pytest.fixture(scope="session")
def lab(embedded: Any) -> JobLab:
    return JobLab(embedded)


def test_two_isolated_instances_train_the_model_of_the_step_code(lab: JobLab) -> None:
    parts = finished_run("regression").parts
    channels = []
    for name in CHANNELS:
        for path in (parts / name).iterdir():
            lab.put(f"train-step/{name}/{path.name}", path.read_bytes())
        channels.append(channel(name, f"s3://{lab.bucket}/train-step/{name}/"))
    files = {path.name: path.read_text() for path in CODE.glob("*.py") if not path.name.startswith("definition")}
    channels.append(channel("code", lab.put("train-step/code.gz", tar_gz(files))))
    job = lab.train(
        {},
        InputDataConfig=channels,
        hyperparameters={"num_round": "40", "max_depth": "4", "subsample": "1"},
        EnableNetworkIsolation=True,
        ResourceConfig={"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
    )
    assert job["TrainingJobStatus"] == "Completed", job
    key = job["ModelArtifacts"]["S3ModelArtifacts"].split("/", 3)[3]
    with tarfile.open(fileobj=io.BytesIO(lab.s3.get_object(Bucket=lab.bucket, Key=key)["Body"].read())) as archive:
        names = set(archive.getnames())
        decision = json.load(archive.extractfile("decision.json"))  # type: ignore[arg-type]
    assert {"model.json", "features.json", "decision.json", "profile.json", "code/inference.py"} <= names
    assert decision["validation_metric"] == "rmse"
    assert decision["validation_value"] < 3
