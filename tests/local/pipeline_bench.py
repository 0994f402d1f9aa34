"""What tests of running pipelines share: a bucket and a role, steps with tiny scripts, waiting for the end."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

IMAGE = "366743142698.dkr.ecr.ap-northeast-2.amazonaws.com/sagemaker-xgboost:3.2-0"
OWN_IMAGE = "111111111111.dkr.ecr.ap-northeast-2.amazonaws.com/sagemaker-xgboost:3.2-0"
"""A copy in a repository of one's own: for its jobs one defines metrics oneself."""
CODE = "/opt/ml/processing/input/code"
SCRIPT = "import os, sys, json\nout = os.environ['OUT']\nos.makedirs(out, exist_ok=True)\n"
Json = dict[str, Any]


@dataclass
class Workbench:
    """A bucket and a role of their own, and the few calls that every test makes."""

    embedded: Any
    bucket: str
    role: str

    @property
    def sagemaker(self) -> Any:
        return self.embedded.client("sagemaker")

    def create(self, *steps: Json, parameters: list[Json] | None = None) -> str:
        name = f"p-{uuid.uuid4().hex[:12]}"
        self.sagemaker.create_pipeline(
            PipelineName=name, PipelineDefinition=definition(*steps, parameters=parameters), RoleArn=self.role
        )
        return name

    def run(self, *steps: Json, parameters: list[Json] | None = None, **start: Any) -> Json:
        """Create a pipeline of the steps, run it to its end, and answer its description."""
        name = self.create(*steps, parameters=parameters)
        return self.ended(self.start(name, **start))

    def start(self, name: str, **more: Any) -> str:
        return str(self.sagemaker.start_pipeline_execution(PipelineName=name, **more)["PipelineExecutionArn"])

    def ended(self, arn: str) -> Json:
        return self.until(arn, lambda described: described["PipelineExecutionStatus"] not in ("Executing", "Stopping"))

    def until(self, arn: str, ready: Callable[[Json], bool]) -> Json:
        def ask() -> Json | None:
            described: Json = self.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
            return described if ready(described) else None

        return eventually(ask)

    def steps(self, arn: str) -> dict[str, Json]:
        pages = self.sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=arn, SortOrder="Ascending"
        )
        return {step["StepName"]: step for page in pages for step in page["PipelineExecutionSteps"]}

    def reasons(self, arn: str) -> dict[str, str]:
        """The statuses and reasons of all steps, to show when a test fails."""
        return {name: f"{s['StepStatus']}: {s.get('FailureReason')}" for name, s in self.steps(arn).items()}

    def processing(
        self, name: str, code: str, *, outputs: tuple[str, ...] = (), environment: Json | None = None, **more: Any
    ) -> Json:
        """A processing step that runs the code; each output is a folder of $OUT."""
        entries = [
            {
                "OutputName": output,
                "S3Output": {
                    "S3Uri": {"Std:Join": {"On": "/", "Values": [f"s3://{self.bucket}", execution_id(), name, output]}},
                    "LocalPath": f"/opt/ml/processing/output/{output}",
                    "S3UploadMode": "EndOfJob",
                },
            }
            for output in outputs
        ]
        arguments = {
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
            },
            "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", f"{CODE}/step.py"]},
            "ProcessingInputs": [self._code(SCRIPT + code)],
            "RoleArn": self.role,
            "Environment": {"OUT": "/opt/ml/processing/output", **(environment or {})},
        }
        if entries:
            arguments["ProcessingOutputConfig"] = {"Outputs": entries}
        return {"Name": name, "Type": "Processing", "Arguments": arguments, **more}

    def waiting(self, name: str, *, puts: str, awaits: str = "nothing") -> Json:
        """A processing step that puts one object when it runs, and ends once another one is there."""
        code = (
            "import boto3, time\n"
            "s3, bucket = boto3.client('s3'), os.environ['BUCKET']\n"
            "s3.put_object(Bucket=bucket, Key=os.environ['PUTS'], Body=b'')\n"
            "for _ in range(1200):\n"
            "    if s3.list_objects_v2(Bucket=bucket, Prefix=os.environ['AWAITS']).get('KeyCount'): break\n"
            "    time.sleep(0.05)\n"
            "else: sys.exit(1)\n"
        )
        return self.processing(name, code, environment={"BUCKET": self.bucket, "PUTS": puts, "AWAITS": awaits})

    def there(self, key: str) -> None:
        """Return when the object is in the bucket."""
        s3 = self.embedded.client("s3")
        eventually(lambda: s3.list_objects_v2(Bucket=self.bucket, Prefix=key).get("KeyCount") or None)

    def _code(self, script: str) -> Json:
        prefix = f"code/{hashlib.sha256(script.encode()).hexdigest()}"
        self.embedded.client("s3").put_object(Bucket=self.bucket, Key=f"{prefix}/step.py", Body=script.encode())
        source = {
            "S3Uri": f"s3://{self.bucket}/{prefix}",
            "LocalPath": CODE,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
        }
        return {"InputName": "code", "S3Input": source}

    def text(self, key: str) -> str:
        return str(self.embedded.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read().decode())


def workbench(embedded: Any) -> Workbench:
    name = f"pipelines-{uuid.uuid4().hex[:10]}"
    embedded.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    trusted = ["sagemaker.amazonaws.com", "lambda.amazonaws.com"]
    trust = {"Effect": "Allow", "Principal": {"Service": trusted}, "Action": "sts:AssumeRole"}
    iam = embedded.client("iam")
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.put_role_policy(
        RoleName=name,
        PolicyName="all",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}),
    )
    return Workbench(embedded, name, role["Role"]["Arn"])


def eventually(ask: Callable[[], Any], seconds: float = 60) -> Any:
    """What `ask` answers once it is not None: the way any client waits for an API."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = ask()
        if found is not None:
            return found
        pause.wait(0.02)
    raise AssertionError(f"it did not happen within {seconds} s")


def definition(*steps: Json, parameters: list[Json] | None = None) -> str:
    return json.dumps({"Version": "2020-12-01", "Parameters": parameters or [], "Steps": list(steps)})


def execution_id() -> Json:
    return {"Get": "Execution.PipelineExecutionId"}


def parameter(name: str, kind: str, **default: Any) -> Json:
    return {"Name": name, "Type": kind, **default}


def fail(name: str, message: Any = "no", **more: Any) -> Json:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}, **more}


def gate(name: str, left: Any, floor: Any, if_steps: list[Json], else_steps: list[Json]) -> Json:
    conditions = [{"Type": "GreaterThanOrEqualTo", "LeftValue": left, "RightValue": floor}]
    arguments = {"Conditions": conditions, "IfSteps": if_steps, "ElseSteps": else_steps}
    return {"Name": name, "Type": "Condition", "Arguments": arguments}


def report_file() -> list[Json]:
    return [{"PropertyFileName": "Report", "OutputName": "report", "FilePath": "report.json"}]


def report_value(path: str) -> Json:
    return {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Report"}, "Path": path}}


def writes(folder: str, file: str, text: str) -> str:
    return f"open(os.path.join(out, {folder!r}, {file!r}), 'w').write({text})\n"


def training(bench: Workbench, script: str, **hyperparameters: Any) -> Json:
    """A training step in script mode; its metric is what the script prints as `auc=<number>`."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as made:
        entry = tarfile.TarInfo("train.py")
        entry.size = len(script)
        made.addfile(entry, io.BytesIO(script.encode()))
    prefix = f"code/{uuid.uuid4().hex}"
    bench.embedded.client("s3").put_object(Bucket=bench.bucket, Key=f"{prefix}/code.tar.gz", Body=archive.getvalue())
    source = {"S3Uri": f"s3://{bench.bucket}/{prefix}", "S3DataType": "S3Prefix"}
    arguments = {
        "AlgorithmSpecification": {
            "TrainingImage": OWN_IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "validation:auc", "Regex": "auc=([0-9.]+)"}],
        },
        "HyperParameters": {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": "/opt/ml/input/data/code/code.tar.gz",
            **hyperparameters,
        },
        "InputDataConfig": [
            {
                "ChannelName": "code",
                "DataSource": {"S3DataSource": {**source, "S3DataDistributionType": "FullyReplicated"}},
            }
        ],
        "OutputDataConfig": {
            "S3OutputPath": {"Std:Join": {"On": "/", "Values": [f"s3://{bench.bucket}/models", execution_id()]}}
        },
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "RoleArn": bench.role,
    }
    return {"Name": "Train", "Type": "Training", "Arguments": arguments}


def make_function(bench: Workbench, body: str) -> str:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("index.py", f"def handler(event, context):\n    {body}\n")
    answer = bench.embedded.client("lambda").create_function(
        FunctionName=f"f-{uuid.uuid4().hex[:10]}",
        Runtime="python3.12",
        Role=bench.role,
        Handler="index.handler",
        Code={"ZipFile": archive.getvalue()},
    )
    return str(answer["FunctionArn"])


def lambda_step(arn: str, *outputs: tuple[str, str], **arguments: Any) -> Json:
    declared = [{"OutputName": name, "OutputType": kind} for name, kind in outputs]
    return {
        "Name": "Ask",
        "Type": "Lambda",
        "FunctionArn": arn,
        "Arguments": arguments,
        "OutputParameters": declared,
    }


def callback(queue: str) -> Json:
    outputs = [{"OutputName": "score", "OutputType": "Float"}]
    arguments = {"run": execution_id()}
    return {
        "Name": "Wait",
        "Type": "Callback",
        "SqsQueueUrl": queue,
        "Arguments": arguments,
        "OutputParameters": outputs,
    }


def receive(bench: Workbench, queue: str) -> Json:
    sqs = bench.embedded.client("sqs")

    def ask() -> Json | None:
        [message] = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages") or [None]
        return message

    message = eventually(ask)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    body: Json = json.loads(message["Body"])
    return body
