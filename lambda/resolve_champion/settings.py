"""The function's environment variables as a typed record. Read once, by `handler.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ChampionSettings:
    """Where models lie, what stands in for a champion while there is none, and endpoints with names of their own."""

    artifact_bucket: str
    placeholder_uri: str
    endpoints: Mapping[str, str] = field(default_factory=dict)

    def endpoint(self, model: str) -> str:
        """The name of the model's endpoint."""
        return self.endpoints.get(model, model)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ChampionSettings:
        return cls(
            artifact_bucket=environment["ARTIFACT_BUCKET"],
            placeholder_uri=environment["PLACEHOLDER_URI"],
            endpoints=json.loads(environment["ENDPOINTS"]),
        )
