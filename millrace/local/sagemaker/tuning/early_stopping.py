"""TrainingJobEarlyStoppingType Auto: AWS's median rule (SageMaker Developer Guide, How Early Stopping Works)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

# AWS does not say from how many jobs on a median means something.
FEWEST_JOBS = 3


def is_hopeless(curve: Sequence[float], earlier: Sequence[Sequence[float]], *, maximize: bool) -> bool:
    """Whether the newest value is worse than the median of the earlier jobs' running averages at the same epoch."""
    epoch = len(curve)
    comparable = [each[:epoch] for each in earlier if len(each) >= epoch]
    if not epoch or len(comparable) < FEWEST_JOBS:
        return False
    median = statistics.median(statistics.fmean(each) for each in comparable)
    return curve[-1] < median if maximize else curve[-1] > median
