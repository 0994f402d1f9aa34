"""Models that nobody wrote code for: a table of one's own, several classes, a search, several instances, no header."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import RAW, ROOT, Deployed, predictions

SOURCES = ("app.py", "settings", "stacks", "pipeline_code", "lambda", "millrace", "cdk.json")
TUNING = """
[tuning]
strategy = "Random"
max_jobs = 3
parallel_jobs = 2
early_stopping = false

[tuning.ranges]
max_depth = [1, 3]
eta = [0.05, 0.3]
"""
TOLERANCE = 0.05


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with models of its own: penguins as `millrace new` makes them, but tuned; a pair."""
    from millrace.demo_data import generate_penguins

    folder = tmp_path_factory.mktemp("project")
    for name in SOURCES:
        source = ROOT / name
        ignored = shutil.ignore_patterns("__pycache__")
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copyfile(source, folder / name)
    generate_penguins(folder)
    run(folder, "-m", "millrace", "new", "penguins.csv", "--label", "species")
    models = folder / "settings" / "models"
    penguins = models / "penguins.toml"
    penguins.write_text(penguins.read_text("utf-8") + TUNING, "utf-8")
    claims = (models / "claims-fraud.toml").read_text("utf-8")
    assert claims.count("instance_count = 1") == 3, "processing, training and endpoint"
    (models / "claims-pair.toml").write_text(claims.replace("instance_count = 1", "instance_count = 2"), "utf-8")
    return folder


@pytest.fixture(scope="module")
def world(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    from tests.conftest import Embedded

    assembly = project / "cdk.out"
    run(project, "app.py", CDK_OUTDIR=str(assembly), CDK_VALIDATION="false")
    embedded = Embedded(tmp_path_factory.mktemp("kinds"))
    try:
        made = Deployed(embedded, assembly)
        made.millrace("deploy", "Dev/*", "--assembly", str(assembly), "--no-synth")
        yield made
    finally:
        embedded.stop()


def test_a_table_of_ones_own_with_several_classes_is_tuned_trained_and_served(world: Deployed, project: Path) -> None:
    world.millrace("drop", str(project / "penguins.csv"), "--model", "penguins")
    arn = finished_run(world, "penguins")

    steps = world.steps(arn)
    assert "Train" not in steps
    tuned = steps["Tune"]["Metadata"]["TuningJob"]["Arn"].rsplit("/", 1)[-1]
    job = world.client("sagemaker").describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuned)
    assert job["TrainingJobStatusCounters"]["Completed"] == 3
    [package] = packages(world, "penguins")
    container = package["InferenceSpecification"]["Containers"][0]
    assert job["BestTrainingJob"]["TrainingJobName"] in container["ModelDataUrl"], "the best model is registered"
    told = package["CustomerMetadataProperties"]
    assert (told["outcome"], told["metric"]) == ("first", "accuracy")

    approve(world, "penguins", package)
    with (project / "penguins.csv").open(newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    species = row.pop("species")
    answer = invoke(world, "penguins", row)
    assert set(answer) == {"scores", "decision"}
    assert answer["decision"] in answer["scores"]
    assert sum(answer["scores"].values()) == pytest.approx(1, abs=1e-5)
    assert species in answer["scores"]
    printed = world.millrace("analyze", str(project / "penguins.csv"), "--model", "penguins").stdout
    assert "rows answered by penguins/1" in printed
    assert "accuracy " in printed


def test_two_instances_make_the_model_that_one_makes(world: Deployed, tables: Path) -> None:
    """The base table comes in four files, which the two instances of Preprocess share."""
    s3 = world.client("s3")
    header, *lines = (tables / "claims.csv").read_text().splitlines(keepends=True)
    for model in ("claims-fraud", "claims-pair"):
        for part in range(4):
            body = header + "".join(lines[part::4])
            s3.put_object(Bucket=RAW, Key=f"raw/{model}/claims/part-{part}.csv", Body=body.encode())
        s3.upload_file(str(tables / "customers.csv"), RAW, f"raw/{model}/customers/customers.csv")

    runs = {model: finished_run(world, model) for model in ("claims-fraud", "claims-pair")}

    verdicts = {model: verdict(world, arn) for model, arn in runs.items()}
    alone, pair = verdicts["claims-fraud"], verdicts["claims-pair"]
    assert pair["data"]["test_rows"] == alone["data"]["test_rows"], "a row's part does not depend on the instances"
    assert pair["metrics"]["auc"]["value"] == pytest.approx(alone["metrics"]["auc"]["value"], abs=TOLERANCE)
    job = world.steps(runs["claims-pair"])["Train"]["Metadata"]["TrainingJob"]["Arn"].rsplit("/", 1)[-1]
    described = world.client("sagemaker").describe_training_job(TrainingJobName=job)
    assert described["ResourceConfig"]["InstanceCount"] == 2


def test_a_regression_on_a_file_without_header_predicts_numbers(world: Deployed, tmp_path: Path) -> None:
    from millrace.demo_data import generate_abalone

    made = generate_abalone(tmp_path)
    lines = made.file.read_text("utf-8").splitlines(keepends=True)
    file = tmp_path / "abalone.data"
    file.write_text("".join(lines if "length" not in lines[0] else lines[1:]), "utf-8")
    world.millrace("drop", str(file))
    arn = finished_run(world, "abalone")

    told = verdict(world, arn)
    assert told["gate"]["metric"] == "rmse"
    assert made.best_rmse * 0.9 < told["metrics"]["rmse"]["value"] < told["gate"]["floor"]
    [package] = packages(world, "abalone")
    approve(world, "abalone", package)
    names = [
        "sex",
        "length",
        "diameter",
        "height",
        "whole_weight",
        "shucked_weight",
        "viscera_weight",
        "shell_weight",
        "rings",
    ]
    row = dict(zip(names, file.read_text("utf-8").splitlines()[0].split(","), strict=True))
    rings = float(row.pop("rings"))
    assert invoke(world, "abalone", row)["prediction"] == pytest.approx(rings, abs=10)
    printed = world.millrace("analyze", str(file), "--model", "abalone", "--columns", ",".join(names)).stdout
    assert "rows answered by abalone/1" in printed
    assert "rmse " in printed


def run(folder: Path, *arguments: str, **env: str) -> str:
    ended = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, timeout=300
    )
    if ended.returncode:
        pytest.fail(f"{' '.join(arguments)}\n{ended.stdout}\n{ended.stderr}", pytrace=False)
    return ended.stdout


def finished_run(world: Deployed, model: str) -> str:
    sagemaker = world.client("sagemaker")

    def started() -> list[dict[str, Any]]:
        return list(sagemaker.list_pipeline_executions(PipelineName=model)["PipelineExecutionSummaries"])

    [execution] = world.until(f"a run of {model}", started)
    arn = str(execution["PipelineExecutionArn"])
    assert world.finished(arn)["PipelineExecutionStatus"] == "Succeeded", world.steps(arn)
    return arn


def verdict(world: Deployed, arn: str) -> dict[str, Any]:
    [package] = [
        step["Metadata"]["RegisterModel"]["Arn"]
        for step in world.steps(arn).values()
        if "RegisterModel" in step["Metadata"]
    ]
    described = world.client("sagemaker").describe_model_package(ModelPackageName=package)
    bucket, _, key = described["CustomerMetadataProperties"]["verdict_uri"].removeprefix("s3://").partition("/")
    return dict(json.loads(world.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()))


def packages(world: Deployed, model: str) -> list[dict[str, Any]]:
    sagemaker = world.client("sagemaker")
    listed = sagemaker.list_model_packages(ModelPackageGroupName=model)["ModelPackageSummaryList"]
    return [sagemaker.describe_model_package(ModelPackageName=each["ModelPackageArn"]) for each in listed]


def approve(world: Deployed, model: str, package: dict[str, Any]) -> None:
    sagemaker = world.client("sagemaker")
    arn = package["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")

    def in_service() -> bool:
        endpoints = {each["EndpointName"]: each for each in sagemaker.list_endpoints()["Endpoints"]}
        return model in endpoints and endpoints[model]["EndpointStatus"] == "InService"

    world.until(f"the endpoint {model}", in_service)


def invoke(world: Deployed, model: str, row: dict[str, str]) -> dict[str, Any]:
    runtime = world.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName=model, ContentType="application/json", Body=json.dumps(row))
    [prediction] = predictions(answer)
    return prediction
