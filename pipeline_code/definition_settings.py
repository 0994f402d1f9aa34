"""What the definition needs of a model's settings; `settings/model.py` is what a user's file becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


class RangeSettings(Protocol):
    """Where one hyperparameter is searched: between two values, or among those of a `categorical` one."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str:
        """`integer`, `continuous` or `categorical`."""
        ...

    @property
    def values(self) -> tuple[int | float, ...]: ...


class TuningSettings(Protocol):
    """How hyperparameters are searched for."""

    @property
    def strategy(self) -> str: ...
    @property
    def max_jobs(self) -> int: ...
    @property
    def parallel_jobs(self) -> int: ...
    @property
    def early_stopping(self) -> bool: ...
    @property
    def max_runtime_seconds(self) -> int:
        """Of all its jobs together."""
        ...

    @property
    def ranges(self) -> Sequence[RangeSettings]: ...


class CostSettings(Protocol):
    """What a wrong decision of a binary model costs."""

    @property
    def false_negative(self) -> float: ...
    @property
    def false_positive(self) -> float: ...


class GateSettings(Protocol):
    """What a new model must reach; `parameter` is the name of the floor, or ceiling, among the run's parameters."""

    @property
    def parameter(self) -> str: ...
    @property
    def floor(self) -> float: ...
    @property
    def min_support(self) -> int: ...
    @property
    def confidence(self) -> float: ...


class DataSettings(Protocol):
    """The tables; the first one is the base."""

    @property
    def tables(self) -> tuple[str, ...]: ...


class ModelSettings(Protocol):
    """What the definition needs of a model's settings (`settings/` holds the records a user edits)."""

    @property
    def name(self) -> str: ...
    @property
    def problem(self) -> str:
        """`binary`, `multiclass` or `regression`."""
        ...

    @property
    def data(self) -> DataSettings: ...
    @property
    def processing(self) -> ComputeSettings: ...
    @property
    def training(self) -> ComputeSettings: ...
    @property
    def hyperparameters(self) -> Mapping[str, int | float | str]: ...
    @property
    def tuning(self) -> TuningSettings | None: ...
    @property
    def costs(self) -> CostSettings | None:
        """None unless the problem is binary."""
        ...

    @property
    def gate(self) -> GateSettings: ...
    @property
    def cache_expire_after(self) -> str:
        """An ISO 8601 duration; empty switches step caching off."""
        ...

    @property
    def serving_instance_types(self) -> tuple[str, ...]: ...
