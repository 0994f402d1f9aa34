"""The clients, settings and clock every step is given. Made by `handler.py`, and by tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from start_batch.settings import BatchSettings


@dataclass(frozen=True)
class Services:
    s3: Any
    sagemaker: Any
    sqs: Any
    settings: BatchSettings
    clock: Callable[[], float] = time.time
