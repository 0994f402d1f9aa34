"""Model steps: CreateModel, which is done as soon as the service answers."""

from __future__ import annotations

from dataclasses import dataclass

from millrace.local.sagemaker import shapes
from millrace.local.sagemaker.pipelines.arguments import check_arguments, check_property
from millrace.local.sagemaker.pipelines.definition import Step
from millrace.local.sagemaker.pipelines.references import StepReference, path_text
from millrace.local.sagemaker.pipelines.schedule import State
from millrace.local.sagemaker.pipelines.steps.base import Ended, StepContext, call, request, resource_name


@dataclass(frozen=True)
class ModelStep:
    retryable: bool = True

    def check(self, step: Step) -> None:
        check_arguments(step.arguments, shapes.input_shape("CreateModel"))

    def check_reference(self, step: Step, reference: StepReference) -> None:
        text = f"Steps.{step.name}.{path_text(reference.path)}"
        check_property(reference.path, shapes.output_shape("DescribeModel"), reference=text)

    def run(self, context: StepContext) -> Ended:
        prefix = context.step.arguments.get("ModelName")
        name = resource_name(context, str(context.resolve(prefix)) if prefix else None)
        made = call(context, "sagemaker", "CreateModel", request(context, "CreateModel") | {"ModelName": name})
        context.note({"Model": {"Arn": made["ModelArn"]}})
        return Ended(State.SUCCEEDED, properties=call(context, "sagemaker", "DescribeModel", {"ModelName": name}))


MODEL = ModelStep()
