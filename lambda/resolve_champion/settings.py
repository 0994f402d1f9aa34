"""The function's environment variables as a typed record. Read once, by `handler.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ChampionSettings:
    """Where models lie, and the object that stands in for a champion while there is none."""

    artifact_bucket: str
    placeholder_uri: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ChampionSettings:
        return cls(artifact_bucket=environment["ARTIFACT_BUCKET"], placeholder_uri=environment["PLACEHOLDER_URI"])
