"""The clients, settings and clock every step is given. Made by `handler.py`, and by tests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from start_pipeline.ledger import Ledger
from start_pipeline.settings import StarterSettings

PARALLEL = 16
LONGEST_DELAY = 900
"""Seconds by which SQS delays a message at most."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Services:
    """With one worker every call is made in order."""

    s3: Any
    sagemaker: Any
    dynamodb: Any
    sqs: Any
    cloudwatch: Any
    settings: StarterSettings
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    workers: int = PARALLEL

    def ledger(self, model: str) -> Ledger:
        return Ledger(self.dynamodb, self.settings.ledger_table, model, sleep=self.sleep)

    def send(self, message: Mapping[str, Any], *, delay: float = 0) -> None:
        """Put a message of our own into the queue."""
        seconds = min(max(0, int(-(-delay // 1))), LONGEST_DELAY)
        self.sqs.send_message(
            QueueUrl=self.settings.queue_url, MessageBody=json.dumps(message, sort_keys=True), DelaySeconds=seconds
        )

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """The results in order; several at once."""
        if self.workers == 1:
            return [work(item) for item in items]
        with ThreadPoolExecutor(self.workers) as pool:
            return list(pool.map(work, items))
