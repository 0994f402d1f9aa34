"""The function's answer. `definition_functions.py` declares its members as the outputs of the step."""

from __future__ import annotations

from dataclasses import asdict, dataclass

NONE = "none"
LONGEST = 256
"""Of a text that a step hands on: the registry takes no longer ones."""


@dataclass(frozen=True)
class Champion:
    """`model_uri` is an archive or the placeholder, `version` is `<model>/<number>` or `none`."""

    model_uri: str
    version: str
    reason: str

    def answer(self) -> dict[str, str]:
        return {**asdict(self), "reason": self.reason[:LONGEST]}
