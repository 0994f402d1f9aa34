"""Tables: what a template says of them, and who may use them and their key."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local.cloudformation_lab import ACCOUNT as STACK_ACCOUNT
from tests.local.cloudformation_lab import Lab as StackLab
from tests.local.dynamodb_lab import KEY_SCHEMA, Ledger, key, refused, row
from tests.local.gate_lab import ACCOUNT, REGION, Lab, allow, denied, document

VIA = f"dynamodb.{REGION}.amazonaws.com"


@pytest.fixture
def lab(embedded: Any) -> Lab:
    return Lab(embedded)


def sse(arn: Any) -> dict[str, Any]:
    return {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": arn}


def template(name: str, **properties: Any) -> dict[str, Any]:
    root = {"AWS": f"arn:aws:iam::{STACK_ACCOUNT}:root"}
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}],
    }
    table = {"TableName": name, "BillingMode": "PAY_PER_REQUEST", **KEY_SCHEMA, **properties}
    return {
        "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": policy}},
        "Table": {"Type": "AWS::DynamoDB::Table", "Properties": table},
    }


def test_a_template_makes_a_table_with_everything_and_changes_it_in_place(embedded: Any) -> None:
    lab = StackLab(embedded)
    name, dynamodb = lab.name("ledger"), lab.client("dynamodb")
    full = template(
        name,
        SSESpecification=sse({"Fn::GetAtt": ["Key", "Arn"]}),
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        TimeToLiveSpecification={"AttributeName": "expires", "Enabled": True},
        DeletionProtectionEnabled=True,
        Tags=[{"Key": "project", "Value": "millrace"}],
    )
    assert lab.create("table", full)["StackStatus"] == "CREATE_COMPLETE", lab.failures("table")
    before = dynamodb.describe_table(TableName=name)["Table"]
    key_arn = embedded.client("kms", account=STACK_ACCOUNT).describe_key(KeyId=lab.resources("table")["Key"])
    assert before["SSEDescription"] == {
        "Status": "ENABLED",
        "SSEType": "KMS",
        "KMSMasterKeyArn": key_arn["KeyMetadata"]["Arn"],
    }
    assert before["DeletionProtectionEnabled"]
    assert before["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    recovery = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}

    dynamodb.put_item(TableName=name, Item=row("a"))
    assert refused(dynamodb.delete_table, TableName=name)["Error"]["Code"] == "ValidationException"
    plain = template(name, TableClass="STANDARD_INFREQUENT_ACCESS")
    assert lab.update("table", plain)["StackStatus"] == "UPDATE_COMPLETE", lab.failures("table")
    after = dynamodb.describe_table(TableName=name)["Table"]
    assert after["TableId"] == before["TableId"]
    assert "SSEDescription" not in after
    assert not after["DeletionProtectionEnabled"]
    assert after["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    recovery = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"
    assert dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"
    assert dynamodb.list_tags_of_resource(ResourceArn=after["TableArn"])["Tags"] == []
    assert dynamodb.scan(TableName=name)["Count"] == 1
    lab.delete("table")
    assert name not in dynamodb.list_tables()["TableNames"]


def test_a_protected_table_keeps_its_stack_from_being_deleted(embedded: Any) -> None:
    lab = StackLab(embedded)
    name = lab.name("kept")
    lab.create("kept", template(name, DeletionProtectionEnabled=True))
    lab.delete("kept")
    assert lab.ended("kept")["StackStatus"] == "DELETE_FAILED"
    lab.client("dynamodb").update_table(TableName=name, DeletionProtectionEnabled=False)
    lab.delete("kept")
    assert name not in lab.client("dynamodb").list_tables()["TableNames"]


def encrypted(lab: Lab, policy: str | None = None) -> tuple[Ledger, str]:
    """A table with a customer key."""
    arn = lab.key(policy=policy)
    specification = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": arn}
    return Ledger(lab.aws, SSESpecification=specification), arn


def table_arn(ledger: Ledger) -> str:
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{ledger.name}"


def test_a_table_with_a_customer_key_is_read_and_written_only_by_who_may_decrypt(lab: Lab) -> None:
    ledger, key_arn = encrypted(lab)
    ledger.put("a")
    use = allow("dynamodb:*", on=table_arn(ledger))
    without = lab.as_role("dynamodb", use)
    for call, params in (
        (without.get_item, {"Key": key("a")}),
        (without.put_item, {"Item": row("b")}),
        (without.scan, {}),
    ):
        assert "kms:Decrypt" in denied(call, TableName=ledger.name, **params)
    assert without.describe_table(TableName=ledger.name)["Table"]["TableName"] == ledger.name

    context = {
        "kms:ViaService": VIA,
        "kms:EncryptionContext:aws:dynamodb:tableName": ledger.name,
        "kms:EncryptionContext:aws:dynamodb:subscriberId": ACCOUNT,
    }
    decrypt = allow("kms:Decrypt", on=key_arn, when={"StringEquals": context})
    may = lab.as_role("dynamodb", use, decrypt)
    may.put_item(TableName=ledger.name, Item=row("b"))
    may.transact_write_items(TransactItems=[{"Delete": {"TableName": ledger.name, "Key": key("b")}}])
    assert may.get_item(TableName=ledger.name, Key=key("a"))["Item"] == row("a")


def test_a_key_policy_can_limit_a_key_to_what_comes_through_dynamodb(lab: Lab) -> None:
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    manage = {**allow("kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"), "Principal": root}
    through = {**allow("kms:*", when={"StringLike": {"kms:ViaService": "dynamodb.*.amazonaws.com"}}), "Principal": root}
    ledger, key_arn = encrypted(lab, document(manage, through))
    role = [allow("dynamodb:*", "kms:*")]
    lab.as_role("dynamodb", *role).put_item(TableName=ledger.name, Item=row("a"))
    assert "kms:Encrypt" in denied(lab.as_role("kms", *role).encrypt, KeyId=key_arn, Plaintext=b"x")


def test_choosing_a_tables_key_takes_what_dynamodb_does_with_it(lab: Lab) -> None:
    key_arn = lab.key()
    request = {
        "TableName": "chosen-key",
        "BillingMode": "PAY_PER_REQUEST",
        **KEY_SCHEMA,
        "SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key_arn},
    }
    create = allow("dynamodb:CreateTable", "dynamodb:UpdateTable")
    assert "kms:DescribeKey" in denied(lab.as_role("dynamodb", create).create_table, **request)
    cryptographic = ("kms:DescribeKey", "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*")
    some = [create, allow(*cryptographic, on=key_arn)]
    assert "kms:CreateGrant" in denied(lab.as_role("dynamodb", *some).create_table, **request)
    grant = allow("kms:CreateGrant", on=key_arn, when={"Bool": {"kms:GrantIsForAWSResource": "true"}})
    lab.as_role("dynamodb", *some, grant).create_table(**request)


def test_a_transaction_is_decided_by_its_actions(lab: Lab) -> None:
    ledger = Ledger(lab.aws)
    ledger.put("a")
    on = table_arn(ledger)
    inside = {"StringEquals": {"dynamodb:EnclosingOperation": "TransactWriteItems"}}
    role = lab.as_role("dynamodb", allow("dynamodb:PutItem", on=on, when=inside))
    put = {"Put": {"TableName": ledger.name, "Item": row("b")}}
    role.transact_write_items(TransactItems=[put])
    assert "dynamodb:PutItem" in denied(role.put_item, TableName=ledger.name, Item=row("c"))
    update = {"Update": {"TableName": ledger.name, "Key": key("a"), "UpdateExpression": "REMOVE x"}}
    assert "dynamodb:UpdateItem" in denied(role.transact_write_items, TransactItems=[put, update])
    check = {"TableName": ledger.name, "Key": key("a"), "ConditionExpression": "attribute_exists(model)"}
    assert "dynamodb:ConditionCheckItem" in denied(
        role.transact_write_items, TransactItems=[{"ConditionCheck": check}, put]
    )


def test_a_batch_is_decided_by_its_own_action_on_each_table(lab: Lab) -> None:
    one, other = Ledger(lab.aws), Ledger(lab.aws)
    role = lab.as_role("dynamodb", allow("dynamodb:BatchWriteItem", on=table_arn(one)))
    put = [{"PutRequest": {"Item": row("a")}}]
    role.batch_write_item(RequestItems={one.name: put})
    assert "dynamodb:BatchWriteItem" in denied(role.batch_write_item, RequestItems={one.name: put, other.name: put})
    assert "dynamodb:BatchGetItem" in denied(role.batch_get_item, RequestItems={one.name: {"Keys": [key("a")]}})


def test_a_role_of_one_model_sees_only_that_models_rows(lab: Lab) -> None:
    ledger = Ledger(lab.aws)
    ledger.put("a", model="mine")
    own = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["mine"]}}
    role = lab.as_role("dynamodb", allow("dynamodb:PutItem", "dynamodb:Query", on=table_arn(ledger), when=own))
    mine, others = ({"Put": {"TableName": ledger.name, "Item": row("b", model=each)}} for each in ("mine", "others"))
    role.transact_write_items(TransactItems=[mine])
    denied(role.transact_write_items, TransactItems=[mine, others])
    query = {"TableName": ledger.name, "KeyConditionExpression": "#m = :m", "ExpressionAttributeNames": {"#m": "model"}}
    assert role.query(**query, ExpressionAttributeValues={":m": {"S": "mine"}})["Count"] == 2
    denied(role.query, **query, ExpressionAttributeValues={":m": {"S": "others"}})


def test_a_role_may_be_limited_to_some_attributes(lab: Lab) -> None:
    ledger = Ledger(lab.aws)
    ledger.put("a", state="seen", secret="x")
    only = {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["model", "item", "state"]}}
    on = table_arn(ledger)
    role = lab.as_role("dynamodb", allow("dynamodb:UpdateItem", "dynamodb:GetItem", on=on, when=only))
    own = {"TableName": ledger.name, "Key": key("a")}
    shown = role.get_item(**own, ProjectionExpression="#s", ExpressionAttributeNames={"#s": "state"})["Item"]
    assert shown == {"state": {"S": "seen"}}
    denied(role.get_item, **own, ProjectionExpression="#s, secret", ExpressionAttributeNames={"#s": "state"})
    update = {**own, "ExpressionAttributeNames": {"#s": "state"}, "ExpressionAttributeValues": {":s": {"S": "x"}}}
    role.update_item(**update, UpdateExpression="SET #s = :s", ConditionExpression="attribute_exists(#s)")
    denied(role.update_item, **update, UpdateExpression="SET #s = :s", ConditionExpression="size(secret) > :s")
    denied(role.update_item, **update, UpdateExpression="SET #s = :s, secret.inner = if_not_exists(#s, :s)")
