"""One model of `models/<name>.toml` as records. `settings.model_reader` makes them.

`pipeline_code/definition.py` takes the defaults of the pipeline's parameters from it, `spec()`
travels with the step code, `trigger_spec()` with the function that starts the pipeline, and the stacks take
the tables, the endpoint and the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from settings.alarms import ModelAlarms
from settings.trigger import TriggerSettings

PROBLEMS = ("binary",)


@dataclass(frozen=True)
class SplitSettings:
    """The parts the rows are divided into; they sum to 1."""

    train: float
    validation: float
    test: float
    seed: int


@dataclass(frozen=True)
class DataSettings:
    """The tables and columns; the first table is the base and holds the label."""

    tables: tuple[str, ...]
    join_key: str
    label: str
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    missing: tuple[str, ...]
    split: SplitSettings


@dataclass(frozen=True)
class ComputeSettings:
    """Where a kind of job runs."""

    instance_type: str
    instance_count: int
    volume_size_gb: int
    max_runtime_seconds: int


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
class CostSettings:
    """What a wrong decision costs, in any one unit; only the ratio matters for the threshold."""

    false_negative: float
    false_positive: float


@dataclass(frozen=True)
class EndpointSettings:
    """What serves the model; `supported_instance_types` is what the registry allows for it."""

    instance_type: str
    instance_count: int
    supported_instance_types: tuple[str, ...]


@dataclass(frozen=True)
class ModelSettings:
    """One model, and the face `pipeline_code/definition.py` asks for."""

    name: str
    problem: str
    data: DataSettings
    processing: ComputeSettings
    training: ComputeSettings
    xgboost: HyperparameterSettings
    costs: CostSettings
    auc_floor: float
    endpoint: EndpointSettings
    trigger: TriggerSettings
    alarms: ModelAlarms

    @property
    def hyperparameters(self) -> Mapping[str, int | float | str]:
        return {**asdict(self.xgboost), "seed": self.data.split.seed}

    @property
    def false_negative_cost(self) -> float:
        return self.costs.false_negative

    @property
    def false_positive_cost(self) -> float:
        return self.costs.false_positive

    @property
    def serving_instance_types(self) -> tuple[str, ...]:
        return self.endpoint.supported_instance_types

    def spec(self) -> dict[str, Any]:
        """What the step code needs to know, as it stands in `model_spec.json`."""
        data = self.data
        return {
            "model": self.name,
            "problem": self.problem,
            "label": data.label,
            "join_key": data.join_key,
            "tables": list(data.tables),
            "numeric": list(data.numeric),
            "categorical": list(data.categorical),
            "missing": list(data.missing),
            "split": asdict(data.split),
        }

    def trigger_spec(self) -> dict[str, Any]:
        """What the function that starts the pipeline needs to know, as it stands in `models.json`."""
        data = self.data
        return {
            "problem": self.problem,
            "tables": list(data.tables),
            "join_key": data.join_key,
            "label": data.label,
            "numeric": list(data.numeric),
            "categorical": list(data.categorical),
            "missing": list(data.missing),
            "trigger": {**asdict(self.trigger), "suffixes": list(self.trigger.suffixes)},
        }
