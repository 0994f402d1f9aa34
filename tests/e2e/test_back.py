"""The ways back, and what must not go astray on the way: three accounts, versions that are decided on in any order.

The versions are the first one again, registered as a run registers one, so that each costs a deployment and no
training. The tests go along one story: each starts from what the one before it has left.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from millrace.cli import rollout_bad, serving
from millrace.cli.connect import Connection
from tests.deploy_lab import IDS, REGION
from tests.e2e.conftest import MODEL, RAW, Deployed, first_row

APPROVED, REJECTED, PENDING = "Approved", "Rejected", "PendingManualApproval"
BAKE_SECONDS = 301
WRONG = """

from dataclasses import replace

_right = transform_fn


def transform_fn(model, body, content_type, accept):
    answer = _right(model, body, content_type, accept)
    told = json.loads(answer.response)
    for each in told["predictions"]:
        each["decision"] = 1 - each["decision"]
    return replace(answer, response=json.dumps(told))
"""
"""Golden rows are right while the model is loaded, and wrong for whoever asks."""


@dataclass(frozen=True)
class World:
    """Three accounts; version 1 is served in all of them."""

    deployed: Deployed
    first: str

    def client(self, service: str, account: str = "dev") -> Any:
        return self.deployed.embedded.client(service, account=IDS[account])

    def another(self) -> str:
        """A version of the same bytes."""
        known = self.describe(self.first)
        made = self.client("sagemaker").create_model_package(
            ModelPackageGroupName=MODEL,
            InferenceSpecification=known["InferenceSpecification"],
            ModelMetrics=known["ModelMetrics"],
            CustomerMetadataProperties=rollout_bad.registered(known["CustomerMetadataProperties"]),
            ModelApprovalStatus=PENDING,
        )
        return str(made["ModelPackageArn"])

    def wrong(self, folder: Path) -> str:
        """A version whose golden rows are answered wrongly, all of its digests right."""
        registry = connection(self, "dev")
        first = serving.version(registry, self.first)
        return rollout_bad.register(registry, first, folder, WRONG).arn

    def decide(self, version: str, status: str) -> None:
        self.client("sagemaker").update_model_package(ModelPackageArn=version, ModelApprovalStatus=status)

    def promote(self, version: str) -> None:
        self.client("sagemaker").update_model_package(
            ModelPackageArn=version,
            ModelLifeCycle={"Stage": "Production", "StageStatus": APPROVED, "StageDescription": "as agreed"},
        )

    def describe(self, version: str) -> dict[str, Any]:
        return dict(self.client("sagemaker").describe_model_package(ModelPackageName=version))

    def records(self, version: str) -> dict[str, str]:
        return dict(self.describe(version).get("CustomerMetadataProperties", {}))

    def stack(self, account: str) -> tuple[str, str]:
        """The version that the serving stack names, and its state."""
        name = f"{account.title()}-Serving-{MODEL}"
        stack = self.client("cloudformation", account).describe_stacks(StackName=name)["Stacks"][0]
        named = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
        return named["ModelPackageArn"], stack["StackStatus"]

    def rests(self, account: str) -> bool:
        """Nothing waits for the account's function, nothing changes."""
        sqs = self.client("sqs", account)
        url = sqs.get_queue_url(QueueName=f"millrace-{account}-deploy-model")["QueueUrl"]
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        waiting = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return not sum(map(int, waiting.values())) and self.stack(account)[1].endswith("_COMPLETE")

    def serves(self, version: str, *accounts: str) -> None:
        """Wait until the accounts have come to rest with this version."""

        def there() -> bool:
            return all(self.stack(each)[0] == version and self.rests(each) for each in accounts)

        self.deployed.until(f"{version} in {', '.join(accounts)}", there)

    def tested(self, version: str, account: str) -> None:
        def passed() -> bool:
            return self.records(version).get(f"{account}_smoke", "").startswith("passed ")

        self.deployed.until(f"the smoke test of {version} in {account}", passed)

    def approved(self) -> str:
        """Another version, approved and served in dev and staging."""
        version = self.another()
        self.decide(version, APPROVED)
        self.serves(version, "dev", "staging")
        self.tested(version, "staging")
        return version


@pytest.fixture(scope="module")
def world(deployed: Deployed, assembly: Path, tables: Path) -> World:
    for stage in ("Staging/*", "Prod/*"):
        deployed.millrace("deploy", stage, "--assembly", str(assembly), "--no-synth")
    for table in ("claims", "customers"):
        body = (tables / f"{table}.csv").read_bytes()
        deployed.client("s3").put_object(Bucket=RAW, Key=f"raw/{MODEL}/{table}/{table}.csv", Body=body)
    [execution] = deployed.until("the start of a run", deployed.executions)
    assert deployed.finished(execution["PipelineExecutionArn"])["PipelineExecutionStatus"] == "Succeeded"
    [summary] = deployed.client("sagemaker").list_model_packages(ModelPackageGroupName=MODEL)["ModelPackageSummaryList"]
    found = World(deployed, str(summary["ModelPackageArn"]))
    found.decide(found.first, APPROVED)
    found.tested(found.first, "staging")
    found.promote(found.first)
    found.serves(found.first, "dev", "staging", "prod")
    return found


@contextmanager
def asking(world: World, account: str, row: dict[str, str]) -> Iterator[list[str]]:
    """A light load; the version of each answer, or what went wrong."""
    runtime, done, found = world.client("sagemaker-runtime", account), threading.Event(), list[str]()

    def ask() -> None:
        while not done.wait(0.02):
            try:
                answer = runtime.invoke_endpoint(
                    EndpointName=MODEL, ContentType="application/json", Accept="application/json", Body=json.dumps(row)
                )
                found.append(str(json.loads(answer["Body"].read())["model_version"]))
            except ClientError as error:
                found.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def test_of_two_approvals_that_race_the_newer_version_wins(world: World) -> None:
    older, newer = world.another(), world.another()
    threads = [threading.Thread(target=world.decide, args=(each, APPROVED)) for each in (newer, older)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.serves(newer, "dev", "staging")
    assert world.stack("prod")[0] == world.first


def test_an_approval_that_is_taken_back_at_once_ends_with_the_old_version(world: World) -> None:
    before = world.stack("staging")[0]
    version = world.another()
    world.decide(version, APPROVED)
    world.decide(version, REJECTED)
    world.serves(before, "dev", "staging")
    assert world.describe(version)["ModelApprovalStatus"] == REJECTED


def test_rejecting_the_live_version_brings_the_one_before_without_a_failed_request(world: World, tables: Path) -> None:
    before = world.approved()
    live = world.approved()
    names = [name_of(live), name_of(before)]
    with asking(world, "staging", first_row(tables)) as answers:
        world.deployed.until("an answer of the live version", lambda: names[0] in answers)
        world.decide(live, REJECTED)
        world.serves(before, "dev", "staging")
        world.deployed.until("an answer of the one before", lambda: answers[-1] == names[1])
    assert set(answers) == set(names)
    assert answers == sorted(answers, key=names.index)


def test_a_failed_smoke_test_rejects_the_version_and_every_account_goes_back(world: World, tmp_path: Path) -> None:
    before = world.stack("staging")[0]
    version = world.wrong(tmp_path)
    world.decide(version, APPROVED)

    world.deployed.until("the rejection", lambda: world.describe(version)["ModelApprovalStatus"] == REJECTED)
    world.serves(before, "dev", "staging")

    reason = world.describe(version)["ApprovalDescription"]
    assert reason.startswith(f"{name_of(version)} failed the smoke test of ")
    assert "golden row 1 is answered with" in reason
    results = [text for key, text in world.records(version).items() if key.endswith("_smoke")]
    assert results
    assert all(text.startswith("failed ") for text in results)
    assert world.stack("prod")[0] == world.first


def test_deploying_the_stacks_again_after_an_approval_changes_nothing(world: World, assembly: Path) -> None:
    before = [(world.stack(account), configuration(world, account)) for account in IDS]
    told = world.deployed.millrace("deploy", "--assembly", str(assembly), "--no-synth").stdout
    assert told.count("Nothing has changed") == len(IDS)
    assert [(world.stack(account), configuration(world, account)) for account in IDS] == before


def test_an_approval_during_a_canary_is_taken_up_afterwards(world: World) -> None:
    during, later = world.stack("staging")[0], world.approved()
    world.promote(during)
    world.deployed.until("the canary", lambda: baking(world) == "canary")
    assert world.stack("prod")[1] == "UPDATE_IN_PROGRESS"
    assert serving.deployed(connection(world, "prod"), MODEL) == during
    world.promote(later)
    for part in ("canary", "full", "canary", "full"):
        world.deployed.until(f"the {part} bake", partial(lambda wanted: baking(world) == wanted, part))
        world.deployed.embedded.advance(BAKE_SECONDS)
    world.serves(later, "prod")
    assert world.records(during)["prod_deployed"].startswith("deployed ")
    assert configuration(world, "prod").startswith(f"{MODEL}-{later.rpartition('/')[2]}-")


def connection(world: World, account: str) -> Connection:
    return Connection(url=world.deployed.embedded.url, account=IDS[account], region=REGION)


def baking(world: World) -> str:
    """`canary` or `full` while prod's endpoint waits with so much of the new fleet."""
    endpoint = world.client("sagemaker", "prod").describe_endpoint(EndpointName=MODEL)
    told = [
        status["StatusMessage"]
        for variant in endpoint.get("PendingDeploymentSummary", {}).get("ProductionVariants", ())
        for status in variant["VariantStatus"]
        if status["Status"] == "Baking"
    ]
    return next((part for part in ("canary", "full") for text in told if f"on {part} capacity" in text), "")


def configuration(world: World, account: str) -> str:
    return str(world.client("sagemaker", account).describe_endpoint(EndpointName=MODEL)["EndpointConfigName"])


def name_of(version: str) -> str:
    return "/".join(version.split("/")[-2:])
