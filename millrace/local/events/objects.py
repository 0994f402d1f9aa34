"""The events S3 sends to EventBridge, in the documented envelope with unique ids and rising sequencers."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

LOCAL_ADDRESS = "127.0.0.1"


class Sequencer:
    """Hexadecimal numbers that only rise: of two events for one key the later has the greater."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> str:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns())
            return f"{self._last:016x}"


def object_detail(
    *,
    bucket: str,
    key: str,
    size: int | None,
    etag: str | None,
    version_id: str | None,
    requester: str,
    reason: str | None,
    deletion_type: str | None,
    sequencer: str | None,
) -> dict[str, Any]:
    """The `detail` of an S3 event; the key is raw, not URL-encoded; what does not apply is left out."""
    described = {"key": key, "size": size, "etag": etag, "version-id": version_id, "sequencer": sequencer}
    detail = {
        "version": "0",
        "bucket": {"name": bucket},
        "object": {name: value for name, value in described.items() if value is not None},
        "request-id": uuid.uuid4().hex[:16].upper(),
        "requester": requester,
        "source-ip-address": LOCAL_ADDRESS,
        "reason": reason,
        "deletion-type": deletion_type,
    }
    return {name: value for name, value in detail.items() if value is not None}
