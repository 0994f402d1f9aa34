"""Pipelines through the API alone: real jobs with tiny scripts, real S3, real events."""

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

import pytest
from botocore.exceptions import ClientError

IMAGE = "366743142698.dkr.ecr.ap-northeast-2.amazonaws.com/sagemaker-xgboost:3.2-0"
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


@pytest.fixture(scope="module")
def bench(embedded: Any) -> Workbench:
    return workbench(embedded)


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


def register(group: str, model: Any) -> Json:
    container = {"Image": IMAGE, "ModelDataUrl": model}
    arguments = {
        "ModelPackageGroupName": group,
        "ModelApprovalStatus": {"Get": "Parameters.Approval"},
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    }
    return {"Name": "Register", "Type": "RegisterModel", "Arguments": arguments}


def scored_pipeline(bench: Workbench, group: str) -> tuple[tuple[Json, ...], list[Json]]:
    """Preprocess -> Evaluate -> Gate -> Register, or Fail."""
    first = bench.processing("Preprocess", writes("data", "x.txt", "'hello'"), outputs=("data",))
    data = {"Get": "Steps.Preprocess.ProcessingOutputConfig.Outputs['data'].S3Output.S3Uri"}
    evaluate = bench.processing(
        "Evaluate",
        "score = float(os.environ['SCORE'])\n"
        + writes("report", "report.json", "json.dumps({'auc': {'value': score}, 'env': dict(os.environ)})"),
        outputs=("report",),
        environment={"SCORE": {"Get": "Parameters.Score"}, "DATA": data, "DEPTH": {"Get": "Parameters.Depth"}},
        PropertyFiles=report_file(),
    )
    model = {"Std:Join": {"On": "/", "Values": [data, "model.tar.gz"]}}
    refuse = fail("BelowFloor", {"Std:Join": {"On": " ", "Values": ["below", {"Get": "Parameters.Floor"}]}})
    score = report_value("auc.value")
    steps = (evaluate, first, gate("Gate", score, {"Get": "Parameters.Floor"}, [register(group, model)], [refuse]))
    declared = [
        parameter("Score", "Float"),
        parameter("Floor", "Float", DefaultValue=0.75),
        parameter("Depth", "Integer", DefaultValue=6),
        parameter("Approval", "String", DefaultValue="PendingManualApproval"),
    ]
    return steps, declared


def test_a_good_model_goes_through_every_step_into_the_registry(bench: Workbench) -> None:
    group = f"group-{bench.bucket}"
    bench.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    steps, parameters = scored_pipeline(bench, group)
    ended = bench.run(*steps, parameters=parameters, PipelineParameters=[{"Name": "Score", "Value": "0.8"}])

    assert ended["PipelineExecutionStatus"] == "Succeeded", bench.reasons(ended["PipelineExecutionArn"])
    arn = ended["PipelineExecutionArn"]
    run = arn.rpartition("/")[2]
    found = bench.steps(arn)
    assert list(found) == ["Preprocess", "Evaluate", "Gate", "Register"]
    assert {step["StepStatus"] for step in found.values()} == {"Succeeded"}
    assert found["Gate"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    job = found["Preprocess"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    assert job.startswith(f"pipelines-{run}-Preprocess-")
    assert len(job) == len(f"pipelines-{run}-Preprocess-") + 10

    env = json.loads(bench.text(f"{run}/Evaluate/report/report.json"))["env"]
    assert (env["DATA"], env["DEPTH"], env["SCORE"]) == (f"s3://{bench.bucket}/{run}/Preprocess/data", "6", "0.8")
    package = bench.sagemaker.describe_model_package(
        ModelPackageName=found["Register"]["Metadata"]["RegisterModel"]["Arn"]
    )
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    [container] = package["InferenceSpecification"]["Containers"]
    assert container["ModelDataUrl"] == f"s3://{bench.bucket}/{run}/Preprocess/data/model.tar.gz"
    values = bench.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)["PipelineParameters"]
    assert {each["Name"]: each["Value"] for each in values} == {
        "Score": "0.8",
        "Floor": "0.75",
        "Depth": "6",
        "Approval": "PendingManualApproval",
    }


def test_a_bad_model_ends_in_the_fail_step_with_its_message(bench: Workbench) -> None:
    steps, parameters = scored_pipeline(bench, "never-used")
    ended = bench.run(*steps, parameters=parameters, PipelineParameters=[{"Name": "Score", "Value": "0.7"}])

    assert ended["PipelineExecutionStatus"] == "Failed"
    assert ended["FailureReason"] == "Step failure: One or multiple steps failed."
    found = bench.steps(ended["PipelineExecutionArn"])
    assert list(found) == ["Preprocess", "Evaluate", "Gate", "BelowFloor"]
    assert found["BelowFloor"]["FailureReason"] == "below 0.75"
    assert found["BelowFloor"]["Metadata"] == {"Fail": {"ErrorMessage": "below 0.75"}}


def test_a_failing_job_fails_its_step_and_its_parallel_steps_finish(bench: Workbench) -> None:
    ended = bench.run(
        bench.processing("Bad", "sys.exit(3)"),
        bench.processing("Good", "import time; time.sleep(0.3)\n" + writes("data", "x", "'x'"), outputs=("data",)),
        bench.processing("After", "", DependsOn=["Good"]),
    )

    assert ended["PipelineExecutionStatus"] == "Failed"
    found = bench.steps(ended["PipelineExecutionArn"])
    assert {name: step["StepStatus"] for name, step in found.items()} == {"Bad": "Failed", "Good": "Succeeded"}
    job = found["Bad"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    described = bench.sagemaker.describe_processing_job(ProcessingJobName=job)
    assert found["Bad"]["FailureReason"] == described["FailureReason"]


def test_a_job_that_the_service_refuses_fails_its_step_with_the_services_words(bench: Workbench) -> None:
    step = bench.processing("Bad", "")
    step["Arguments"]["ProcessingResources"]["ClusterConfig"]["InstanceType"] = "ml.made.up"
    ended = bench.run(step)

    reason = bench.steps(ended["PipelineExecutionArn"])["Bad"]["FailureReason"]
    assert reason.startswith("ClientError: Failed to invoke sagemaker:CreateProcessingJob. Error Details: ")
    assert "ml.made.up" in reason


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (writes("report", "other.json", "'{}'"), "/Evaluate/report/report.json cannot be read"),
        (writes("report", "report.json", "'{\"mse\": 4}'"), "There is no 'auc' in property file 'Report'"),
        (writes("report", "report.json", '\'{"auc": {"value": NaN}}\''), "is not valid JSON"),
        (writes("report", "report.json", '\'{"auc": {"value": "0.9"}}\''), "their types differ"),
    ],
)
def test_a_gate_without_a_number_to_read_fails_and_says_why(bench: Workbench, written: str, said: str) -> None:
    evaluate = bench.processing("Evaluate", written, outputs=("report",), PropertyFiles=report_file())
    ended = bench.run(evaluate, gate("Gate", report_value("auc.value"), 0.5, [], [fail("Never")]))

    found = bench.steps(ended["PipelineExecutionArn"])
    assert {name: step["StepStatus"] for name, step in found.items()} == {"Evaluate": "Succeeded", "Gate": "Failed"}
    assert said in found["Gate"]["FailureReason"]


def test_a_stopped_execution_stops_its_jobs_and_starts_nothing_more(bench: Workbench) -> None:
    started = uuid.uuid4().hex
    name = bench.create(bench.waiting("Long", puts=started), bench.processing("After", "", DependsOn=["Long"]))
    arn = bench.start(name)
    bench.there(started)

    bench.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    ended = bench.ended(arn)

    assert ended["PipelineExecutionStatus"] == "Stopped"
    found = bench.steps(arn)
    assert {name: step["StepStatus"] for name, step in found.items()} == {"Long": "Stopped"}
    job = found["Long"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    described = bench.sagemaker.describe_processing_job(ProcessingJobName=job)
    assert described["ProcessingJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="cannot be stopped: it is Stopped"):
        bench.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)


def test_a_retry_repeats_what_failed_and_keeps_what_succeeded(bench: Workbench) -> None:
    key = f"flag-{uuid.uuid4().hex}"
    evaluate = bench.processing(
        "Evaluate", writes("report", "report.json", "'{\"a\": 1}'"), outputs=("report",), PropertyFiles=report_file()
    )
    flag = {"Std:JsonGet": {"S3Uri": f"s3://{bench.bucket}/{key}", "Path": "go"}}
    both = gate("Gate", report_value("a"), flag, [bench.processing("Last", "")], [])
    ended = bench.run(evaluate, both)
    arn = ended["PipelineExecutionArn"]
    assert key in bench.steps(arn)["Gate"]["FailureReason"]
    before = bench.steps(arn)["Evaluate"]

    bench.embedded.client("s3").put_object(Bucket=bench.bucket, Key=key, Body=b'{"go": 1}')
    bench.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)

    assert bench.ended(arn)["PipelineExecutionStatus"] == "Succeeded"
    found = bench.steps(arn)
    assert list(found) == ["Evaluate", "Gate", "Last"]
    assert found["Evaluate"] == before
    with pytest.raises(ClientError, match="cannot be retried: it is Succeeded"):
        bench.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)


def test_steps_that_do_not_depend_on_each_other_run_at_the_same_time(bench: Workbench) -> None:
    """Each waits for what the other puts when it starts: one after the other, they would never end."""
    a, b = uuid.uuid4().hex, uuid.uuid4().hex
    ended = bench.run(bench.waiting("A", puts=a, awaits=b), bench.waiting("B", puts=b, awaits=a))

    assert ended["PipelineExecutionStatus"] == "Succeeded", bench.reasons(ended["PipelineExecutionArn"])


def test_the_same_token_starts_one_execution(bench: Workbench) -> None:
    name = bench.create(fail("F", {"Get": "Parameters.M"}), parameters=[parameter("M", "String", DefaultValue="m")])
    token = uuid.uuid4().hex
    first = bench.start(name, ClientRequestToken=token)

    assert bench.start(name, ClientRequestToken=token) == first
    with pytest.raises(ClientError, match="ConflictException"):
        bench.start(name, ClientRequestToken=token, PipelineParameters=[{"Name": "M", "Value": "other"}])
    listed = bench.sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]
    assert [each["PipelineExecutionArn"] for each in listed] == [first]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Missing values for required parameters [Needed]"),
        ({"Needed": "x", "Nope": "1"}, "Unknown parameters [Nope]"),
        ({"Needed": "x", "Depth": "deep"}, "not of type Integer"),
        ({"Needed": "x", "Colour": "green"}, "allowed are [red, blue]"),
    ],
)
def test_wrong_parameters_are_refused_at_the_start(bench: Workbench, given: dict[str, str], said: str) -> None:
    declared = [
        parameter("Needed", "String"),
        parameter("Depth", "Integer", DefaultValue=1),
        parameter("Colour", "String", DefaultValue="red", EnumValues=["red", "blue"]),
    ]
    name = bench.create(fail("F"), parameters=declared)
    with pytest.raises(ClientError) as caught:
        bench.start(name, PipelineParameters=[{"Name": key, "Value": value} for key, value in given.items()])
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert said in caught.value.response["Error"]["Message"]


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
            "TrainingImage": IMAGE,
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


def test_a_trained_models_metric_decides_and_its_artifact_becomes_a_model(bench: Workbench) -> None:
    script = (
        "import argparse, os\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('--eta', type=float)\n"
        "eta = parser.parse_known_args()[0].eta\n"
        "open(os.path.join(os.environ['SM_MODEL_DIR'], 'model.json'), 'w').write('{}')\n"
        "print(f'auc={eta}')\n"
    )
    auc = {"Get": "Steps.Train.FinalMetricDataList['validation:auc'].Value"}
    artifact = {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
    model = {
        "Name": "Make",
        "Type": "Model",
        "Arguments": {
            "ExecutionRoleArn": bench.role,
            "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": artifact, "Environment": {}},
        },
    }
    ended = bench.run(
        training(bench, script, eta={"Get": "Parameters.Eta"}),
        gate("Gate", auc, {"Get": "Parameters.Eta"}, [model], [fail("F")]),
        parameters=[parameter("Eta", "Float", DefaultValue=0.75)],
    )

    assert ended["PipelineExecutionStatus"] == "Succeeded", bench.reasons(ended["PipelineExecutionArn"])
    found = bench.steps(ended["PipelineExecutionArn"])
    job = found["Train"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    trained = bench.sagemaker.describe_training_job(TrainingJobName=job)
    assert trained["HyperParameters"]["eta"] == "0.75"
    made = bench.sagemaker.describe_model(ModelName=found["Make"]["Metadata"]["Model"]["Arn"].rpartition("/")[2])
    assert made["PrimaryContainer"]["ModelDataUrl"] == trained["ModelArtifacts"]["S3ModelArtifacts"]


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


def test_a_lambda_steps_typed_outputs_reach_later_steps(bench: Workbench) -> None:
    arn = make_function(bench, "return {'double': event['n'] * 2, 'who': event['run'], 'extra': 1}")
    ask = lambda_step(arn, ("double", "Integer"), ("who", "String"), n={"Get": "Parameters.N"}, run=execution_id())
    double = {"Get": "Steps.Ask.OutputParameters['double']"}
    ended = bench.run(
        ask, gate("Gate", double, 10, [], [fail("F")]), parameters=[parameter("N", "Integer", DefaultValue=5)]
    )

    assert ended["PipelineExecutionStatus"] == "Succeeded", bench.reasons(ended["PipelineExecutionArn"])
    run = ended["PipelineExecutionArn"].rpartition("/")[2]
    assert bench.steps(ended["PipelineExecutionArn"])["Ask"]["Metadata"]["Lambda"] == {
        "Arn": arn,
        "OutputParameters": [{"Name": "double", "Value": "10"}, {"Name": "who", "Value": run}],
    }


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('broken on purpose')", "broken on purpose"),
        ("return {'other': 1}", "The output parameter 'x' of step 'Ask' is missing"),
        ("return {'x': 'many'}", "not of type Integer"),
        ("return [1]", "must answer a JSON object"),
    ],
)
def test_a_lambda_step_without_its_outputs_fails(bench: Workbench, body: str, said: str) -> None:
    ended = bench.run(lambda_step(make_function(bench, body), ("x", "Integer")))

    assert ended["PipelineExecutionStatus"] == "Failed"
    assert said in bench.steps(ended["PipelineExecutionArn"])["Ask"]["FailureReason"]


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


@pytest.fixture
def queue(bench: Workbench) -> str:
    return str(bench.embedded.client("sqs").create_queue(QueueName=f"q-{uuid.uuid4().hex[:10]}")["QueueUrl"])


def test_a_callback_step_waits_for_its_token_and_takes_its_outputs(bench: Workbench, queue: str) -> None:
    score = {"Get": "Steps.Wait.OutputParameters['score']"}
    arn = bench.start(bench.create(callback(queue), gate("Gate", score, 0.5, [], [fail("F")])))
    message = receive(bench, queue)
    assert message["pipelineExecutionArn"] == arn
    assert message["arguments"] == {"run": arn.rpartition("/")[2]}
    assert bench.steps(arn)["Wait"]["StepStatus"] == "Executing"

    outputs = [{"Name": "score", "Value": "0.9"}]
    answer = bench.sagemaker.send_pipeline_execution_step_success(
        CallbackToken=message["token"], OutputParameters=outputs
    )

    assert answer["PipelineExecutionArn"] == arn
    assert bench.ended(arn)["PipelineExecutionStatus"] == "Succeeded"
    assert bench.steps(arn)["Wait"]["Metadata"]["Callback"]["OutputParameters"] == outputs
    with pytest.raises(ClientError, match="ResourceNotFound"):
        bench.sagemaker.send_pipeline_execution_step_success(CallbackToken=message["token"])


def test_a_callback_step_fails_with_the_reason_it_is_sent(bench: Workbench, queue: str) -> None:
    arn = bench.start(bench.create(callback(queue)))
    bench.sagemaker.send_pipeline_execution_step_failure(
        CallbackToken=receive(bench, queue)["token"], FailureReason="nobody was there"
    )

    assert bench.ended(arn)["PipelineExecutionStatus"] == "Failed"
    assert bench.steps(arn)["Wait"]["FailureReason"] == "nobody was there"


def test_stopping_tells_the_callbacks_queue(bench: Workbench, queue: str) -> None:
    arn = bench.start(bench.create(callback(queue)))
    token = receive(bench, queue)["token"]
    bench.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)

    assert bench.ended(arn)["PipelineExecutionStatus"] == "Stopped"
    told = receive(bench, queue)
    assert (told["token"], told["status"]) == (token, "Stopping")


def test_every_change_of_a_status_becomes_an_event(bench: Workbench, queue: str) -> None:
    name = bench.create(gate("Gate", 1, 1, [], []))
    pipeline = bench.sagemaker.describe_pipeline(PipelineName=name)["PipelineArn"]
    events, sqs = bench.embedded.client("events"), bench.embedded.client("sqs")
    target = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = events.put_rule(
        Name=name, EventPattern=json.dumps({"source": ["aws.sagemaker"], "detail": {"pipelineArn": [pipeline]}})
    )["RuleArn"]
    may_send = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": target,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may_send]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": target}])

    arn = bench.start(name)
    seen = [receive(bench, queue) for _ in range(4)]

    details = {(each["detail-type"].split()[-3], status(each["detail"])) for each in seen}
    assert details == {
        ("Execution", (None, "Executing")),
        ("Execution", ("Executing", "Succeeded")),
        ("Step", (None, "Executing")),
        ("Step", ("Executing", "Succeeded")),
    }
    last = next(each for each in seen if status(each["detail"])[1] == "Succeeded" and "stepName" in each["detail"])
    assert last["resources"] == [pipeline, arn]
    assert last["detail"]["metadata"] == {"condition": {"outcome": "True"}}
    assert (last["detail"]["stepName"], last["detail"]["stepType"]) == ("Gate", "Condition")


def status(detail: Json) -> tuple[str | None, str]:
    kind = "StepStatus" if "stepName" in detail else "PipelineExecutionStatus"
    return detail.get(f"previous{kind}"), detail[f"current{kind}"]


def test_an_execution_that_ran_when_the_server_ended_has_failed(
    embedded_factory: Callable[..., Any],
) -> None:
    server = embedded_factory()
    bench = workbench(server)
    name = bench.create(bench.waiting("Long", puts="started", awaits="go"))
    arn = bench.start(name)
    bench.there("started")
    server.stop()

    again = Workbench(embedded_factory(server.folder), bench.bucket, bench.role)

    ended = again.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert "was stopped" in ended["FailureReason"]
    assert again.steps(arn)["Long"]["StepStatus"] == "Failed"
    again.embedded.client("s3").put_object(Bucket=again.bucket, Key="go", Body=b"")
    again.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
    assert again.ended(arn)["PipelineExecutionStatus"] == "Succeeded", again.reasons(arn)


def test_more_executions_at_once_than_the_accounts_quota_are_refused(embedded: Any) -> None:
    """In an account of its own: the quota counts every execution of account and region."""
    account = "777777777777"
    sagemaker, sqs = (embedded.client(service, account=account) for service in ("sagemaker", "sqs"))
    waits = sqs.create_queue(QueueName="quota")["QueueUrl"]
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allow = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
    iam = embedded.client("iam", account=account)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="quota", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_role_policy(RoleName="quota", PolicyName="send", PolicyDocument=policy)
    sagemaker.create_pipeline(PipelineName="quota", PipelineDefinition=definition(callback(waits)), RoleArn=role)

    arns = [sagemaker.start_pipeline_execution(PipelineName="quota")["PipelineExecutionArn"] for _ in range(20)]
    with pytest.raises(ClientError, match="ResourceLimitExceeded"):
        sagemaker.start_pipeline_execution(PipelineName="quota")

    with pytest.raises(ClientError, match="has running executions"):
        sagemaker.delete_pipeline(PipelineName="quota")
    for arn in arns:
        sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
