"""The function's environment variables as a typed record. Read once, by `handler.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class DeploySettings:
    """The serving stack of each model, the role CloudFormation updates it with, and where models lie."""

    stacks: Mapping[str, str]
    update_role_arn: str
    artifact_bucket: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> DeploySettings:
        return cls(
            stacks=json.loads(environment["SERVING_STACKS"]),
            update_role_arn=environment["UPDATE_ROLE_ARN"],
            artifact_bucket=environment["ARTIFACT_BUCKET"],
        )
