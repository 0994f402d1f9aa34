"""Whatever happens to a step, the run ends with a reason, no half result is visible, and a rerun is whole."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import ARTIFACTS, MODEL, RAW, Deployed

STEPS = ("preprocess", "train", "evaluate")
FAULTS = ("killed", "memory", "disk-full", "hangs", "lost-output")
TOLD = {
    "killed": ("137",),
    "memory": ("MemoryError",),
    "disk-full": ("File too large", "Write incomplete"),
    "hangs": ("MaxRuntime",),
}
LIMIT_SECONDS = 4
SABOTAGE = Path(__file__).with_name("sabotage.py").read_text("utf-8")
CALL = "import sabotage\n\nif __name__ == '__main__':\n    sabotage.main()\n"


@dataclass(frozen=True)
class Lab:
    """The deployed pipeline once more, with a short MaxRuntime and code archives that a test may replace.

    Each case has a copy of its own: a step that loses its output and still succeeds would be found in the cache.
    """

    deployed: Deployed
    definition: str
    role: str
    input_uri: str
    bucket: str
    archives: dict[str, bytes]

    def sabotage(self, step: str, fault: str) -> None:
        code = SABOTAGE.replace("@step@", step).replace("@fault@", fault)
        for key, honest in self.archives.items():
            self._put(key, spoiled_tar(honest, code) if key.endswith(".gz") else spoiled_zip(honest, code))

    def mend(self) -> None:
        for key, honest in self.archives.items():
            self._put(key, honest)

    def pipeline(self, name: str) -> str:
        self.deployed.client("sagemaker").create_pipeline(
            PipelineName=name,
            PipelineDefinition=self.definition,
            RoleArn=self.role,
            ClientRequestToken=name.ljust(32, "-"),
        )
        return name

    def run(self, pipeline: str, **changes: str) -> tuple[str, dict[str, Any]]:
        """The ARN of a new execution, and its description once it has ended."""
        given = {"InputUri": self.input_uri, **changes}
        answer = self.deployed.client("sagemaker").start_pipeline_execution(
            PipelineName=pipeline,
            PipelineParameters=[{"Name": name, "Value": value} for name, value in given.items()],
        )
        arn = str(answer["PipelineExecutionArn"])
        return arn, self.deployed.finished(arn)

    def objects(self, arn: str) -> dict[str, bytes]:
        """What the execution left, by its key below the execution's prefix."""
        s3, prefix = self.deployed.client("s3"), f"runs/{arn.rsplit('/', 1)[-1]}/"
        listed = s3.list_objects_v2(Bucket=ARTIFACTS, Prefix=prefix).get("Contents", [])
        keys = [each["Key"] for each in listed]
        return {key.removeprefix(prefix): s3.get_object(Bucket=ARTIFACTS, Key=key)["Body"].read() for key in keys}

    def _put(self, key: str, body: bytes) -> None:
        self.deployed.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body)


@pytest.fixture(scope="module")
def lab(deployed: Deployed, tables: Path) -> Iterator[Lab]:
    """The first run, started by the upload, makes the inputs; the copied pipeline then runs on them."""
    for table in ("claims", "customers"):
        body = (tables / f"{table}.csv").read_bytes()
        deployed.client("s3").put_object(Bucket=RAW, Key=f"raw/{MODEL}/{table}/{table}.csv", Body=body)
    [execution] = deployed.until("the start of a run", deployed.executions)
    deployed.finished(execution["PipelineExecutionArn"])
    sagemaker = deployed.client("sagemaker")
    listed = sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=execution["PipelineExecutionArn"])
    [input_uri] = [each["Value"] for each in listed["PipelineParameters"] if each["Name"] == "InputUri"]
    pipeline = sagemaker.describe_pipeline(PipelineName=MODEL)
    definition = json.loads(pipeline["PipelineDefinition"])
    for step in definition["Steps"]:
        if "StoppingCondition" in step["Arguments"]:
            step["Arguments"]["StoppingCondition"]["MaxRuntimeInSeconds"] = LIMIT_SECONDS
    bucket, archives = code_archives(deployed, definition)
    made = Lab(deployed, json.dumps(definition), pipeline["RoleArn"], input_uri, bucket, archives)
    yield made
    made.mend()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", STEPS)
def test_a_fault_of_a_step_fails_the_run_with_a_reason_and_leaves_no_half_result(
    lab: Lab, step: str, fault: str
) -> None:
    lab.sabotage(step, fault)

    arn, described = lab.run(lab.pipeline(f"{step}-{fault}"))

    assert described["PipelineExecutionStatus"] == "Failed"
    failed = {name: each for name, each in lab.deployed.steps(arn).items() if each["StepStatus"] == "Failed"}
    reasons = " ".join(each["FailureReason"] for each in failed.values())
    if fault == "lost-output":
        assert step.capitalize() not in failed, "the step itself ended well; whoever needs the output must notice"
        assert {"preprocess": "train", "train": "model.json", "evaluate": "verdict.json"}[step] in reasons
        return
    assert list(failed) == [step.capitalize()]
    assert any(word in reasons for word in TOLD[fault]), reasons
    assert not [key for key in lab.objects(arn) if key.startswith(f"{step}/")], "half a result is visible"


def test_a_retry_goes_on_where_the_run_failed_and_has_the_bytes_of_a_run_without_trouble(lab: Lab) -> None:
    lab.mend()
    whole, described = lab.run(lab.pipeline("whole"))
    assert described["PipelineExecutionStatus"] == "Succeeded", lab.deployed.steps(whole)
    lab.sabotage("train", "killed")
    retried, _ = lab.run(lab.pipeline("retried"))
    lab.mend()

    lab.deployed.client("sagemaker").retry_pipeline_execution(PipelineExecutionArn=retried, ClientRequestToken="r" * 32)

    assert lab.deployed.finished(retried)["PipelineExecutionStatus"] == "Succeeded", lab.deployed.steps(retried)
    assert parts(lab, retried) == parts(lab, whole)
    assert members(lab, retried) == members(lab, whole)
    assert "model.json" in members(lab, whole)


def parts(lab: Lab, arn: str) -> dict[str, bytes]:
    return {key: body for key, body in lab.objects(arn).items() if key.startswith("preprocess/")}


def members(lab: Lab, arn: str) -> dict[str, str]:
    [archive] = [body for key, body in lab.objects(arn).items() if key.endswith("model.tar.gz")]
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        return {
            member.name.removeprefix("./"): hashlib.sha256(file.read()).hexdigest()
            for member in packed
            if (file := packed.extractfile(member))
        }


def code_archives(deployed: Deployed, definition: dict[str, Any]) -> tuple[str, dict[str, bytes]]:
    """The bucket of the step code, and its two archives by key."""
    text = json.dumps(definition)
    [preprocess] = [step for step in definition["Steps"] if step["Name"] == "Preprocess"]
    [code] = [each for each in preprocess["Arguments"]["ProcessingInputs"] if each["InputName"] == "code"]
    bucket, _, zip_key = code["S3Input"]["S3Uri"].removeprefix("s3://").partition("/")
    start = text.index(f"s3://{bucket}/", text.index('"ChannelName": "code"') - 400)
    tar_key = next(word for word in text[start:].split('"') if word.endswith(".gz")).rsplit("/", 1)[-1]
    s3 = deployed.client("s3")
    return bucket, {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in (zip_key, tar_key)}


def spoiled_zip(honest: bytes, code: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(honest)) as source, zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            archive.writestr("honest_main.py" if name == "__main__.py" else name, source.read(name))
        archive.writestr("__main__.py", CALL)
        archive.writestr("sabotage.py", code)
    return target.getvalue()


def spoiled_tar(honest: bytes, code: str) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(honest)) as source, tarfile.open(fileobj=target, mode="w:gz") as archive:
        for member in source:
            file = source.extractfile(member)
            assert file is not None
            add(archive, "honest_train.py" if member.name == "train.py" else member.name, file.read())
        add(archive, "train.py", CALL.encode())
        add(archive, "sabotage.py", code.encode())
    return target.getvalue()


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
