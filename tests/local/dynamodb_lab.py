"""What the DynamoDB tests share: a table shaped like the ledger, and short names for its rows."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

ABSENT = "attribute_not_exists(#item)"
KEY_SCHEMA = {
    "AttributeDefinitions": [
        {"AttributeName": "model", "AttributeType": "S"},
        {"AttributeName": "item", "AttributeType": "S"},
    ],
    "KeySchema": [{"AttributeName": "model", "KeyType": "HASH"}, {"AttributeName": "item", "KeyType": "RANGE"}],
}


class Ledger:
    """One table with the keys `model` and `item`."""

    def __init__(self, embedded: Any, *, name: str | None = None, **options: Any) -> None:
        self.api = embedded.client("dynamodb")
        self.name = name or f"ledger-{uuid.uuid4().hex[:8]}"
        if name is None:
            self.api.create_table(TableName=self.name, BillingMode="PAY_PER_REQUEST", **KEY_SCHEMA, **options)

    def put(self, item: str, *, model: str = "m", **attributes: Any) -> None:
        self.api.put_item(TableName=self.name, Item=row(item, model=model, **attributes))

    def fill(self, *items: str, **attributes: Any) -> None:
        for start in range(0, len(items), 25):
            requests = [{"PutRequest": {"Item": row(item, **attributes)}} for item in items[start : start + 25]]
            self.api.batch_write_item(RequestItems={self.name: requests})

    def get(self, item: str, *, model: str = "m") -> dict[str, Any] | None:
        found = self.api.get_item(TableName=self.name, Key=key(item, model=model), ConsistentRead=True).get("Item")
        return None if found is None else {name: next(iter(value.values())) for name, value in found.items()}

    def query(self, condition: str = "model = :m", **options: Any) -> list[dict[str, Any]]:
        """The pages of a query."""
        values = {":m": {"S": "m"}, **options.pop("values", {})}
        pages = self.api.get_paginator("query").paginate(
            TableName=self.name, KeyConditionExpression=condition, ExpressionAttributeValues=values, **options
        )
        return list(pages)

    def items(self, condition: str = "model = :m", **options: Any) -> list[str]:
        """The sort keys that a query answers, over all its pages."""
        return [each["item"]["S"] for page in self.query(condition, **options) for each in page["Items"]]

    def transact(self, *actions: dict[str, Any], **options: Any) -> dict[str, Any]:
        items = [{verb: {"TableName": self.name, **params}} for each in actions for verb, params in each.items()]
        return dict(self.api.transact_write_items(TransactItems=items, **options))


def key(item: str, *, model: str = "m") -> dict[str, Any]:
    return {"model": {"S": model}, "item": {"S": item}}


def row(item: str, *, model: str = "m", **attributes: Any) -> dict[str, Any]:
    return key(item, model=model) | {name: typed(value) for name, value in attributes.items()}


def typed(value: Any) -> dict[str, Any]:
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def moved(item: str, before: str, after: str, **options: Any) -> dict[str, Any]:
    """An update of a transaction that sets `state`, when it is what it should be."""
    return {
        "Update": {
            "Key": key(item),
            "UpdateExpression": "SET #state = :after",
            "ConditionExpression": "#state = :before",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {":before": typed(before), ":after": typed(after)},
            **options,
        }
    }


def refused(call: Any, /, *args: Any, **params: Any) -> dict[str, Any]:
    """The error with which the call is refused."""
    with pytest.raises(ClientError) as caught:
        call(*args, **params)
    return dict(caught.value.response)
