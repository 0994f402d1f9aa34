"""The function's environment and `models.json` as typed records. Read once, by `handler.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

MODELS_FILE = Path(__file__).parent.parent / "models.json"
"""Beside the package in the function's archive: an environment holds 4 KB at most."""


@dataclass(frozen=True)
class TriggerSettings:
    """When new data of a model start a run; the `[trigger]` table of its settings."""

    debounce_seconds: int = 2
    max_wait_seconds: int = 300
    suffixes: tuple[str, ...] = (".csv",)
    attempts: int = 1
    start: str = "new"
    max_model_age_hours: float = 0
    lock_hours: float = 24
    largest_file_mb: int = 5000


@dataclass(frozen=True)
class ModelSettings:
    """A model's tables (the first is the base and holds the label), columns and files; its pipeline has its name."""

    name: str
    tables: tuple[str, ...]
    problem: str = "binary"
    join_key: str = ""
    label: str = ""
    classes: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    missing: tuple[str, ...] = ("",)
    encoding: str = "utf-8"
    delimiter: str = ","
    columns: tuple[str, ...] = ()
    trigger: TriggerSettings = field(default_factory=TriggerSettings)

    @classmethod
    def of(cls, name: str, values: Mapping[str, Any]) -> ModelSettings:
        """Read one entry of `models.json`."""
        known = _known(cls, {key: value for key, value in values.items() if key not in ("name", "trigger")})
        return cls(name=name, trigger=TriggerSettings(**_known(TriggerSettings, values.get("trigger", {}))), **known)


@dataclass(frozen=True)
class StarterSettings:
    """Where things are, and the models by name."""

    raw_bucket: str
    artifact_bucket: str
    ledger_table: str
    queue_url: str
    dead_letters_url: str
    models: Mapping[str, ModelSettings]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> StarterSettings:
        models = json.loads(Path(environment.get("MODELS_FILE", MODELS_FILE)).read_text("utf-8"))
        return cls(
            raw_bucket=environment["RAW_BUCKET"],
            artifact_bucket=environment["ARTIFACT_BUCKET"],
            ledger_table=environment["LEDGER_TABLE"],
            queue_url=environment["QUEUE_URL"],
            dead_letters_url=environment["DEAD_LETTERS_URL"],
            models={name: ModelSettings.of(name, values) for name, values in models.items()},
        )


def _known(record: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values the record has a field for, lists as tuples: settings may hold more than the function needs."""
    names = {item.name for item in fields(record)}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items() if key in names}
