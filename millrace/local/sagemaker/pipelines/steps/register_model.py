"""RegisterModel steps: CreateModelPackage, then the wait until the package is Completed."""

from __future__ import annotations

from dataclasses import dataclass

from millrace.local.sagemaker import shapes
from millrace.local.sagemaker.pipelines.arguments import check_arguments, check_property
from millrace.local.sagemaker.pipelines.definition import Step
from millrace.local.sagemaker.pipelines.references import StepReference, path_text
from millrace.local.sagemaker.pipelines.schedule import State
from millrace.local.sagemaker.pipelines.steps.base import (
    Ended,
    ShuttingDown,
    StepContext,
    call,
    request,
    resource_name,
)

UNFINISHED = ("Pending", "InProgress")


@dataclass(frozen=True)
class RegisterModelStep:
    retryable: bool = True

    def check(self, step: Step) -> None:
        # The service names packages itself and refuses a name in the definition.
        check_arguments(
            step.arguments, shapes.input_shape("CreateModelPackage"), refused=frozenset({"ModelPackageName"})
        )

    def check_reference(self, step: Step, reference: StepReference) -> None:
        text = f"Steps.{step.name}.{path_text(reference.path)}"
        check_property(reference.path, shapes.output_shape("DescribeModelPackage"), reference=text)

    def run(self, context: StepContext) -> Ended:
        arguments = request(context, "CreateModelPackage")
        if "ModelPackageGroupName" not in arguments:
            arguments["ModelPackageName"] = resource_name(context)
        arn = call(context, "sagemaker", "CreateModelPackage", arguments)["ModelPackageArn"]
        context.note({"RegisterModel": {"Arn": arn}})
        described = self._watch(context, arn)
        if described["ModelPackageStatus"] == "Completed":
            return Ended(State.SUCCEEDED, properties=described)
        reason = f"Model package {arn} ended as {described['ModelPackageStatus']}."
        return Ended(State.FAILED, reason, described)

    def _watch(self, context: StepContext, arn: str) -> dict[str, object]:
        while True:
            described = call(context, "sagemaker", "DescribeModelPackage", {"ModelPackageName": arn})
            if described["ModelPackageStatus"] not in UNFINISHED:
                return described
            with context.store.changed:
                context.store.changed.wait(0.05)
            if context.world.stopping.is_set():
                raise ShuttingDown


REGISTER_MODEL = RegisterModelStep()
