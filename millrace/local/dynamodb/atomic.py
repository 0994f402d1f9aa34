"""One request to DynamoDB after the other: moto reads, compares and writes an item without any lock.

Two conditional writes that race would otherwise both find their condition met. The lock is held for the whole
operation, the answer included, because moto answers with the stored item itself and not with a copy.
"""

from __future__ import annotations

import threading
from typing import Any

from millrace.local.replacing import change

# Whoever reads all tables at once (the saved state) holds it, so that no transaction is seen half written.
TABLES = threading.RLock()


def mend() -> None:
    from moto.dynamodb.responses import DynamoHandler

    def call_action(self: Any) -> Any:
        with TABLES:
            return known(self)

    known = change(DynamoHandler, "call_action", call_action)
