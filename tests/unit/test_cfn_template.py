"""Templates in JSON and YAML mean the same; what is none is refused in CloudFormation's words."""

from __future__ import annotations

import json

import pytest

from millrace.local.cloudformation.errors import TemplateError
from millrace.local.cloudformation.template import parse_template
from millrace.local.cloudformation.template_source import bucket_and_key

YAML = """
AWSTemplateFormatVersion: 2010-09-09
Resources:
  Queue:
    Type: AWS::SQS::Queue
    DependsOn: Other
    Properties:
      QueueName: !Sub "${AWS::StackName}-q"
      DelaySeconds: !If [Slow, 5, !Ref "AWS::NoValue"]
      Arn: !GetAtt Other.Arn
      Enabled: !Equals [a, b]
  Other:
    Type: AWS::SNS::Topic
    DeletionPolicy: Retain
"""


def test_the_short_tags_of_yaml_are_functions() -> None:
    queue = parse_template(YAML).resources["Queue"]
    assert queue.depends_on == ("Other",)
    assert queue.properties == {
        "QueueName": {"Fn::Sub": "${AWS::StackName}-q"},
        "DelaySeconds": {"Fn::If": ["Slow", 5, {"Ref": "AWS::NoValue"}]},
        "Arn": {"Fn::GetAtt": ["Other", "Arn"]},
        "Enabled": {"Fn::Equals": ["a", "b"]},
    }


def test_a_date_in_yaml_stays_text() -> None:
    template = parse_template("Resources: {A: {Type: T, Properties: {Version: 2012-10-17}}}")
    assert template.resources["A"].properties == {"Version": "2012-10-17"}


def test_policies_of_a_resource_are_read() -> None:
    other = parse_template(YAML).resources["Other"]
    assert (other.deletion_policy, other.update_replace_policy) == ("Retain", "Delete")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "Template format error"),
        ("[]", "unsupported structure"),
        ("{}", "At least one Resources member"),
        (json.dumps({"Resources": {"A": {"Type": "T"}}, "Extra": {}}), r"\[Extra\]"),
        (json.dumps({"Resources": {"A": {}}}), "must contain a Type member"),
        (json.dumps({"Resources": {"A-b": {"Type": "T"}}}), "non alphanumeric"),
        (json.dumps({"Resources": {"A": {"Type": "T", "Propertys": {}}}}), "'Propertys'"),
        (json.dumps({"Resources": {"A": {"Type": "T", "DeletionPolicy": "Keep"}}}), "'Keep'"),
        (json.dumps({"Resources": {"A": {"Type": "T"}}, "Transform": "AWS::Serverless-2016-10-31"}), "Serverless"),
    ],
)
def test_what_is_no_template_is_refused(body: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        parse_template(body)


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.amazonaws.com/bucket/a/b.json",
        "https://s3.ap-northeast-2.amazonaws.com/bucket/a/b.json",
        "https://bucket.s3.amazonaws.com/a/b.json",
        "https://bucket.s3.ap-northeast-2.amazonaws.com/a/b.json",
        "https://bucket.s3-ap-northeast-2.amazonaws.com/a/b.json",
        "http://127.0.0.1:4580/bucket/a/b.json",
        "http://localhost:4580/bucket/a/b.json",
        "http://bucket.localhost:4580/a/b.json",
    ],
)
def test_a_template_url_of_any_style_names_bucket_and_key(url: str) -> None:
    assert bucket_and_key(url) == ("bucket", "a/b.json")


def test_a_url_without_a_key_is_refused() -> None:
    with pytest.raises(TemplateError, match="supported URL"):
        bucket_and_key("https://bucket.s3.amazonaws.com/")
