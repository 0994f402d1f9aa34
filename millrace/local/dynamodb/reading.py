"""Query and the order of items: moto sorts a whole partition by slow comparisons, and copies it, for every page."""

from __future__ import annotations

import base64
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from millrace.local.replacing import change

# What one page may hold, before the filter.
PAGE_BYTES = 1024 * 1024

Key = Mapping[str, Any]
Condition = tuple[str | None, Sequence[Any]]
Page = tuple[list[Any], int, dict[str, Any] | None]


def mend() -> None:
    from moto.dynamodb.models.table import Table

    def query(
        self: Any,
        hash_key: Any,
        range_comparison: str | None,
        range_objs: Sequence[Any],
        limit: int | None,
        exclusive_start_key: Key | None,
        scan_index_forward: bool,
        projection_expressions: Any,
        index_name: str | None = None,
        consistent_read: bool = False,
        filter_expression: Any = None,
        **rest: Any,
    ) -> Page:
        if index_name or rest.keys() - {"hash_key_conditions", "range_key_conditions"}:
            asked = (hash_key, range_comparison, range_objs, limit, exclusive_start_key, scan_index_forward)
            options = (projection_expressions, index_name, consistent_read, filter_expression)
            found: Page = known(self, *asked, *options, **rest)
            return found
        _check_types(self, hash_key, range_objs)
        condition = (range_comparison, [sortable(each) for each in range_objs])
        items = _chosen(self, hash_key, condition, exclusive_start_key, scan_index_forward is not False)
        page, last = _page(self, items, limit)
        kept = page if filter_expression is None else [item for item in page if filter_expression.expr(item)]
        if projection_expressions:
            kept = [item.project(projection_expressions) for item in kept]
        return kept, len(page), last

    change(Table, "all_items", _in_order)
    known = change(Table, "query", query)


def sortable(value: Any) -> Any:
    """The value of a key, to be compared as DynamoDB does: numbers by value, texts and bytes by their bytes."""
    if value is None:
        return ""
    if value.type == "N":
        return Decimal(value.value)
    if value.type == "B":
        return value.value if isinstance(value.value, bytes) else base64.b64decode(value.value)
    return value.value


def _in_order(table: Any) -> list[Any]:
    """Every item by partition key, then by sort key."""
    if table.range_key_attr:
        items = [item for partition in table.items.values() for item in partition.values()]
    else:
        items = list(table.items.values())
    return sorted(items, key=lambda item: (sortable(item.hash_key), sortable(item.range_key)))


def _check_types(table: Any, hash_key: Any, values: Sequence[Any]) -> None:
    from moto.dynamodb.exceptions import MockValidationException

    if hash_key.type != table.hash_key_type or any(each.type != table.range_key_type for each in values):
        raise MockValidationException(
            "One or more parameter values were invalid: Condition parameter type does not match schema type"
        )


def _chosen(table: Any, hash_key: Any, condition: Condition, start: Key | None, forward: bool) -> list[Any]:
    """The items of the partition that the key condition takes, from `start` on, in the order asked for."""
    partition = table.items.get(hash_key)
    if not table.has_range_key:
        return [] if partition is None or start else [partition]
    by_key = sorted(((sortable(key), item) for key, item in (partition or {}).items()), key=lambda pair: pair[0])
    keys = [key for key, _ in by_key]
    low, high = _bounds(keys, *condition)
    if start:
        after = _start(table, hash_key, start)
        low = max(low, bisect_right(keys, after)) if forward else low
        high = high if forward else min(high, bisect_left(keys, after))
    chosen = [item for _, item in by_key[low:high]]
    return chosen if forward else chosen[::-1]


def _bounds(keys: Sequence[Any], comparison: str | None, values: Sequence[Any]) -> tuple[int, int]:
    """Which of the sorted keys the condition takes."""
    match (comparison or "").upper():
        case "":
            return 0, len(keys)
        case "=" | "EQ":
            return bisect_left(keys, values[0]), bisect_right(keys, values[0])
        case "<" | "LT":
            return 0, bisect_left(keys, values[0])
        case "<=" | "LE":
            return 0, bisect_right(keys, values[0])
        case ">" | "GT":
            return bisect_right(keys, values[0]), len(keys)
        case ">=" | "GE":
            return bisect_left(keys, values[0]), len(keys)
        case "BETWEEN":
            return bisect_left(keys, values[0]), bisect_right(keys, values[1])
        case "BEGINS_WITH":
            low = bisect_left(keys, values[0])
            return low, bisect_left(keys, True, low, key=lambda key: not key.startswith(values[0]))
    raise ValueError(f"Query comparison is {comparison!r}; allowed are =, <, <=, >, >=, BETWEEN, begins_with")


def _start(table: Any, hash_key: Any, start: Key) -> Any:
    """The sort key after which the page begins."""
    from moto.dynamodb.exceptions import MockValidationException
    from moto.dynamodb.models.dynamo_type import DynamoType

    if set(start) != set(table.table_key_attrs):
        raise MockValidationException("The provided starting key is invalid")
    if DynamoType(start[table.hash_key_attr]) != hash_key:
        raise MockValidationException(
            "The provided starting key is outside query boundaries based on provided conditions"
        )
    return sortable(DynamoType(start[table.range_key_attr]))


def _page(table: Any, items: Sequence[Any], limit: int | None) -> tuple[list[Any], dict[str, Any] | None]:
    """The first items up to the limits, and the key to go on from when a limit was met."""
    page: list[Any] = []
    size = 0
    for item in items:
        size += item.size()
        if page and size > PAGE_BYTES:
            return page, table._get_last_evaluated_key(page[-1], None)
        page.append(item)
        if limit and len(page) == limit:
            # AWS names a key even when nothing follows: it has not looked.
            return page, table._get_last_evaluated_key(item, None)
    return page, None
