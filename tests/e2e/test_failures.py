"""What a user is told when a step raises, is killed, or a deployment fails."""

from __future__ import annotations

import io
import json
import os
import signal
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import MODEL, RAW, Deployed


@pytest.fixture(scope="module")
def broken_run(deployed: Deployed, tables: Path) -> str:
    """The ARN of a run with words for numbers in more rows than may be bad, below those that the starter checks."""
    rows = [line.split(",") for line in (tables / "claims.csv").read_text().splitlines()]
    for row in rows[-len(rows) // 10 :]:
        row[rows[0].index("vehicle_claim")] = "plenty"
    s3 = deployed.client("s3")
    body = "\n".join(",".join(row) for row in rows)
    s3.put_object(Bucket=RAW, Key=f"raw/{MODEL}/claims/claims.csv", Body=body.encode())
    s3.put_object(Bucket=RAW, Key=f"raw/{MODEL}/customers/customers.csv", Body=(tables / "customers.csv").read_bytes())
    [execution] = deployed.until("the start of a run", deployed.executions)
    return str(execution["PipelineExecutionArn"])


def test_a_step_that_cannot_go_on_fails_the_run_with_its_sentence(deployed: Deployed, broken_run: str) -> None:
    described = deployed.finished(broken_run)
    step = deployed.steps(broken_run)["Preprocess"]

    assert described["PipelineExecutionStatus"] == "Failed"
    assert step["StepStatus"] == "Failed"
    assert "plenty" in step["FailureReason"]
    assert "vehicle_claim" in step["FailureReason"]
    assert "largest_bad_share" in step["FailureReason"], "what to change is told"
    assert step["FailureReason"] == step["FailureReason"].split("Traceback")[0]


def test_the_command_line_tells_of_the_failure_and_exits_with_1(deployed: Deployed, broken_run: str) -> None:
    deployed.finished(broken_run)

    ended = deployed.millrace("runs", broken_run.rsplit("/", 1)[-1], check=False)

    assert ended.returncode == 1
    assert "Failed" in ended.stdout
    assert "plenty" in " ".join(ended.stdout.split())


def test_a_killed_step_fails_the_run_and_names_the_signal(deployed: Deployed, broken_run: str, tables: Path) -> None:
    deployed.finished(broken_run)
    folder = tables
    s3 = deployed.client("s3")
    # Enough rows that the step is still running when the signal comes.
    lines = (folder / "claims.csv").read_text().splitlines()
    many = io.StringIO()
    many.write(lines[0] + "\n")
    for copy in range(400):
        for number, line in enumerate(lines[1:], 1):
            many.write(f"{copy * len(lines) + number},{line.split(',', 1)[1]}\n")
    s3.put_object(Bucket=RAW, Key=f"raw/{MODEL}/claims/claims.csv", Body=many.getvalue().encode())
    newest = deployed.until("a second run", lambda: deployed.executions()[:-1])[0]["PipelineExecutionArn"]

    def victim() -> int | None:
        server = psutil.Process(deployed.embedded.process.pid)
        for child in server.children(recursive=True):
            try:
                inside = child.cwd()
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            if "/jobs/" in inside:
                return int(child.pid)
        return None

    os.kill(deployed.until("a running step", victim), signal.SIGKILL)

    described = deployed.finished(newest)
    assert described["PipelineExecutionStatus"] == "Failed"
    [failed] = [step for step in deployed.steps(newest).values() if step["StepStatus"] == "Failed"]
    assert "137" in failed["FailureReason"] or "signal 9" in failed["FailureReason"]


def test_a_failed_deployment_rolls_back_and_names_the_resource(deployed: Deployed) -> None:
    cloudformation = deployed.client("cloudformation")
    template = {
        "Resources": {
            "Good": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "rolled-back"}},
            "Bad": {
                "Type": "AWS::SageMaker::Pipeline",
                "DependsOn": "Good",
                "Properties": {
                    "PipelineName": "broken",
                    "RoleArn": "arn:aws:iam::111111111111:role/millrace-dev-pipeline",
                    "PipelineDefinition": {"PipelineDefinitionBody": "{not json"},
                },
            },
        }
    }
    cloudformation.create_stack(StackName="broken", TemplateBody=json.dumps(template))
    state = deployed.until("the roll-back", lambda: rolled_back(deployed, "broken"))

    assert state == "ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName="broken")["StackEvents"]
    [failed] = [e for e in events if e["ResourceStatus"] == "CREATE_FAILED"]
    assert failed["LogicalResourceId"] == "Bad"
    assert "JSON" in failed["ResourceStatusReason"]
    with pytest.raises(ClientError, match=r"NonExistentQueue|does not exist"):
        deployed.client("sqs").get_queue_url(QueueName="rolled-back")


def test_an_unknown_resource_type_fails_before_anything_is_made(deployed: Deployed) -> None:
    cloudformation = deployed.client("cloudformation")
    template = {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "never-made"}},
            "Odd": {"Type": "AWS::Quantum::Computer"},
        }
    }
    try:
        cloudformation.create_stack(StackName="odd", TemplateBody=json.dumps(template))
        deployed.until("the roll-back", lambda: rolled_back(deployed, "odd"))
        events = cloudformation.describe_stack_events(StackName="odd")["StackEvents"]
        message = " ".join(event.get("ResourceStatusReason", "") for event in events)
    except ClientError as error:
        message = str(error)

    assert "AWS::Quantum::Computer" in message
    with pytest.raises(ClientError, match=r"NonExistentQueue|does not exist"):
        deployed.client("sqs").get_queue_url(QueueName="never-made")


def rolled_back(deployed: Deployed, name: str) -> str | None:
    [stack] = deployed.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    return stack["StackStatus"] if stack["StackStatus"].endswith(("_COMPLETE", "_FAILED")) else None
