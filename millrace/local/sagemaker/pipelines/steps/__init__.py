"""The step types: one module each, found by the Type that a definition names.

To add one: a module with an object that has StepType's face (`base`), and its line in STEP_TYPES.
"""

from __future__ import annotations

from collections.abc import Mapping

from millrace.local.sagemaker.pipelines.errors import DefinitionError
from millrace.local.sagemaker.pipelines.steps.base import StepType
from millrace.local.sagemaker.pipelines.steps.callback import CALLBACK
from millrace.local.sagemaker.pipelines.steps.condition import CONDITION
from millrace.local.sagemaker.pipelines.steps.fail import FAIL
from millrace.local.sagemaker.pipelines.steps.lambda_function import LAMBDA
from millrace.local.sagemaker.pipelines.steps.model import MODEL
from millrace.local.sagemaker.pipelines.steps.processing import PROCESSING
from millrace.local.sagemaker.pipelines.steps.register_model import REGISTER_MODEL
from millrace.local.sagemaker.pipelines.steps.training import TRAINING
from millrace.local.sagemaker.pipelines.steps.transform import TRANSFORM
from millrace.local.sagemaker.pipelines.steps.tuning import TUNING

STEP_TYPES: Mapping[str, StepType] = {
    "Callback": CALLBACK,
    "Condition": CONDITION,
    "Fail": FAIL,
    "Lambda": LAMBDA,
    "Model": MODEL,
    "Processing": PROCESSING,
    "RegisterModel": REGISTER_MODEL,
    "Training": TRAINING,
    "Transform": TRANSFORM,
    "Tuning": TUNING,
}
NOT_YET = (
    "AutoML", "ClarifyCheck", "EMR", "EMRServerless", "Endpoint", "EndpointConfig", "InferenceComponent",
    "Lineage", "QualityCheck",
)  # fmt: skip


def step_type(name: str) -> StepType:
    """The type of that name; DefinitionError for one that AWS or only the embedded AWS does not have."""
    if name in STEP_TYPES:
        return STEP_TYPES[name]
    known = ", ".join(sorted(STEP_TYPES))
    if name in NOT_YET:
        raise DefinitionError(f"step type {name} is not supported by the embedded AWS yet; it has {known}.")
    raise DefinitionError(f"Unknown step type '{name}': it must be one of {known}.")
