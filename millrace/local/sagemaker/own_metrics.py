"""AWS's own algorithm images: their metrics and what is tunable are AWS's to define; requests that differ are refused.

AWS takes the XGBoost image for such an algorithm whether or not it runs a script of one's own. What a script prints
counts if it looks like XGBoost's own lines: `[12]`, then tabs before `train-auc:0.9` and `validation-auc:0.8`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from millrace.local.images import aws_accounts
from millrace.local.service import ServiceError

REPOSITORY = "/sagemaker-xgboost:"
REFUSED = (
    "You can't override the metric definitions for Amazon SageMaker algorithms. "
    "Please retry the request without specifying metric definitions."
)
PARTS = ("train", "validation")
METRICS = (
    *("accuracy", "auc", "aucpr", "balanced_accuracy", "error", "f1", "f1_macro", "logloss", "mae", "map"),
    *("merror", "mlogloss", "mse", "ndcg", "precision", "r2", "recall", "rmse"),
)
TUNABLE = (
    *("alpha", "colsample_bylevel", "colsample_bynode", "colsample_bytree", "eta", "gamma", "lambda"),
    *("max_delta_step", "max_depth", "min_child_weight", "num_round", "subsample"),
)
"""The hyperparameters that AWS's page on tuning XGBoost lists."""
_NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"


def with_own_metrics(algorithm: Mapping[str, Any]) -> dict[str, Any]:
    """An AlgorithmSpecification as AWS keeps it: with the image's own metrics, if it is an algorithm of AWS."""
    if not _is_of_aws(algorithm):
        return dict(algorithm)
    if algorithm.get("MetricDefinitions"):
        raise ServiceError("ValidationException", REFUSED)
    return {**algorithm, "MetricDefinitions": definitions()}


def check_tunable(algorithm: Mapping[str, Any], names: Iterable[str]) -> None:
    """Refuse a search for a hyperparameter that AWS does not search for its own algorithm."""
    wrong = [name for name in names if name not in TUNABLE]
    if wrong and _is_of_aws(algorithm):
        raise ServiceError(
            "ValidationException",
            f"The hyperparameter tuning job you requested has the following untunable hyperparameters: "
            f"[{', '.join(wrong)}]. For the algorithm, {algorithm['TrainingImage']}, you can tune only "
            f"[{', '.join(TUNABLE)}]. Delete untunable hyperparameters.",
        )


def _is_of_aws(algorithm: Mapping[str, Any]) -> bool:
    image = algorithm.get("TrainingImage") or ""
    return REPOSITORY in image and image.partition(".")[0] in aws_accounts()


def definitions() -> list[dict[str, str]]:
    """As Describe shows them: #011 is how a tab stands in the log."""
    return [
        {"Name": f"{part}:{metric}", "Regex": rf".*\[[0-9]+\].*#011{part}-{metric}:{_NUMBER}.*"}
        for metric in METRICS
        for part in PARTS
    ]
