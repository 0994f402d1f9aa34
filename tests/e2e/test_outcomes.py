"""What a run can end with, and what it does not do twice: first, kept, below the floor, too few; cached steps."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import ARTIFACTS, MODEL, RAW, Deployed

JOBS = ("Preprocess", "Train", "Evaluate")


@pytest.fixture(scope="module")
def first_run(deployed: Deployed, tables: Path) -> str:
    """The run that the upload of both tables started."""
    for table in ("claims", "customers"):
        body = (tables / f"{table}.csv").read_bytes()
        deployed.client("s3").put_object(Bucket=RAW, Key=f"raw/{MODEL}/{table}/{table}.csv", Body=body)
    [execution] = deployed.until("the start of a run", deployed.executions)
    arn = str(execution["PipelineExecutionArn"])
    assert deployed.finished(arn)["PipelineExecutionStatus"] == "Succeeded", deployed.steps(arn)
    return arn


def test_a_first_model_passes_on_the_floor_alone_and_the_registry_tells_why(deployed: Deployed, first_run: str) -> None:
    [package] = packages(deployed)
    told = describe(deployed, package)["CustomerMetadataProperties"]

    assert told["outcome"] == "first"
    assert told["champion"] == "none"
    assert 0 < float(told["threshold"]) < 1
    low, high = map(float, told["interval"].split(" to "))
    assert low < float(told["value"]) < high
    assert all(len(value) <= 256 for value in told.values())
    assert told["manifest_uri"].startswith(told["input_uri"])


def test_the_registry_names_the_very_model_that_was_evaluated(deployed: Deployed, first_run: str) -> None:
    import hashlib

    described = describe(deployed, packages(deployed)[0])
    uri = described["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]

    digest = hashlib.sha256(read(deployed, uri)).hexdigest()

    assert described["CustomerMetadataProperties"]["model_sha256"] == digest


def test_an_unchanged_rerun_hits_the_cache_and_says_so(deployed: Deployed, first_run: str) -> None:
    again = start(deployed, first_run)

    steps = deployed.steps(again)

    assert {name: "CacheHitResult" in steps[name] for name in JOBS} == dict.fromkeys(JOBS, True)
    hit = steps["Train"]["CacheHitResult"]["SourcePipelineExecutionArn"]
    assert hit == first_run
    assert steps["ResolveChampion"].get("CacheHitResult") is None, "who the champion is must be asked every time"


def test_another_hyperparameter_misses_where_it_matters_and_only_there(deployed: Deployed, first_run: str) -> None:
    steps = deployed.steps(start(deployed, first_run, MaxDepth="3"))

    assert {name: "CacheHitResult" in steps[name] for name in JOBS} == {
        "Preprocess": True,
        "Train": False,
        "Evaluate": False,
    }


def test_below_the_floor_the_run_fails_with_the_reason_and_the_report(deployed: Deployed, first_run: str) -> None:
    before = packages(deployed)

    arn = start(deployed, first_run, AucFloor="0.999", expected="Failed")

    failed = deployed.steps(arn)["BelowFloor"]
    assert failed["StepStatus"] == "Failed"
    assert "report.html" in failed["FailureReason"]
    assert verdict(deployed, arn)["gate"]["outcome"] == "below-floor"
    assert packages(deployed) == before


def test_with_too_few_positives_nobody_can_tell(deployed: Deployed, first_run: str) -> None:
    before = packages(deployed)

    arn = start(deployed, first_run, MinSupport="100000", expected="Failed")

    assert "Not enough positives to tell" in deployed.steps(arn)["TooFewPositives"]["FailureReason"]
    gate = verdict(deployed, arn)["gate"]
    assert (gate["outcome"], gate["register"]) == ("too-few", 0)
    assert "Not enough positives to tell" in gate["sentence"]
    assert packages(deployed) == before


def test_a_challenger_that_is_not_better_leaves_the_champion_and_the_run_succeeds(
    deployed: Deployed, first_run: str
) -> None:
    package = packages(deployed)[0]
    deployed.client("sagemaker").update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    deployed.until("the endpoint", lambda: endpoint_state(deployed) == "InService")
    before = packages(deployed)

    arn = start(deployed, first_run)

    told = verdict(deployed, arn)
    assert told["gate"]["outcome"] == "kept"
    assert told["champion"]["version"] == f"{MODEL}/{package.rsplit('/', 1)[-1]}"
    assert told["champion"]["difference"]["value"] == 0.0, "the champion was scored on the same rows"
    assert packages(deployed) == before
    said = deployed.millrace("runs", arn.rsplit("/", 1)[-1]).stdout
    assert "champion" in said.lower()
    assert told["gate"]["sentence"][:40] in " ".join(said.split())


def test_bad_rows_go_to_quarantine_with_their_reasons_and_the_rest_is_trained_on(
    deployed: Deployed, first_run: str, tables: Path
) -> None:
    rows = list(csv.reader((tables / "claims.csv").read_text().splitlines()))
    place = {name: rows[0].index(name) for name in ("policy_id", "vehicle_claim", "fraud")}
    rows[2000][place["vehicle_claim"]] = "plenty"
    rows[2100][place["fraud"]] = "maybe"
    rows[2200].append("one too many")
    rows[2300] = rows[2301]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    known = {execution["PipelineExecutionArn"] for execution in deployed.executions()}
    deployed.client("s3").put_object(Bucket=RAW, Key=f"raw/{MODEL}/claims/claims.csv", Body=text.getvalue().encode())

    arn = deployed.until("a run", lambda: new_run(deployed, known))

    assert deployed.finished(arn)["PipelineExecutionStatus"] == "Succeeded"
    prefix = f"s3://{ARTIFACTS}/quarantine/{MODEL}/runs/{arn.rsplit('/', 1)[-1]}/claims"
    bad = list(csv.DictReader(io.StringIO(read(deployed, f"{prefix}/rows.csv").decode("utf-8"))))
    assert {row["code"] for row in bad} == {"not-numeric", "label-values", "ragged-rows", "duplicate-row"}
    assert "plenty" in next(row["text"] for row in bad if row["code"] == "not-numeric")
    assert json.loads(read(deployed, f"{prefix}/report.json"))["counts"]["not-numeric"] == 1


def start(deployed: Deployed, like: str, *, expected: str = "Succeeded", **changes: str) -> str:
    """A run on the same inputs, as anyone may start one; returns its ARN once it has ended as expected."""
    sagemaker = deployed.client("sagemaker")
    listed = sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=like)["PipelineParameters"]
    given = {each["Name"]: each["Value"] for each in listed}
    parameters = [{"Name": name, "Value": value} for name, value in {**given, **changes}.items()]
    answer = sagemaker.start_pipeline_execution(PipelineName=MODEL, PipelineParameters=parameters)
    arn = str(answer["PipelineExecutionArn"])
    assert deployed.finished(arn)["PipelineExecutionStatus"] == expected, deployed.steps(arn)
    return arn


def verdict(deployed: Deployed, arn: str) -> dict[str, Any]:
    job = deployed.steps(arn)["Evaluate"]["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
    described = deployed.client("sagemaker").describe_processing_job(ProcessingJobName=job)
    [output] = described["ProcessingOutputConfig"]["Outputs"]
    return dict(json.loads(read(deployed, f"{output['S3Output']['S3Uri']}/verdict.json")))


def packages(deployed: Deployed) -> list[str]:
    listed = deployed.client("sagemaker").list_model_packages(
        ModelPackageGroupName=MODEL, SortBy="CreationTime", SortOrder="Ascending"
    )
    return [each["ModelPackageArn"] for each in listed["ModelPackageSummaryList"]]


def describe(deployed: Deployed, package: str) -> dict[str, Any]:
    return dict(deployed.client("sagemaker").describe_model_package(ModelPackageName=package))


def read(deployed: Deployed, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bytes(deployed.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def endpoint_state(deployed: Deployed) -> str:
    endpoints = deployed.client("sagemaker").list_endpoints()["Endpoints"]
    return str(endpoints[0]["EndpointStatus"]) if endpoints else ""


def new_run(deployed: Deployed, known: set[str]) -> str | None:
    found = [each["PipelineExecutionArn"] for each in deployed.executions()]
    return next((arn for arn in found if arn not in known), None)
