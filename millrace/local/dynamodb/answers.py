"""Answers that hold items, written as JSON at once: moto walks the service's model for every attribute of them."""

from __future__ import annotations

import base64
import json
from typing import Any

from millrace.local.replacing import change

WITH_ITEMS = {
    "BatchGetItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "TransactGetItems",
    "UpdateItem",
}
JSON = "application/x-amz-json-1.0"


def mend() -> None:
    from moto.core.utils import get_service_model
    from moto.dynamodb.responses import DynamoHandler

    def serialized(self: Any, action_result: Any) -> Any:
        operation, result = self._get_action(), action_result.result
        if operation not in WITH_ITEMS or isinstance(result, Exception):
            return known(self, action_result)
        members = get_service_model("dynamodb").operation_model(operation).output_shape.members
        shown = {name: value for name, value in result.items() if name in members and value is not None}
        return 200, {**self.response_headers, "Content-Type": JSON}, json.dumps(shown, default=_bytes)

    known = change(DynamoHandler, "serialized", serialized)


def _bytes(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} is no value of DynamoDB")
