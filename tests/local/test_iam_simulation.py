"""IAM's policy simulator: what a role may do, asked without doing it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.gate_lab import ACCOUNT, Lab, allow, deny, document, to

KEY = f"arn:aws:kms:ap-northeast-2:{ACCOUNT}:key/a"


@pytest.fixture
def lab(embedded: Any) -> Lab:
    return Lab(embedded)


def simulated(lab: Lab, role: str, *actions: str, **more: Any) -> list[str]:
    answer = lab.client("iam").simulate_principal_policy(PolicySourceArn=role, ActionNames=list(actions), **more)
    return [each["EvalDecision"] for each in answer["EvaluationResults"]]


def test_a_roles_own_policies_decide(lab: Lab) -> None:
    role = lab.role(allow("s3:Get*", on="arn:aws:s3:::data/*"), deny("s3:GetObjectAcl"))
    actions = ("s3:GetObject", "s3:PutObject", "s3:GetObjectAcl")

    assert simulated(lab, role, *actions, ResourceArns=["arn:aws:s3:::data/a"]) == [
        "allowed",
        "implicitDeny",
        "explicitDeny",
    ]
    assert simulated(lab, role, "s3:GetObject") == ["implicitDeny"]  # not on every resource


def test_a_result_names_action_resource_and_the_policy_that_decided(lab: Lab) -> None:
    answer = lab.client("iam").simulate_principal_policy(
        PolicySourceArn=lab.role(allow("sqs:SendMessage")), ActionNames=["sqs:SendMessage"], ResourceArns=[KEY]
    )

    [result] = answer["EvaluationResults"]
    assert (result["EvalActionName"], result["EvalResourceName"]) == ("sqs:SendMessage", KEY)
    assert [each["SourcePolicyId"] for each in result["MatchedStatements"]] == ["own"]
    assert answer["IsTruncated"] is False


def test_a_boundary_limits_and_says_so(lab: Lab) -> None:
    role = lab.role(allow("s3:*", "sqs:*"), boundary=[allow("s3:*")])
    answer = lab.client("iam").simulate_principal_policy(
        PolicySourceArn=role, ActionNames=["s3:ListAllMyBuckets", "sqs:ListQueues"]
    )

    told = [
        (each["EvalDecision"], each["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"])
        for each in answer["EvaluationResults"]
    ]
    assert told == [("allowed", True), ("implicitDeny", False)]
    another = [document(allow("sqs:*"))]
    assert simulated(lab, role, "sqs:ListQueues", PermissionsBoundaryPolicyInputList=another) == ["allowed"]


def test_conditions_know_the_keys_that_are_given(lab: Lab) -> None:
    when = {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}
    role = lab.role(allow("sqs:ListQueues", when=when))
    region = {"ContextKeyName": "aws:RequestedRegion", "ContextKeyType": "string"}

    assert simulated(lab, role, "sqs:ListQueues") == ["implicitDeny"]
    for name, decision in (("eu-west-1", "allowed"), ("eu-west-2", "implicitDeny")):
        entries = [{**region, "ContextKeyValues": [name]}]
        assert simulated(lab, role, "sqs:ListQueues", ContextEntries=entries) == [decision]


def test_resource_policies_count_only_when_they_are_given(lab: Lab) -> None:
    role = lab.role(allow("kms:Decrypt"))
    others = document(to({"AWS": f"arn:aws:iam::{ACCOUNT}:role/another"}, allow("kms:Decrypt")))

    assert simulated(lab, role, "kms:Decrypt", ResourceArns=[KEY]) == ["allowed"]
    assert simulated(lab, role, "kms:Decrypt", ResourceArns=[KEY], ResourcePolicy=others) == ["implicitDeny"]


def test_policies_may_be_tried_that_nobody_has(lab: Lab) -> None:
    iam, tried = lab.client("iam"), document(allow("sqs:ListQueues"))
    answer = iam.simulate_custom_policy(PolicyInputList=[tried], ActionNames=["sqs:ListQueues", "sns:ListTopics"])

    assert [each["EvalDecision"] for each in answer["EvaluationResults"]] == ["allowed", "implicitDeny"]
    role = lab.role(allow("s3:*"))
    assert simulated(lab, role, "sqs:ListQueues", PolicyInputList=[tried]) == ["allowed"]


def test_results_come_in_pages(lab: Lab) -> None:
    pages = (
        lab.client("iam")
        .get_paginator("simulate_principal_policy")
        .paginate(
            PolicySourceArn=lab.role(allow("s3:*")),
            ActionNames=["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            PaginationConfig={"PageSize": 2},
        )
    )

    assert [len(page["EvaluationResults"]) for page in pages] == [2, 1]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:role/nobody"}, "NoSuchEntity"),
        ({"PolicyInputList": ["{}"]}, "InvalidInput"),
        ({"PolicyInputList": ["nonsense"]}, "InvalidInput"),
        ({"CallerArn": f"arn:aws:iam::{ACCOUNT}:user/somebody"}, "InvalidInput"),
    ],
)
def test_what_cannot_be_simulated_is_refused(lab: Lab, given: dict[str, Any], code: str) -> None:
    source = {"PolicySourceArn": lab.role(allow("s3:*")), **given}

    with pytest.raises(ClientError) as caught:
        lab.client("iam").simulate_principal_policy(ActionNames=["s3:GetObject"], **source)
    assert caught.value.response["Error"]["Code"] == code


def test_a_users_policies_can_be_simulated_too(lab: Lab) -> None:
    name, _ = lab.user(allow("sqs:ListQueues"))
    arn = f"arn:aws:iam::{ACCOUNT}:user/{name}"

    assert simulated(lab, arn, "sqs:ListQueues", "sns:ListTopics") == ["allowed", "implicitDeny"]
