"""dynamodb:LeadingKeys: the partition keys that a request names, by which a table can be shared among principals.

Called by `context` for the actions that have the key. A query names its key in its condition expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from millrace.local.iam import moto_policies

EQUALITY = re.compile(r"([#\w.-]+)\s*=\s*(:\w+)")


def leading_keys(arn: str, params: Mapping[str, Any]) -> tuple[str, ...]:
    """The values of the table's partition key in the request."""
    table = moto_policies.table(arn)
    if table is None:
        return ()
    name = arn.split("/")[1]
    values = (each.get(table.hash_key_attr) for each in _keys(params, name, table.hash_key_attr))
    return tuple(dict.fromkeys(_text(value) for value in values if value))


def _keys(params: Mapping[str, Any], table: str, partition: str) -> Iterator[Mapping[str, Any]]:
    yield from (params[name] for name in ("Key", "Item") if params.get(name))
    for item in params.get("TransactItems") or ():
        yield from (
            key for each in item.values() if each["TableName"] == table for key in _keys(each, table, partition)
        )
    requested = (params.get("RequestItems") or {}).get(table) or ()
    if isinstance(requested, Mapping):
        yield from requested.get("Keys") or ()
    else:
        for request in requested:
            yield from (key for each in request.values() for key in _keys(each, table, partition))
    yield from _asked_for(params, partition)


def _asked_for(params: Mapping[str, Any], partition: str) -> Iterator[Mapping[str, Any]]:
    names, values = params.get("ExpressionAttributeNames") or {}, params.get("ExpressionAttributeValues") or {}
    for name, value in EQUALITY.findall(params.get("KeyConditionExpression") or ""):
        if names.get(name, name) == partition and value in values:
            yield {partition: values[value]}


def _text(value: Mapping[str, Any]) -> str:
    return str(next(iter(value.values())))
