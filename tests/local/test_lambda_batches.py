"""What a function's answer says about the messages of a batch, and which messages it is asked about."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.lambdas.batches import failed_messages, record, wanted

IDS = ["a", "b", "c"]
ARN = "arn:aws:sqs:eu-west-1:111111111111:q"


@pytest.mark.parametrize("answer", [None, {}, {"other": 1}, {"batchItemFailures": None}, {"batchItemFailures": []}])
def test_an_empty_answer_means_that_all_succeeded(answer: Any) -> None:
    assert failed_messages(json.dumps(answer).encode(), IDS) == set()


@pytest.mark.parametrize(
    "failures",
    [[{"itemIdentifier": ""}], [{"itemIdentifier": None}], [{"id": "a"}], [{"itemIdentifier": "z"}], ["a"], "a"],
)
def test_an_answer_that_makes_no_sense_means_that_all_failed(failures: Any) -> None:
    assert failed_messages(json.dumps({"batchItemFailures": failures}).encode(), IDS) == set(IDS)


@pytest.mark.parametrize("answer", ["ok", 1, [1]])
def test_an_answer_that_is_no_object_means_that_all_failed(answer: Any) -> None:
    assert failed_messages(json.dumps(answer).encode(), IDS) == set(IDS)


@given(st.lists(st.sampled_from(IDS)))
def test_only_the_named_messages_come_back(named: list[str]) -> None:
    answer = {"batchItemFailures": [{"itemIdentifier": each} for each in named]}

    assert failed_messages(json.dumps(answer).encode(), IDS) == set(named)


def test_a_record_has_the_fields_that_lambda_gives() -> None:
    message = {
        "MessageId": "m",
        "ReceiptHandle": "r",
        "Body": "{}",
        "MD5OfBody": "x",
        "Attributes": {"ApproximateReceiveCount": "1"},
        "MessageAttributes": {"RULE_ARN": {"DataType": "String", "StringValue": "arn"}},
    }

    assert record(message, ARN) == {
        "messageId": "m",
        "receiptHandle": "r",
        "body": "{}",
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {
            "RULE_ARN": {
                "stringValue": "arn",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "String",
            }
        },
        "md5OfBody": "x",
        "eventSource": "aws:sqs",
        "eventSourceARN": ARN,
        "awsRegion": "eu-west-1",
    }


def test_filters_look_into_a_json_body() -> None:
    filters = ['{"body": {"kind": ["upload"]}}', '{"body": {"size": [{"numeric": [">", 5]}]}}']

    assert wanted({"body": '{"kind": "upload"}'}, filters)
    assert wanted({"body": '{"size": 6}'}, filters)
    assert not wanted({"body": '{"size": 5}'}, filters)
    assert not wanted({"body": "no json"}, filters)
    assert wanted({"body": "no json"}, ())
