"""One DynamoDB table in memory, keyed as the ledger is. Every operation is atomic, as DynamoDB's are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.aws.errors import aws_error
from tests.chaos.aws.expressions import Expression, Item, updated

LARGEST_PAGE = 1000
LARGEST_TRANSACTION = 100
FAILED = "ConditionalCheckFailed"


@dataclass
class Table:
    """`page` bounds what one Query answers, so that callers must follow LastEvaluatedKey."""

    partition: str = "model"
    sort: str = "item"
    page: int = LARGEST_PAGE
    items: dict[tuple[str, str], Item] = field(default_factory=dict)

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Serve one DynamoDB operation."""
        operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "GetItem": self._get,
            "PutItem": self._write("Put"),
            "UpdateItem": self._write("Update"),
            "DeleteItem": self._write("Delete"),
            "Query": self._query,
            "TransactWriteItems": self._transact,
            "BatchGetItem": self._batch_get,
            "BatchWriteItem": self._batch_write,
        }
        if operation not in operations:
            raise NotImplementedError(f"the in-memory DynamoDB has no {operation}; add it to {__name__}")
        return operations[operation](request)

    def _key(self, item: Item) -> tuple[str, str]:
        return item[self.partition]["S"], item[self.sort]["S"]

    def _get(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self.items.get(self._key(request["Key"]))
        return {} if found is None else {"Item": _copy(_projected(found, request))}

    def _write(self, kind: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
        def write(request: dict[str, Any]) -> dict[str, Any]:
            key = self._key(request["Item"] if kind == "Put" else request["Key"])
            before = self.items.get(key)
            if not self._holds(request, before):
                extra: dict[str, Any] = (
                    {"Item": _copy(before)} if before and "ReturnValuesOnConditionCheckFailure" in request else {}
                )
                raise aws_error(
                    "ConditionalCheckFailedException", f"{kind}Item", "The conditional request failed", **extra
                )
            self._apply(kind, request, key)
            wanted = request.get("ReturnValues", "NONE")
            shown = before if wanted == "ALL_OLD" else self.items.get(key) if wanted == "ALL_NEW" else None
            if wanted not in ("NONE", "ALL_OLD", "ALL_NEW"):
                raise NotImplementedError(f"ReturnValues {wanted}")
            return {"Attributes": _copy(shown)} if shown else {}

        return write

    def _holds(self, request: dict[str, Any], item: Item | None) -> bool:
        if "ConditionExpression" not in request:
            return True
        return Expression(
            request["ConditionExpression"],
            item or {},
            request.get("ExpressionAttributeNames", {}),
            request.get("ExpressionAttributeValues", {}),
        ).holds()

    def _apply(self, kind: str, request: dict[str, Any], key: tuple[str, str]) -> None:
        if kind == "Put":
            self.items[key] = _copy(request["Item"])
        elif kind == "Delete":
            self.items.pop(key, None)
        elif kind == "Update":
            self.items[key] = updated(
                self.items.get(key, dict(request["Key"])),
                request.get("UpdateExpression", ""),
                request.get("ExpressionAttributeNames", {}),
                request.get("ExpressionAttributeValues", {}),
            )

    def _transact(self, request: dict[str, Any]) -> dict[str, Any]:
        actions = [next(iter(action.items())) for action in request["TransactItems"]]
        keys = [self._key(action["Item"] if kind == "Put" else action["Key"]) for kind, action in actions]
        if len(set(keys)) < len(keys) or not 0 < len(keys) <= LARGEST_TRANSACTION:
            raise aws_error("ValidationException", "TransactWriteItems", f"{len(keys)} actions, or one item twice")
        reasons = [
            {"Code": "None"} if self._holds(action, self.items.get(key)) else {"Code": FAILED, "Message": "no"}
            for (_, action), key in zip(actions, keys, strict=True)
        ]
        if any(reason["Code"] == FAILED for reason in reasons):
            codes = ", ".join(reason["Code"] for reason in reasons)
            raise aws_error(
                "TransactionCanceledException", "TransactWriteItems", f"[{codes}]", CancellationReasons=reasons
            )
        for (kind, action), key in zip(actions, keys, strict=True):
            self._apply(kind, action, key)
        return {}

    def _query(self, request: dict[str, Any]) -> dict[str, Any]:
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        found = [
            item
            for _, item in sorted(self.items.items())
            if Expression(request["KeyConditionExpression"], item, names, values).holds()
        ]
        if not request.get("ScanIndexForward", True):
            found.reverse()
        if "ExclusiveStartKey" in request:
            start = self._key(request["ExclusiveStartKey"])
            number = next((n for n, item in enumerate(found) if self._key(item) == start), -1)
            found = found[number + 1 :]
        limit = min(self.page, request.get("Limit", LARGEST_PAGE))
        page = found[:limit]
        answer: dict[str, Any] = {"ScannedCount": len(page)}
        if len(page) == limit:  # also when nothing follows: DynamoDB does not look ahead
            last = page[-1]
            answer["LastEvaluatedKey"] = {self.partition: last[self.partition], self.sort: last[self.sort]}
        if "FilterExpression" in request:
            page = [item for item in page if Expression(request["FilterExpression"], item, names, values).holds()]
        answer["Items"] = [_copy(_projected(item, request)) for item in page]
        return answer | {"Count": len(page)}

    def _batch_get(self, request: dict[str, Any]) -> dict[str, Any]:
        [(table, wanted)] = request["RequestItems"].items()
        found = [self.items[self._key(key)] for key in wanted["Keys"] if self._key(key) in self.items]
        return {"Responses": {table: [_copy(_projected(item, wanted)) for item in found]}, "UnprocessedKeys": {}}

    def _batch_write(self, request: dict[str, Any]) -> dict[str, Any]:
        [(_, writes)] = request["RequestItems"].items()
        for write in writes:
            if "PutRequest" in write:
                self.items[self._key(write["PutRequest"]["Item"])] = _copy(write["PutRequest"]["Item"])
            else:
                self.items.pop(self._key(write["DeleteRequest"]["Key"]), None)
        return {"UnprocessedItems": {}}


def _projected(item: Item, request: dict[str, Any]) -> Item:
    if "ProjectionExpression" not in request:
        return item
    names = request.get("ExpressionAttributeNames", {})
    wanted = [names.get(name.strip(), name.strip()) for name in request["ProjectionExpression"].split(",")]
    return {name: item[name] for name in wanted if name in item}


def _copy(item: Item) -> Item:
    return {name: dict(value) for name, value in item.items()}
