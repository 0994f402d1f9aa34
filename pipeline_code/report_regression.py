"""What the report tells of a regression: predicted against actual, and the errors; called by report.py."""

from __future__ import annotations

import plots
from metrics_regression import RegressionScores
from report_html import UNSEEN, figures, section
from threshold import Decision
from verdict import figure


def summary(scores: RegressionScores, rows: str = UNSEEN) -> str:
    size = abs(scores.errors)
    within = float((size <= size.mean()).mean())
    return (
        f"On {scores.rows:,} {rows} it is off by <strong>{figure(float(size.mean()))}</strong> "
        f"on average; {within:.0%} of the rows are nearer than that."
    )


def sections(scores: RegressionScores, decision: Decision, label: str) -> list[str]:
    drawn = {
        "Predicted against actual": plots.predicted_against_actual(scores.actual, scores.predicted, label),
        "Errors over the prediction": plots.residuals(scores.predicted, scores.errors, label),
        "How often which error": plots.residual_histogram(scores.errors),
    }
    return [section("Curves", figures(drawn))]
