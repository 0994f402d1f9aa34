"""Batch scoring from the upload to the results: the same answers as the endpoint's, and every bad row accounted for."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import ARTIFACTS, MODEL, RAW, Deployed, predictions

PIPELINE = f"{MODEL}-batch"
ROWS = 60
BAD = 7
"""The row, from 1, whose number is spoilt."""

Row = dict[str, str]


def batch_runs(deployed: Deployed) -> list[dict[str, Any]]:
    """Summaries of the batch pipeline's executions, newest first."""
    listed = deployed.client("sagemaker").list_pipeline_executions(PipelineName=PIPELINE, SortOrder="Descending")
    return list(listed["PipelineExecutionSummaries"])


def upload(deployed: Deployed, name: str, body: bytes) -> str:
    """The ARN of the run that the upload starts by itself."""
    before = len(batch_runs(deployed))
    deployed.client("s3").put_object(Bucket=RAW, Key=f"batch/{MODEL}/{name}", Body=body)
    return newest(deployed, before)


def newest(deployed: Deployed, before: int) -> str:
    """The ARN of the run that is one more than there were before."""

    def look() -> list[dict[str, Any]]:
        runs = batch_runs(deployed)
        return runs[: len(runs) - before]

    return str(deployed.until("the start of a batch run", look)[0]["PipelineExecutionArn"])


def results(deployed: Deployed, arn: str) -> list[dict[str, Any]]:
    """The result lines of a run, as they lie in S3."""
    s3, prefix = deployed.client("s3"), f"batch/{MODEL}/outputs/{arn.rsplit('/', 1)[-1]}/"
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=ARTIFACTS, Prefix=prefix).get("Contents", ())]
    assert all(key.startswith(f"{prefix}part-") and key.endswith(".jsonl.out") for key in keys)
    bodies = [s3.get_object(Bucket=ARTIFACTS, Key=key)["Body"].read() for key in keys]
    return [json.loads(line) for body in bodies for line in body.split(b"\n") if line]


def report(deployed: Deployed, arn: str) -> dict[str, Any]:
    key = f"batch/{MODEL}/quarantine/{arn.rsplit('/', 1)[-1]}/report.json"
    body = deployed.client("s3").get_object(Bucket=ARTIFACTS, Key=key)["Body"].read()
    found: dict[str, Any] = json.loads(body)
    return found


@pytest.fixture(scope="module")
def rows(tables: Path) -> list[Row]:
    """Claims joined with their customers, as somebody would have them who wants to know which are fraud."""
    with (tables / "customers.csv").open(newline="") as file:
        owners = {row["policy_id"]: row for row in csv.DictReader(file)}
    with (tables / "claims.csv").open(newline="") as file:
        claims = [row for row in csv.DictReader(file) if row["policy_id"] in owners]
    joined = [{**claim, **owners[claim["policy_id"]]} for claim in claims[:ROWS]]
    return [{name: value for name, value in row.items() if name != "fraud"} for row in joined]


@pytest.fixture(scope="module")
def spoilt(rows: Sequence[Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rows as a CSV file, with one bad among them."""
    path = tmp_path_factory.mktemp("batch") / "march.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        for number, row in enumerate(rows, 1):
            writer.writerow({**row, "vehicle_claim": "plenty"} if number == BAD else row)
    return path


def test_without_an_approved_model_a_run_says_so_and_fails(deployed: Deployed, spoilt: Path) -> None:
    arn = upload(deployed, "too-early.csv", spoilt.read_bytes())
    assert deployed.finished(arn)["PipelineExecutionStatus"] == "Failed"
    steps = deployed.steps(arn)
    assert set(steps) == {"ResolveLive", "HasModel", "NoModel"}
    assert f"no approved model of {MODEL}" in steps["NoModel"]["Metadata"]["Fail"]["ErrorMessage"]


@pytest.fixture(scope="module")
def served(deployed: Deployed, tables: Path) -> Deployed:
    """The same system with a trained, approved and served model."""
    s3, sagemaker = deployed.client("s3"), deployed.client("sagemaker")
    for table in ("claims", "customers"):
        s3.put_object(Bucket=RAW, Key=f"raw/{MODEL}/{table}/{table}.csv", Body=(tables / f"{table}.csv").read_bytes())
    [execution] = deployed.until("the start of a run", deployed.executions)
    described = deployed.finished(execution["PipelineExecutionArn"])
    assert described["PipelineExecutionStatus"] == "Succeeded", described.get("FailureReason")
    [package] = sagemaker.list_model_packages(ModelPackageGroupName=MODEL)["ModelPackageSummaryList"]
    sagemaker.update_model_package(ModelPackageArn=package["ModelPackageArn"], ModelApprovalStatus="Approved")
    deployed.until("the endpoint", lambda: in_service(deployed))
    return deployed


def in_service(deployed: Deployed) -> bool:
    try:
        described = deployed.client("sagemaker").describe_endpoint(EndpointName=MODEL)
    except ClientError:
        return False
    return bool(described["EndpointStatus"] == "InService")


@pytest.fixture(scope="module")
def answers(served: Deployed, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """What the endpoint says of each row."""
    runtime = served.client("sagemaker-runtime")
    body = json.dumps({"instances": list(rows)})
    return predictions(runtime.invoke_endpoint(EndpointName=MODEL, ContentType="application/json", Body=body))


def test_the_command_line_scores_a_file_and_tells_of_the_bad_row(
    served: Deployed, spoilt: Path, rows: Sequence[Row], answers: Sequence[dict[str, Any]], tmp_path: Path
) -> None:
    ended = served.millrace("batch", str(spoilt), "--model", MODEL, "--out", str(tmp_path / "scores.csv"))

    said = " ".join(ended.stdout.split())
    assert f"{ROWS - 1} rows scored with {MODEL}/1" in said
    assert f"1 row of {ROWS} in quarantine" in said
    assert "1 not-numeric" in said
    assert "'plenty' is no number" in said
    with (tmp_path / "scores.csv").open(newline="") as file:
        scored = list(csv.DictReader(file))
    assert [int(row["row"]) for row in scored] == [number for number in range(1, ROWS + 1) if number != BAD]
    for row in scored:
        number = int(row["row"]) - 1
        assert row["key"] == rows[number]["policy_id"]
        assert float(row["score"]) == answers[number]["score"], "the same bits as the endpoint's"
        assert int(row["decision"]) == answers[number]["decision"]


def test_json_lines_by_a_plain_upload_give_the_same_answers(
    served: Deployed, rows: Sequence[Row], answers: Sequence[dict[str, Any]]
) -> None:
    body = "".join(json.dumps(row) + "\n" for row in rows).encode()

    arn = upload(served, "보험 2026/a+b%20c.jsonl", body)

    assert served.finished(arn)["PipelineExecutionStatus"] == "Succeeded", served.steps(arn)
    lines = results(served, arn)
    assert [line["SageMakerOutput"] for line in lines] == list(answers)
    assert [line["key"] for line in lines] == [row["policy_id"] for row in rows]
    assert set(lines[0]) == {"row", "key", "SageMakerOutput"}
    assert report(served, arn)["bad_rows"] == 0


def test_a_file_without_one_good_row_fails_and_its_report_is_there(served: Deployed) -> None:
    arn = upload(served, "useless.csv", b"policy_id,vehicle_claim\n1,2\n")

    described = served.finished(arn)

    assert described["PipelineExecutionStatus"] == "Failed"
    [fault] = report(served, arn)["files"]
    assert fault["code"] == "columns-missing"
    assert results(served, arn) == []


def test_what_is_no_input_starts_nothing(served: Deployed, spoilt: Path) -> None:
    before = len(batch_runs(served))
    s3 = served.client("s3")
    for name, body in (("", b""), ("deep/", b""), ("empty.csv", b""), ("picture.png", b"x"), ("half.csv.tmp", b"x")):
        s3.put_object(Bucket=RAW, Key=f"batch/{MODEL}/{name}", Body=body)
    arn = upload(served, "last.csv", spoilt.read_bytes())
    served.finished(arn)
    assert len(batch_runs(served)) == before + 1


def test_the_schedule_finds_an_upload_whose_event_was_lost(served: Deployed, spoilt: Path) -> None:
    before, events = len(batch_runs(served)), served.client("events")
    events.disable_rule(Name=f"millrace-dev-batch-{MODEL}")
    served.client("s3").put_object(Bucket=RAW, Key=f"batch/{MODEL}/lost.csv", Body=spoilt.read_bytes())
    assert len(batch_runs(served)) == before

    served.embedded.advance(3600)

    arn = newest(served, before)
    assert served.finished(arn)["PipelineExecutionStatus"] == "Succeeded"
    events.enable_rule(Name=f"millrace-dev-batch-{MODEL}")
    served.embedded.advance(3600)
    assert len(batch_runs(served)) == before + 1, "an hour with nothing new starts nothing"
