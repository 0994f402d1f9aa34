"""The function's environment variables as a typed record. Read once, by `handler.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class DeploySettings:
    """The serving stack of each model, and the role CloudFormation updates it with."""

    stacks: Mapping[str, str]
    update_role_arn: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> DeploySettings:
        return cls(stacks=json.loads(environment["SERVING_STACKS"]), update_role_arn=environment["UPDATE_ROLE_ARN"])
