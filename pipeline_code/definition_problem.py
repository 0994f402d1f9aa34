"""What the graph says differently for each kind of problem. The modules beside it ask `Problem.of`."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline_code.definition_settings import ModelSettings


@dataclass(frozen=True)
class Problem:
    """`figure` is what the gate judges by; `objective` is what training watches on the validation rows."""

    figure: str
    too_few_step: str
    too_few: str
    objective: str
    maximize: bool

    @classmethod
    def of(cls, model: ModelSettings) -> Problem:
        if model.problem not in PROBLEMS:
            raise ValueError(f"problem {model.problem!r} of {model.name} is not one of: {', '.join(PROBLEMS)}")
        return PROBLEMS[model.problem]


PROBLEMS = {
    "binary": Problem(
        figure="AUC on the test part is below",
        too_few_step="TooFewPositives",
        too_few="Not enough positives to tell: the test part has fewer of them than",
        objective="auc",
        maximize=True,
    ),
    "multiclass": Problem(
        figure="accuracy on the test part is below",
        too_few_step="TooFewRows",
        too_few="Not enough rows to tell: a class has fewer of them in the test part than",
        objective="mlogloss",
        maximize=False,
    ),
    "regression": Problem(
        figure="RMSE on the test part is above",
        too_few_step="TooFewRows",
        too_few="Not enough rows to tell: the test part has fewer of them than",
        objective="rmse",
        maximize=False,
    ),
}
