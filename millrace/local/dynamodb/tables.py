"""Tables as DescribeTable shows them: moto forgets the class, the id and the key of encryption in updates."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from millrace.local.iam.moto_policies import kms_key_arn
from millrace.local.replacing import change

DEFAULT_KEY = "alias/aws/dynamodb"
# What moto's tables keep in attributes of ours.
CLASS, CUSTOMER_KEY, ON_DEMAND = "table_class", "customer_key", "on_demand_throughput"


def mend() -> None:
    from moto.dynamodb.models.table import Table
    from moto.dynamodb.responses import DynamoHandler

    def shown(self: Any, base_key: str = "TableDescription") -> dict[str, Any]:
        found: dict[str, Any] = known(self, base_key)
        found[base_key] |= _more(self)
        return found

    known = change(Table, "describe", shown)
    for method in ("create_table", "update_table"):
        _configured_by(DynamoHandler, method)


def _configured_by(handler: Any, method: str) -> None:
    def answer(self: Any) -> Any:
        from moto.dynamodb.responses import DynamoResult

        known(self)
        table = self.dynamodb_backend.get_table(self.body["TableName"])
        _configure(table, self.body)
        return DynamoResult(table.describe())

    known = change(handler, method, answer)


def _configure(table: Any, params: Mapping[str, Any]) -> None:
    if "SSESpecification" in params:
        wanted = dict(params["SSESpecification"])
        key = wanted.get("KMSMasterKeyId") or DEFAULT_KEY
        wanted["KMSMasterKeyId"] = kms_key_arn(key, table.account_id, table.region_name) or key
        table.sse_specification = wanted
        setattr(table, CUSTOMER_KEY, params["SSESpecification"].get("KMSMasterKeyId") or "")
    for attribute, parameter in ((CLASS, "TableClass"), (ON_DEMAND, "OnDemandThroughput")):
        if parameter in params:
            setattr(table, attribute, params[parameter])


def _more(table: Any) -> dict[str, Any]:
    digest = hashlib.md5(f"{table.table_arn} {table.created_at}".encode(), usedforsecurity=False).hexdigest()
    found: dict[str, Any] = {"TableId": "-".join(digest[i:j] for i, j in ID_PARTS)}
    if hasattr(table, CLASS):
        found["TableClassSummary"] = {"TableClass": table.table_class}
    if hasattr(table, ON_DEMAND):
        found["OnDemandThroughput"] = table.on_demand_throughput
    return found


ID_PARTS = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
