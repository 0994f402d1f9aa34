"""What the model of this run is: read from model_spec.json, which packaging makes from the settings.

Called by preprocess.py alone: every later step takes what it needs from features.json.
"""

from __future__ import annotations

import json
import os
import zipimport
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE_NAME = "model_spec.json"


@dataclass(frozen=True)
class Split:
    train: float
    validation: float
    test: float
    seed: int


@dataclass(frozen=True)
class ModelSpec:
    model: str
    problem: str
    label: str
    join_key: str
    tables: tuple[str, ...]
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    missing: tuple[str, ...]
    split: Split

    @property
    def features(self) -> tuple[str, ...]:
        return self.numeric + self.categorical


def read_spec(path: Path | None = None) -> ModelSpec:
    """The specification in `path`, or the one packed beside this module (folder or zip)."""
    text = path.read_text(encoding="utf-8") if path else _packed_text()
    raw = json.loads(text)
    try:
        return _from_json(raw)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path or FILE_NAME}: {error!r}; it holds {sorted(raw)}: make it anew") from error


def _packed_text() -> str:
    folder = os.path.dirname(os.path.abspath(__file__))
    if os.path.isfile(folder):
        return zipimport.zipimporter(folder).get_data(os.path.join(folder, FILE_NAME)).decode("utf-8")
    path = Path(folder, FILE_NAME)
    if not path.exists():
        raise FileNotFoundError(f"{FILE_NAME} is not beside the step code in {folder}; name one with --spec")
    return path.read_text(encoding="utf-8")


def _from_json(raw: dict[str, Any]) -> ModelSpec:
    return ModelSpec(
        model=raw["model"],
        problem=raw["problem"],
        label=raw["label"],
        join_key=raw["join_key"],
        tables=tuple(raw["tables"]),
        numeric=tuple(raw["numeric"]),
        categorical=tuple(raw["categorical"]),
        missing=tuple(raw["missing"]),
        split=Split(**raw["split"]),
    )
