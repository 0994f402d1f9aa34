"""What the tests of the embedded SageMaker share: a bucket, a role, and short ways to run jobs and endpoints."""

from __future__ import annotations

import io
import json
import tarfile
import time
import uuid
from collections.abc import Callable
from typing import Any

IMAGE = "366743142698.dkr.ecr.ap-northeast-2.amazonaws.com/sagemaker-xgboost:3.2-0"
OWN_IMAGE = "111111111111.dkr.ecr.ap-northeast-2.amazonaws.com/sagemaker-xgboost:3.2-0"
"""A copy in a repository of one's own: for its jobs one defines metrics oneself."""
REGION = "ap-northeast-2"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ALLOW_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
ENDED = ("Completed", "Failed", "Stopped")


class Lab:
    """A bucket and a role on one embedded AWS."""

    def __init__(self, embedded: Any) -> None:
        self.embedded = embedded
        self.sagemaker = embedded.client("sagemaker")
        self.runtime = embedded.client("sagemaker-runtime")
        self.s3 = embedded.client("s3")
        iam = embedded.client("iam")
        self.bucket = f"lab-{uuid.uuid4().hex[:8]}"
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        policy = iam.create_policy(PolicyName=self.bucket, PolicyDocument=json.dumps(ALLOW_ALL))["Policy"]["Arn"]
        role = iam.create_role(RoleName=self.bucket, AssumeRolePolicyDocument=json.dumps(TRUST))
        self.role = role["Role"]["Arn"]
        iam.attach_role_policy(RoleName=self.bucket, PolicyArn=policy)

    def put(self, key: str, body: str | bytes) -> str:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def keys(self, prefix: str) -> list[str]:
        return [each["Key"] for each in self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])]

    def text(self, key: str) -> str:
        return str(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode())

    def logged(self, group: str, job: str, line: str) -> None:
        """Wait until the job has printed a line."""
        logs = self.embedded.client("logs")

        def lines() -> list[str]:
            streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=job)["logStreams"]
            return [
                event["message"]
                for stream in streams
                for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
            ]

        until(lines, lambda found: line in found, forgive=logs.exceptions.ResourceNotFoundException)


class JobLab(Lab):
    """Runs scripts as jobs."""

    def start(self, script: str, **changes: Any) -> str:
        """Create a processing job that runs the script; its name."""
        name = changes.pop("name", f"job-{uuid.uuid4().hex[:8]}")
        code = self.put(f"code/{name}/job.py", script)
        base = "/opt/ml/processing"
        request: dict[str, Any] = {
            "ProcessingJobName": name,
            "RoleArn": self.role,
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
            },
            "AppSpecification": {
                "ImageUri": changes.pop("image", IMAGE),
                "ContainerEntrypoint": ["python3", f"{base}/input/code/job.py"],
                "ContainerArguments": ["--output", f"{base}/output", *changes.pop("arguments", [])],
            },
            "ProcessingInputs": [
                s3_input("code", code, f"{base}/input/code"),
                *(s3_input(key, uri, f"{base}/input/{key}") for key, uri in changes.pop("inputs", {}).items()),
            ],
            "ProcessingOutputConfig": {
                "Outputs": [s3_output("result", f"s3://{self.bucket}/out/{name}/", f"{base}/output")]
            },
        }
        self.sagemaker.create_processing_job(**(request | changes))
        return name

    def run(self, script: str, **changes: Any) -> dict[str, Any]:
        return self.ended(self.start(script, **changes))

    def ended(self, name: str) -> dict[str, Any]:
        return until(
            lambda: self.sagemaker.describe_processing_job(ProcessingJobName=name),
            lambda job: job["ProcessingJobStatus"] in ENDED,
        )

    def train(self, files: dict[str, str], **changes: Any) -> dict[str, Any]:
        """Run a training job whose code channel is a tar.gz of the files."""
        name = f"train-{uuid.uuid4().hex[:8]}"
        code = self.put(f"code/{name}/code.gz", tar_gz(files))
        data = self.put(f"data/{name}/train.csv", "1,2\n3,4\n")
        hyperparameters = {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": "/opt/ml/input/data/code/code.gz",
            **changes.pop("hyperparameters", {}),
        }
        request: dict[str, Any] = {
            "TrainingJobName": name,
            "RoleArn": self.role,
            "AlgorithmSpecification": {
                "TrainingImage": OWN_IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "validation:auc", "Regex": r"validation-auc:([0-9.]+)"}],
            },
            "HyperParameters": hyperparameters,
            "InputDataConfig": [channel("train", data), channel("code", code)],
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/models"},
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        }
        self.sagemaker.create_training_job(**(request | changes))
        return until(
            lambda: self.sagemaker.describe_training_job(TrainingJobName=name),
            lambda job: job["TrainingJobStatus"] in ENDED,
        )


SETTINGS = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}

INFERENCE = """
import json, os, pathlib, socket
from answers import Answer


def model_fn(model_dir):
    return json.loads(pathlib.Path(model_dir, "model.json").read_text())


def transform_fn(model, body, content_type, accept):
    if body == "die":
        os._exit(7)
    if body == "raise":
        raise RuntimeError("no such row")
    if body == "refuse":
        return Answer("400 BAD REQUEST", json.dumps({"error": {"column": "age"}}))
    if body == "toolkit":
        from sagemaker_containers.beta.framework import worker
        return worker.Response(response="no", status=422, mimetype="text/csv")
    if isinstance(body, str) and body.startswith("connect "):
        host, port = body.split()[1].split(":")
        try:
            socket.create_connection((host, int(port)), 5).close()
            return "reached", "text/csv"
        except OSError:
            return "out of reach", "text/csv"
    seen = [model["name"], type(body).__name__, content_type, accept]
    return json.dumps(seen), "application/json"
"""
ANSWERS = """
class Answer:
    def __init__(self, status, text):
        self.status, self.text = status, text

    def __call__(self, environ, start_response):
        start_response(self.status, [("Content-Type", "application/json")])
        return [self.text.encode()]
"""


class EndpointLab(Lab):
    """Serves models."""

    def archive(self, name: str, inference: str = INFERENCE) -> str:
        """A model.tar.gz in S3; its URL."""
        files = {
            "model.json": json.dumps({"name": name}),
            "code/inference.py": inference,
            "code/answers.py": ANSWERS,
        }
        return self.put(f"{name}/{uuid.uuid4().hex}/model.tar.gz", tar_gz(files))

    def config(self, name: str, url: str | None = None, *, instances: int = 1, **model: Any) -> str:
        """A model and an endpoint configuration of it; the configuration's name."""
        container = {"Image": IMAGE, "ModelDataUrl": url or self.archive(name), "Environment": SETTINGS}
        unique = f"{name}-{uuid.uuid4().hex[:6]}"
        request = {"PrimaryContainer": container, "ExecutionRoleArn": self.role} | model
        self.sagemaker.create_model(ModelName=unique, **request)
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": unique,
            "InitialInstanceCount": instances,
            "InstanceType": "ml.m5.large",
        }
        self.sagemaker.create_endpoint_config(EndpointConfigName=unique, ProductionVariants=[variant])
        return unique

    def serve(self, config: str) -> str:
        """An endpoint that is InService; its name."""
        name = f"endpoint-{uuid.uuid4().hex[:6]}"
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        assert self.settled(name)["EndpointStatus"] == "InService", self.describe(name)
        return name

    def describe(self, name: str) -> dict[str, Any]:
        return dict(self.sagemaker.describe_endpoint(EndpointName=name))

    def settled(self, name: str) -> dict[str, Any]:
        moving = ("Creating", "Updating", "RollingBack")
        return dict(
            until(
                lambda: self.describe(name),
                lambda found: found["EndpointStatus"] not in moving,
            )
        )

    def invoke(self, name: str, body: str, **changes: Any) -> Any:
        return self.runtime.invoke_endpoint(EndpointName=name, Body=body.encode(), **changes)

    def name_served(self, name: str) -> str:
        return str(json.loads(self.invoke(name, "x")["Body"].read())[0])


def until(ask: Callable[[], Any], good: Callable[[Any], bool], *, forgive: Any = ()) -> Any:
    deadline = time.monotonic() + 30
    answer = None
    while time.monotonic() < deadline:
        try:
            answer = ask()
        except forgive:
            continue
        if good(answer):
            return answer
    raise AssertionError(f"not in time: {answer}")


def s3_input(name: str, uri: str, path: str) -> dict[str, Any]:
    source = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": source}


def s3_output(name: str, uri: str, path: str) -> dict[str, Any]:
    return {"OutputName": name, "S3Output": {"S3Uri": uri, "LocalPath": path, "S3UploadMode": "EndOfJob"}}


def channel(name: str, uri: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def tar_gz(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()
