"""`millrace audit` tells what was decided, and which grants of a role nobody used."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cli.conftest import ACCOUNT, REGION


def document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


@pytest.fixture
def role(shell: Any) -> str:
    """The name of a role that may list queues and topics, has listed queues, and was refused the keys."""
    import boto3

    iam, name = shell.client("iam"), f"audited-{uuid.uuid4().hex[:8]}"
    trust = document(Principal={"AWS": ACCOUNT}, Action="sts:AssumeRole")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    policy = document(Sid="Lists", Action=["sqs:ListQueues", "sns:ListTopics"], Resource="*")
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
    keys = shell.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    session = boto3.session.Session(
        keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=REGION
    )
    session.client("sqs", endpoint_url=shell.aws.url).list_queues()
    with pytest.raises(ClientError):
        session.client("kms", endpoint_url=shell.aws.url).list_keys()
    return name


def test_the_decisions_about_a_role_are_listed(shell: Any, role: str) -> None:
    answer = shell("audit", "--role", role)

    allowed, refused, reason = answer.out.splitlines()
    assert f"allowed  {role}  sqs:ListQueues  *" in allowed
    assert f"DENIED   {role}  kms:ListKeys  *" in refused
    assert reason.strip() == "no-allow-identity"


def test_only_what_was_refused_or_some_actions_can_be_asked_for(shell: Any, role: str) -> None:
    assert "sqs:" not in shell("audit", "--role", role, "--denied").out
    assert shell("audit", "--role", role, "--action", "SQS:List*").out.count("\n") == 1
    assert shell("audit", "--role", role, "--action", "ec2:*").out == "No such decision yet.\n"


def test_the_grants_that_were_never_used_stand_out(shell: Any, role: str) -> None:
    answer = shell("audit", "--role", role, "--grants")

    assert f"{role}: 1 of 2 grants used" in answer.out
    assert [line.split() for line in answer.out.splitlines()[-2:]] == [
        ["own", "Lists", "sqs:ListQueues", "1"],
        ["own", "Lists", "sns:ListTopics", "never"],
    ]


def test_the_log_is_there_when_nothing_runs(
    shell: Any, role: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    shell("audit")
    (tmp_path / "audit.jsonl").write_bytes((shell.aws.folder / "audit.jsonl").read_bytes())
    monkeypatch.setenv("MILLRACE_HOME", str(tmp_path))

    assert "kms:ListKeys" in shell("audit", "--role", role, "--denied").out


def test_a_real_account_is_pointed_to_its_own_trail(shell: Any) -> None:
    assert "CloudTrail" in shell("--profile", "production", "audit").err
