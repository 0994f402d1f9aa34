"""What the model of this run is: read from model_spec.json, which packaging makes from the settings.

Called by preprocess.py and prepare_batch.py: the other steps take what they need from the fits and features.json.
"""

from __future__ import annotations

import json
import os
import zipimport
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE_NAME = "model_spec.json"


@dataclass(frozen=True)
class Split:
    """The shares of the parts, which sum to 1, and the seed of the hash that divides the rows."""

    train: float
    validation: float
    test: float
    seed: int


@dataclass(frozen=True)
class Limits:
    """How much may be wrong with the data before a run ends."""

    min_rows: int = 50
    largest_bad_share: float = 0.05
    largest_unmatched_share: float = 0.5


@dataclass(frozen=True)
class ModelSpec:
    """The tables (the first is the base and holds the label), their columns, and what they must be like."""

    model: str
    problem: str
    label: str
    tables: tuple[str, ...]
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    missing: tuple[str, ...]
    split: Split
    join_key: str = ""
    classes: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    encoding: str = "utf-8"
    delimiter: str = ","
    columns: tuple[str, ...] = ()
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

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
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in raw.items()}
    ranges = {column: (float(low), float(high)) for column, (low, high) in values.pop("ranges", {}).items()}
    limits, split = Limits(**values.pop("limits", {})), Split(**values.pop("split"))
    return ModelSpec(**values, ranges=ranges, limits=limits, split=split)
