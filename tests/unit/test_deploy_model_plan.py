"""What the deployer decides, from the state of registry and stack alone."""

from __future__ import annotations

import json

import pytest
from deploy_model.errors import MessageError
from deploy_model.messages import Request, parse
from deploy_model.plan import Action, Stack, plan, update_token
from deploy_model.settings import DeploySettings
from hypothesis import given
from hypothesis import strategies as st

ARN = "arn:aws:sagemaker:ap-northeast-2:111111111111:model-package/claims-fraud"
V1, V2 = f"{ARN}/1", f"{ARN}/2"
SETTINGS = DeploySettings.from_environment(
    {
        "SERVING_STACKS": '{"claims-fraud": "Dev-Serving-claims-fraud"}',
        "UPDATE_ROLE_ARN": "arn:role",
        "ARTIFACT_BUCKET": "bucket",
    }
)


def test_the_first_approval_updates_the_empty_stack() -> None:
    decided = plan(V1, Stack("CREATE_COMPLETE", "none", "t0"))
    assert (decided.action, decided.version) == (Action.UPDATE, V1)


@pytest.mark.parametrize(
    ("wanted", "stack", "action"),
    [
        (None, Stack("UPDATE_COMPLETE", V1, "t"), Action.NOTHING),
        (V1, Stack("UPDATE_COMPLETE", V1, "t"), Action.NOTHING),
        (V2, Stack("UPDATE_COMPLETE", V1, "t"), Action.UPDATE),
        (V1, Stack("UPDATE_COMPLETE", V2, "t"), Action.UPDATE),
        (V2, None, Action.WAIT),
        (V2, Stack("UPDATE_IN_PROGRESS", V1, "t"), Action.WAIT),
        (V2, Stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", V2, "t"), Action.WAIT),
        (V2, Stack("UPDATE_ROLLBACK_FAILED", V1, "t"), Action.BLOCKED),
        (V2, Stack("ROLLBACK_COMPLETE", "none", "t"), Action.BLOCKED),
        (V2, Stack("UPDATE_ROLLBACK_COMPLETE", V1, "t", rolled_back=update_token(V1, "s")), Action.UPDATE),
        (V2, Stack("UPDATE_ROLLBACK_COMPLETE", V1, "t", rolled_back="someone-elses-token"), Action.UPDATE),
        (V2, Stack("UPDATE_ROLLBACK_COMPLETE", V1, "t"), Action.UPDATE),
    ],
)
def test_each_state_has_its_action(wanted: str | None, stack: Stack | None, action: Action) -> None:
    assert plan(wanted, stack).action is action


def test_a_version_that_was_rolled_back_is_tried_again_only_if_it_is_approved_again() -> None:
    stack = Stack("UPDATE_ROLLBACK_COMPLETE", V1, "t", rolled_back=update_token(V2, "before"))
    assert plan(V2, stack).action is Action.BLOCKED
    assert plan(V2, stack, approved=V1).action is Action.BLOCKED
    again = plan(V2, stack, approved=V2)
    assert again.action is Action.UPDATE
    assert again.token != update_token(V2, "before")


@given(st.text(min_size=1), st.text(min_size=1), st.text(), st.text())
def test_tokens_are_the_same_only_for_the_same_version_and_the_same_stack(a: str, b: str, s: str, t: str) -> None:
    assert (update_token(a, s) == update_token(b, t)) == ((a, s) == (b, t))
    assert len(update_token(a, s)) <= 128


def test_messages_name_the_model() -> None:
    approval = {"ModelPackageGroupName": "claims-fraud", "ModelPackageArn": V1, "ModelApprovalStatus": "Approved"}
    assert parse(_event("SageMaker Model Package State Change", approval), SETTINGS) == Request("claims-fraud", V1)
    rejection = {**approval, "ModelApprovalStatus": "Rejected"}
    assert parse(_event("SageMaker Model Package State Change", rejection), SETTINGS) == Request("claims-fraud")
    status = {"stack-id": "arn:aws:cloudformation:r:1:stack/Dev-Serving-claims-fraud/uuid"}
    assert parse(_event("CloudFormation Stack Status Change", status), SETTINGS) == Request("claims-fraud")


def test_messages_about_others_are_nothing_to_do() -> None:
    other = {"stack-id": "arn:aws:cloudformation:r:1:stack/Dev-Serving-churn/uuid"}
    assert parse(_event("CloudFormation Stack Status Change", other), SETTINGS) == Request(None)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"detail-type": "Scheduled Event", "detail": {}}',
        '{"detail-type": "CloudFormation Stack Status Change", "detail": {"stack-id": "x"}}',
        '{"detail-type": "SageMaker Model Package State Change", "detail": []}',
    ],
)
def test_a_message_that_makes_no_sense_is_an_error(body: str) -> None:
    with pytest.raises(MessageError):
        parse(body, SETTINGS)


def _event(kind: str, detail: dict[str, str]) -> str:
    return json.dumps({"detail-type": kind, "detail": detail})
