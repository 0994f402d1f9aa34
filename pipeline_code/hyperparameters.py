"""What Train is told: folders and hyperparameters, as arguments or as the toolkit's SM_* variables.

Objective, metric and number of classes follow from the features, never from an argument.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threshold import Costs

CHANNELS = ("train", "validation", "features")
MODEL_DIR = "/opt/ml/model"
FALSE_NEGATIVE_COST, FALSE_POSITIVE_COST = 10.0, 1.0


@dataclass(frozen=True)
class Objective:
    """What XGBoost minimises, and the metric by which it stops."""

    name: str
    metric: str

    @property
    def higher_is_better(self) -> bool:
        return self.metric == "auc"


OBJECTIVES = {
    "binary": Objective("binary:logistic", "auc"),
    "multiclass": Objective("multi:softprob", "mlogloss"),
    "regression": Objective("reg:squarederror", "rmse"),
}


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """XGBoost's own names, but for lambda, which Python keeps for itself."""

    max_depth: int = 2
    num_round: int = 400
    early_stopping_rounds: int = 50
    eta: float = 0.05
    subsample: float = 0.8
    colsample_bytree: float = 0.5
    min_child_weight: float = 1.0
    reg_lambda: float = 1.0
    scale_pos_weight: float = 1.0
    seed: int = 0

    def booster(self, problem: str, *, classes: int, threads: int, weight: float = 1.0) -> dict[str, Any]:
        """XGBoost's parameters for a problem; with rows of another `weight`, those that are compared with it."""
        objective = OBJECTIVES[problem]
        if problem != "binary" and self.scale_pos_weight != 1:
            raise ValueError(
                f"scale_pos_weight is {self.scale_pos_weight:g}; a {problem} model has no positives, so leave it at 1"
            )
        return {
            "objective": objective.name,
            "eval_metric": objective.metric,
            "tree_method": "hist",
            "max_depth": self.max_depth,
            "eta": self.eta,
            "subsample": self.subsample,
            "colsample_bytree": self.colsample_bytree,
            "min_child_weight": self.min_child_weight * weight,
            "lambda": self.reg_lambda * weight,
            "seed": self.seed,
            "nthread": threads,
            **({"scale_pos_weight": self.scale_pos_weight} if problem == "binary" else {}),
            **({"num_class": classes} if problem == "multiclass" else {}),
        }


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The command line of Train."""

    train: Path
    validation: Path
    features: Path
    model_dir: Path
    hyperparameters: Hyperparameters
    false_negative_cost: float | None
    false_positive_cost: float | None

    def costs(self, problem: str) -> Costs | None:
        """Costs of wrong decisions: binary models only have some."""
        given = (self.false_negative_cost, self.false_positive_cost)
        if problem == "binary":
            missed, alarm = given
            return Costs(
                FALSE_NEGATIVE_COST if missed is None else missed, FALSE_POSITIVE_COST if alarm is None else alarm
            )
        if given != (None, None):
            raise ValueError(
                f"false_negative_cost and false_positive_cost are for binary models, this one is {problem}"
            )
        return None


def read_arguments(argv: Sequence[str] | None, environment: Mapping[str, str] = os.environ) -> Arguments:
    parser = argparse.ArgumentParser(prog="train", description="Train the model and choose its threshold.")
    for channel in CHANNELS:
        folder = environment.get(f"SM_CHANNEL_{channel.upper()}", f"/opt/ml/input/data/{channel}")
        parser.add_argument(f"--{channel}", type=Path, default=Path(folder))
    folder = environment.get("SM_MODEL_DIR", MODEL_DIR)
    parser.add_argument("--model-dir", "--model_dir", type=Path, default=Path(folder))
    for name, convert in _CONVERTERS.items():
        spellings = (f"--{name}", "--lambda") if name == "reg_lambda" else (f"--{name}",)
        parser.add_argument(*spellings, dest=name, type=convert, default=getattr(Hyperparameters, name))
    for name in ("false_negative_cost", "false_positive_cost"):
        parser.add_argument(f"--{name}", type=float)
    given = vars(parser.parse_args(argv))
    return Arguments(hyperparameters=Hyperparameters(**{name: given.pop(name) for name in _CONVERTERS}), **given)


def _whole(least: int, most: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        value = _float(text)
        if not (least <= value <= most and value.is_integer()):
            raise argparse.ArgumentTypeError(f"{text!r} given; allowed: whole numbers from {least} to {most}")
        return int(value)

    return convert


def _number(above: float, most: float) -> Callable[[str], float]:
    def convert(text: str) -> float:
        value = _float(text)
        if not above < value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} given; allowed: numbers above {above:g} up to {most:g}")
        return value

    return convert


def _at_least_zero(text: str) -> float:
    value = _float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} given; allowed: numbers from 0")
    return value


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


_CONVERTERS: dict[str, Callable[[str], Any]] = {
    "max_depth": _whole(1, 16),
    "num_round": _whole(1, 10_000),
    "early_stopping_rounds": _whole(1, 10_000),
    "eta": _number(0, 1),
    "subsample": _number(0, 1),
    "colsample_bytree": _number(0, 1),
    "min_child_weight": _at_least_zero,
    "reg_lambda": _at_least_zero,
    "scale_pos_weight": _number(0, 1e6),
    "seed": _whole(0, 2**31 - 1),
}
