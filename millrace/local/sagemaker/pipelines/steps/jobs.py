"""Steps that make a SageMaker resource and wait until it is ready: jobs, and model packages alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from millrace.local.sagemaker import shapes
from millrace.local.sagemaker.pipelines.arguments import check_arguments, check_property
from millrace.local.sagemaker.pipelines.definition import Step
from millrace.local.sagemaker.pipelines.references import StepReference, path_text
from millrace.local.sagemaker.pipelines.retries import fault_of_job
from millrace.local.sagemaker.pipelines.schedule import State
from millrace.local.sagemaker.pipelines.steps.base import (
    JOB_NAME_CHARACTERS,
    Ended,
    ShuttingDown,
    StepContext,
    StepFailed,
    call,
    request,
    resource_name,
)

RUNNING = ("InProgress", "Stopping", "Pending", "Starting")


@dataclass(frozen=True)
class Listing:
    """A List operation about the job, and how it is asked once the job has ended."""

    operation: str
    options: Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class JobStep:
    """A step whose work is one job: Create<kind>, watched by Describe<kind>, ended early by Stop<kind>.

    A `listing` belongs to the step's properties as well; `characters` bounds the job's name.
    """

    kind: str
    metadata: str
    retryable: bool = True
    listing: Listing | None = None
    characters: int = JOB_NAME_CHARACTERS

    def check(self, step: Step) -> None:
        check_arguments(step.arguments, shapes.input_shape(f"Create{self.kind}"))

    def check_reference(self, step: Step, reference: StepReference) -> None:
        text = f"Steps.{step.name}.{path_text(reference.path)}"
        listed = self.listing and reference.path[0] in shapes.output_shape(self.listing.operation).members
        operation = self.listing.operation if self.listing and listed else f"Describe{self.kind}"
        check_property(reference.path, shapes.output_shape(operation), reference=text)

    def run(self, context: StepContext) -> Ended:
        key = f"{self.kind}Name"
        name = resource_name(context, _prefix(context, key), characters=self.characters)
        arguments = request(context, f"Create{self.kind}", **{key: name}) | {key: name}
        made = call(context, "sagemaker", f"Create{self.kind}", arguments)
        context.note({self.metadata: {"Arn": made[f"{self.kind}Arn"]}})
        self._watch(context, name)
        described = call(context, "sagemaker", f"Describe{self.kind}", {key: name})
        if self.listing:
            more = {key: name} | self.listing.options(described)
            described = call(context, "sagemaker", self.listing.operation, more) | described
        return self._ended(described, stopping=context.stopping.is_set())

    def _watch(self, context: StepContext, name: str) -> None:
        """Return when the job's state is final; ask it to stop when the execution is stopping."""
        wait_until_final(context, self.kind, name, or_stopping=True)
        if context.stopping.is_set() and not is_final(context, self.kind, name):
            # It may have ended in between; a stop that was refused shows in the state.
            with suppress(StepFailed):
                call(context, "sagemaker", f"Stop{self.kind}", {f"{self.kind}Name": name})
            wait_until_final(context, self.kind, name)

    def _ended(self, described: dict[str, Any], *, stopping: bool) -> Ended:
        status = described[f"{self.kind}Status"]
        if status == "Completed":
            return Ended(State.SUCCEEDED, properties=described)
        reason = described.get("FailureReason")
        if status == "Stopped" and stopping:
            return Ended(State.STOPPED, reason, described)
        why = described.get("SecondaryStatus", status)
        reason = reason or f"ClientError: {described[f'{self.kind}Arn']} did not complete: it is {why}."
        return Ended(State.FAILED, reason, described, fault=fault_of_job(reason))


def _prefix(context: StepContext, key: str) -> str | None:
    """The custom name prefix that the definition gives in place of a job name."""
    given = context.step.arguments.get(key)
    return str(context.resolve(given)) if given else None


def is_final(context: StepContext, kind: str, name: str) -> bool:
    """Whether the resource is gone or no longer changes."""
    record = context.store.find(context.place, kind, name)
    return record is None or record.get(f"{kind}Status") not in RUNNING


def wait_until_final(context: StepContext, kind: str, name: str, *, or_stopping: bool = False) -> None:
    """Sleep until the store says that the resource is final (or the execution stops); nothing is polled."""

    def ready() -> bool | None:
        return is_final(context, kind, name) or (or_stopping and context.stopping.is_set()) or None

    if context.store.wait(ready, stop=context.world.stopping) is None:
        raise ShuttingDown
