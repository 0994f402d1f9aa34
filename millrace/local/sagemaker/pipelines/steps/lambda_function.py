"""Lambda steps: invoke a function with the arguments as payload and read its outputs from the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from millrace.local.sagemaker.pipelines.arguments import check_scalar
from millrace.local.sagemaker.pipelines.definition import Step
from millrace.local.sagemaker.pipelines.errors import DefinitionError
from millrace.local.sagemaker.pipelines.references import StepReference
from millrace.local.sagemaker.pipelines.schedule import State
from millrace.local.sagemaker.pipelines.steps.base import Ended, StepContext, StepFailed, call
from millrace.local.sagemaker.pipelines.steps.outputs import check_output_reference, typed_outputs


@dataclass(frozen=True)
class LambdaStep:
    retryable: bool = False

    def check(self, step: Step) -> None:
        if not step.function_arn:
            raise DefinitionError(f"Lambda step '{step.name}' needs FunctionArn.")
        check_scalar(step.function_arn)

    def check_reference(self, step: Step, reference: StepReference) -> None:
        check_output_reference(step, reference)

    def run(self, context: StepContext) -> Ended:
        arn = str(context.resolve(context.step.function_arn))
        payload = json.dumps(context.resolve(dict(context.step.arguments)))
        context.note({"Lambda": {"Arn": arn}})
        answer = call(context, "lambda", "Invoke", {"FunctionName": arn, "Payload": payload.encode()})
        body = answer["Payload"].read().decode("utf-8", "replace")
        if answer.get("FunctionError"):
            raise StepFailed(
                f"ClientError: Lambda function {arn} ended with FunctionError {answer['FunctionError']}: {body[:600]}"
            )
        shown, properties = typed_outputs(context.step, _outputs(arn, body, bool(context.step.outputs)))
        context.note({"Lambda": {"Arn": arn, "OutputParameters": shown}})
        return Ended(State.SUCCEEDED, properties=properties)


def _outputs(arn: str, body: str, wanted: bool) -> dict[str, Any]:
    """The members of the function's answer; anything goes when the step declares no outputs."""
    try:
        answer = json.loads(body) if body else None
    except json.JSONDecodeError:
        answer = None
    if isinstance(answer, dict):
        return answer
    if wanted:
        raise StepFailed(f"ClientError: Lambda function {arn} must answer a JSON object, but answered {body[:200]}")
    return {}


LAMBDA = LambdaStep()
