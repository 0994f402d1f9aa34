"""Single items: their place in moto's tables, putting one back, and the size that AWS allows.

moto's UpdateItem changes the stored item piece by piece, so an update that fails half-way must be undone.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from millrace.local.replacing import change

# 400 KB, names of attributes included.
ITEM_BYTES = 400 * 1024


@dataclass(frozen=True)
class Spot:
    """Where an item is or would be."""

    table: Any
    partition: Any
    sort: Any

    @classmethod
    def of(cls, table: Any, attributes: Mapping[str, Any]) -> Spot:
        """The place that a key, or an item, names in the table."""
        from moto.dynamodb.models.dynamo_type import DynamoType

        sort = DynamoType(attributes[table.range_key_attr]) if table.has_range_key else None
        return cls(table, DynamoType(attributes[table.hash_key_attr]), sort)

    def read(self) -> Any:
        return self.table.get_item(self.partition, self.sort)

    def saved(self) -> Saved:
        """What is here now, to be put back."""
        stream = self.table.stream_shard
        return Saved(self, copy.deepcopy(self.read()), len(stream.items) if stream else 0)


@dataclass(frozen=True)
class Saved:
    """One item before a write."""

    spot: Spot
    item: Any
    records: int

    def put_back(self) -> None:
        table, spot = self.spot.table, self.spot
        if self.item is None:
            table.items[spot.partition].pop(spot.sort, None) if spot.sort else table.items.pop(spot.partition, None)
        elif spot.sort:
            table.items[spot.partition][spot.sort] = self.item
        else:
            table.items[spot.partition] = self.item
        if table.stream_shard:
            del table.stream_shard.items[self.records :]


def mend() -> None:
    _items_measured_once()
    _updates_whole_or_not_at_all()


def _items_measured_once() -> None:
    """moto measures the whole item again for each attribute of a new one, and stops at 405,000 bytes."""
    from moto.dynamodb.exceptions import ItemSizeTooLarge
    from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
    from moto.dynamodb.models.utilities import bytesize

    def new(self: Any, hash_key: Any, range_key: Any, attrs: Mapping[str, Any]) -> None:
        self.hash_key, self.range_key = hash_key, range_key
        self.attrs = LimitedSizeDict()
        for name, value in attrs.items():
            dict.__setitem__(self.attrs, name, DynamoType(value))
        if self.size() > ITEM_BYTES:
            raise ItemSizeTooLarge

    def set_attribute(self: Any, name: str, value: Any) -> None:
        others = sum(bytesize(each) + held.size() for each, held in self.items() if each != name)
        if others + bytesize(name) + value.size() > ITEM_BYTES:
            raise ItemSizeTooLarge
        dict.__setitem__(self, name, value)

    change(Item, "__init__", new)
    change(LimitedSizeDict, "__setitem__", set_attribute)


def _updates_whole_or_not_at_all() -> None:
    from moto.core.exceptions import ServiceException
    from moto.dynamodb.models import DynamoDBBackend
    from werkzeug.exceptions import HTTPException

    def update_item(self: Any, table_name: str, key: Mapping[str, Any], *rest: Any, **named: Any) -> Any:
        before = Spot.of(self.get_table(table_name), key).saved()
        try:
            return known(self, table_name, key, *rest, **named)
        except (HTTPException, ServiceException, ValueError):
            before.put_back()
            raise

    known = change(DynamoDBBackend, "update_item", update_item)
