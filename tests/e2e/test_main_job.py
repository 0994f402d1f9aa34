"""From two files in a bucket to a prediction, with the clients that everybody has: the AWS CLI and boto3."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import ARTIFACTS, MODEL, RAW, Deployed, first_row, predictions


def test_two_uploads_by_the_aws_cli_end_in_a_prediction(deployed: Deployed, tables: Path) -> None:
    sagemaker = deployed.client("sagemaker")

    deployed.aws("s3", "cp", str(tables / "claims.csv"), f"s3://{RAW}/raw/{MODEL}/claims/claims.csv")
    waits = "waiting for a file in: customers"
    deployed.until("the starter's word that it waits", lambda: waits in starter_log(deployed))
    assert deployed.executions() == [], "claims alone must not start a run"

    deployed.aws("s3", "cp", str(tables / "customers.csv"), f"s3://{RAW}/raw/{MODEL}/customers/customers.csv")
    [execution] = deployed.until("the start of a run", deployed.executions)
    arn = execution["PipelineExecutionArn"]
    described = deployed.finished(arn)
    assert described["PipelineExecutionStatus"] == "Succeeded", described.get("FailureReason")
    assert len(deployed.executions()) == 1, "two uploads are one run"

    [package] = sagemaker.list_model_packages(ModelPackageGroupName=MODEL)["ModelPackageSummaryList"]
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert auc(deployed, package["ModelPackageArn"]) >= 0.70
    with pytest.raises(ClientError, match="Could not find"):
        sagemaker.describe_endpoint(EndpointName=MODEL)

    sagemaker.update_model_package(ModelPackageArn=package["ModelPackageArn"], ModelApprovalStatus="Approved")
    deployed.until("the endpoint", lambda: in_service(deployed))

    row = first_row(tables)
    runtime = deployed.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName=MODEL, ContentType="application/json", Body=json.dumps(row))
    [by_json] = predictions(answer)
    text = ",".join(row) + "\n" + ",".join(row.values())
    answer = runtime.invoke_endpoint(EndpointName=MODEL, ContentType="text/csv", Accept="application/json", Body=text)
    assert predictions(answer) == [by_json]
    assert 0.0 <= by_json["score"] <= 1.0
    assert by_json["decision"] in (0, 1)

    with pytest.raises(ClientError) as raised:
        runtime.invoke_endpoint(
            EndpointName=MODEL, ContentType="application/json", Body=json.dumps({**row, "customer_age": "old"})
        )
    refused = raised.value.response
    assert refused["Error"]["Code"] == "ModelError"
    assert refused["OriginalStatusCode"] == 400
    assert "customer_age" in refused["OriginalMessage"]
    again = runtime.invoke_endpoint(EndpointName=MODEL, ContentType="application/json", Body=json.dumps(row))
    assert predictions(again) == [by_json], "the endpoint survives a bad payload"


def test_a_run_leaves_its_inputs_report_and_metrics_in_the_artifact_bucket(deployed: Deployed) -> None:
    s3 = deployed.client("s3")
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=ARTIFACTS)["Contents"]]

    [manifest] = [key for key in keys if key.endswith("/manifest.json") and key.startswith("inputs/")]
    described = json.loads(s3.get_object(Bucket=ARTIFACTS, Key=manifest)["Body"].read())
    assert sorted(described["tables"]) == ["claims", "customers"]
    [report] = [key for key in keys if key.endswith("report.html")]
    html = s3.get_object(Bucket=ARTIFACTS, Key=report)["Body"].read().decode()
    assert "<svg" in html
    assert "http://" not in html.replace("http://www.w3.org", ""), "the report must stand alone"


def test_the_same_files_again_start_nothing_and_a_changed_one_starts_a_run(deployed: Deployed, tables: Path) -> None:
    before = len(deployed.executions())
    deployed.embedded.advance(3600)
    deployed.until("the schedule's word", lambda: "nothing new since run" in starter_log(deployed))
    assert len(deployed.executions()) == before, "an hour with nothing new starts nothing"

    changed = (tables / "customers.csv").read_text().splitlines(keepends=True)[:-1]
    deployed.client("s3").put_object(
        Bucket=RAW, Key=f"raw/{MODEL}/customers/customers.csv", Body="".join(changed).encode()
    )

    newest = deployed.until("a second run", lambda: deployed.executions()[: len(deployed.executions()) - before])
    deployed.finished(newest[0]["PipelineExecutionArn"])


def test_the_schedule_finds_new_data_whose_event_was_lost(deployed: Deployed, tables: Path) -> None:
    deployed.until("the look after the last run", deployed.starter_is_idle)
    before = len(deployed.executions())
    rule = f"millrace-dev-upload-{MODEL}"
    deployed.client("events").disable_rule(Name=rule)
    changed = (tables / "claims.csv").read_text().splitlines(keepends=True)[:-1]
    deployed.client("s3").put_object(Bucket=RAW, Key=f"raw/{MODEL}/claims/claims.csv", Body="".join(changed).encode())
    assert len(deployed.executions()) == before

    deployed.embedded.advance(3600)

    newest = deployed.until(
        "a run by the schedule", lambda: deployed.executions()[: len(deployed.executions()) - before]
    )
    described = deployed.finished(newest[0]["PipelineExecutionArn"])
    deployed.client("events").enable_rule(Name=rule)
    assert described["PipelineExecutionStatus"] == "Succeeded", described.get("FailureReason")


def in_service(deployed: Deployed) -> bool:
    try:
        described = deployed.client("sagemaker").describe_endpoint(EndpointName=MODEL)
    except ClientError:
        return False
    assert described["EndpointStatus"] != "Failed", described["FailureReason"]
    return bool(described["EndpointStatus"] == "InService")


def starter_log(deployed: Deployed) -> str:
    try:
        events = deployed.client("logs").filter_log_events(logGroupName="/aws/lambda/millrace-dev-start-pipeline")
    except ClientError:
        return ""
    return "\n".join(event["message"] for event in events["events"])


def auc(deployed: Deployed, package: str) -> float:
    described = deployed.client("sagemaker").describe_model_package(ModelPackageName=package)
    uri = described["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    metrics = json.loads(deployed.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    return float(metrics["binary_classification_metrics"]["auc"]["value"])
