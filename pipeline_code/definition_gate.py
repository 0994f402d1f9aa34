"""The conditions behind Evaluate. A Condition step may not stand inside of another, so there are three side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline_code.definition_context import Context, file_uri
from pipeline_code.definition_evaluate import VERDICT
from pipeline_code.definition_problem import Problem

if TYPE_CHECKING:
    from sagemaker.core.workflow.functions import JsonGet
    from sagemaker.mlops.workflow.condition_step import ConditionStep
    from sagemaker.mlops.workflow.fail_step import FailStep
    from sagemaker.mlops.workflow.steps import ProcessingStep, Step

REGISTERED = ("first", "better")
BELOW_FLOOR, TOO_FEW = "below-floor", "too-few"
"""Outcomes that Evaluate writes into verdict.json; the one left is `kept`, and such a run simply ends."""


def gate_steps(context: Context, evaluate: ProcessingStep, *, register: Sequence[Step]) -> list[ConditionStep]:
    """Each is true for a model that may pass it; what a false one does is end the run as failed."""
    from sagemaker.core.workflow.conditions import ConditionIn

    gate = _condition(
        "Gate",
        ConditionIn(value=_outcome(evaluate), in_values=list(REGISTERED)),
        "Register the model only if it is the first good one, or better than the champion",
        then=register,
    )
    return [gate, _floor_reached(context, evaluate), _enough_rows(context, evaluate)]


def _floor_reached(context: Context, evaluate: ProcessingStep) -> ConditionStep:
    problem = Problem.of(context.model)
    fail = _fail(
        "BelowFloor",
        ["The model's", problem.figure, context.model.gate.parameter, "=", context.parameters.floor],
        "so it was not registered.",
        evaluate,
    )
    description = f"End the run if the model does not reach {context.model.gate.parameter}"
    return _condition("FloorReached", _is_not(evaluate, BELOW_FLOOR), description, otherwise=[fail])


def _enough_rows(context: Context, evaluate: ProcessingStep) -> ConditionStep:
    problem = Problem.of(context.model)
    fail = _fail(
        problem.too_few_step,
        [problem.too_few, "MinSupport", "=", context.parameters.min_support],
        "so the model was not judged.",
        evaluate,
    )
    description = "End the run if the test part is too small to judge by"
    return _condition("EnoughRows", _is_not(evaluate, TOO_FEW), description, otherwise=[fail])


def _condition(
    name: str, condition: Any, description: str, *, then: Sequence[Step] = (), otherwise: Sequence[Step] = ()
) -> ConditionStep:
    from sagemaker.mlops.workflow.condition_step import ConditionStep

    return ConditionStep(
        name,
        conditions=[condition],
        if_steps=list(then),
        else_steps=list(otherwise),
        display_name=name,
        description=description,
    )


def _is_not(evaluate: ProcessingStep, outcome: str) -> Any:
    from sagemaker.core.workflow.conditions import ConditionEquals, ConditionNot

    return ConditionNot(ConditionEquals(left=_outcome(evaluate), right=outcome))


def _outcome(evaluate: ProcessingStep) -> JsonGet:
    from sagemaker.core.workflow.functions import JsonGet

    return JsonGet(step_name=evaluate.name, property_file=VERDICT, json_path="gate.outcome")


def _fail(name: str, reason: Sequence[Any], consequence: str, evaluate: ProcessingStep) -> FailStep:
    """The verdict's own sentence cannot stand here: JsonGet is documented for conditions alone."""
    from sagemaker.core.workflow.functions import Join
    from sagemaker.mlops.workflow.fail_step import FailStep

    why = Join(on=" ", values=list(reason))
    return FailStep(
        name,
        error_message=Join(
            on="", values=[why, f", {consequence} Report: ", file_uri(evaluate, "evaluation", "report.html")]
        ),
        display_name=name,
        description=f"End the run: {consequence.removeprefix('so ').removesuffix('.')}",
    )
