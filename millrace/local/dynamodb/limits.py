"""What DynamoDB refuses and moto lets through: keys of other attributes or types, or too long; too large batches."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from millrace.local.replacing import change

MOST_WRITES = 25
PLACEHOLDER = re.compile(r"[#:]\w+")
EXPRESSED = (
    *("get_item", "put_item", "update_item", "delete_item", "query", "scan"),
    *("transact_get_items", "transact_write_items"),
)
BATCH_BYTES = 16 * 1024 * 1024

Params = Mapping[str, Any]


def mend() -> None:
    from moto.dynamodb import responses

    # moto still has the limit of before 2022.
    change(responses, "TRANSACTION_MAX_ITEMS", 100)
    for method, check in CHECKS.items():
        _checked_first(responses.DynamoHandler, method, check)
    for method in EXPRESSED:
        _checked_first(responses.DynamoHandler, method, _placeholders)
    for kind in ("name", "value"):
        _defined_first(kind)


def _defined_first(kind: str) -> None:
    """A placeholder of an expression that the request does not define is the caller's fault."""
    from moto.dynamodb.comparisons import ConditionExpressionParser

    def lookup(self: Any, name: str) -> Any:
        if name not in (getattr(self, f"expression_attribute_{kind}s") or {}):
            place = " used in the document path" if kind == "name" else " used in expression"
            raise _invalid(f"An expression attribute {kind}{place} is not defined; attribute {kind}: {name}")
        return known(self, name)

    known = change(ConditionExpressionParser, f"_lookup_expression_attribute_{kind}", lookup)


def _checked_first(handler: Any, method: str, check: Callable[[Any, Params], None]) -> None:
    known = getattr(handler, method)

    @functools.wraps(known)
    def answer(self: Any) -> Any:
        check(self.dynamodb_backend, self.body)
        return known(self)

    change(handler, method, answer)


def _placeholders(_backend: Any, params: Params) -> None:
    """Each placeholder that a request defines must stand in one of its expressions."""
    actions = [action for each in params.get("TransactItems") or () for action in each.values()]
    for action in actions or [params]:
        written = " ".join(text for name, text in action.items() if name.endswith("Expression"))
        used = set(PLACEHOLDER.findall(written))
        for name in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
            unused = ", ".join(key for key in action.get(name) or () if key not in used)
            if unused:
                raise _invalid(f"Value provided in {name} unused in expressions: keys: {{{unused}}}")


def _one_key(backend: Any, params: Params) -> None:
    _check_key(backend.get_table(params["TableName"]), params["Key"])


def _keys_of_reads(backend: Any, params: Params) -> None:
    for name, request in params["RequestItems"].items():
        for key in request["Keys"]:
            _check_key(backend.get_table(name), key)


def _transaction(backend: Any, params: Params) -> None:
    for each in params["TransactItems"]:
        for action in each.values():
            if "Key" in action:
                _check_key(backend.get_table(action["TableName"]), action["Key"])


def _batch(backend: Any, params: Params) -> None:
    """All of a batch is looked at before anything of it is written."""
    requests = [(name, each) for name, listed in params["RequestItems"].items() for each in listed]
    if not requests or len(requests) > MOST_WRITES:
        raise _invalid(
            f"1 validation error detected: Value '{len(requests)} requests' at 'requestItems' failed to satisfy "
            f"constraint: Member must have length less than or equal to {MOST_WRITES}, Member must have length "
            "greater than or equal to 1"
        )
    taken = set()
    for name, request in requests:
        table = backend.get_table(name)
        place = (name, *_place(table, request))
        if place in taken:
            raise _invalid("Provided list of item keys contains duplicates")
        taken.add(place)
    if sum(_size(request["PutRequest"]["Item"]) for _, request in requests if "PutRequest" in request) > BATCH_BYTES:
        raise _invalid("The batch write request exceeds the maximum size of 16 MB")


def _place(table: Any, request: Params) -> Iterator[Any]:
    """The checked key of one request of a batch."""
    from moto.dynamodb.models.dynamo_type import DynamoType

    if "DeleteRequest" in request:
        key = request["DeleteRequest"]["Key"]
        _check_key(table, key)
    else:
        item = request["PutRequest"]["Item"]
        key = {name: item[name] for name in table.table_key_attrs if name in item}
        _check_item(table, item, key)
    return (DynamoType(key[name]) for name in table.table_key_attrs)


def _check_item(table: Any, item: Params, key: Params) -> None:
    from moto.dynamodb.exceptions import InvalidAttributeTypeError, ItemSizeTooLarge

    from millrace.local.dynamodb.items import ITEM_BYTES

    for name, wanted in _schema(table).items():
        if name not in key:
            raise _invalid(f"One or more parameter values were invalid: Missing the key {name} in the item")
        if wanted != next(iter(key[name])):
            raise InvalidAttributeTypeError(name, expected_type=wanted, actual_type=next(iter(key[name])))
    table._validate_item_types(item)
    table._validate_key_sizes(item)
    if _size(item) > ITEM_BYTES:
        raise ItemSizeTooLarge


def _check_key(table: Any, key: Params) -> None:
    from moto.dynamodb.exceptions import KeyIsEmptyStringException, ProvidedKeyDoesNotExist

    if {name: next(iter(value)) for name, value in key.items()} != _schema(table):
        raise ProvidedKeyDoesNotExist
    for name, value in key.items():
        if next(iter(value.values())) in ("", b""):
            raise KeyIsEmptyStringException(name)
    table._validate_key_sizes(key)


def _schema(table: Any) -> dict[str, str]:
    types = {table.hash_key_attr: table.hash_key_type, table.range_key_attr: table.range_key_type}
    return {name: kind for name, kind in types.items() if name is not None}


def _size(item: Params) -> int:
    from moto.dynamodb.models.dynamo_type import DynamoType
    from moto.dynamodb.models.utilities import bytesize

    return sum(bytesize(name) + DynamoType(value).size() for name, value in item.items())


def _invalid(message: str) -> Exception:
    from moto.dynamodb.exceptions import MockValidationException

    return MockValidationException(message)


CHECKS: Mapping[str, Callable[[Any, Params], None]] = {
    "batch_get_item": _keys_of_reads,
    "batch_write_item": _batch,
    "delete_item": _one_key,
    "get_item": _one_key,
    "transact_get_items": _transaction,
    "transact_write_items": _transaction,
    "update_item": _one_key,
}
