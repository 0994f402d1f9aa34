"""The whole app, synthesized once and deployed into a private embedded AWS: what the end-to-end tests share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.once import once

ROOT = Path(__file__).parents[2]
MODEL = "claims-fraud"
RAW = "millrace-dev-raw-111111111111-ap-northeast-2"
ARTIFACTS = "millrace-dev-artifacts-111111111111-ap-northeast-2"
PATIENCE_SECONDS = 90.0


@dataclass(frozen=True)
class Deployed:
    """An embedded AWS that holds the app; clients of it and the command line against it."""

    embedded: Any
    assembly: Path

    def client(self, service: str) -> Any:
        return self.embedded.client(service)

    def millrace(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run our command line as a user would."""
        ended = subprocess.run(
            [sys.executable, "-m", "millrace", *arguments],
            cwd=ROOT,
            env=self.embedded.env(),
            capture_output=True,
            text=True,
            timeout=180,
        )
        if check and ended.returncode:
            pytest.fail(f"millrace {' '.join(arguments)}\n{ended.stdout}\n{ended.stderr}", pytrace=False)
        return ended

    def aws(self, *arguments: str) -> str:
        """Run the plain AWS CLI with nothing but what `millrace env` prints."""
        ended = subprocess.run(
            [str(Path(sys.executable).with_name("aws")), *arguments],
            env=self.embedded.env(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        if ended.returncode:
            pytest.fail(f"aws {' '.join(arguments)}\n{ended.stdout}\n{ended.stderr}", pytrace=False)
        return ended.stdout

    def executions(self) -> list[dict[str, Any]]:
        """Summaries of the pipeline's executions, newest first."""
        listed = self.client("sagemaker").list_pipeline_executions(PipelineName=MODEL, SortOrder="Descending")
        return list(listed["PipelineExecutionSummaries"])

    def until(self, what: str, look: Callable[[], Any]) -> Any:
        """What `look` answers as soon as it is true; fails with the server's log when it never is."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            time.sleep(0.05)
        log = (self.embedded.folder / "server.log").read_text()[-4000:]
        return pytest.fail(f"{what} did not happen in {PATIENCE_SECONDS:.0f} s\n{log}", pytrace=False)

    def finished(self, arn: str) -> dict[str, Any]:
        """The description of an execution once it has ended."""
        sagemaker = self.client("sagemaker")

        def look() -> dict[str, Any] | None:
            found = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
            ended = found["PipelineExecutionStatus"] in ("Succeeded", "Failed", "Stopped")
            return dict(found) if ended else None

        return dict(self.until(f"the end of {arn}", look))

    def starter_is_idle(self) -> bool:
        """Whether the look after the last run is over too: a file that comes before it would be part of that look."""
        sqs, name = self.client("sqs"), "millrace-dev-start-pipeline"
        waiting = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=waiting)["Attributes"]
        lock = self.client("dynamodb").get_item(
            TableName="millrace-dev-ledger", Key={"model": {"S": MODEL}, "item": {"S": "lock"}}, ConsistentRead=True
        )
        return "holder" not in lock.get("Item", {}) and not any(int(count) for count in counts.values())

    def steps(self, arn: str) -> dict[str, dict[str, Any]]:
        listed = self.client("sagemaker").list_pipeline_execution_steps(PipelineExecutionArn=arn)
        return {step["StepName"]: step for step in listed["PipelineExecutionSteps"]}


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`cdk.out`, synthesized by app.py."""

    def make(folder: Path) -> None:
        env = {**os.environ, "CDK_OUTDIR": str(folder / "cdk.out"), "CDK_VALIDATION": "false"}
        command = [sys.executable, "app.py"]
        ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
        if ended.returncode:
            pytest.fail(ended.stdout + ended.stderr, pytrace=False)

    return once(tmp_path_factory, "assembly", make) / "cdk.out"


@pytest.fixture(scope="session")
def deployed_state(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an embedded AWS that has ended after the app was deployed into it."""
    from tests.conftest import Embedded

    def make(folder: Path) -> None:
        embedded = Embedded(folder)
        try:
            world = Deployed(embedded, assembly)
            world.millrace("deploy", "Dev/*", "--assembly", str(assembly), "--no-synth")
        finally:
            embedded.stop()

    return once(tmp_path_factory, "deployed", make)


@pytest.fixture(scope="module")
def deployed(assembly: Path, deployed_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The app in an embedded AWS of the module's own, nothing uploaded yet."""
    from tests.conftest import Embedded

    folder = tmp_path_factory.mktemp("deployed")
    shutil.copytree(deployed_state, folder, dirs_exist_ok=True)
    embedded = Embedded(folder)
    try:
        yield Deployed(embedded, assembly)
    finally:
        embedded.stop()


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with claims.csv and customers.csv: the public set if MILLRACE_TEST_DATA names it, else made up."""
    given = os.environ.get("MILLRACE_TEST_DATA")
    if given:
        return Path(given)

    def make(folder: Path) -> None:
        script = f"from millrace.demo_data import generate; generate(__import__('pathlib').Path({str(folder)!r}))"
        subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=120)

    return once(tmp_path_factory, "tables", make)


def first_row(folder: Path) -> dict[str, str]:
    """The first claim joined with its customer, without the label: a raw row as a client would send it."""
    import csv

    with (folder / "claims.csv").open(newline="") as claims, (folder / "customers.csv").open(newline="") as customers:
        claim = next(csv.DictReader(claims))
        owner = next(row for row in csv.DictReader(customers) if row["policy_id"] == claim["policy_id"])
    return {name: value for name, value in {**claim, **owner}.items() if name not in ("fraud", "policy_id")}


def predictions(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return list(json.loads(answer["Body"].read())["predictions"])
