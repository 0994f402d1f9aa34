"""The numbers a new model begins with: what must be reached, what a wrong decision costs, how large the machines are.

They are low on purpose and meant to be changed; `writer.py` says so beside each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from millrace.new.records import Label

AUC_FLOOR = 0.6
SHARE_OF_DEVIATION = 0.95
HIGHEST_COST = 100.0
SMALL_MB, MEDIUM_MB = 300.0, 2000.0


def accuracy_floor(label: Label) -> float:
    """A little more than always naming the most frequent class reaches."""
    return min(math.floor(label.commonest_share * 100 + 1) / 100, 0.99)


def rmse_ceiling(label: Label) -> float:
    """A little less than always naming the mean reaches, which is the standard deviation; with three digits."""
    if not label.deviation:
        return 1.0
    ceiling = label.deviation * SHARE_OF_DEVIATION
    digits = 2 - math.floor(math.log10(ceiling))
    return round(ceiling, digits) if digits > 0 else float(round(ceiling, digits))


def false_negative_cost(label: Label) -> float:
    """As many false alarms as there are negatives per positive: both classes then weigh the same."""
    negatives = label.counts[label.classes[0]]
    return min(max(float(round(negatives / label.positives)), 1.0), HIGHEST_COST)


def processing_type(megabytes: Sequence[float]) -> str:
    total = sum(megabytes)
    return "ml.m5.large" if total < SMALL_MB else "ml.m5.2xlarge" if total < MEDIUM_MB else "ml.m5.4xlarge"


def largest_file_mb(megabytes: Sequence[float]) -> int:
    return min(max(5000, math.ceil(max(megabytes) * 2)), 50_000)
