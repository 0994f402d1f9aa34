"""Create, Describe, List and Delete of any kind of resource, derived from botocore's model of the service.

The parts of SageMaker (jobs, registry, endpoints) build their operations from these handlers and add
what their kind does beyond being remembered.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.iam.services import Deputy, RoleSession, assume
from millrace.local.sagemaker import shapes
from millrace.local.sagemaker.kinds import DESCENDING, Kind
from millrace.local.sagemaker.store import Place, Record, Store
from millrace.local.service import Caller, Handler, ServiceError
from millrace.local.world import World

PAGE = 10
SESSION = "SageMaker"

# Filter of a List operation -> whether a record passes it.
Filter = Callable[[Kind, Record, Any], bool]


def _time(record: Record, field: str) -> datetime:
    moment: datetime = record.get(field) or record["CreationTime"]
    return moment


FILTERS: dict[str, Filter] = {
    "NameContains": lambda kind, record, text: text.lower() in str(record.get(kind.key, "")).lower(),
    "CreationTimeAfter": lambda _, record, moment: record["CreationTime"] > moment,
    "CreationTimeBefore": lambda _, record, moment: record["CreationTime"] < moment,
    "LastModifiedTimeAfter": lambda _, record, moment: _time(record, "LastModifiedTime") > moment,
    "LastModifiedTimeBefore": lambda _, record, moment: _time(record, "LastModifiedTime") < moment,
    "StatusEquals": lambda kind, record, status: record.get(kind.status or "") == status,
}


class Resources:
    """The generic handlers over one store."""

    def __init__(self, world: World, store: Store) -> None:
        self.world = world
        self.store = store

    def new(self, kind: Kind, caller: Caller, params: dict[str, Any], **fields: Any) -> Record:
        """Remember a resource as the request describes it; refused when the name is taken."""
        place, name = Place.of(caller), params[kind.key]
        arn = kind.arn(place, name)
        known = shapes.output_shape(f"Describe{kind.name}").members
        now = self.world.clock.datetime()
        record = {key: value for key, value in params.items() if key in known}
        record |= {kind.key: name, kind.arn_key: arn, "CreationTime": now}
        if "LastModifiedTime" in known:
            record["LastModifiedTime"] = now
        with self.store.lock:
            if self.store.find(place, kind.name, name) is not None:
                raise ServiceError(kind.exists_code, kind.exists.format(arn=arn, name=name))
            self.store.put(place, kind.name, name, record | fields)
            self.store.tag(arn, params.get("Tags") or [])
        return record | fields

    def get(self, kind: Kind, place: Place, name: str) -> Record:
        record = self.store.find(place, kind.name, name)
        if record is None:
            raise self.missing(kind, place, name)
        return record

    def missing(self, kind: Kind, place: Place, name: str) -> ServiceError:
        return ServiceError(kind.missing_code, kind.missing.format(arn=kind.arn(place, name), name=name))

    def describe(self, kind: Kind) -> Handler:
        def handler(caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
            record = self.get(kind, Place.of(caller), params[kind.key])
            return shapes.answer(f"Describe{kind.name}", record)

        return handler

    def lister(self, kind: Kind) -> Handler:
        operation = f"List{kind.plural}"

        def handler(caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
            return self.page(kind, operation, self.store.all(Place.of(caller), kind.name), params)

        return handler

    def page(self, kind: Kind, operation: str, records: list[Record], params: dict[str, Any]) -> dict[str, Any]:
        """The records a List operation answers: filtered, sorted, one page of them."""
        passed = [
            record
            for record in records
            if all(FILTERS[name](kind, record, params[name]) for name in FILTERS if params.get(name) is not None)
        ]
        passed.sort(key=_sort_key(kind, params.get("SortBy", "CreationTime")))
        if params.get("SortOrder", kind.order) == DESCENDING:
            passed.reverse()
        member, shape = shapes.summaries(operation)
        return paginate(member, [shapes.trim(shape, record) for record in passed], params)

    def delete(self, kind: Kind) -> Handler:
        def handler(caller: Caller, params: dict[str, Any]) -> None:
            self.remove(kind, Place.of(caller), params[kind.key])

        return handler

    def remove(self, kind: Kind, place: Place, name: str) -> Record:
        with self.store.lock:
            record = self.get(kind, place, name)
            self.store.delete(place, kind.name, name)
            self.store.untag(record[kind.arn_key])
        return record

    def check_role(self, role_arn: str, deputy: Deputy, *, on: str) -> RoleSession:
        """SageMaker's session of a role that it works with on behalf of a resource; refused when it has none."""
        try:
            return assume(self.world, deputy, role_arn, on=on, region=on.split(":")[3], session=SESSION)
        except ClientError as error:
            raise ServiceError(
                "ValidationException",
                f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
                f"'sagemaker.amazonaws.com' to assume the role. ({error.response['Error'].get('Message', '')})",
            ) from error


def paginate(member: str, items: list[Any], params: dict[str, Any], size: int = PAGE) -> dict[str, Any]:
    """One page of the items under `member`; the token is the offset of the next."""
    start = _offset(params.get("NextToken"))
    end = start + int(params.get("MaxResults") or size)
    page: dict[str, Any] = {member: items[start:end]}
    if end < len(items):
        page["NextToken"] = base64.urlsafe_b64encode(f"offset:{end}".encode()).decode()
    return page


def _offset(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token.encode()).decode().removeprefix("offset:"))
    except ValueError as error:
        raise ServiceError("ValidationException", f"Invalid pagination token: {token}") from error


def _sort_key(kind: Kind, by: str) -> Callable[[Record], Any]:
    field = {"Name": kind.key, "Status": kind.status or kind.key}.get(by, by)
    return lambda record: _comparable(record.get(field))


def _comparable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value)
