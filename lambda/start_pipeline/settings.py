"""The function's environment variables as a typed record. Read once, by `handler.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class StarterSettings:
    """The buckets, and the tables of each model; a model's pipeline has the model's name."""

    raw_bucket: str
    artifact_bucket: str
    models: Mapping[str, tuple[str, ...]]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> StarterSettings:
        models = json.loads(environment["MODELS"])
        return cls(
            raw_bucket=environment["RAW_BUCKET"],
            artifact_bucket=environment["ARTIFACT_BUCKET"],
            models={model: tuple(tables) for model, tables in models.items()},
        )
