"""Condition keys of DynamoDB that say which items and attributes a request names: by them a table can be shared.

Called by `context` for the actions that have the keys, and by `actions` for the parts of a transaction. A query
names its partition key in its condition expression, and every expression names attributes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from millrace.local.iam import catalog, moto_policies
from millrace.local.iam.needs import Context

EQUALITY = re.compile(r"([#\w.-]+)\s*=\s*(:\w+)")
# A name in an expression with the path below it; `:values` are none.
NAME = re.compile(r"(?<![\w:#.])(#?[A-Za-z_]\w*)(?:\.[#\w]+|\[\d+\])*(\s*\()?")
WORDS = {"and", "or", "not", "between", "in", "set", "remove", "add", "delete"}
EXPRESSIONS = (
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
)
BY_NAME = ("AttributeUpdates", "Expected", "Item", "Key", "KeyConditions", "QueryFilter", "ScanFilter")


def of_request(action: str, arn: str, params: Mapping[str, Any]) -> Context:
    """The keys of one action on a table, as far as the action has them."""
    keys = catalog.action(action).keys
    found: dict[str, tuple[str, ...]] = {}
    if "dynamodb:LeadingKeys" in keys:
        found["dynamodb:LeadingKeys"] = leading_keys(arn, params)
    if "dynamodb:Attributes" in keys:
        found["dynamodb:Attributes"] = attributes(arn, params)
    return found


def leading_keys(arn: str, params: Mapping[str, Any]) -> tuple[str, ...]:
    """The values of the table's partition key in the request."""
    table = moto_policies.table(arn)
    if table is None:
        return ()
    requests = _of_table(params, arn)
    values = (key.get(table.hash_key_attr) for each in requests for key in _keys(each, table.hash_key_attr))
    return tuple(dict.fromkeys(_text(value) for value in values if value))


def attributes(arn: str, params: Mapping[str, Any]) -> tuple[str, ...]:
    """The top-level attributes that the request names."""
    return tuple(sorted({name for each in _of_table(params, arn) for name in _names(each)}))


def _of_table(params: Mapping[str, Any], arn: str) -> Iterator[Mapping[str, Any]]:
    """The request itself, or the parts of a batch or transaction that are about this table."""
    names = (arn, arn.split("/")[1])
    if "TransactItems" in params:
        yield from (
            each for item in params["TransactItems"] for each in item.values() if each.get("TableName") in names
        )
    elif "RequestItems" in params:
        for name in names:
            requested = params["RequestItems"].get(name) or ()
            if isinstance(requested, Mapping):
                yield {**requested, "Key": None}
                yield from ({"Key": key} for key in requested.get("Keys") or ())
            else:
                yield from (part for request in requested for part in request.values())
    else:
        yield params


def _keys(params: Mapping[str, Any], partition: str) -> Iterator[Mapping[str, Any]]:
    yield from (params[name] for name in ("Key", "Item") if params.get(name))
    names, values = params.get("ExpressionAttributeNames") or {}, params.get("ExpressionAttributeValues") or {}
    for name, value in EQUALITY.findall(params.get("KeyConditionExpression") or ""):
        if names.get(name, name) == partition and value in values:
            yield {partition: values[value]}


def _names(params: Mapping[str, Any]) -> Iterator[str]:
    for name in BY_NAME:
        yield from params.get(name) or ()
    yield from params.get("AttributesToGet") or ()
    aliases = params.get("ExpressionAttributeNames") or {}
    for name in EXPRESSIONS:
        for word, function in NAME.findall(params.get(name) or ""):
            if not function and word.lower() not in WORDS:
                yield aliases.get(word, word)


def _text(value: Mapping[str, Any]) -> str:
    return str(next(iter(value.values())))
