"""One model of `models/<name>.toml` as records. `settings.model_reader` makes them.

`pipeline_code/definition.py` takes the defaults of the pipeline's parameters from it, `spec()`
travels with the step code, `trigger_spec()` with the function that starts the pipeline, and the stacks take
the tables and the name. What serves it in an account: `Settings.endpoint`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from settings.alarms import ModelAlarms
from settings.costs import CostSettings
from settings.data import DataSettings
from settings.deploy import DeploySettings
from settings.endpoint import ModelEndpoint
from settings.gate import GateSettings
from settings.hyperparameters import HyperparameterSettings
from settings.trigger import TriggerSettings
from settings.tuning import TuningSettings


@dataclass(frozen=True)
class ComputeSettings:
    """Where a kind of job runs."""

    instance_type: str
    instance_count: int
    volume_size_gb: int
    max_runtime_seconds: int


@dataclass(frozen=True)
class ModelSettings:
    """One model, and the face `pipeline_code/definition.py` asks for."""

    name: str
    problem: str
    data: DataSettings
    processing: ComputeSettings
    training: ComputeSettings
    xgboost: HyperparameterSettings
    tuning: TuningSettings | None
    costs: CostSettings | None
    gate: GateSettings
    cache_expire_after: str
    endpoint: ModelEndpoint
    deploy: DeploySettings
    trigger: TriggerSettings
    alarms: ModelAlarms

    @property
    def hyperparameters(self) -> Mapping[str, int | float | str]:
        return {**asdict(self.xgboost), "seed": self.data.split.seed}

    @property
    def serving_instance_types(self) -> tuple[str, ...]:
        return self.endpoint.supported_instance_types

    def spec(self) -> dict[str, Any]:
        """What the step code needs to know, as it stands in `model_spec.json`."""
        data = self.data
        return {
            "model": self.name,
            **self._contract(),
            "ranges": {each.column: [each.low, each.high] for each in data.ranges},
            "limits": asdict(data.limits),
            "split": asdict(data.split),
        }

    def trigger_spec(self) -> dict[str, Any]:
        """What the function that starts the pipeline needs to know, as it stands in `models.json`."""
        return {**self._contract(), "trigger": {**asdict(self.trigger), "suffixes": list(self.trigger.suffixes)}}

    def _contract(self) -> dict[str, Any]:
        """What a file must look like, for Preprocess and for the check before it."""
        data = self.data
        return {
            "problem": self.problem,
            "tables": list(data.tables),
            "join_key": data.join_key,
            "label": data.label,
            "classes": list(data.classes),
            "numeric": list(data.numeric),
            "categorical": list(data.categorical),
            "segments": list(data.segments),
            "missing": list(data.missing),
            "encoding": data.encoding,
            "delimiter": data.delimiter,
            "columns": list(data.columns),
        }
