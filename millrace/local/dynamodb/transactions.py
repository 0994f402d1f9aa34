"""TransactWriteItems: all conditions first, then all writes, which are undone when one cannot be made.

moto copies every item of the table for each transaction and knows no ClientRequestToken.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from millrace.local.dynamodb.items import Saved, Spot
from millrace.local.replacing import change

ACTIONS = ("ConditionCheck", "Put", "Delete", "Update")
MOST_ACTIONS = 100
TRANSACTION_BYTES = 4 * 1024 * 1024
TOKEN_SECONDS = 600
NO_REASON = (None, None, None)
# The attribute of moto's backend that keeps the tokens; it is saved with the backend.
TOKENS = "transaction_tokens"

Reason = tuple[str | None, str | None, dict[str, Any] | None]


@dataclass(frozen=True)
class Write:
    """One action of a transaction on its item."""

    action: str
    params: Mapping[str, Any]
    spot: Spot

    @property
    def table(self) -> str:
        return str(self.spot.table.name)


def mend() -> None:
    from moto.dynamodb.models import DynamoDBBackend
    from moto.dynamodb.responses import DynamoHandler

    def answer(self: Any) -> Any:
        from moto.core.responses import ActionResult

        token, digest = self.body.get("ClientRequestToken"), _digest(self.body["TransactItems"])
        tokens = vars(self.dynamodb_backend).setdefault(TOKENS, {})
        if token and _already_written(tokens, token, digest):
            return ActionResult({})
        result = known(self)
        if token:
            tokens[token] = (digest, time.time() + TOKEN_SECONDS)
        return result

    change(DynamoDBBackend, "transact_write_items", transact)
    known = change(DynamoHandler, "transact_write_items", answer)


def transact(backend: Any, actions: Sequence[Mapping[str, Any]]) -> None:
    """Do all of the actions or none; the exception tells of each why it was not possible."""
    from moto.dynamodb.exceptions import TransactionCanceledException

    writes = _writes(backend, actions)
    reasons = [_unmet(each) for each in writes]
    if any(code for code, _, _ in reasons):
        raise TransactionCanceledException(reasons)
    saved: list[Saved] = []
    for each in writes:
        saved.append(each.spot.saved())
        reasons[len(saved) - 1] = _write(backend, each)
    if any(code for code, _, _ in reasons) or _too_large(writes):
        for before in reversed(saved):
            before.put_back()
        if any(code for code, _, _ in reasons):
            raise TransactionCanceledException(reasons)
        raise _invalid("Transaction request size has exceeded the maximum allowed size of 4 MB")


def _writes(backend: Any, actions: Sequence[Mapping[str, Any]]) -> list[Write]:
    """The actions with their places; refused as a whole when the request itself is wrong."""
    from moto.dynamodb.exceptions import (
        MultipleTransactionsException,
        TooManyTransactionsException,
        TransactWriteSingleOpException,
    )

    if len(actions) > MOST_ACTIONS:
        raise TooManyTransactionsException
    made, taken = [], set()
    for each in actions:
        if len(each) != 1 or next(iter(each)) not in ACTIONS:
            raise TransactWriteSingleOpException
        action, params = next(iter(each.items()))
        table = backend.get_table(params["TableName"])
        named = params["Item"] if action == "Put" else params["Key"]
        missing = [name for name in table.table_key_attrs if name not in named]
        if missing:
            raise _invalid(f"One or more parameter values were invalid: Missing the key {missing[0]} in the item")
        spot = Spot.of(table, named)
        place = (table.name, spot.partition, spot.sort)
        if place in taken:
            raise MultipleTransactionsException
        taken.add(place)
        made.append(Write(action, params, spot))
    return made


def _unmet(write: Write) -> Reason:
    """Why the action's condition does not hold."""
    from moto.dynamodb.comparisons import get_filter_expression

    params = write.params
    if params.get("ConditionExpression") is None:
        return NO_REASON
    condition = get_filter_expression(
        params["ConditionExpression"], params.get("ExpressionAttributeNames"), params.get("ExpressionAttributeValues")
    )
    item = write.spot.read()
    try:
        if condition.expr(item):
            return NO_REASON
    except ValueError as error:
        raise _invalid(f"Invalid ConditionExpression: {error}") from error
    shown = item is not None and params.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return ("ConditionalCheckFailed", "The conditional request failed", item.to_json()["Attributes"] if shown else None)


def _write(backend: Any, write: Write) -> Reason:
    from moto.dynamodb.exceptions import MockValidationException, ValidationException

    params = write.params
    try:
        if write.action == "Put":
            backend.put_item(write.table, params["Item"])
        elif write.action == "Delete":
            backend.delete_item(write.table, params["Key"])
        elif write.action == "Update":
            backend.update_item(
                write.table,
                params["Key"],
                update_expression=params["UpdateExpression"],
                expression_attribute_names=params.get("ExpressionAttributeNames"),
                expression_attribute_values=params.get("ExpressionAttributeValues"),
            )
    except (MockValidationException, ValidationException) as error:
        return ("ValidationError", str(error.message), None)
    return NO_REASON


def _too_large(writes: Sequence[Write]) -> bool:
    items = (each.spot.read() for each in writes)
    return sum(item.size() for item in items if item is not None) > TRANSACTION_BYTES


def _already_written(tokens: dict[str, tuple[str, float]], token: str, digest: str) -> bool:
    """Whether this token has written exactly this in the last ten minutes; refused when it wrote something else."""
    from moto.core.exceptions import JsonRESTError
    from moto.dynamodb.exceptions import ERROR_TYPE_PREFIX

    now = time.time()
    for old in [name for name, (_, until) in tokens.items() if until < now]:
        del tokens[old]
    if token not in tokens:
        return False
    if tokens[token][0] != digest:
        raise JsonRESTError(
            f"{ERROR_TYPE_PREFIX}IdempotentParameterMismatchException",
            f"ClientRequestToken {token} was used before with other parameters",
        )
    return True


def _digest(items: Any) -> str:
    return hashlib.sha256(json.dumps(items, sort_keys=True, default=repr).encode()).hexdigest()


def _invalid(message: str) -> Exception:
    from moto.dynamodb.exceptions import MockValidationException

    return MockValidationException(message)
