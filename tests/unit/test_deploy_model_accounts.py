"""Which version an account wants: by approval or stage, and after the smoke test of the account before."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from tests.deploy_lab import MODEL, Account, RegistryClient, arn, one_account, refusal


def prod() -> Account:
    return one_account("prod", stage="Production", after="staging")


def passes_in_staging(world: Account, version: int, outcome: str = "passed") -> None:
    told = {"staging_smoke": f"{outcome} 2026-11-29T12:00:00Z by millrace-staging-smoke-test"}
    role = "arn:aws:sts::222222222222:assumed-role/millrace-staging-smoke-test/millrace-staging-smoke-test"
    world.registry.change(role, ModelPackageArn=arn(version), CustomerMetadataProperties=told)


def test_an_account_of_a_stage_deploys_what_is_approved_promoted_and_passed_in_whatever_order(
    caplog: pytest.LogCaptureFixture,
) -> None:
    steps = {
        "approved": lambda world: world.registry.decide(1, "Approved"),
        "promoted": lambda world: world.registry.promote(1),
        "passed": lambda world: passes_in_staging(world, 1),
    }
    for order in (("approved", "promoted", "passed"), ("promoted", "passed", "approved"), tuple(reversed(steps))):
        world = prod()
        for step in order:
            assert world.cloudformation.updates == []
            steps[step](world)
            world.settle()
        assert world.cloudformation.version == arn(1)


def test_what_an_approved_version_waits_for_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world = prod()
    world.registry.decide(1, "Approved")
    world.settle()
    assert "no version is approved for Production" in caplog.text
    world.registry.promote(1)
    world.settle()
    assert f"{MODEL}/1 did not pass the smoke test of staging yet" in caplog.text


def test_the_newest_version_that_passed_is_deployed_while_a_newer_one_waits() -> None:
    world = prod()
    for version in (1, 2, 3, 4):
        world.registry.decide(version, "Approved")
        world.registry.promote(version)
    passes_in_staging(world, 1)
    passes_in_staging(world, 2)
    passes_in_staging(world, 4, "failed")
    world.settle()
    assert world.cloudformation.version == arn(2)


def test_taking_a_version_from_its_stage_brings_back_the_one_before() -> None:
    world = prod()
    for version in (1, 2):
        world.registry.decide(version, "Approved")
        world.registry.promote(version)
        passes_in_staging(world, version)
        world.settle()
    assert world.cloudformation.version == arn(2)
    world.registry.promote(2, "Archived")
    world.settle()
    assert world.cloudformation.version == arn(1)


def test_a_promotion_of_a_blocked_version_tries_it_again_and_is_told() -> None:
    world = prod()
    world.cloudformation.failing[arn(1)] = ("AWS::SageMaker::Endpoint", "Unable to provision requested capacity.")
    world.registry.decide(1, "Approved")
    passes_in_staging(world, 1)
    world.registry.promote(1)
    world.settle()
    assert len(world.cloudformation.updates) == 1
    world.cloudformation.failing.clear()
    world.registry.promote(1)
    world.settle()
    assert world.cloudformation.version == arn(1)
    assert world.registry.records(1)["production_by"].endswith("jane@example.com")
    assert "approved_by" not in world.registry.records(1)


def test_an_approval_of_a_promoted_version_does_not_replace_who_promoted_it() -> None:
    world = prod()
    world.registry.decide(1, "Approved")
    world.registry.promote(1)
    world.settle()
    told = world.registry.records(1)["production_by"]
    for _ in range(200):
        world.registry.clock.tick()
    world.registry.decide(1, "Approved", by="arn:aws:iam::111111111111:user/another")
    world.settle()
    assert world.registry.records(1)["production_by"] == told


@pytest.mark.parametrize(
    ("operation", "sid", "place"),
    [
        ("ListModelPackages", "DeployersMayReadVersions", "the policy of the model package group claims-fraud"),
        ("DescribeModelPackage", "DeployersMayReadVersions", "the policy of the model package group claims-fraud"),
        ("UpdateModelPackage", "DeployersMayRecordAndReject", "the policy of the model package group claims-fraud"),
    ],
)
def test_without_a_grant_nothing_is_deployed_and_the_message_names_it(
    operation: str, sid: str, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = one_account("staging")
    world.denied.add(operation)
    approval = world.registry.decide(1, "Approved")
    assert world.deliver(approval) == [{"itemIdentifier": "1"}]
    assert world.cloudformation.updates == []
    granted = f"millrace-staging-deploy-model of account 222222222222 sagemaker:{operation} on "
    assert f"statement {sid} of {place} in account 111111111111 must allow {granted}" in caplog.text
    world.denied.clear()
    assert world.deliver(approval) == []
    assert len(world.cloudformation.updates) == 1


def test_a_model_that_may_not_be_read_is_not_deployed_and_the_registry_tells_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(**_: object) -> None:
        raise refusal("GetObject", "Access Denied", "AccessDenied")

    world = one_account("staging")
    with monkeypatch.context() as denied:
        denied.setattr(world.bucket, "get_object", deny)
        approval = world.registry.decide(1, "Approved")
        for _ in range(3):
            assert world.deliver(approval) == [{"itemIdentifier": "1"}]
    assert world.registry.rejections == world.cloudformation.updates == []
    assert "statement DeployersMayReadModels of the policy of the bucket millrace-dev-artifacts-" in caplog.text
    assert "and statement DeployersMayDecryptModels of the policy of the artifacts' key in account" in caplog.text
    told = [update for update in world.registry.updates if "staging_blocked" in update["CustomerMetadataProperties"]]
    assert len(told) == 1
    world.settle()
    assert world.cloudformation.version == arn(1)


def test_the_group_of_another_account_with_the_same_name_is_not_ours() -> None:
    world = one_account()
    event = json.loads(world.registry.decide(1, "Approved")["body"])
    event["detail"]["ModelPackageArn"] = arn(1).replace("111111111111", "999999999999")
    assert world.deliver({"messageId": "1", "body": json.dumps(event)}) == []
    assert world.cloudformation.updates == []


LOOK = {"messageId": "1", "body": '{"look": "all"}'}
NO_GROUP = refusal("ListModelPackages", f"ModelPackageGroup {MODEL} does not exist.")


@pytest.mark.parametrize("is_denied", [True, False])
def test_an_account_that_is_deployed_before_the_registry_waits_for_it(
    is_denied: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    world = one_account("staging")
    created = world.cloudformation.redeploy()
    with monkeypatch.context() as absent:
        if is_denied:
            world.denied.add("ListModelPackages")
        else:
            absent.setattr(RegistryClient, "list_model_packages", _raise(NO_GROUP))
        assert world.deliver(created) == world.deliver(LOOK) == []
        told = "DeployersMayReadVersions" if is_denied else "deploy the training account"
        assert "wait: the registry cannot be read yet, which is tried every hour: " in caplog.text
        assert told in caplog.text
    world.denied.clear()
    world.registry.decide(1, "Approved")
    world.registry.announced.clear()
    assert world.deliver(LOOK) == []
    world.settle()
    assert world.cloudformation.version == arn(1), "an hourly look finds what no event told"


def test_an_account_that_serves_waits_for_no_registry(caplog: pytest.LogCaptureFixture) -> None:
    world = one_account("staging")
    world.registry.decide(1, "Approved")
    world.settle()
    world.denied.add("ListModelPackages")
    assert world.deliver(LOOK) == [{"itemIdentifier": "1"}]
    assert "DeployersMayReadVersions" in caplog.text


def _raise(error: Exception) -> Any:
    def call(*_: object, **__: object) -> None:
        raise error

    return call
