"""What one may change per run, with the settings as defaults. The modules of the steps use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_code.definition_sentinels import SENTINELS
from pipeline_code.definition_settings import ModelSettings

if TYPE_CHECKING:
    from sagemaker.core.workflow.parameters import Parameter

CODE_CHANNEL = "/opt/ml/input/data/code"


@dataclass(frozen=True)
class RunParameters:
    """The pipeline's parameters, in the order in which they are shown; None for those that the model does not have.

    Costs belong to binary problems. A hyperparameter that is searched for has a range instead of a parameter.
    """

    input_uri: Parameter
    floor: Parameter
    min_support: Parameter
    confidence: Parameter
    max_depth: Parameter | None
    num_round: Parameter | None
    eta: Parameter | None
    false_negative_cost: Parameter | None
    false_positive_cost: Parameter | None
    processing_instance_type: Parameter
    training_instance_type: Parameter
    approval_status: Parameter
    correlation_id: Parameter

    @classmethod
    def of(cls, model: ModelSettings) -> RunParameters:
        from sagemaker.core.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString

        chosen = {name: value for name, value in model.hyperparameters.items() if name not in tuned(model)}
        gate, costs = model.gate, model.costs
        return cls(
            input_uri=ParameterString("InputUri"),
            floor=ParameterFloat(gate.parameter, gate.floor),
            min_support=ParameterInteger("MinSupport", gate.min_support),
            confidence=ParameterFloat("Confidence", gate.confidence),
            max_depth=ParameterInteger("MaxDepth", int(chosen["max_depth"])) if "max_depth" in chosen else None,
            num_round=ParameterInteger("NumRound", int(chosen["num_round"])) if "num_round" in chosen else None,
            eta=ParameterFloat("Eta", float(chosen["eta"])) if "eta" in chosen else None,
            false_negative_cost=ParameterFloat("FalseNegativeCost", costs.false_negative) if costs else None,
            false_positive_cost=ParameterFloat("FalsePositiveCost", costs.false_positive) if costs else None,
            processing_instance_type=ParameterString("ProcessingInstanceType", model.processing.instance_type),
            training_instance_type=ParameterString("TrainingInstanceType", model.training.instance_type),
            approval_status=ParameterString(
                "ModelApprovalStatus",
                "PendingManualApproval",
                enum_values=["PendingManualApproval", "Approved", "Rejected"],
            ),
            correlation_id=ParameterString("CorrelationId", "none"),
        )

    def hyperparameters(self, model: ModelSettings) -> dict[str, Any]:
        """What training gets whatever is searched for: strings, as the API wants them, with the run's values put in."""
        fixed = {name: str(value) for name, value in sorted(model.hyperparameters.items()) if name not in tuned(model)}
        changeable = {
            "max_depth": self.max_depth,
            "num_round": self.num_round,
            "eta": self.eta,
            "false_negative_cost": self.false_negative_cost,
            "false_positive_cost": self.false_positive_cost,
        }
        return {
            **fixed,
            **{name: parameter.to_string() for name, parameter in changeable.items() if parameter is not None},
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": f"{CODE_CHANNEL}/{SENTINELS['code_tar_key']}",
        }

    def all(self) -> list[Parameter]:
        return [parameter for parameter in vars(self).values() if parameter is not None]


def tuned(model: ModelSettings) -> frozenset[str]:
    """The hyperparameters that are searched for."""
    return frozenset(each.name for each in model.tuning.ranges) if model.tuning else frozenset()
