"""The permissions boundary: exactly what some role is given, and denials that no grant can get round."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from millrace.local.iam.evaluator import decide
from millrace.local.iam.records import AccessRequest, Policies, Policy, Principal
from settings import NetworkSettings, load
from stacks.controls.templates import listed
from tests.stacks.conftest import read_assembly
from tests.stacks.template_lab import ACCOUNT, IDS, Lab

BOUNDARY = "millrace-dev-boundary"
NEVER = (
    *("s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:PutBucketPolicy", "s3:PutLifecycleConfiguration"),
    *("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutBucketVersioning", "s3:PutObjectAcl"),
    *("dynamodb:DeleteTable", "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable"),
    *("kms:DisableKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"),
    *("logs:DeleteLogGroup", "logs:DeleteLogStream"),
    *("sagemaker:DeleteModelPackage", "sagemaker:DeleteModelPackageGroup", "sagemaker:PutModelPackageGroupPolicy"),
    *("sagemaker:DeletePipeline", "sagemaker:UpdatePipeline"),
    *("cloudformation:CreateStack", "cloudformation:DeleteStack", "cloudformation:SetStackPolicy"),
)
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@pytest.fixture(scope="module", params=IDS)
def account(request: pytest.FixtureRequest, assembly: Any, elsewhere: dict[str, Any]) -> tuple[str, Any]:
    """Each account's name and assembly."""
    return request.param, {"dev": assembly, **elsewhere}[request.param]


def test_every_role_has_it(account: tuple[str, Any]) -> None:
    name, assembly = account
    boundary = f"arn:aws:iam::{IDS[name]}:policy/millrace-{name}-boundary"
    roles = list(Lab(assembly).templates().resources("AWS::IAM::Role"))
    assert {role.properties["PermissionsBoundary"] for role in roles} == {boundary}


def test_it_lets_through_every_action_that_a_role_is_given_and_no_other(account: tuple[str, Any]) -> None:
    """A grant that the boundary does not know has no effect: add the action in stacks/boundary.py, too."""
    name, assembly = account
    boundary = f"millrace-{name}-boundary"
    granted = {action for policy, action in _allowed(assembly) if policy != boundary}
    let_through = {action for policy, action in _allowed(assembly) if policy == boundary}
    assert granted - let_through == set(), "missing in stacks/boundary.py"
    assert let_through - granted == set(), "nobody needs these any more"


@pytest.mark.parametrize(
    ("action", "resource", "account"),
    [
        ("iam:CreateRole", "arn:aws:iam::111111111111:role/new", ACCOUNT),
        ("iam:AttachRolePolicy", "arn:aws:iam::111111111111:role/millrace-dev-job", ACCOUNT),
        ("organizations:LeaveOrganization", "*", ACCOUNT),
        ("account:CloseAccount", "*", ACCOUNT),
        ("lambda:CreateFunction", "arn:aws:lambda:ap-northeast-2:111111111111:function:f", ACCOUNT),
        ("ec2:RunInstances", "*", ACCOUNT),
        ("sts:AssumeRole", "arn:aws:iam::222222222222:role/theirs", "222222222222"),
        ("s3:PutObject", "arn:aws:s3:::theirs/a", "444444444444"),
        *((action, "*", ACCOUNT) for action in NEVER),
    ],
)
def test_even_a_role_with_every_right_is_denied_explicitly(
    assembly: Any, action: str, resource: str, account: str
) -> None:
    """An explicit deny also beats what a resource's policy grants to a session."""
    decision = decide(_request(action, resource, account), _policies(assembly))
    assert (decision.allowed, decision.reason) == (False, "explicit-deny")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sagemaker:ModelApprovalStatus", "Approved"),
        ("sagemaker:ModelApprovalStatus", "PendingManualApproval"),
        ("sagemaker:ModelLifeCycle:Stage", "Production"),
    ],
)
def test_no_role_may_approve_or_promote_a_version(assembly: Any, key: str, value: str) -> None:
    context = {key: (value,)}
    version = f"arn:aws:sagemaker:ap-northeast-2:{ACCOUNT}:model-package/claims-fraud/1"
    asked = _request("sagemaker:UpdateModelPackage", version, ACCOUNT)
    decision = decide(replace(asked, context={**asked.context, **context}), _policies(assembly))
    assert (decision.allowed, decision.reason) == (False, "explicit-deny")


def test_images_may_come_from_the_accounts_that_aws_keeps_them_in(assembly: Any) -> None:
    image = "arn:aws:ecr:ap-northeast-2:366743142698:repository/sagemaker-xgboost"
    assert decide(_request("ecr:BatchGetImage", image, "366743142698"), _policies(assembly)).reason != "explicit-deny"


def test_a_request_that_does_not_say_whose_the_resource_is_is_left_to_the_other_statements(assembly: Any) -> None:
    assert decide(_request("ecr:GetAuthorizationToken", "*", ""), _policies(assembly)).allowed


def test_it_fits_into_what_iam_allows(account: tuple[str, Any]) -> None:
    _, assembly = account
    (document,) = [d for p, d in Lab(assembly).templates().policies() if p.arn.endswith("-boundary")]
    assert len(json.dumps(document, separators=(",", ":"))) < 6144


def test_it_fits_where_an_account_trains_and_its_endpoints_scale_are_captured_and_have_a_network(
    tmp_path: Path,
) -> None:
    from stacks.account_stage import AccountStage
    from stacks.app import new_app

    loaded = load()
    network = NetworkSettings(("subnet-0a1b2c3d",), ("sg-8c9d0e1f",))
    dev = replace(loaded.account("dev"), network=network, endpoint=loaded.account("prod").endpoint)
    everything = replace(loaded, accounts=(dev, *loaded.accounts[1:]), models=loaded.models[:1])
    app = new_app(outdir=tmp_path)
    AccountStage(app, "Dev", account=dev, settings=everything)
    app.synth()
    full = read_assembly(tmp_path)
    granted = {action for name, action in _allowed(full) if name != BOUNDARY}
    assert granted == {action for name, action in _allowed(full) if name == BOUNDARY}
    assert {"ec2:CreateNetworkInterface", "application-autoscaling:PutScalingPolicy"} <= granted


def _allowed(assembly: Any) -> list[tuple[str, str]]:
    return [
        (policy.properties["ManagedPolicyName"], action)
        for policy, document in Lab(assembly).templates().policies()
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
    ]


def _request(action: str, resource: str, account: str) -> AccessRequest:
    role = f"arn:aws:iam::{ACCOUNT}:role/millrace-dev-job"
    principal = Principal("role", f"arn:aws:sts::{ACCOUNT}:assumed-role/millrace-dev-job/s", ACCOUNT, role)
    context = {"aws:ResourceAccount": (account,)} if account else {}
    return AccessRequest(principal, action, resource, account or ACCOUNT, context)


def _policies(assembly: Any) -> Policies:
    (document,) = [d for p, d in Lab(assembly).templates().policies() if p.arn.endswith(BOUNDARY)]
    return Policies(identity=(Policy("everything", EVERYTHING),), boundary=Policy(BOUNDARY, document))
