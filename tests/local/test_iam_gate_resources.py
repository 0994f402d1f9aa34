"""Policies of resources: who they let in, whom they may name, and that every decision is remembered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.gate_lab import ACCOUNT, OTHER, REGION, Lab, allow, denied, document, to, trust

NOBODY = f"arn:aws:iam::{ACCOUNT}:role/nobody-at-all"


@pytest.fixture
def lab(embedded: Any) -> Lab:
    return Lab(embedded)


def key_policy(*more: dict[str, Any], account: str = ACCOUNT) -> str:
    root = to({"AWS": f"arn:aws:iam::{account}:root"}, allow("kms:PutKeyPolicy", "kms:DescribeKey"))
    return document(root, *more)


def test_a_key_is_ruled_by_its_own_policy(lab: Lab) -> None:
    role = lab.role(allow("kms:*"))
    delegated, closed = lab.key(), lab.key(policy=key_policy())
    kms = lab.acting(role, "kms")

    kms.encrypt(KeyId=delegated, Plaintext=b"x")
    message = denied(kms.encrypt, KeyId=closed, Plaintext=b"x")
    denied(lab.client("kms").encrypt, KeyId=closed, Plaintext=b"x")

    assert f"This statement in the key policy of {closed} would allow it" in message
    named = to({"AWS": role}, allow("kms:Encrypt"))
    lab.client("kms").put_key_policy(KeyId=closed, PolicyName="default", Policy=key_policy(named))
    kms.encrypt(KeyId=closed, Plaintext=b"x")


def test_a_key_is_meant_by_id_arn_and_alias_alike(lab: Lab) -> None:
    key, kms = lab.key(), lab.client("kms")
    kms.create_alias(AliasName="alias/gate-alias", TargetKeyId=key)
    mine = lab.as_role("kms", allow("kms:Encrypt", on=key))
    blob = mine.encrypt(KeyId="alias/gate-alias", Plaintext=b"x")["CiphertextBlob"]

    mine.encrypt(KeyId=key.rsplit("/", 1)[1], Plaintext=b"x")
    assert f"kms:Decrypt on resource: {key}" in denied(mine.decrypt, CiphertextBlob=blob)
    denied(mine.encrypt, KeyId=lab.key(), Plaintext=b"x")


def test_an_encrypted_queue_needs_its_key(lab: Lab) -> None:
    key, sqs = lab.key(), lab.client("sqs")
    url = sqs.create_queue(QueueName="gate-encrypted", Attributes={"KmsMasterKeyId": key})["QueueUrl"]
    queue = allow("sqs:SendMessage", "sqs:ReceiveMessage", on=f"arn:aws:sqs:{REGION}:{ACCOUNT}:gate-encrypted")
    without = lab.as_role("sqs", queue)
    reader = lab.as_role("sqs", queue, allow("kms:Decrypt", on=key))

    with pytest.raises(ClientError) as caught:
        without.send_message(QueueUrl=url, MessageBody="x")
    assert caught.value.response["Error"]["Code"] == "KMS.AccessDeniedException"
    assert f"kms:GenerateDataKey on resource: {key}" in str(caught.value)
    with pytest.raises(ClientError, match="kms:GenerateDataKey"):
        reader.send_message(QueueUrl=url, MessageBody="x")
    reader.receive_message(QueueUrl=url)
    lab.as_role("sqs", queue, allow("kms:*", on=key)).send_message_batch(
        QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "x"}]
    )


def test_a_role_of_another_account_is_assumed_when_both_sides_say_so(lab: Lab) -> None:
    target = lab.role(trusts=trust(AWS=f"arn:aws:iam::{OTHER}:root"))
    may, may_not = lab.role(allow("sts:AssumeRole", on=target), account=OTHER), lab.role(account=OTHER)

    lab.acting(may, "sts").assume_role(RoleArn=target, RoleSessionName="test")

    denied(lab.acting(may_not, "sts").assume_role, RoleArn=target, RoleSessionName="test")
    denied(lab.acting(may, "sts").assume_role, RoleArn=lab.role(), RoleSessionName="test")


def test_a_trust_policy_can_ask_for_an_external_id(lab: Lab) -> None:
    asks = {"StringEquals": {"sts:ExternalId": "secret"}}
    principal = {"AWS": f"arn:aws:iam::{OTHER}:root"}
    rule = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", "Condition": asks}
    target = lab.role(trusts=document(rule))
    sts = lab.as_role("sts", allow("sts:AssumeRole"), account=OTHER)

    sts.assume_role(RoleArn=target, RoleSessionName="test", ExternalId="secret")

    denied(sts.assume_role, RoleArn=target, RoleSessionName="test")
    denied(sts.assume_role, RoleArn=target, RoleSessionName="test", ExternalId="guess")


def test_another_accounts_models_are_seen_through_the_policy_of_their_group(lab: Lab) -> None:
    owner = lab.client("sagemaker")
    owner.create_model_package_group(ModelPackageGroupName="gate-shared")
    container = {"Image": "366743142698.dkr.ecr.ap-northeast-2.amazonaws.com/sagemaker-xgboost:3.2-0"}
    specification = {
        "Containers": [container | {"ModelDataUrl": "s3://gate-none/model.tar.gz"}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    package = owner.create_model_package(ModelPackageGroupName="gate-shared", InferenceSpecification=specification)[
        "ModelPackageArn"
    ]
    sagemaker = lab.as_role("sagemaker", allow("sagemaker:DescribeModelPackage"), account=OTHER)
    denied(sagemaker.describe_model_package, ModelPackageName=package)

    versions = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/gate-shared/*"
    rule = to({"AWS": f"arn:aws:iam::{OTHER}:root"}, allow("sagemaker:DescribeModelPackage", on=versions))
    owner.put_model_package_group_policy(ModelPackageGroupName="gate-shared", ResourcePolicy=document(rule))

    assert sagemaker.describe_model_package(ModelPackageName=package)["ModelPackageArn"] == package


def refused_as(code: str, call: Any, /, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    assert caught.value.response["Error"]["Code"] == code
    return str(caught.value.response["Error"]["Message"])


def test_policies_may_not_name_principals_that_do_not_exist(lab: Lab) -> None:
    bucket, queue = lab.bucket(), lab.client("sqs").create_queue(QueueName="gate-principals")["QueueUrl"]
    topic = lab.client("sns").create_topic(Name="gate-principals")["TopicArn"]
    bad = document(to({"AWS": NOBODY}, allow("s3:GetObject", on=f"arn:aws:s3:::{bucket}/*")))
    for_key = key_policy(to({"AWS": NOBODY}, allow("kms:Decrypt")))
    for_queue = document(to({"AWS": [NOBODY]}, allow("sqs:SendMessage")))
    attribute = {"AttributeName": "Policy", "AttributeValue": for_queue}
    kms = lab.client("kms")

    message = refused_as("MalformedPolicy", lab.client("s3").put_bucket_policy, Bucket=bucket, Policy=bad)
    assert "Invalid principal in policy" in message
    assert NOBODY in message
    malformed = "MalformedPolicyDocumentException"
    assert "invalid principals" in refused_as(malformed, kms.create_key, Policy=for_key)
    refused_as(malformed, kms.put_key_policy, KeyId=lab.key(), PolicyName="default", Policy=for_key)
    refused_as(
        "InvalidAttributeValue",
        lab.client("sqs").set_queue_attributes,
        QueueUrl=queue,
        Attributes={"Policy": for_queue},
    )
    refused_as("InvalidParameter", lab.client("sns").set_topic_attributes, TopicArn=topic, **attribute)
    refused_as(
        "MalformedPolicyDocument",
        lab.client("iam").create_role,
        RoleName="gate-trust",
        AssumeRolePolicyDocument=trust(AWS=NOBODY),
    )


def test_policies_may_name_accounts_services_everyone_and_roles_that_exist(lab: Lab) -> None:
    bucket = lab.bucket()
    principals: list[Any] = [
        "*",
        {"AWS": OTHER},
        {"AWS": f"arn:aws:iam::{OTHER}:root"},
        {"AWS": lab.role()},
        {"Service": "logging.s3.amazonaws.com"},
    ]
    rules = [to(each, allow("s3:GetObject", on=f"arn:aws:s3:::{bucket}/*")) for each in principals]

    lab.client("s3").put_bucket_policy(Bucket=bucket, Policy=document(*rules))

    refused_as(
        "MalformedPolicy",
        lab.client("s3").put_bucket_policy,
        Bucket=bucket,
        Policy=document(to({"Service": "logging.s3"}, rules[0])),
    )


def test_a_malformed_policy_is_refused_when_it_is_set(lab: Lab) -> None:
    iam, name = lab.client("iam"), lab.role().rsplit("/", 1)[1]
    unknown = {**allow("s3:GetObject"), "Condition": {"StringIsh": {"aws:PrincipalArn": "x"}}}

    message = refused_as(
        "MalformedPolicyDocument",
        iam.put_role_policy,
        RoleName=name,
        PolicyName="own",
        PolicyDocument=document(unknown),
    )

    assert "StringIsh" in message


def test_every_decision_is_a_line_of_the_audit_log(lab: Lab) -> None:
    role = lab.role({**allow("sqs:ListQueues"), "Sid": "MayList"})
    sqs = lab.acting(role, "sqs")
    sqs.list_queues()
    denied(sqs.create_queue, QueueName="gate-audited")

    answer = lab.aws.internal("audit", {"role": role})

    allowed, refused = answer["decisions"]
    assert allowed["principal"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rsplit('/', 1)[1]}/test"
    assert (allowed["allowed"], allowed["action"], allowed["policy"], allowed["statement"]) == (
        True,
        "sqs:ListQueues",
        "own",
        "MayList",
    )
    assert (refused["allowed"], refused["reason"], refused["action"], refused["resource"]) == (
        False,
        "no-allow-identity",
        "sqs:CreateQueue",
        f"arn:aws:sqs:{REGION}:{ACCOUNT}:gate-audited",
    )
    assert set(refused) >= {"time", "account", "role", "because", "request"}
    lines = (lab.aws.folder / "audit.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["action"] == "sqs:CreateQueue" or refused in map(json.loads, lines)


def test_the_needs_of_one_request_share_its_id(lab: Lab) -> None:
    bucket = lab.bucket()
    lab.client("s3").put_object(Bucket=bucket, Key="a", Body=b"x")
    role = lab.role(allow("s3:GetObject", "s3:PutObject", on=f"arn:aws:s3:::{bucket}/*"))

    lab.acting(role, "s3").copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"})

    found = lab.aws.internal("audit", {"role": role})["decisions"]
    assert [each["action"] for each in found] == ["s3:GetObject", "s3:PutObject"]
    assert len({each["request"] for each in found}) == 1


def test_what_was_decided_survives_a_stop(embedded_factory: Any) -> None:
    server = embedded_factory()
    server.client("sqs").list_queues()

    server.stop()

    assert '"sqs:ListQueues"' in (server.folder / "audit.jsonl").read_text()


def test_requests_that_can_be_read_in_two_ways_are_refused(lab: Lab) -> None:
    s3 = lab.client("s3")
    s3.meta.events.register(
        "before-sign.s3.GetBucketAcl", lambda request, **_: setattr(request, "url", request.url + "&policy")
    )

    with pytest.raises(ClientError, match="Conflicting query string parameters: acl, policy"):
        s3.get_bucket_acl(Bucket=lab.bucket())


def test_a_message_may_hold_the_text_of_another_request(lab: Lab) -> None:
    sqs = lab.client("sqs")
    url = sqs.create_queue(QueueName="gate-text")["QueueUrl"]
    text = "a&Action=PurgeQueue&b"

    sqs.send_message(QueueUrl=url, MessageBody=text)

    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == text
