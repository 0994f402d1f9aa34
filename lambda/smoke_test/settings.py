"""The function's environment variables as a typed record. Read once, by `handler.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class SmokeSettings:
    """By model the serving stack here, the group in the training account, and how long one row may take."""

    account: str
    role: str
    stacks: Mapping[str, str]
    groups: Mapping[str, str]
    latencies_ms: Mapping[str, float]
    artifact_bucket: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> SmokeSettings:
        return cls(
            account=environment["ACCOUNT"],
            role=environment["AWS_LAMBDA_FUNCTION_NAME"],  # the function has the name of its role
            stacks=json.loads(environment["SERVING_STACKS"]),
            groups=json.loads(environment["GROUPS"]),
            latencies_ms=json.loads(environment["SMOKE_LATENCY_MS"]),
            artifact_bucket=environment["ARTIFACT_BUCKET"],
        )

    def trainer_id(self, model: str) -> str:
        """The id of the account that holds the registry."""
        return self.groups[model].split(":")[4]

    @property
    def key(self) -> str:
        """The record of a test in this account."""
        return f"{self.account}_smoke"
