"""Condition steps: decide which branch runs. The branches' steps are scheduled like all others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from millrace.local.sagemaker.pipelines.arguments import check_scalar
from millrace.local.sagemaker.pipelines.conditions import Comparison, Condition, In, Not, Or, all_hold
from millrace.local.sagemaker.pipelines.definition import Step
from millrace.local.sagemaker.pipelines.errors import DefinitionError
from millrace.local.sagemaker.pipelines.references import StepReference
from millrace.local.sagemaker.pipelines.schedule import State
from millrace.local.sagemaker.pipelines.steps.base import Ended, StepContext


@dataclass(frozen=True)
class ConditionStep:
    retryable: bool = False

    def check(self, step: Step) -> None:
        for condition in step.conditions:
            for operand in operands(condition):
                check_scalar(operand)

    def check_reference(self, step: Step, reference: StepReference) -> None:
        if reference.path != ("Outcome",):
            raise DefinitionError(f"Condition step '{step.name}' has the property Outcome only.")

    def run(self, context: StepContext) -> Ended:
        outcome = all_hold(context.step.conditions, context.resolve)
        text = "True" if outcome else "False"
        context.note({"Condition": {"Outcome": text}})
        return Ended(State.SUCCEEDED, properties={"Outcome": text}, outcome=outcome)


def operands(condition: Condition) -> Iterator[Any]:
    """Every value that a condition compares."""
    if isinstance(condition, Comparison):
        yield from (condition.left, condition.right)
    elif isinstance(condition, In):
        yield from (condition.query, *condition.values)
    elif isinstance(condition, Not):
        yield from operands(condition.condition)
    elif isinstance(condition, Or):
        for part in condition.conditions:
            yield from operands(part)


CONDITION = ConditionStep()
