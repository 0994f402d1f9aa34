"""Custom resources: a Lambda function makes, changes and deletes what CloudFormation has no type for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local.cloudformation_lab import Lab

IAM = {"Capabilities": ["CAPABILITY_IAM"]}
CODE = """
import json
import urllib.request


def handler(event, context):
    properties = event["ResourceProperties"]
    refused = properties["Word"] == "forbidden" and event["RequestType"] != "Delete"
    answer = {
        "Status": "FAILED" if refused else "SUCCESS",
        "Reason": "the word is forbidden",
        "PhysicalResourceId": "thing-" + properties["Name"],
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": {"Said": event["RequestType"] + " " + properties["Word"] + " " + properties["Flag"]},
    }
    request = urllib.request.Request(event["ResponseURL"], data=json.dumps(answer).encode(), method="PUT")
    request.add_header("Content-Type", "")
    urllib.request.urlopen(request).close()
"""


@pytest.fixture
def lab(embedded: Any) -> Lab:
    return Lab(embedded)


def custom(word: str, name: str = "a") -> dict[str, Any]:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
        ],
    }
    function = {
        "Code": {"ZipFile": CODE},
        "Handler": "index.handler",
        "Runtime": "python3.12",
        "Timeout": 30,
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
    }
    thing = {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}, "Word": word, "Name": name, "Flag": True}
    return {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}},
        "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
        "Thing": {"Type": "Custom::Thing", "Properties": thing},
    }


SAID = {"Said": {"Value": {"Fn::GetAtt": ["Thing", "Said"]}}}


def test_a_custom_resource_is_created_updated_replaced_and_deleted_by_its_function(lab: Lab) -> None:
    ended = lab.create("custom", custom("one"), outputs=SAID, **IAM)
    assert ended["StackStatus"] == "CREATE_COMPLETE", lab.failures("custom")
    assert ended["Outputs"][0]["OutputValue"] == "Create one true"
    assert lab.resources("custom")["Thing"] == "thing-a"
    assert lab.update("custom", custom("two"), outputs=SAID, **IAM)["Outputs"][0]["OutputValue"] == "Update two true"
    lab.update("custom", custom("two", "b"), outputs=SAID, **IAM)
    assert lab.resources("custom")["Thing"] == "thing-b"
    assert ("Thing", "DELETE_COMPLETE") in lab.events("custom")
    arn = lab.ended("custom")["StackId"]
    lab.delete("custom")
    assert lab.api.describe_stacks(StackName=arn)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE"


def test_a_function_that_says_failed_fails_the_stack_with_its_reason(lab: Lab) -> None:
    ended = lab.create("customfail", custom("forbidden"), **IAM)
    assert ended["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "the word is forbidden" in lab.reason("customfail", "Thing", "CREATE_FAILED")
