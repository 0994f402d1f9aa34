"""The [gate] table of `models/<name>.toml`: what a new model must reach to be registered.

`pipeline_code/definition_parameters.py` makes parameters of the pipeline of it, so a single run can be given others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from settings.problem_types import BINARY, MULTICLASS, REGRESSION
from settings.reader import Reader

MIN_SUPPORT = 10
LARGEST_ERROR = 3.4e38
"""What a label may be at most, hence an error too: Preprocess takes no larger number."""
CONFIDENCE = 0.9


@dataclass(frozen=True)
class GateMetric:
    """What the models of one problem are judged by: its key in the settings and the pipeline's parameter for it."""

    name: str
    key: str
    parameter: str
    higher_is_better: bool


METRICS: Mapping[str, GateMetric] = MappingProxyType(
    {
        BINARY: GateMetric("auc", "auc_floor", "AucFloor", higher_is_better=True),
        MULTICLASS: GateMetric("accuracy", "accuracy_floor", "AccuracyFloor", higher_is_better=True),
        REGRESSION: GateMetric("rmse", "rmse_ceiling", "RmseCeiling", higher_is_better=False),
    }
)


@dataclass(frozen=True)
class GateSettings:
    """`floor` is the worst value of the metric that is good enough: for an error it is a ceiling."""

    metric: str
    parameter: str
    floor: float
    min_support: int
    confidence: float


def read_gate(reader: Reader, problem: str) -> GateSettings:
    """Read the table; every problem has a key of its own, and an unknown problem (noted elsewhere) may have any."""
    metric = METRICS.get(problem)
    floors = {}
    for kind, each in METRICS.items():
        if each == metric or (metric is None and reader.holds(each.key)):
            floors[each] = _floor(reader, each)
        elif metric:
            reader.refuse(each.key, f"is for {kind} models, and this one is {problem}; write {metric.key} instead")
    chosen = metric or METRICS[BINARY]
    gate = GateSettings(
        metric=chosen.name,
        parameter=chosen.parameter,
        floor=floors.get(chosen, 0.0),
        min_support=reader.integer("min_support", low=1, high=1_000_000, default=MIN_SUPPORT),
        confidence=reader.number("confidence", low=0, high=1, default=CONFIDENCE),
    )
    reader.close()
    return gate


def _floor(reader: Reader, metric: GateMetric) -> float:
    if metric.higher_is_better:
        return reader.number(metric.key, low=0, high=1, below=True)
    return reader.number(metric.key, low=0, high=LARGEST_ERROR, above=True)
