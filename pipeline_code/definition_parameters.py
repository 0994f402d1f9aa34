"""What one may change per run, with the settings as defaults. `definition.py` uses them in the steps."""

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
    """The pipeline's parameters, in the order in which they are shown."""

    input_uri: Parameter
    auc_floor: Parameter
    max_depth: Parameter
    num_round: Parameter
    eta: Parameter
    false_negative_cost: Parameter
    false_positive_cost: Parameter
    processing_instance_type: Parameter
    training_instance_type: Parameter
    approval_status: Parameter
    correlation_id: Parameter

    @classmethod
    def of(cls, model: ModelSettings) -> RunParameters:
        from sagemaker.core.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString

        chosen = model.hyperparameters
        return cls(
            input_uri=ParameterString("InputUri"),
            auc_floor=ParameterFloat("AucFloor", model.auc_floor),
            max_depth=ParameterInteger("MaxDepth", int(chosen["max_depth"])),
            num_round=ParameterInteger("NumRound", int(chosen["num_round"])),
            eta=ParameterFloat("Eta", float(chosen["eta"])),
            false_negative_cost=ParameterFloat("FalseNegativeCost", model.false_negative_cost),
            false_positive_cost=ParameterFloat("FalsePositiveCost", model.false_positive_cost),
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
        """Train's hyperparameters: strings, as the API wants them, with the run's values put in."""
        fixed = {name: str(value) for name, value in sorted(model.hyperparameters.items())}
        changeable = {
            "max_depth": self.max_depth,
            "num_round": self.num_round,
            "eta": self.eta,
            "false_negative_cost": self.false_negative_cost,
            "false_positive_cost": self.false_positive_cost,
        }
        return {
            **fixed,
            **{name: parameter.to_string() for name, parameter in changeable.items()},
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": f"{CODE_CHANNEL}/{SENTINELS['code_tar_key']}",
        }

    def all(self) -> list[Parameter]:
        return list(vars(self).values())
