"""What the report tells of a model of several classes: which are taken for which; called by report.py."""

from __future__ import annotations

from html import escape

import plots
from metrics_multiclass import MulticlassScores
from report_html import UNSEEN, figures, number, section, table
from threshold import Decision


def summary(scores: MulticlassScores, rows: str = UNSEEN) -> str:
    right = int((scores.predicted == scores.labels).sum())
    return (
        f"It names the right one of {len(scores.classes)} classes for <strong>{right:,} of {scores.rows:,}</strong> "
        f"{rows}."
    )


def sections(scores: MulticlassScores, decision: Decision, label: str) -> list[str]:
    sure = scores.probabilities.max(axis=1)
    right = scores.predicted == scores.labels
    drawn = {"How sure it is, right and wrong": plots.confidence(sure[right], sure[~right])}
    return [
        section("Which class is taken for which", _heat(scores)),
        section("Class by class", _by_class(scores)),
        section("Curves", figures(drawn)),
    ]


def _heat(scores: MulticlassScores) -> str:
    """The confusion matrix; a cell is the darker, the more of its row it holds."""
    counts = scores.confusion()
    head = "".join(f"<th>{escape(name)}</th>" for name in scores.classes)
    rows = []
    for name, row in zip(scores.classes, counts, strict=True):
        total = max(int(row.sum()), 1)
        cells = "".join(
            f'<td class="n" style="background:rgba(31,111,180,{count / total * 0.6:.2f})">{count:,}</td>'
            for count in row
        )
        rows.append(f"<tr><th>{escape(name)}</th>{cells}</tr>")
    return (
        '<p class="quiet">Rows are what is true, columns what the model answers.</p>'
        f'<div class="wide"><table><tr><th></th>{head}</tr>{"".join(rows)}</table></div>'
    )


def _by_class(scores: MulticlassScores) -> str:
    rows = [
        (
            found["class"],
            *(number(found[name]) for name in ("rows", "recall", "precision", "f1", "auc")),
        )
        for found in scores.by_class()
    ]
    return table(("class", "test rows", "recall", "precision", "F1", "AUC against the rest"), rows)
