"""Callback steps: a message with a token goes to SQS, and whoever works on it answers with that token.

SendPipelineExecutionStepSuccess and -Failure (`callbacks.py`) leave the answer in the store. An execution that is to
stop says so in a second message, and stops once that is answered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from millrace.local.sagemaker.pipelines.arguments import check_scalar
from millrace.local.sagemaker.pipelines.definition import Step
from millrace.local.sagemaker.pipelines.errors import DefinitionError
from millrace.local.sagemaker.pipelines.references import StepReference
from millrace.local.sagemaker.pipelines.schedule import State
from millrace.local.sagemaker.pipelines.steps.base import (
    Ended,
    ShuttingDown,
    StepContext,
    call,
    random_text,
)
from millrace.local.sagemaker.pipelines.steps.outputs import check_output_reference, typed_outputs

KIND = "PipelineCallback"
TOKEN_CHARACTERS = 10


@dataclass(frozen=True)
class CallbackStep:
    retryable: bool = False

    def check(self, step: Step) -> None:
        if not step.queue_url:
            raise DefinitionError(f"Callback step '{step.name}' needs SqsQueueUrl.")
        check_scalar(step.queue_url)

    def check_reference(self, step: Step, reference: StepReference) -> None:
        check_output_reference(step, reference)

    def run(self, context: StepContext) -> Ended:
        token, queue = random_text(TOKEN_CHARACTERS), str(context.resolve(context.step.queue_url))
        arguments = context.resolve(dict(context.step.arguments))
        shown = {"CallbackToken": token, "SqsQueueUrl": queue}
        context.store.put(context.place, KIND, token, {"PipelineExecutionArn": context.execution_arn})
        try:
            context.note({"Callback": shown})
            _send(context, shown, arguments, "Executing")
            answer = _wait(context, token)
            if answer is None:
                _send(context, shown, arguments, "Stopping")
                _wait(context, token, even_if_stopped=True)
                return Ended(State.STOPPED)
        finally:
            context.store.delete(context.place, KIND, token)
        if not answer["succeeded"]:
            return Ended(State.FAILED, answer["reason"] or "The callback reported a failure without a reason.")
        outputs, properties = typed_outputs(context.step, answer["outputs"])
        context.note({"Callback": {**shown, "OutputParameters": outputs}})
        return Ended(State.SUCCEEDED, properties=properties)


def _send(context: StepContext, shown: dict[str, str], arguments: Any, status: str) -> None:
    message = {
        "token": shown["CallbackToken"],
        "pipelineExecutionArn": context.execution_arn,
        "arguments": arguments,
        "status": status,
    }
    call(context, "sqs", "SendMessage", {"QueueUrl": shown["SqsQueueUrl"], "MessageBody": json.dumps(message)})


def _wait(context: StepContext, token: str, *, even_if_stopped: bool = False) -> dict[str, Any] | None:
    """The answer, or None when the execution is being stopped."""

    def ready() -> dict[str, Any] | None:
        record = context.store.find(context.place, KIND, token)
        if record is not None and "_Answer" in record:
            return {"answer": record["_Answer"]}
        return {"answer": None} if context.stopping.is_set() and not even_if_stopped else None

    found = context.store.wait(ready, stop=context.world.stopping)
    if found is None:
        raise ShuttingDown
    answer: dict[str, Any] | None = found["answer"]
    return answer


CALLBACK = CallbackStep()
