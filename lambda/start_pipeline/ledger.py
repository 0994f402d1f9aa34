"""The DynamoDB table as the steps use it: consistent reads, and writes that hold only if nothing changed.

One `Ledger` is the partition of one model. The meaning of the items is in `rows.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from start_pipeline.errors import Again, code_of
from start_pipeline.rows import FILES, NewRecord, Skip, decode, encode, to_item

TRANSACTION = 100
"""Actions DynamoDB takes in one transaction."""
BRIEF_REASONS = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
TRIES = 6

Item = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Change:
    """An update of one item. `expect` is what must be so before; None stands for an attribute that is not there."""

    item: str
    values: Mapping[str, Any] = field(default_factory=dict)
    remove: Sequence[str] = ()
    expect: Mapping[str, Any] = field(default_factory=dict)
    exists: bool = True


@dataclass(frozen=True, slots=True)
class FileState:
    """What a look needs to know of a file's row; rows are many."""

    state: str
    run: str
    seen_at: float
    correlation: str
    key: str
    version_id: str


class Ledger:
    """One model's items."""

    def __init__(self, dynamodb: Any, table: str, model: str, *, sleep: Callable[[float], None]) -> None:
        self.model = model
        self._dynamodb, self._table, self._sleep = dynamodb, table, sleep

    def get(self, item: str) -> Item | None:
        answer = self._dynamodb.get_item(TableName=self._table, Key=self._key(item), ConsistentRead=True)
        found: Item | None = answer.get("Item")
        return found

    def add(self, record: NewRecord) -> bool:
        """Write a new item; False if there is one already."""
        return self._holds(self._dynamodb.put_item, **self._put(record))

    def change(self, change: Change) -> bool:
        """Update an item; False if it is not as expected."""
        return self._holds(self._dynamodb.update_item, **self._update(change))

    def drop(self, item: str, *, expect: Mapping[str, Any]) -> bool:
        """Delete an item; False if it is not as expected."""
        terms = _Terms()
        return self._holds(
            self._dynamodb.delete_item,
            TableName=self._table,
            Key=self._key(item),
            ConditionExpression=terms.condition(expect, exists=True),
            **terms.named(),
        )

    def count(self, skip: Skip, item: str) -> None:
        """Write the skip as this item, or count it if it is there."""
        values = {
            "code": skip.code,
            "reason": skip.reason,
            "cause": skip.cause,
            "time": skip.time,
            "correlation": skip.correlation,
        }
        terms = _Terms()
        sets = terms.sets({**values, "expires": skip.expires})
        self._dynamodb.update_item(
            TableName=self._table,
            Key=self._key(item),
            UpdateExpression=f"{sets} ADD {terms.name('times')} {terms.value(1)}",
            **terms.named(),
        )

    def all_or_none(self, changes: Sequence[Change], *, guard: Change | None = None) -> None:
        """Make up to 99 changes if all are as expected, and so is the guard; raises Again if not."""
        actions: list[dict[str, Any]] = [self.update_action(change) for change in changes]
        if guard is not None:
            terms = _Terms()
            condition = terms.condition(guard.expect, exists=False)
            check = {"TableName": self._table, "Key": self._key(guard.item), "ConditionExpression": condition}
            actions.append({"ConditionCheck": {**check, **terms.named()}})
        self.transact(actions)

    def transact(self, actions: Sequence[Mapping[str, Any]]) -> None:
        for attempt in range(TRIES):
            try:
                self._dynamodb.transact_write_items(TransactItems=actions)
                return
            except ClientError as error:
                reasons = {reason.get("Code", "None") for reason in error.response.get("CancellationReasons", ())}
                if "ConditionalCheckFailed" in reasons:
                    raise Again("an item of the ledger was changed meanwhile") from error
                if attempt == TRIES - 1 or not reasons & BRIEF_REASONS:
                    raise
                self._sleep(0.05 * 2**attempt)

    def request(self, item: str, *, expires: int) -> dict[str, Any]:
        """The action that takes note of a request, which may be taken once."""
        values = {"model": encode(self.model), "item": encode(item), "expires": encode(expires)}
        return {"Put": {"TableName": self._table, "Item": values, **_ABSENT}}

    def update_action(self, change: Change) -> dict[str, Any]:
        return {"Update": self._update(change)}

    def query(
        self, prefix: str, *, names: Sequence[str] = (), where: Mapping[str, Any] | None = None
    ) -> Iterator[Item]:
        """The items whose sort key begins with the prefix: these attributes only, and those where this is so."""
        terms = _Terms()
        model = f"{terms.name('model')} = {terms.value(self.model)}"
        item = f"begins_with({terms.name('item')}, {terms.value(prefix)})"
        request: dict[str, Any] = {"KeyConditionExpression": f"{model} AND {item}"}
        if names:
            request["ProjectionExpression"] = ", ".join(map(terms.name, names))
        if where:
            request["FilterExpression"] = terms.condition(where, exists=False)
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table, ConsistentRead=True, **request, **terms.named()
        )
        for page in pages:
            yield from page["Items"]

    def files(self, **where: Any) -> dict[str, FileState]:
        """What state every file is in (or those where the attributes are as given), by sort key."""
        names = ("item", "state", "run", "seen_at", "correlation", "key", "version_id")
        found = {}
        for item in self.query(FILES, names=names, where=where):
            values = {name: decode(value) for name, value in item.items()}
            found[values.pop("item")] = FileState(
                state=values["state"],
                run=values.get("run", ""),
                seen_at=values.get("seen_at", 0),
                correlation=values.get("correlation", ""),
                key=values["key"],
                version_id=values["version_id"],
            )
        return found

    def _holds(self, call: Callable[..., Any], **request: Any) -> bool:
        try:
            call(**request)
        except ClientError as error:
            if code_of(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _put(self, record: NewRecord) -> dict[str, Any]:
        return {"TableName": self._table, "Item": to_item(record), **_ABSENT}

    def _update(self, change: Change) -> dict[str, Any]:
        terms = _Terms()
        expression = terms.sets(change.values)
        if change.remove:
            expression += " REMOVE " + ", ".join(map(terms.name, change.remove))
        request = {"TableName": self._table, "Key": self._key(change.item), "UpdateExpression": expression.strip()}
        if condition := terms.condition(change.expect, exists=change.exists):
            request["ConditionExpression"] = condition
        return {**request, **terms.named()}

    def _key(self, item: str) -> Item:
        return {"model": encode(self.model), "item": encode(item)}


_ABSENT = {"ConditionExpression": "attribute_not_exists(#item)", "ExpressionAttributeNames": {"#item": "item"}}


class _Terms:
    """Placeholders: half of our attribute names are reserved words."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, dict[str, str]] = {}

    def name(self, attribute: str) -> str:
        self._names[f"#{attribute}"] = attribute
        return f"#{attribute}"

    def value(self, value: Any) -> str:
        placeholder = f":v{len(self._values)}"
        self._values[placeholder] = encode(value)
        return placeholder

    def sets(self, values: Mapping[str, Any]) -> str:
        if not values:
            return ""
        return "SET " + ", ".join(f"{self.name(name)} = {self.value(value)}" for name, value in values.items())

    def condition(self, expect: Mapping[str, Any], *, exists: bool) -> str:
        parts = [f"attribute_exists({self.name('item')})"] if exists else []
        for name, value in expect.items():
            if value is None:
                parts.append(f"attribute_not_exists({self.name(name)})")
            else:
                parts.append(f"{self.name(name)} = {self.value(value)}")
        return " AND ".join(parts)

    def named(self) -> dict[str, Any]:
        return {
            **({"ExpressionAttributeNames": self._names} if self._names else {}),
            **({"ExpressionAttributeValues": self._values} if self._values else {}),
        }
