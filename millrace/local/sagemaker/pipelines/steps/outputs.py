"""OutputParameters of Lambda and Callback steps: declared with a type, carried as strings, read typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from millrace.local.sagemaker.pipelines.definition import Step
from millrace.local.sagemaker.pipelines.errors import DefinitionError, ParameterError
from millrace.local.sagemaker.pipelines.expressions import as_text
from millrace.local.sagemaker.pipelines.parameters import Parameter, parse_text
from millrace.local.sagemaker.pipelines.references import Key, StepReference
from millrace.local.sagemaker.pipelines.steps.base import StepFailed

VALUE_CHARACTERS = 1024


def check_output_reference(step: Step, reference: StepReference) -> None:
    """DefinitionError unless the reference is `OutputParameters['x']` of a declared x."""
    names = [name for name, _ in step.outputs]
    path = reference.path
    named = len(path) == 2 and path[0] == "OutputParameters" and isinstance(path[1], Key)
    if not named or path[1].name not in names:  # type: ignore[union-attr]
        raise DefinitionError(
            f"{step.type} step '{step.name}' has the properties"
            f" {', '.join(f'OutputParameters[{name!r}]' for name in names) or 'nothing'} only."
        )


def typed_outputs(step: Step, given: Mapping[str, Any]) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """The declared outputs as Metadata shows them, and as properties with their types."""
    shown: list[dict[str, str]] = []
    typed: dict[str, Any] = {}
    for name, kind in step.outputs:
        if name not in given:
            raise StepFailed(
                f"ClientError: The output parameter '{name}' of step '{step.name}' is missing;"
                f" there is {', '.join(map(str, given)) or 'nothing'}."
            )
        text = _text(step, name, given[name])
        try:
            typed[name] = parse_text(Parameter(name, kind), text)
        except ParameterError as error:
            raise StepFailed(f"ClientError: Output of step '{step.name}': {error}") from error
        shown.append({"Name": name, "Value": text})
    return shown, {"OutputParameters": typed}


def _text(step: Step, name: str, value: Any) -> str:
    if not isinstance(value, str | int | float | bool):
        raise StepFailed(
            f"ClientError: The output parameter '{name}' of step '{step.name}' is {value!r};"
            " a string, number or boolean is needed."
        )
    text = as_text(value)
    if len(text) > VALUE_CHARACTERS:
        raise StepFailed(
            f"ClientError: The output parameter '{name}' of step '{step.name}' has {len(text)} characters;"
            f" {VALUE_CHARACTERS} are allowed."
        )
    return text
