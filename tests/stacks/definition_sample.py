"""The real definition of the shipped model, built once per test session because the SDK takes seconds to import."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pipeline_code import definition
from settings import ModelSettings, load

REGION = "ap-northeast-2"


@cache
def model() -> ModelSettings:
    return next(model for model in load().models if model.name == "claims-fraud")


@cache
def text() -> str:
    return definition.build(model(), region=REGION)


def document() -> dict[str, Any]:
    """A copy of one's own to spoil."""
    return dict(json.loads(text()))


def all_steps(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every step by name, those in the branches of a condition too."""
    found: dict[str, dict[str, Any]] = {}
    waiting = list(document["Steps"])
    while waiting:
        step = waiting.pop()
        found[step["Name"]] = step
        arguments = step["Arguments"]
        waiting += [*arguments.get("IfSteps", []), *arguments.get("ElseSteps", [])]
    return found
