"""The function's environment and `models.json` as typed records. Read once, by `handler.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODELS_FILE = Path(__file__).parent.parent / "models.json"
"""Beside the package in the function's archive: an environment holds 4 KB at most."""


@dataclass(frozen=True)
class Model:
    """A model's batch pipeline, and which files it takes; suffixes are in small letters."""

    name: str
    pipeline: str
    suffixes: tuple[str, ...]
    largest_file_mb: int = 5000

    @classmethod
    def of(cls, name: str, values: Mapping[str, Any]) -> Model:
        return cls(name, values["pipeline"], tuple(values["suffixes"]), int(values["largest_file_mb"]))


@dataclass(frozen=True)
class BatchSettings:
    """Where things are, and the models by name."""

    raw_bucket: str
    artifact_bucket: str
    queue_url: str
    dead_letters_url: str
    models: Mapping[str, Model]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> BatchSettings:
        models = json.loads(Path(environment.get("MODELS_FILE", MODELS_FILE)).read_text("utf-8"))
        return cls(
            raw_bucket=environment["RAW_BUCKET"],
            artifact_bucket=environment["ARTIFACT_BUCKET"],
            queue_url=environment["QUEUE_URL"],
            dead_letters_url=environment["DEAD_LETTERS_URL"],
            models={name: Model.of(name, values) for name, values in models.items()},
        )
