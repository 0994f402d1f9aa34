"""The deployer against a registry and a CloudFormation that behave as AWS documents."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from botocore.exceptions import ClientError
from deploy_model.stacks import RESOURCE_TYPES

from tests.archive_lab import packed
from tests.deploy_lab import ARCHIVE, BUCKET, MODEL, PINNED, Account, arn, one_account, refusal


@pytest.fixture
def world() -> Account:
    return one_account()


def approve(world: Account, *versions: int) -> None:
    """Approve one after the other and deploy each."""
    for version in versions:
        world.registry.decide(version, "Approved")
        world.settle()


def test_an_approval_updates_the_stack_with_its_own_limited_role_and_the_digest_of_the_model(world: Account) -> None:
    assert world.deliver(world.registry.decide(1, "Approved")) == []
    (update,) = world.cloudformation.updates
    assert update["StackName"] == world.cloudformation.stack
    assert update["UsePreviousTemplate"] is True
    assert update["RoleARN"] == world.settings.update_role_arn
    assert update["ResourceTypes"] == RESOURCE_TYPES
    assert update["Parameters"] == [
        {"ParameterKey": "ModelPackageArn", "ParameterValue": arn(1)},
        {"ParameterKey": "ModelDigest", "ParameterValue": PINNED},
        {"ParameterKey": "Other", "UsePreviousValue": True},
    ]


def test_a_stack_that_knows_no_digest_is_updated_without(world: Account) -> None:
    del world.cloudformation.served["ModelDigest"]
    approve(world, 1)
    assert world.cloudformation.version == arn(1)


def test_what_is_served_without_its_digest_is_deployed_once_more_with_it(world: Account) -> None:
    approve(world, 1)
    world.cloudformation.served["ModelDigest"] = "none"
    world.cloudformation.redeploy()
    world.settle()
    assert world.cloudformation.served["ModelDigest"] == PINNED
    assert len(world.cloudformation.updates) == 2


def test_a_stack_that_cannot_be_pinned_yet_is_no_reason_to_write_for_ever(world: Account) -> None:
    approve(world, 1)
    world.cloudformation.served["ModelDigest"] = "none"
    world.cloudformation.announced.append(world.cloudformation.redeploy())
    world.cloudformation.refuses = refusal("UpdateStack", "Rate exceeded", "Throttling")
    before = len(world.registry.updates)
    for _ in range(3):
        assert world.deliver(world.cloudformation.announced[0], *world.registry.announced)
    assert len(world.registry.updates) <= before + 1
    world.cloudformation.refuses = None
    world.settle()
    assert world.cloudformation.served["ModelDigest"] == PINNED


def test_an_approval_during_an_update_is_deployed_when_the_stack_says_that_it_is_done(world: Account) -> None:
    world.deliver(world.registry.decide(1, "Approved"))
    assert world.deliver(world.registry.decide(2, "Approved")) == []
    assert len(world.cloudformation.updates) == 1
    world.deliver(world.cloudformation.finish())
    world.deliver(world.cloudformation.finish())
    assert world.cloudformation.version == arn(2)
    assert len(world.cloudformation.updates) == 2


def test_the_newest_of_more_versions_than_fit_on_a_page_is_deployed(world: Account) -> None:
    approve(world, 4, 3, 2, 1)
    assert world.cloudformation.version == arn(4)
    assert len(world.cloudformation.updates) == 1


def test_rejecting_the_served_version_brings_back_the_one_approved_before(world: Account) -> None:
    approve(world, 1, 2)
    world.registry.decide(2, "Rejected")
    world.settle()
    assert world.cloudformation.version == arn(1)


def test_rejecting_the_only_version_leaves_the_endpoint_alone(world: Account) -> None:
    approve(world, 1)
    world.registry.decide(1, "Rejected")
    world.settle()
    assert world.cloudformation.version == arn(1)
    assert len(world.cloudformation.updates) == 1


def test_a_stack_that_does_not_exist_yet_is_left_to_its_creation(world: Account) -> None:
    world.cloudformation.exists = False
    approval = world.registry.decide(1, "Approved")
    assert world.deliver(approval) == []
    world.cloudformation.exists = True
    world.deliver(world.cloudformation.redeploy())
    assert len(world.cloudformation.updates) == 1


def test_a_version_rejected_while_its_archive_is_checked_is_not_deployed(world: Account) -> None:
    approve(world, 1)
    look = world.bucket.get_object

    def rejected_meanwhile(**request: Any) -> dict[str, Any]:
        world.registry.decide(2, "Rejected")
        return look(**request)

    world.bucket.get_object = rejected_meanwhile  # type: ignore[method-assign,assignment]
    approve(world, 2)
    assert world.cloudformation.version == arn(1)
    assert len(world.cloudformation.updates) == 1


def test_of_two_racing_approvals_the_newer_is_deployed_at_once(world: Account) -> None:
    look = world.bucket.get_object

    def approved_meanwhile(**request: Any) -> dict[str, Any]:
        world.registry.decide(2, "Approved")
        return look(**request)

    world.bucket.get_object = approved_meanwhile  # type: ignore[method-assign,assignment]
    approve(world, 1)
    assert world.cloudformation.version == arn(2)
    assert len(world.cloudformation.updates) == 1


def test_throttling_is_left_to_another_delivery(world: Account, caplog: pytest.LogCaptureFixture) -> None:
    world.cloudformation.refuses = refusal("UpdateStack", "Rate exceeded", "Throttling")
    approval = world.registry.decide(1, "Approved")
    for _ in range(3):
        assert world.deliver(approval) == [{"itemIdentifier": "1"}]
    assert "failed and will be delivered again" in caplog.text
    told = [update for update in world.registry.updates if "dev_deployed" in update["CustomerMetadataProperties"]]
    assert len(told) == 1, "each attempt causes an event, and each event an attempt"
    world.cloudformation.refuses = None
    world.settle()
    assert world.cloudformation.version == arn(1)


def test_a_version_that_was_deleted_for_good_is_not_deployed(world: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    client = world.deployer.sagemaker
    approval = world.registry.decide(1, "Approved")

    def gone(ModelPackageName: str) -> None:
        raise refusal("DescribeModelPackage", f"ModelPackage {ModelPackageName} does not exist.", "ValidationException")

    monkeypatch.setattr(client, "describe_model_package", gone)
    assert world.deliver(approval) == []
    assert world.cloudformation.updates == []


def refused(world: Account, version: int = 1) -> str:
    """The reason for which a version is marked Rejected when it is approved; it is not deployed."""
    assert world.deliver(world.registry.decide(version, "Approved")) == []
    assert world.cloudformation.updates == []
    (request,) = world.registry.rejections
    assert request["ModelPackageArn"] == arn(version)
    assert len(request["ApprovalDescription"]) <= 1024
    assert world.registry.records(version)["dev_blocked"].startswith("refused 2")
    return str(request["ApprovalDescription"])


def test_an_archive_that_was_changed_is_not_deployed_and_the_version_is_rejected_with_the_reason(
    world: Account, caplog: pytest.LogCaptureFixture
) -> None:
    world.bucket.put(1, packed({"model.json": b"another"}))
    reason = refused(world)
    assert reason.startswith(f"{MODEL}/1 is not deployed: s3://{BUCKET}/runs/1/train/model.tar.gz: its sha256 is ")
    assert reason.endswith("the archive was changed; restore it, or approve another version, or train again")
    assert f"refused: {reason}" in caplog.text


def test_the_version_approved_before_stays_when_the_newest_is_refused(world: Account) -> None:
    approve(world, 1)
    world.bucket.put(2, b"")
    approve(world, 2)
    assert world.cloudformation.version == arn(1)
    assert len(world.cloudformation.updates) == 1
    assert "is not there; restore it" in world.registry.rejections[0]["ApprovalDescription"]


def test_a_restored_archive_can_be_approved_again(world: Account) -> None:
    world.bucket.put(1, b"something else")
    refused(world)
    world.bucket.put(1, ARCHIVE)
    approve(world, 1)
    assert world.cloudformation.version == arn(1)


def test_a_version_registered_by_hand_is_refused_with_all_that_is_missing(world: Account) -> None:
    del world.registry.packages[1]["ModelMetrics"]
    world.registry.packages[1]["CustomerMetadataProperties"] = {}
    assert refused(world) == (
        f"{MODEL}/1 is not deployed: the registry holds no model_sha256, no manifest_sha256, no manifest_uri, "
        "no metrics of it; register it by a run of the pipeline, which writes that"
    )
    assert world.bucket.read == []


def test_metrics_in_the_metadata_are_as_good_as_a_report(world: Account) -> None:
    del world.registry.packages[1]["ModelMetrics"]
    approve(world, 1)
    assert world.cloudformation.version == arn(1)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ModelDataUrl": "s3://another-bucket/runs/1/model.tar.gz"}, "its archive is s3://another-bucket/runs/1/"),
        ({"ModelDataUrl": f"s3://{BUCKET}/inputs/1/model.tar.gz"}, f"not below s3://{BUCKET}/runs/"),
        ({"ModelDataUrl": f"s3://{BUCKET}/runs/"}, f"not below s3://{BUCKET}/runs/"),
        ({"ModelDataUrl": ""}, "its archive is not named"),
        ({"AdditionalModelDataSources": [{}]}, "has AdditionalModelDataSources, which is not checked"),
    ],
)
def test_only_an_archive_of_a_run_can_be_checked(world: Account, change: dict[str, Any], why: str) -> None:
    world.registry.packages[1]["InferenceSpecification"]["Containers"][0].update(change)
    assert why in refused(world)
    assert world.bucket.read == []


def test_of_several_containers_none_is_deployed(world: Account) -> None:
    world.registry.packages[1]["InferenceSpecification"]["Containers"] *= 2
    assert "it has 2 containers, and exactly one can be checked" in refused(world)


def test_a_digest_that_is_none_is_refused(world: Account) -> None:
    world.registry.packages[1]["CustomerMetadataProperties"]["model_sha256"] = "later"
    assert "its model_sha256 is 'later', which is no sha256" in refused(world)


def test_an_archive_too_large_to_be_checked_is_refused_unread(world: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unread:
        def read(self, _amount: int) -> bytes:
            raise AssertionError("it was read")

    answer = {"Body": Unread(), "ContentLength": (512 << 20) + 1}
    monkeypatch.setattr(world.bucket, "get_object", lambda **_: answer)
    assert "has 536,870,913 bytes; up to 536,870,912 are checked and deployed; train a smaller model" in refused(world)


def test_a_reason_fits_into_the_registry(world: Account) -> None:
    world.registry.packages[1]["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] = "s3://b/" + "a" * 1000
    assert len(refused(world)) == 1024


def test_an_unreadable_message_is_reported_and_the_others_are_worked_off(world: Account) -> None:
    approval = world.registry.decide(1, "Approved")
    assert world.deliver({"messageId": "2", "body": "{}"}, approval) == [{"itemIdentifier": "2"}]
    assert len(world.cloudformation.updates) == 1


def test_a_failure_of_another_service_says_nothing_about_the_version(
    world: Account, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "SlowDown", "Message": "reduce your rate"}}, "GetObject")

    monkeypatch.setattr(world.bucket, "get_object", fail)
    caplog.set_level(logging.INFO)
    assert world.deliver(world.registry.decide(1, "Approved")) == [{"itemIdentifier": "1"}]
    assert world.registry.rejections == world.cloudformation.updates == []
