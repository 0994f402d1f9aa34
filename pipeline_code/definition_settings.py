"""What the definition needs of a model's settings; `settings/model.py` is what a user's file becomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class ComputeSettings(Protocol):
    """Where a kind of job runs."""

    @property
    def instance_type(self) -> str: ...
    @property
    def instance_count(self) -> int: ...
    @property
    def volume_size_gb(self) -> int: ...
    @property
    def max_runtime_seconds(self) -> int: ...


class ModelSettings(Protocol):
    """What the definition needs of a model's settings (`settings/` holds the records a user edits)."""

    @property
    def name(self) -> str: ...
    @property
    def processing(self) -> ComputeSettings: ...
    @property
    def training(self) -> ComputeSettings: ...
    @property
    def hyperparameters(self) -> Mapping[str, int | float | str]: ...
    @property
    def false_negative_cost(self) -> float: ...
    @property
    def false_positive_cost(self) -> float: ...
    @property
    def auc_floor(self) -> float: ...
    @property
    def serving_instance_types(self) -> tuple[str, ...]: ...
