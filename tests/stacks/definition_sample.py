"""Real definitions of the shipped model and of variants, built once per test session: the SDK takes long to import."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from pipeline_code import definition
from settings import ModelSettings, load
from settings.gate import METRICS
from settings.tuning import TuningRange, TuningSettings

REGION = "ap-northeast-2"
SEARCH = TuningSettings(
    strategy="Bayesian",
    max_jobs=12,
    parallel_jobs=3,
    early_stopping=True,
    max_runtime_seconds=7200,
    ranges=(TuningRange("max_depth", "integer", (1, 4)), TuningRange("eta", "continuous", (0.01, 0.3))),
)
GRID = TuningSettings(
    strategy="Grid",
    max_jobs=6,
    parallel_jobs=2,
    early_stopping=False,
    max_runtime_seconds=7200,
    ranges=(TuningRange("max_depth", "categorical", (1, 2, 4)), TuningRange("subsample", "categorical", (0.5, 0.8))),
)


@cache
def model() -> ModelSettings:
    return next(model for model in load().models if model.name == "claims-fraud")


def of_problem(problem: str, floor: float) -> ModelSettings:
    """The shipped model as if it asked another kind of question."""
    metric = METRICS[problem]
    gate = replace(model().gate, metric=metric.name, parameter=metric.parameter, floor=floor)
    return replace(model(), problem=problem, gate=gate, costs=None)


@cache
def variants() -> dict[str, ModelSettings]:
    """What settings can make of the graph."""
    two = {kind: replace(getattr(model(), kind), instance_count=2) for kind in ("processing", "training")}
    one_table = replace(model().data, tables=("claims",), join_key="")
    eight_tables = replace(model().data, tables=tuple(f"table_{number}" for number in range(8)))
    return {
        "binary": model(),
        "multiclass": of_problem("multiclass", 0.6),
        "regression": of_problem("regression", 2.6),
        "tuned": replace(model(), tuning=SEARCH),
        "tuned-regression": replace(of_problem("regression", 2.6), tuning=SEARCH),
        "grid": replace(model(), tuning=GRID),
        "no-cache": replace(model(), cache_expire_after=""),
        "several-instances": replace(model(), **two),
        "tuned-on-several-instances": replace(model(), tuning=SEARCH, **two),
        "one-table": replace(model(), data=one_table),
        "eight-tables": replace(model(), data=eight_tables),
    }


@cache
def text(variant: str = "binary") -> str:
    return definition.build(variants()[variant], region=REGION)


def document(variant: str = "binary") -> dict[str, Any]:
    """A copy of one's own to spoil."""
    return dict(json.loads(text(variant)))


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


def values(value: Any) -> Iterator[Any]:
    """Every value in a JSON document."""
    yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from values(child)


def joined(value: Any) -> str:
    """A text as it will look, with what is only known in a run in angle brackets."""
    if isinstance(value, str):
        return value
    if "Get" in value:
        return f"<{value['Get']}>"
    return str(value["Std:Join"]["On"]).join(joined(part) for part in value["Std:Join"]["Values"])
