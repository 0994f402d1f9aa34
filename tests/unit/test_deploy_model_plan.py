"""What the deployer decides, from the state of registry and stack alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from deploy_model.errors import MessageError
from deploy_model.messages import Request, parse
from deploy_model.plan import (
    ENDPOINT,
    Action,
    Rollback,
    Stack,
    Version,
    after_rollback,
    asked_again,
    plan,
    rollback_record,
    token_number,
    token_prefix,
    update_token,
)
from deploy_model.settings import DeploySettings
from hypothesis import given
from hypothesis import strategies as st
from shared.records import LONGEST, NOT_TAKEN, news, record, same_but_when

ARN = "arn:aws:sagemaker:ap-northeast-2:111111111111:model-package/claims-fraud"
V1, V2 = f"{ARN}/1", f"{ARN}/2"
T = datetime(2026, 11, 29, 12, 0, 0, 500_000, tzinfo=UTC)
LATER, EARLIER = T + timedelta(seconds=2), T - timedelta(seconds=2)
PERSON = "arn:aws:sts::111111111111:assumed-role/Admin/jane"
MACHINE = "arn:aws:sts::222222222222:assumed-role/millrace-staging-smoke-test/millrace-staging-smoke-test"
ENVIRONMENT = {
    "ACCOUNT": "dev",
    "AWS_LAMBDA_FUNCTION_NAME": "millrace-dev-deploy-model",
    "SERVING_STACKS": '{"claims-fraud": "Dev-Serving-claims-fraud"}',
    "GROUPS": json.dumps({"claims-fraud": ARN.replace("package/", "package-group/")}),
    "UPDATE_ROLE_ARN": "arn:aws:iam::111111111111:role/update",
    "ARTIFACT_BUCKET": "bucket",
    "DEPLOYS_ON": "approval",
    "AFTER": "",
}
SETTINGS = DeploySettings.from_environment(ENVIRONMENT)
PROD = DeploySettings.from_environment({**ENVIRONMENT, "DEPLOYS_ON": "Production"})


def rollback(version: str, *, reason: str = "an alarm went off") -> Rollback:
    return Rollback(update_token(version, EARLIER), T, ENDPOINT, reason)


def test_the_first_approval_updates_the_empty_stack() -> None:
    decided = plan(V1, Stack("CREATE_COMPLETE", "none", T))
    assert (decided.action, decided.version) == (Action.UPDATE, V1)


@pytest.mark.parametrize(
    ("wanted", "stack", "action"),
    [
        (None, Stack("UPDATE_COMPLETE", V1, T), Action.NOTHING),
        (V1, Stack("UPDATE_COMPLETE", V1, T), Action.NOTHING),
        (V1, Stack("UPDATE_COMPLETE", V1, T, pinned=False), Action.UPDATE),
        (V2, Stack("UPDATE_COMPLETE", V1, T), Action.UPDATE),
        (V1, Stack("UPDATE_COMPLETE", V2, T), Action.UPDATE),
        (V2, None, Action.WAIT),
        (V2, Stack("UPDATE_IN_PROGRESS", V1, T), Action.WAIT),
        (V2, Stack("UPDATE_ROLLBACK_IN_PROGRESS", V1, T), Action.WAIT),
        (V2, Stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", V2, T), Action.WAIT),
        (V2, Stack("UPDATE_ROLLBACK_FAILED", V1, T), Action.BLOCKED),
        (V2, Stack("ROLLBACK_COMPLETE", "none", T), Action.BLOCKED),
        (V2, Stack("UPDATE_ROLLBACK_COMPLETE", V1, T, rollback=rollback(V1)), Action.UPDATE),
        (V2, Stack("UPDATE_ROLLBACK_COMPLETE", V1, T, rollback=Rollback("someone-elses", T)), Action.UPDATE),
        (V2, Stack("UPDATE_ROLLBACK_COMPLETE", V1, T), Action.UPDATE),
    ],
)
def test_each_state_has_its_action(wanted: str | None, stack: Stack | None, action: Action) -> None:
    assert plan(wanted, stack).action is action


def test_a_version_that_was_rolled_back_is_tried_again_only_if_someone_wants_it() -> None:
    stack = Stack("UPDATE_ROLLBACK_COMPLETE", V1, T, rollback=rollback(V2))
    assert plan(V2, stack).action is Action.BLOCKED
    again = plan(V2, stack, again=True)
    assert again.action is Action.UPDATE
    assert again.token != rollback(V2).token


@pytest.mark.parametrize(
    ("version", "request_", "again"),
    [
        (Version(V2, True), Request("m"), False),
        (Version(V2, True), Request("m", V2, PERSON, LATER), True),
        (Version(V2, True), Request("m", V2, PERSON, T.replace(microsecond=0)), True),
        (Version(V2, True), Request("m", V2, PERSON, EARLIER), False),
        (Version(V2, True), Request("m", V1, PERSON, LATER), False),
        (Version(V2, True, touched_by=PERSON, touched_at=LATER), Request("m"), True),
        (Version(V2, True, touched_by=PERSON, touched_at=EARLIER), Request("m"), False),
        (Version(V2, True, touched_by=MACHINE, touched_at=LATER), Request("m"), False),
        (Version(V2, True, {"dev_back": rollback_record(rollback(V2), "r")}), Request("m"), True),
        (Version(V2, True, {"dev_back": "rolled back some other time"}), Request("m"), False),
        (Version(V2, False, touched_by=PERSON, touched_at=LATER), Request("m", V2, PERSON, LATER), False),
    ],
)
def test_someone_wants_a_version_again_who_approves_it_after_its_rollback(
    version: Version, request_: Request, again: bool
) -> None:
    found = rollback(V2)
    assert asked_again(version, found, request_, account="dev", held=rollback_record(found, "r")) is again


def test_a_version_is_rejected_for_a_rollback_at_most_once() -> None:
    found = rollback(V2)
    write = after_rollback(Version(V2, True), found, again=False, account="dev", role="r")
    assert write.rejected == "claims-fraud/2 was rolled back: an alarm went off"
    again = asked_again(
        Version(V2, True, write.records), found, Request("m"), account="dev", held=write.records["dev_back"]
    )
    assert again, "it is approved although it was rejected"
    assert not after_rollback(Version(V2, True), found, again=True, account="dev", role="r").rejected
    assert not after_rollback(Version(V2, False), found, again=False, account="dev", role="r").rejected


@given(st.integers(1, 99), st.integers(1, 99), st.datetimes(), st.datetimes())
def test_tokens_are_the_same_only_for_the_same_version_and_the_same_stack(
    a: int, b: int, s: datetime, t: datetime
) -> None:
    one, other = f"{ARN}/{a}", f"{ARN}/{b}"
    assert (update_token(one, s) == update_token(other, t)) == ((a, s) == (b, t))
    assert update_token(one, s).startswith(token_prefix(one))
    assert token_number(update_token(one, s)) == str(a)
    assert len(update_token(one, s)) <= 128
    assert token_number("someone-elses-token") is None


@given(st.text(), st.text(), st.datetimes(timezones=st.just(UTC), min_value=datetime(1000, 1, 1)))
def test_a_record_has_only_what_the_registry_takes(who: str, more: str, moment: datetime) -> None:
    told = record("rolled back", moment, who, more)
    assert 0 < len(told) <= LONGEST
    assert not NOT_TAKEN.search(told)
    assert news({"key": told}, {"key": record("rolled back", moment, who, more)}) == {}
    assert same_but_when(told, record("rolled back", moment + timedelta(seconds=9), who, more))


def _event(kind: str, detail: dict[str, Any]) -> str:
    return json.dumps({"detail-type": kind, "time": "2026-11-29T12:00:00Z", "detail": detail})


def approval(**changes: Any) -> dict[str, Any]:
    return {
        "ModelPackageGroupName": "claims-fraud",
        "ModelPackageArn": V1,
        "ModelApprovalStatus": "Approved",
        "LastModifiedBy": {"IamIdentity": {"Arn": PERSON}},
        **changes,
    }


def registry_event(**changes: Any) -> str:
    return _event("SageMaker Model Package State Change", approval(**changes))


def test_messages_name_the_model_and_who_approved_when() -> None:
    asked = Request("claims-fraud", V1, PERSON, datetime(2026, 11, 29, 12, tzinfo=UTC))
    assert parse(registry_event(), SETTINGS) == asked
    fields = ["ModelApprovalStatus"]
    assert parse(registry_event(UpdatedModelPackageFields=fields), SETTINGS) == replace(asked, let_in=True)
    status = {"stack-id": "arn:aws:cloudformation:r:1:stack/Dev-Serving-claims-fraud/uuid"}
    assert parse(_event("CloudFormation Stack Status Change", status), SETTINGS) == Request("claims-fraud")


@pytest.mark.parametrize(
    "changes",
    [
        {"ModelApprovalStatus": "Rejected"},
        {"UpdatedModelPackageFields": ["CustomerMetadataProperties"]},
        {"UpdatedModelPackageFields": ["CustomerMetadataProperties", "ModelLifeCycle"]},
        {"LastModifiedBy": {"IamIdentity": {"Arn": MACHINE}}},
        {"LastModifiedBy": {}},
    ],
)
def test_what_is_no_approval_only_names_the_model(changes: dict[str, Any]) -> None:
    assert parse(registry_event(**changes), SETTINGS) == Request("claims-fraud")


def test_for_a_stage_only_an_approval_of_that_stage_counts() -> None:
    assert parse(registry_event(), PROD).approved is None
    assert parse(registry_event(ModelLifeCycle={"Stage": "QA", "StageStatus": "Approved"}), PROD).approved is None
    assert parse(registry_event(ModelLifeCycle={"Stage": "Production", "StageStatus": "Approved"}), PROD).approved == V1


@pytest.mark.parametrize(("fields", "let_in"), [("ModelApprovalStatus", False), ("ModelLifeCycle", True), ("", None)])
def test_where_a_stage_lets_in_an_approval_asks_for_another_try_but_did_not_let_it_in(
    fields: str, let_in: bool | None
) -> None:
    stage = {"Stage": "Production", "StageStatus": "Approved"}
    changes = {"UpdatedModelPackageFields": [fields]} if fields else {}
    asked = parse(registry_event(ModelLifeCycle=stage, **changes), PROD)
    assert (asked.approved, asked.let_in) == (V1, let_in)


def test_messages_about_others_are_nothing_to_do() -> None:
    other = {"stack-id": "arn:aws:cloudformation:r:1:stack/Dev-Serving-churn/uuid"}
    assert parse(_event("CloudFormation Stack Status Change", other), SETTINGS) == Request(None)
    assert parse(registry_event(ModelPackageGroupName="churn"), SETTINGS) == Request(None)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"detail-type": "Scheduled Event", "detail": {}}',
        '{"detail-type": "CloudFormation Stack Status Change", "detail": {"stack-id": "x"}}',
        '{"detail-type": "SageMaker Model Package State Change", "detail": []}',
        registry_event(LastModifiedBy="someone"),
    ],
)
def test_a_message_that_makes_no_sense_is_an_error(body: str) -> None:
    with pytest.raises(MessageError):
        parse(body, SETTINGS)
