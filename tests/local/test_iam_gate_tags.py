"""Tags and keys of items as conditions: who may touch what is told apart by what it bears."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local.gate_lab import ACCOUNT, REGION, Lab, allow, denied


@pytest.fixture
def lab(embedded: Any) -> Lab:
    return Lab(embedded)


MINE = {"StringEquals": {"aws:ResourceTag/team": "fraud"}}


def test_a_queue_is_told_by_its_tag(lab: Lab) -> None:
    sqs, role = lab.client("sqs"), lab.role(allow("sqs:SendMessage", when=MINE))
    ours = sqs.create_queue(QueueName="gate-tag-ours", tags={"team": "fraud"})["QueueUrl"]
    theirs = sqs.create_queue(QueueName="gate-tag-theirs", tags={"team": "claims"})["QueueUrl"]

    lab.acting(role, "sqs").send_message(QueueUrl=ours, MessageBody="x")

    denied(lab.acting(role, "sqs").send_message, QueueUrl=theirs, MessageBody="x")


def test_a_package_group_is_told_by_its_tag(lab: Lab) -> None:
    sagemaker = lab.client("sagemaker")
    for name, team in (("gate-tag-ours", "fraud"), ("gate-tag-theirs", "claims")):
        sagemaker.create_model_package_group(ModelPackageGroupName=name, Tags=[{"Key": "team", "Value": team}])
    limited = lab.as_role("sagemaker", allow("sagemaker:DescribeModelPackageGroup", when=MINE))

    limited.describe_model_package_group(ModelPackageGroupName="gate-tag-ours")

    denied(limited.describe_model_package_group, ModelPackageGroupName="gate-tag-theirs")


def test_keys_and_roles_are_told_by_their_tags(lab: Lab) -> None:
    key, iam = lab.key(), lab.client("iam")
    limited = lab.role(allow("kms:Encrypt", "iam:GetRole", when=MINE))
    name = lab.role().rsplit("/", 1)[1]
    denied(lab.acting(limited, "kms").encrypt, KeyId=key, Plaintext=b"x")
    denied(lab.acting(limited, "iam").get_role, RoleName=name)

    lab.client("kms").tag_resource(KeyId=key, Tags=[{"TagKey": "team", "TagValue": "fraud"}])
    iam.tag_role(RoleName=name, Tags=[{"Key": "team", "Value": "fraud"}])

    lab.acting(limited, "kms").encrypt(KeyId=key, Plaintext=b"x")
    lab.acting(limited, "iam").get_role(RoleName=name)


def test_a_resource_can_only_be_made_with_the_tag_that_is_asked_for(lab: Lab) -> None:
    asked = {"StringEquals": {"aws:RequestTag/team": "fraud"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}
    sqs = lab.as_role("sqs", allow("sqs:CreateQueue", when=asked))

    sqs.create_queue(QueueName="gate-asked", tags={"team": "fraud"})

    denied(sqs.create_queue, QueueName="gate-asked-not", tags={"team": "claims"})
    denied(sqs.create_queue, QueueName="gate-asked-none")
    denied(sqs.create_queue, QueueName="gate-asked-more", tags={"team": "fraud", "cost": "1"})


def test_a_principal_is_told_by_its_tag(lab: Lab) -> None:
    fraud = {"StringEquals": {"aws:PrincipalTag/team": "fraud"}}
    role = lab.role(allow("sqs:ListQueues", when=fraud))
    sqs = lab.acting(role, "sqs")
    denied(sqs.list_queues)

    lab.client("iam").tag_role(RoleName=role.rsplit("/", 1)[1], Tags=[{"Key": "team", "Value": "fraud"}])

    sqs.list_queues()


def test_a_table_can_be_shared_by_partition_key(lab: Lab) -> None:
    dynamodb = lab.client("dynamodb")
    dynamodb.create_table(
        TableName="gate-shared",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "tenant", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "tenant", "KeyType": "HASH"}],
    )
    own = {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["mine"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/gate-shared"
    limited = lab.as_role("dynamodb", allow("dynamodb:*", on=table, when=own))
    mine, theirs = {"tenant": {"S": "mine"}}, {"tenant": {"S": "theirs"}}

    def query(tenant: dict[str, Any]) -> dict[str, Any]:
        return {
            "TableName": "gate-shared",
            "KeyConditionExpression": "#t = :t",
            "ExpressionAttributeNames": {"#t": "tenant"},
            "ExpressionAttributeValues": {":t": tenant["tenant"]},
        }

    limited.put_item(TableName="gate-shared", Item=mine)
    assert limited.query(**query(mine))["Count"] == 1
    denied(limited.put_item, TableName="gate-shared", Item=theirs)
    denied(limited.query, **query(theirs))
    denied(limited.scan, TableName="gate-shared")
    both = {"gate-shared": [{"PutRequest": {"Item": mine}}, {"DeleteRequest": {"Key": theirs}}]}
    denied(limited.batch_write_item, RequestItems=both)
