"""The [xgboost] table of `models/<name>.toml`, and what each value may be. `settings/tuning.py` searches within it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from settings.problem_types import BINARY, PROBLEMS
from settings.reader import Reader


@dataclass(frozen=True)
class HyperparameterSettings:
    """XGBoost's own parameters; a run may change max_depth, num_round and eta."""

    max_depth: int
    num_round: int
    eta: float
    early_stopping_rounds: int
    subsample: float
    colsample_bytree: float
    min_child_weight: float
    reg_lambda: float
    scale_pos_weight: float


@dataclass(frozen=True)
class Bounds:
    """What a hyperparameter may be; with `above` the low end is left out."""

    low: float
    high: float
    whole: bool = False
    above: bool = False

    def hold(self, value: float) -> bool:
        return (self.low < value if self.above else self.low <= value) and value <= self.high

    def __str__(self) -> str:
        return f"{'more than' if self.above else 'from'} {self.low:g} to {self.high:g}"


BOUNDS: Mapping[str, Bounds] = MappingProxyType(
    {
        "max_depth": Bounds(1, 16, whole=True),
        "num_round": Bounds(1, 10_000, whole=True),
        "eta": Bounds(0, 1, above=True),
        "early_stopping_rounds": Bounds(1, 10_000, whole=True),
        "subsample": Bounds(0, 1, above=True),
        "colsample_bytree": Bounds(0, 1, above=True),
        "min_child_weight": Bounds(0, 1e6),
        "reg_lambda": Bounds(0, 1e6),
        "scale_pos_weight": Bounds(0, 1e6, above=True),
    }
)


def read_hyperparameters(reader: Reader, problem: str) -> HyperparameterSettings:
    """Read the table; only a binary model has to say what its positive class weighs."""
    unweighted = problem in PROBLEMS and problem != BINARY
    values = HyperparameterSettings(
        max_depth=_whole(reader, "max_depth"),
        num_round=_whole(reader, "num_round"),
        eta=_number(reader, "eta"),
        early_stopping_rounds=_whole(reader, "early_stopping_rounds"),
        subsample=_number(reader, "subsample"),
        colsample_bytree=_number(reader, "colsample_bytree"),
        min_child_weight=_number(reader, "min_child_weight"),
        reg_lambda=_number(reader, "reg_lambda"),
        scale_pos_weight=_number(reader, "scale_pos_weight", default=1.0 if unweighted else None),
    )
    weight = values.scale_pos_weight
    if unweighted and reader.good("scale_pos_weight") and weight != 1:
        reader.problem(
            "scale_pos_weight", f"is {weight:g}, but only {BINARY} models have a positive class to weigh; write 1.0"
        )
    reader.close()
    return values


def _whole(reader: Reader, name: str) -> int:
    return reader.integer(name, low=int(BOUNDS[name].low), high=int(BOUNDS[name].high))


def _number(reader: Reader, name: str, *, default: float | None = None) -> float:
    bounds = BOUNDS[name]
    return reader.number(name, low=bounds.low, high=bounds.high, above=bounds.above, default=default)
