"""Three accounts in one embedded AWS: each deployed alone, in any order, and told of what the registry says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import ARTIFACTS, MODEL, Deployed

DEV, STAGING, PROD = "111111111111", "222222222222", "333333333333"
IMAGE = "366743142698.dkr.ecr.ap-northeast-2.amazonaws.com/sagemaker-xgboost:3.2-0"


@dataclass(frozen=True)
class Approval:
    """A version, and how often prod's function had spoken of its model before it was approved."""

    version: str
    looks_before: int


@pytest.fixture(scope="module")
def empty(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    from tests.conftest import Embedded

    embedded = Embedded(tmp_path_factory.mktemp("accounts"))
    yield Deployed(embedded, assembly)
    embedded.stop()


@pytest.fixture(scope="module")
def deployed(empty: Deployed) -> Deployed:
    """Prod first, then the account that trains; staging is not there yet."""
    empty.millrace("deploy", "Prod/*", "--assembly", str(empty.assembly), "--no-synth")
    empty.until("prod's own first look", lambda: MODEL in printed(empty, PROD, "prod"))
    empty.millrace("deploy", "Dev/*", "--assembly", str(empty.assembly), "--no-synth")
    return empty


@pytest.fixture(scope="module")
def approved(deployed: Deployed) -> Approval:
    """A version that was approved before staging is deployed; what it is does not matter here."""
    looks_before = printed(deployed, PROD, "prod").count(MODEL)
    deployed.client("s3").put_object(Bucket=ARTIFACTS, Key="runs/a/model.tar.gz", Body=b"no model")
    sagemaker = deployed.client("sagemaker")
    version = sagemaker.create_model_package(
        ModelPackageGroupName=MODEL,
        InferenceSpecification={
            "Containers": [{"Image": IMAGE, "ModelDataUrl": f"s3://{ARTIFACTS}/runs/a/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        ModelApprovalStatus="PendingManualApproval",
    )["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=version, ModelApprovalStatus="Approved")
    return Approval(str(version), looks_before)


def states(world: Deployed, account: str) -> set[str]:
    found = world.embedded.client("cloudformation", account=account).describe_stacks()["Stacks"]
    return {stack["StackStatus"] for stack in found}


def waiting(world: Deployed, account: str, queue: str) -> list[dict[str, Any]]:
    """The events that lie in a queue."""
    sqs = world.embedded.client("sqs", account=account)
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
    return [json.loads(message["Body"]) for message in found]


def printed(world: Deployed, account: str, name: str) -> str:
    logs = world.embedded.client("logs", account=account)
    found = logs.filter_log_events(logGroupName=f"/aws/lambda/millrace-{name}-deploy-model")["events"]
    return "\n".join(event["message"] for event in found)


def test_an_account_is_deployed_before_the_one_it_gets_its_models_from(deployed: Deployed) -> None:
    assert states(deployed, PROD) == {"CREATE_COMPLETE"}
    assert states(deployed, DEV) == {"CREATE_COMPLETE"}
    assert states(deployed, STAGING) == set()


def test_an_account_that_is_deployed_first_waits_for_the_registry_and_loses_no_message(deployed: Deployed) -> None:
    told = printed(deployed, PROD, "prod")
    assert f"{MODEL}: wait: the registry cannot be read yet, which is tried every hour: " in told
    assert "will be delivered again" not in told


def test_an_approval_reaches_the_other_account_over_its_bus(deployed: Deployed, approved: Approval) -> None:
    deployed.until("a look in prod", lambda: printed(deployed, PROD, "prod").count(MODEL) > approved.looks_before)


def test_what_an_account_that_is_not_deployed_was_not_told_is_kept(deployed: Deployed, approved: Approval) -> None:
    def kept() -> list[str]:
        events = waiting(deployed, DEV, "millrace-dev-forward-dlq")
        of_version = [event["detail"] for event in events if event["detail"]["ModelPackageArn"] == approved.version]
        return [detail["ModelApprovalStatus"] for detail in of_version]

    deployed.until("the dead letter", lambda: "Approved" in kept())


def test_an_account_that_is_deployed_later_asks_the_registry_by_itself(deployed: Deployed, approved: Approval) -> None:
    deployed.millrace("deploy", "Staging/*", "--assembly", str(deployed.assembly), "--no-synth")
    assert states(deployed, STAGING) == {"CREATE_COMPLETE"}
    deployed.until("a look at the registry", lambda: MODEL in printed(deployed, STAGING, "staging"))


def test_deploying_everything_again_changes_nothing(deployed: Deployed) -> None:
    told = deployed.millrace("deploy", "--assembly", str(deployed.assembly), "--no-synth").stdout
    assert told.count("Nothing has changed") == 3


def test_millrace_tells_what_an_account_serves_in_which_nothing_is_trained(deployed: Deployed) -> None:
    told = deployed.millrace("--account", PROD).stdout

    assert "serving of abalone, claims-fraud" in told
    assert "none yet" in told
    assert "Next: millrace history" in told


def test_an_account_looks_into_the_registry_every_hour(deployed: Deployed) -> None:
    looks = printed(deployed, PROD, "prod").count("no version is approved for Production")
    deployed.embedded.advance(3600)
    deployed.until(
        "an hourly look in prod",
        lambda: printed(deployed, PROD, "prod").count("no version is approved for Production") > looks,
    )
