"""Which attributes of a table a request names, whatever part of the request names them."""

from __future__ import annotations

from typing import Any

import pytest

from millrace.local.iam.table_keys import attributes

TABLE = "arn:aws:dynamodb:ap-northeast-2:111111111111:table/ledger"
ALIASES = {"#s": "state", "#i": "item"}


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"Key": {"model": {}, "item": {}}}, "item model"),
        ({"Item": {"model": {}, "size": {}}}, "model size"),
        ({"AttributesToGet": ["a", "b"]}, "a b"),
        ({"ProjectionExpression": "a, b.c[0].d, #s"}, "a b state"),
        ({"KeyConditionExpression": "model = :m AND begins_with(#i, :file)"}, "item model"),
        ({"FilterExpression": "NOT contains(a, :x) or (b BETWEEN :low AND :high)"}, "a b"),
        ({"ConditionExpression": "attribute_not_exists(#i) AND size (a) > :n"}, "a item"),
        ({"UpdateExpression": "SET #s = if_not_exists(a, :zero), b = b + :n REMOVE c ADD d :n DELETE e :s"},
         "a b c d e state"),
        ({"TransactItems": [
            {"Put": {"TableName": "ledger", "Item": {"model": {}}}},
            {"Update": {"TableName": TABLE, "Key": {"item": {}}, "UpdateExpression": "REMOVE gone"}},
            {"Put": {"TableName": "another", "Item": {"other": {}}}},
        ]}, "gone item model"),
        ({"RequestItems": {"ledger": {"Keys": [{"model": {}}], "ProjectionExpression": "a"}, "other": {}}},
         "a model"),
        ({"RequestItems": {"ledger": [{"PutRequest": {"Item": {"a": {}}}}, {"DeleteRequest": {"Key": {"b": {}}}}]}},
         "a b"),
    ],
)  # fmt: skip
def test_the_attributes_of_a_request_are_found(params: dict[str, Any], named: str) -> None:
    if any(name.endswith("Expression") for name in params):
        params = {**params, "ExpressionAttributeNames": ALIASES}
    assert attributes(TABLE, params) == tuple(named.split())
