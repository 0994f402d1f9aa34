"""What the command line finds of a trigger in an account: function, buckets, queues, ledger; rows as the lambda's."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from start_pipeline import rows

MODEL = "claims-fraud"
TOLD = {"model": MODEL, "tables": ["claims", "customers"], "suffixes": [".csv"], "debounce_seconds": 2}
SECOND = {"model": "abalone", "tables": ["abalone"], "suffixes": [".csv", ".data"], "debounce_seconds": 2}
KEYS = ("model", "item")
CONDITION = {"Type": "GreaterThan", "LeftValue": 1.0, "RightValue": 0.5}
GATE = {"Conditions": [CONDITION], "IfSteps": [], "ElseSteps": []}
PIPELINE = {
    "Version": "2020-12-01",
    "Metadata": {},
    "Parameters": [],
    "Steps": [{"Name": "Gate", "Type": "Condition", "Arguments": GATE}],
}


def template(account: str, models: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One value, long as a template is: the resources, and the outputs by which the command line finds them."""
    bucket = {"Type": "AWS::S3::Bucket"}
    queue = {"Type": "AWS::SQS::Queue"}
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    variables = {
        "RAW_BUCKET": {"Ref": "Raw"},
        "ARTIFACT_BUCKET": {"Ref": "Artifacts"},
        "LEDGER_TABLE": {"Ref": "Ledger"},
        "QUEUE_URL": {"Ref": "Queue"},
        "DEAD_LETTERS_URL": {"Ref": "DeadLetters"},
    }
    services = {"Service": ["lambda.amazonaws.com", "sagemaker.amazonaws.com"]}
    trust = {"Effect": "Allow", "Principal": services, "Action": "sts:AssumeRole"}
    pipeline = {
        "PipelineDefinition": {"PipelineDefinitionBody": json.dumps(PIPELINE)},
        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
    }
    function = {
        "FunctionName": "millrace-dev-start-pipeline",
        "Handler": "index.handler",
        "Runtime": "python3.12",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": "def handler(event, context): pass"},
        "Environment": {"Variables": variables},
    }
    ledger = {
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in KEYS],
        "KeySchema": [
            {"AttributeName": name, "KeyType": kind} for name, kind in zip(KEYS, ("HASH", "RANGE"), strict=True)
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }
    document = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}}
    return {
        "Resources": {
            "Raw": {**bucket, "Properties": {"BucketName": f"raw-{account}", **versioned}},
            "Artifacts": {**bucket, "Properties": {"BucketName": f"artifacts-{account}"}},
            "Queue": queue,
            "DeadLetters": queue,
            "Role": {"Type": "AWS::IAM::Role", "Properties": document},
            "Ledger": {"Type": "AWS::DynamoDB::Table", "Properties": ledger},
            **{
                f"Pipeline{number}": {
                    "Type": "AWS::SageMaker::Pipeline",
                    "Properties": {"PipelineName": told["model"], **pipeline},
                }
                for number, told in enumerate(models)
            },
            **{
                f"Group{number}": {
                    "Type": "AWS::SageMaker::ModelPackageGroup",
                    "Properties": {"ModelPackageGroupName": told["model"]},
                }
                for number, told in enumerate(models)
            },
            "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
        },
        "Outputs": {
            **{f"Model{number}": {"Value": json.dumps(told)} for number, told in enumerate(models)},
            **{name: {"Value": {"Ref": name}} for name in ("Raw", "Artifacts", "Queue", "DeadLetters", "Ledger")},
        },
    }


@dataclass
class Trigger:
    """One account with the resources of a trigger, but nobody who works: the tests write what it would."""

    shell: Any
    models: Sequence[Mapping[str, Any]] = (TOLD,)

    def __post_init__(self) -> None:
        stacks = self.shell.client("cloudformation")
        body = json.dumps(template(self.shell.account, self.models))
        stacks.create_stack(StackName="Dev-Trigger", TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
        stacks.get_waiter("stack_create_complete").wait(StackName="Dev-Trigger", WaiterConfig={"Delay": 0})
        outputs = stacks.describe_stacks(StackName="Dev-Trigger")["Stacks"][0]["Outputs"]
        self.places = {each["OutputKey"]: each["OutputValue"] for each in outputs}

    def upload(self, key: str, body: bytes = b"policy_id\n1\n") -> str:
        """Put an object; answers its version."""
        answer = self.shell.client("s3").put_object(Bucket=self.places["Raw"], Key=key, Body=body)
        return str(answer["VersionId"])

    def file(self, name: str, state: str, *, version: str = "", at: float = 1.0, **more: Any) -> rows.FileRow:
        """Write the row of `<table>/<file>`."""
        table = name.partition("/")[0]
        version = version or uuid.uuid4().hex
        key = f"raw/{MODEL}/{name}"
        row = rows.FileRow(MODEL, table, self.places["Raw"], key, version, state, changed_at=at, **more)
        self.put(rows.to_item(row))
        return row

    def run(self, *files: rows.FileRow, attempt: int = 1, cause: str = "upload", **more: Any) -> rows.RunRow:
        """Write the row and the manifest of a run on these files."""
        tables: dict[str, list[dict[str, str]]] = {}
        for row in files:
            tables.setdefault(row.table, []).append({"key": row.key, "version_id": row.version_id})
        text = json.dumps({"model": MODEL, "tables": tables}, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        self.shell.client("s3").put_object(
            Bucket=self.places["Artifacts"], Key=f"inputs/{digest}/manifest.json", Body=text.encode()
        )
        values = {"state": "succeeded", "input_uri": "", "files": len(files), "new_files": 1, "correlation": "c0ffee"}
        run = rows.RunRow(MODEL, digest, attempt, cause=cause, started_at=1.0, **{**values, **more})
        self.put(rows.to_item(run))
        return run

    def execution(self, run: rows.RunRow) -> str:
        """Run the pipeline under the run's name, to its end; answers the run's id."""
        sagemaker = self.shell.client("sagemaker")
        started = sagemaker.start_pipeline_execution(
            PipelineName=MODEL, PipelineExecutionDisplayName=run.run, ClientRequestToken=run.run
        )
        arn = str(started["PipelineExecutionArn"])
        self.put(rows.to_item(replace(run, arn=arn)))
        while sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Executing":
            pass
        return arn.rsplit("/", 1)[-1]

    def now(self) -> float:
        """The embedded AWS's time: it is shared, so another test may have moved its clock."""
        return float(self.shell.aws.internal("clock")["now"])

    def skip(self, code: str, reason: str, *, at: float, cause: str = "schedule", times: int = 1) -> None:
        self.put(rows.to_item(rows.Skip(MODEL, code, reason, cause, time=at, expires=int(at) + 3600, times=times)))

    def lock(self, **values: Any) -> None:
        item = {"model": MODEL, "item": "lock", **values}
        self.put({name: rows.encode(value) for name, value in item.items()})

    def wake(self, *, due: float) -> None:
        item = {"model": MODEL, "item": "wake", "due": due, "first_at": due, "last_at": due}
        self.put({name: rows.encode(value) for name, value in item.items()})

    def put(self, item: dict[str, Any]) -> None:
        self.shell.client("dynamodb").put_item(TableName=self.places["Ledger"], Item=item)

    def messages(self, queue: str = "Queue") -> list[Any]:
        """What is in the queue, taken out."""
        sqs, url = self.shell.client("sqs"), self.places[queue]
        found = []
        while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in batch:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found
