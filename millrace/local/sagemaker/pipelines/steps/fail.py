"""Fail steps: end the execution as Failed, with a message of the author's."""

from __future__ import annotations

from dataclasses import dataclass

from millrace.local.sagemaker.pipelines.arguments import check_scalar
from millrace.local.sagemaker.pipelines.definition import Step
from millrace.local.sagemaker.pipelines.errors import DefinitionError
from millrace.local.sagemaker.pipelines.expressions import as_text
from millrace.local.sagemaker.pipelines.references import StepReference
from millrace.local.sagemaker.pipelines.schedule import State
from millrace.local.sagemaker.pipelines.steps.base import Ended, StepContext


@dataclass(frozen=True)
class FailStep:
    retryable: bool = False

    def check(self, step: Step) -> None:
        if set(step.arguments) != {"ErrorMessage"}:
            raise DefinitionError(f"Fail step '{step.name}' takes ErrorMessage and nothing else as argument.")
        check_scalar(step.arguments["ErrorMessage"])

    def check_reference(self, step: Step, reference: StepReference) -> None:
        raise DefinitionError(f"Fail step '{step.name}' has no properties to refer to.")

    def run(self, context: StepContext) -> Ended:
        message = as_text(context.resolve(context.step.arguments["ErrorMessage"]))
        context.note({"Fail": {"ErrorMessage": message}})
        return Ended(State.FAILED, message)


FAIL = FailStep()
