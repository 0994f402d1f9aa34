"""Tuning steps: one hyperparameter tuning job, and its training jobs from the best one on as a property."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from millrace.local.sagemaker.pipelines.steps.jobs import JobStep, Listing

NAME_CHARACTERS = 32


def best_first(described: Mapping[str, Any]) -> dict[str, Any]:
    objective = described["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    order = "Descending" if objective["Type"] == "Maximize" else "Ascending"
    return {"SortBy": "FinalObjectiveMetricValue", "SortOrder": order, "MaxResults": 100}


TUNING = JobStep(
    kind="HyperParameterTuningJob",
    metadata="TuningJob",
    listing=Listing("ListTrainingJobsForHyperParameterTuningJob", best_first),
    characters=NAME_CHARACTERS,
)
