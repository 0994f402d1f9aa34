"""AWS's resource schemas find misspelt properties at every depth; coercion brings the rest into the API's shape."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.cloudformation.errors import ResourceError
from millrace.local.cloudformation.names import generated_name
from millrace.local.cloudformation.providers import PROVIDERS
from millrace.local.cloudformation.providers.coerce import NoSuchMember, call_input
from millrace.local.cloudformation.schema import FOLDER, changed, file_name, schema_of

RULE = {"Id": "a", "Status": "Enabled", "ExpirationInDays": "5"}


def client(service: str) -> Any:
    return boto3.session.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1").client(
        service
    )


def test_every_type_has_its_schema() -> None:
    without = [type_ for type_ in PROVIDERS if not (FOLDER / file_name(type_)).is_file()]
    assert without == []


@pytest.mark.parametrize(
    ("type_", "properties", "problem"),
    [
        ("AWS::S3::Bucket", {"BucketNam": "x"}, "#: extraneous key [BucketNam] is not permitted"),
        (
            "AWS::S3::Bucket",
            {"LifecycleConfiguration": {"Rules": [{**RULE, "Idd": "x"}]}},
            "#/LifecycleConfiguration/Rules/0: extraneous key [Idd] is not permitted",
        ),
        ("AWS::S3::BucketPolicy", {"Bucket": "x"}, "#: required key [PolicyDocument] not found"),
        ("AWS::SQS::Queue", {"DelaySeconds": "soon"}, "#/DelaySeconds: expected type: integer, found: str"),
        ("AWS::S3::Bucket", {"VersioningConfiguration": {"Status": "On"}}, "On is not a valid enum value"),
    ],
)
def test_a_wrong_property_is_found_wherever_it_is(type_: str, properties: Any, problem: str) -> None:
    assert any(problem in found for found in schema_of(type_).problems(properties))


def test_right_properties_have_no_problem() -> None:
    bucket = {"LifecycleConfiguration": {"Rules": [RULE]}, "Tags": [{"Key": "a", "Value": "b"}]}
    assert schema_of("AWS::S3::Bucket").problems(bucket) == []


def test_custom_resources_take_anything() -> None:
    assert schema_of("Custom::Thing").problems({"Any": {"Thing": 1}}) == []


@pytest.mark.parametrize(
    ("type_", "old", "new", "names"),
    [
        ("AWS::SQS::Queue", {"QueueName": "a"}, {"QueueName": "b"}, ["QueueName"]),
        ("AWS::SQS::Queue", {"DelaySeconds": 1}, {"DelaySeconds": 2}, []),
        (
            "AWS::SageMaker::Model",
            {"PrimaryContainer": {"Image": "a"}},
            {"PrimaryContainer": {"Image": "b"}},
            ["PrimaryContainer"],
        ),
        ("AWS::SageMaker::Endpoint", {"EndpointConfigName": "a"}, {"EndpointConfigName": "b"}, []),
        (
            "AWS::DynamoDB::Table",
            {"KeySchema": [{"AttributeName": "a"}]},
            {"KeySchema": [{"AttributeName": "b"}]},
            ["KeySchema"],
        ),
    ],
)
def test_the_schemas_say_what_must_be_replaced(type_: str, old: Any, new: Any, names: list[str]) -> None:
    assert schema_of(type_).replacing(old, new) == names


@given(st.dictionaries(st.text(max_size=4), st.integers(0, 2)), st.dictionaries(st.text(max_size=4), st.integers(0, 2)))
def test_changed_names_exactly_what_differs(old: dict[str, int], new: dict[str, int]) -> None:
    assert set(changed(old, new)) == {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def test_names_scalars_documents_and_tags_are_brought_into_the_apis_shape() -> None:
    found = call_input(
        client("logs"),
        "create_log_group",
        {"LogGroupName": "a", "Tags": [{"Key": "k", "Value": 1}], "DeletionProtectionEnabled": "true"},
    )
    assert found == {"logGroupName": "a", "tags": {"k": "1"}, "deletionProtectionEnabled": True}
    key = call_input(client("kms"), "create_key", {"Policy": {"a": [1]}, "Tags": [{"Key": "k", "Value": "v"}]})
    assert key == {"Policy": '{"a": [1]}', "Tags": [{"TagKey": "k", "TagValue": "v"}]}
    parameter = call_input(client("ssm"), "put_parameter", {"Tags": {"k": "v"}})
    assert parameter == {"Tags": [{"Key": "k", "Value": "v"}]}


def test_a_property_without_a_place_is_never_dropped_silently() -> None:
    with pytest.raises(NoSuchMember, match="property Colour of create_alias is not supported"):
        call_input(client("kms"), "create_alias", {"AliasName": "a", "Colour": "red"})
    with pytest.raises(ResourceError, match="must be a number"):
        call_input(client("sqs"), "receive_message", {"QueueUrl": "u", "WaitTimeSeconds": "long"})


@given(
    st.text(alphabet="abcXYZ", min_size=1, max_size=80),
    st.text(alphabet="abcXYZ", min_size=1, max_size=80),
    st.sampled_from([63, 64, 255]),
)
def test_generated_names_fit_their_limit_and_repeat(stack: str, logical: str, limit: int) -> None:
    name = generated_name(stack, logical, "seed", limit=limit)
    assert len(name) <= limit
    assert name == generated_name(stack, logical, "seed", limit=limit)
    assert name != generated_name(stack, logical, "other", limit=limit)
