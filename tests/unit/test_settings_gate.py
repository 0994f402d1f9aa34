"""The tables [gate], [costs] and [xgboost]: each problem has its own metric, and only a binary one weighs decisions."""

from __future__ import annotations

from typing import Any

import pytest

from settings import load
from settings.costs import CostSettings, read_costs
from settings.errors import Problem
from settings.gate import METRICS, GateSettings, read_gate
from settings.hyperparameters import BOUNDS, read_hyperparameters
from settings.problem_types import BINARY, MULTICLASS, PROBLEMS, REGRESSION
from settings.reader import Reader

SHIPPED = load().model("claims-fraud").xgboost


def gate(problem: str, **values: Any) -> tuple[GateSettings, list[str]]:
    problems: list[Problem] = []
    return read_gate(Reader(values, file="models/a.toml", problems=problems), problem), _told(problems)


def costs(problem: str, **values: Any) -> tuple[CostSettings | None, list[str]]:
    problems: list[Problem] = []
    return read_costs(Reader(values, file="models/a.toml", problems=problems), problem), _told(problems)


def weighed(problem: str, weight: float | None) -> list[str]:
    problems: list[Problem] = []
    values = {**vars(SHIPPED), "scale_pos_weight": weight}
    if weight is None:
        del values["scale_pos_weight"]
    read_hyperparameters(Reader(values, file="models/a.toml", problems=problems), problem)
    return _told(problems)


def _told(problems: list[Problem]) -> list[str]:
    return [f"{problem.key}: {problem.message}" for problem in problems]


@pytest.mark.parametrize(
    ("problem", "values", "expected"),
    [
        (BINARY, {"auc_floor": 0.7}, GateSettings("auc", "AucFloor", 0.7, 10, 0.9)),
        (MULTICLASS, {"accuracy_floor": 0.6}, GateSettings("accuracy", "AccuracyFloor", 0.6, 10, 0.9)),
        (REGRESSION, {"rmse_ceiling": 2.6}, GateSettings("rmse", "RmseCeiling", 2.6, 10, 0.9)),
        (
            REGRESSION,
            {"rmse_ceiling": 1500, "min_support": 100, "confidence": 0.99},
            GateSettings("rmse", "RmseCeiling", 1500.0, 100, 0.99),
        ),
        (REGRESSION, {"rmse_ceiling": 2.91e14}, GateSettings("rmse", "RmseCeiling", 2.91e14, 10, 0.9)),
    ],
)
def test_each_problem_has_its_metric(problem: str, values: dict[str, Any], expected: GateSettings) -> None:
    assert gate(problem, **values) == (expected, [])


def test_a_gate_of_another_problem_is_told_with_the_right_key() -> None:
    assert gate(REGRESSION, auc_floor=0.7)[1] == [
        "auc_floor: is for binary models, and this one is regression; write rmse_ceiling instead",
        "rmse_ceiling: is missing; add it (a number)",
    ]


@pytest.mark.parametrize(
    ("problem", "values", "message"),
    [
        (BINARY, {"auc_floor": 1.0}, "auc_floor: is 1.0; allowed: from 0 to less than 1"),
        (REGRESSION, {"rmse_ceiling": 0}, "rmse_ceiling: is 0.0; allowed: more than 0"),
        (BINARY, {"auc_floor": 0.7, "min_support": 0}, "min_support: is 0; allowed: from 1"),
        (BINARY, {"auc_floor": 0.7, "confidence": 90}, "confidence: is 90.0; allowed: from 0 to 1"),
        (BINARY, {"auc_floor": float("nan")}, "auc_floor: is nan; allowed: "),
        (BINARY, {"auc_floor": 10**400}, "auc_floor: is 1000"),
    ],
)
def test_a_gate_that_cannot_be_is_told(problem: str, values: dict[str, Any], message: str) -> None:
    (told,) = gate(problem, **values)[1]
    assert told.startswith(message)


def test_an_unknown_problem_does_not_hide_other_mistakes() -> None:
    assert gate("clustering", rmse_ceiling="high")[1] == ['rmse_ceiling: is "high"; write a number']
    assert costs("clustering", costs={"false_negative": 1})[1] == [
        "costs.false_positive: is missing; add it (a number)"
    ]
    assert (gate("clustering")[1], costs("clustering")) == ([], (None, []))


def test_only_binary_models_have_costs() -> None:
    table = {"false_negative": 10, "false_positive": 1}
    assert costs(BINARY, costs=table) == (CostSettings(10.0, 1.0), [])
    assert costs(BINARY)[1] == ["costs: is missing; add it (a table)"]
    assert costs(REGRESSION) == (None, [])
    (told,) = costs(MULTICLASS, costs=table)[1]
    assert told.startswith("costs: is for binary models, which decide by a threshold; this one is multiclass: remove")


def test_only_binary_models_weigh_the_positive_class() -> None:
    assert weighed(BINARY, 25.0) == weighed(REGRESSION, 1.0) == weighed(REGRESSION, None) == []
    assert weighed(BINARY, None) == ["scale_pos_weight: is missing; add it (a number)"]
    (told,) = weighed(MULTICLASS, 25.0)
    assert told == "scale_pos_weight: is 25, but only binary models have a positive class to weigh; write 1.0"


def test_every_problem_and_every_hyperparameter_is_covered() -> None:
    assert tuple(METRICS) == PROBLEMS
    assert list(BOUNDS) == list(vars(SHIPPED))
