"""What the deployer does with a version that was rolled back, and how it is told."""

from __future__ import annotations

import pytest

from tests.deploy_lab import ALARM, CAPACITY, MODEL, PERSON, PING, Account, arn, one_account

STRANGER = "arn:aws:sts::111111111111:assumed-role/millrace-staging-deploy-model/millrace-staging-deploy-model"
DENIED = (
    "AWS::SageMaker::Model",
    "User: arn:aws:sts::111111111111:assumed-role/millrace-dev-serving-update/AWSCloudFormation is not authorized to "
    f"perform: sagemaker:CreateModel on resource: {arn(2)} because no resource-based policy allows the "
    "sagemaker:CreateModel action",
)


@pytest.fixture
def world() -> Account:
    """Version 1 is served."""
    world = one_account()
    world.registry.decide(1, "Approved")
    world.settle()
    return world


def rolled_back(world: Account, failure: tuple[str, str], version: int = 2) -> None:
    world.cloudformation.failing[arn(version)] = failure
    world.registry.decide(version, "Approved")
    world.settle()
    world.cloudformation.failing.clear()


OF_CAPACITY = ("AWS::SageMaker::Endpoint", "rolled back because alarm(s) are in ALARM state: [claims-over-capacity].")


@pytest.mark.parametrize("failure", [ALARM, PING, OF_CAPACITY])
def test_what_an_alarm_or_the_container_itself_took_back_is_rejected_with_the_reason(
    world: Account, failure: tuple[str, str]
) -> None:
    rolled_back(world, failure)
    (request,) = world.registry.rejections
    assert request["ModelPackageArn"] == arn(2)
    assert request["ApprovalDescription"] == f"{MODEL}/2 was rolled back: Endpoint: {failure[1]}"
    told = world.registry.records(2)["dev_back"]
    assert told.startswith("rolled back 2026-11-29T12:00:")
    assert f" by millrace-dev-deploy-model: Endpoint: {failure[1][:20]}" in told
    assert world.cloudformation.version == arn(1)
    assert len(world.cloudformation.updates) == 2


@pytest.mark.parametrize(
    "failure",
    [
        CAPACITY,
        DENIED,
        ("AWS::SageMaker::Endpoint", "Access denied to describe the alarms"),
        ("AWS::SageMaker::Endpoint", "The alarm claims-fraud-5xx does not exist"),
        ("AWS::CloudWatch::Alarm", "Invalid alarm"),
    ],
)
def test_a_version_that_is_not_at_fault_stays_approved_and_is_tried_once(
    world: Account, failure: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    rolled_back(world, failure)
    assert world.registry.rejections == []
    assert world.registry.status(2) == "Approved"
    assert world.registry.records(2)["dev_back"].startswith("rolled back 2026")
    assert len(world.cloudformation.updates) == 2
    assert f"blocked: the update to {MODEL}/2 was rolled back: " in caplog.text
    assert "remove the cause and approve it again, or approve another version" in caplog.text


def test_the_grant_that_a_stack_lacked_is_named(world: Account, caplog: pytest.LogCaptureFixture) -> None:
    rolled_back(world, DENIED)
    sentence = "the own policy of millrace-dev-serving-update in account 111111111111 must allow sagemaker:CreateModel"
    assert sentence in caplog.text
    assert sentence in world.registry.records(2)["dev_back"]


def test_approving_a_blocked_version_again_tries_it_again(world: Account) -> None:
    rolled_back(world, CAPACITY)
    world.registry.decide(2, "Approved")
    world.settle()
    assert world.cloudformation.version == arn(2)


def test_approving_a_rejected_version_again_tries_it_again_even_if_only_the_stack_tells(world: Account) -> None:
    rolled_back(world, ALARM)
    world.registry.decide(2, "Approved")
    world.registry.change(STRANGER, ModelPackageArn=arn(2), CustomerMetadataProperties={"staging_back": "x"})
    world.registry.announced.clear()
    world.cloudformation.announced.append(world.cloudformation.redeploy())
    world.settle()
    assert world.cloudformation.version == arn(2)


@pytest.mark.parametrize("failure", [ALARM, CAPACITY])
def test_an_approval_between_the_rollback_and_its_event_counts_even_if_only_the_stack_tells(
    world: Account, failure: tuple[str, str]
) -> None:
    world.cloudformation.failing[arn(2)] = failure
    world.deliver(world.registry.decide(2, "Approved"))
    rollback = world.cloudformation.finish()
    world.cloudformation.failing.clear()
    world.registry.decide(2, "Approved")
    world.registry.announced.clear()
    world.deliver(rollback)
    world.settle()
    assert world.registry.rejections == []
    assert world.cloudformation.version == arn(2)


def test_an_approval_that_comes_late_is_no_new_one(world: Account) -> None:
    approval = world.registry.decide(2, "Approved")
    world.cloudformation.failing[arn(2)] = CAPACITY
    world.deliver(approval)
    for _ in range(3):
        world.registry.clock.tick()
    world.deliver(world.cloudformation.finish())
    world.settle()
    assert world.deliver(approval) == []
    assert len(world.cloudformation.updates) == 2


@pytest.mark.parametrize("tells_fields", [True, False])
def test_records_of_other_accounts_ask_for_no_other_try(world: Account, tells_fields: bool) -> None:
    rolled_back(world, CAPACITY)
    world.registry.tells_fields = tells_fields
    for text in ("a", "b"):
        world.registry.change(STRANGER, ModelPackageArn=arn(2), CustomerMetadataProperties={"staging_back": text})
    world.settle()
    assert len(world.cloudformation.updates) == 2


def test_what_a_person_rejected_meanwhile_keeps_the_reason_that_was_given(world: Account) -> None:
    world.cloudformation.failing[arn(2)] = ALARM
    world.deliver(world.registry.decide(2, "Approved"))
    world.registry.change(
        PERSON, ModelPackageArn=arn(2), ModelApprovalStatus="Rejected", ApprovalDescription="too many complaints"
    )
    world.settle()
    assert world.registry.rejections == []
    assert world.registry.packages[2]["ApprovalDescription"] == "too many complaints"
    assert world.registry.records(2)["dev_back"].startswith("rolled back ")


def test_what_was_rolled_back_is_rejected_even_if_a_newer_one_is_approved_already(world: Account) -> None:
    world.cloudformation.failing[arn(2)] = ALARM
    world.deliver(world.registry.decide(2, "Approved"))
    world.registry.decide(3, "Approved")
    world.settle()
    assert world.cloudformation.version == arn(3)
    assert world.registry.status(2) == "Rejected"


def test_deploying_the_stack_tries_a_blocked_version_again(world: Account) -> None:
    rolled_back(world, CAPACITY)
    world.cloudformation.redeploy()
    world.settle()
    assert world.cloudformation.version == arn(2)


def test_a_stack_that_cannot_be_updated_is_told_once(world: Account) -> None:
    world.registry.decide(2, "Approved")
    world.cloudformation.status = "UPDATE_ROLLBACK_FAILED"
    world.settle()
    told = world.registry.records(2)["dev_blocked"]
    assert told.startswith("blocked 2")
    assert "the stack is UPDATE_ROLLBACK_FAILED and cannot be updated repair or delete it" in told
    assert len(world.cloudformation.updates) == 1


def found_good(world: Account, *versions: int) -> None:
    """As their smoke tests here told when they were served."""
    for version in versions:
        told = {"dev_smoke": "passed 2026-11-29T11:00:00Z by millrace-dev-smoke-test: as trained"}
        world.registry.change(STRANGER, ModelPackageArn=arn(version), CustomerMetadataProperties=told)


@pytest.mark.parametrize("failure", [ALARM, PING])
def test_a_trouble_of_the_account_does_not_take_back_one_version_after_the_other(
    world: Account, failure: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    for version in (2, 3):
        world.registry.decide(version, "Approved")
        world.settle()
    found_good(world, 1, 2, 3)
    for version in (1, 2):
        world.cloudformation.failing[arn(version)] = failure
    world.registry.decide(3, "Rejected")
    world.settle()
    assert world.registry.rejections == []
    assert [world.registry.status(version) for version in (1, 2)] == ["Approved", "Approved"]
    assert world.registry.records(2)["dev_back"].startswith("rolled back 2026")
    assert "it served here before, so it is not rejected; remove the cause and approve it again" in caplog.text
    updates = len(world.cloudformation.updates)
    found_good(world, 2)
    world.settle()
    assert len(world.cloudformation.updates) == updates, "it is tried again only if someone asks for it"
    world.cloudformation.failing.clear()
    world.registry.decide(2, "Approved")
    world.settle()
    assert world.cloudformation.version == arn(2)


def test_a_version_that_was_found_good_in_another_account_only_is_rejected(world: Account) -> None:
    told = {"staging_smoke": "passed 2026-11-29T11:00:00Z by millrace-staging-smoke-test"}
    world.registry.change(STRANGER, ModelPackageArn=arn(2), CustomerMetadataProperties=told)
    rolled_back(world, ALARM)
    assert world.registry.status(2) == "Rejected"


def test_the_registry_tells_the_story(world: Account) -> None:
    rolled_back(world, ALARM)
    story = world.registry.records(2)
    assert story.keys() == {"approved_by", "dev_deployed", "dev_back"}
    assert story["approved_by"].startswith("approved 2026-11-29T12:00:")
    assert story["approved_by"].endswith("Z by " + PERSON)
    assert story["dev_deployed"].startswith("started 2")
    assert " by millrace-dev-deploy-model: instead of claims-fraud/1 of 2026-11-29T12:00:" in story["dev_deployed"]
    first = world.registry.records(1)
    assert first["dev_deployed"].startswith("deployed 2026-11-29T12:00:")
    assert first["dev_deployed"].endswith("Z by millrace-dev-deploy-model")


def test_nothing_is_written_when_nothing_is_new(world: Account) -> None:
    rejection = world.registry.decide(3, "Rejected")
    before = len(world.registry.updates)
    for _ in range(3):
        world.deliver(rejection)
    assert len(world.registry.updates) == before


def test_the_later_of_two_approvers_is_told_in_any_order(world: Account) -> None:
    first = world.registry.decide(2, "Approved")
    for _ in range(3):
        world.registry.clock.tick()
    second = world.registry.decide(2, "Approved", by="arn:aws:iam::111111111111:user/later")
    world.deliver(second, first)
    assert world.registry.records(2)["approved_by"].endswith("user/later")


@pytest.mark.parametrize("by_their_clock", ["12:00:00", "11:56:00", "12:05:00"])
def test_what_an_approver_told_is_kept(world: Account, by_their_clock: str) -> None:
    told = f"approved 2026-11-29T{by_their_clock}Z by {PERSON}: as agreed"
    world.registry.change(
        PERSON,
        ModelPackageArn=arn(2),
        ModelApprovalStatus="Approved",
        CustomerMetadataProperties={"approved_by": told},
    )
    world.settle()
    assert world.registry.records(2)["approved_by"] == told


@pytest.mark.parametrize("tells_fields", [True, False])
def test_a_promotion_does_not_replace_who_approved_and_why(world: Account, tells_fields: bool) -> None:
    told = f"approved 2026-11-29T12:00:00Z by {PERSON}: as agreed"
    changes = {"ModelApprovalStatus": "Approved", "CustomerMetadataProperties": {"approved_by": told}}
    world.registry.change(PERSON, ModelPackageArn=arn(2), **changes)
    world.settle()
    for _ in range(200):
        world.registry.clock.tick()
    world.registry.tells_fields = tells_fields
    world.registry.promote(2)
    world.settle()
    assert world.registry.records(2)["approved_by"] == told
