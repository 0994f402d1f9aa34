"""DynamoDB as moto has it, mended where the ledger leans on it: `mend` changes moto for this process.

moto copies a table for every transaction, writes without a lock, and sorts a whole partition by slow comparisons
for every page. `patches` calls `mend` in the embedded AWS; tests that run moto in their own process call it too.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_mended = False


def mend(now: Callable[[], float] = time.time) -> None:
    """Change moto's DynamoDB once; call before the first request. `now` is the clock of what expires."""
    from millrace.local.dynamodb import answers, atomic, expiry, items, limits, reading, tables, transactions

    global _mended
    if _mended:
        return
    _mended = True
    answers.mend()
    atomic.mend()
    expiry.mend(now)
    items.mend()
    limits.mend()
    reading.mend()
    tables.mend()
    transactions.mend()
