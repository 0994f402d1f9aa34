"""What the report tells of a model of two classes: its decisions, costs and curves; called by report.py."""

from __future__ import annotations

import plots
from metrics_binary import BinaryScores, Confusion
from report_html import UNSEEN, figures, number, section, table
from threshold import Decision


def summary(scores: BinaryScores, rows: str = UNSEEN) -> str:
    confusion = scores.confusion()
    return (
        f"It flags {confusion.flagged:,} of {scores.rows:,} {rows} and finds "
        f"<strong>{confusion.true_positive:,} of {confusion.positives:,}</strong> positives."
    )


def sections(scores: BinaryScores, decision: Decision, label: str) -> list[str]:
    confusion = scores.confusion()
    return [
        section("Threshold and costs", _table(confusion), _costs(scores, confusion, decision)),
        _curves(scores, decision),
    ]


def _table(confusion: Confusion) -> str:
    rows = [
        ("positive", number(confusion.true_positive), number(confusion.false_negative)),
        ("negative", number(confusion.false_positive), number(confusion.true_negative)),
    ]
    return table(("", "flagged", "not flagged"), rows)


def _costs(scores: BinaryScores, confusion: Confusion, decision: Decision) -> str:
    missed, alarm = decision.false_negative_cost, decision.false_positive_cost
    if missed is None or alarm is None:
        return f"<p>The threshold is {scores.threshold:.4f}.</p>"
    chosen = f"chosen on {decision.validation_rows:,} validation rows"
    if decision.validation_positives is not None:
        chosen += f" with {decision.validation_positives:,} positives"
    return (
        f"<p>A missed positive costs {missed:g}, a false alarm {alarm:g}. With the threshold {scores.threshold:.4f}, "
        f"{chosen}, mistakes cost <strong>{confusion.cost(missed, alarm):,g}</strong> here; flagging nobody would "
        f"cost {confusion.positives * missed:,g}, flagging everybody {confusion.negatives * alarm:,g}.</p>"
    )


def _curves(scores: BinaryScores, decision: Decision) -> str:
    confusion = scores.confusion()
    if not confusion.positives or not confusion.negatives:
        return section("Curves", "<p>Curves need test rows of both classes.</p>")
    roc, (precisions, recalls) = scores.roc_curve(), scores.precision_recall_curve()
    recall, alarms = confusion.true_positive / confusion.positives, confusion.false_positive / confusion.negatives
    precision = confusion.true_positive / confusion.flagged if confusion.flagged else 0.0
    drawn = {
        "Found against flagged by mistake (ROC)": plots.roc(*roc, (alarms, recall)),
        "Right flags against found (precision and recall)": plots.precision_recall(
            recalls, precisions, (recall, precision)
        ),
        "Scores against what came true (calibration)": plots.calibration(scores.calibration()),
        "Scores of both classes": plots.scores(
            scores.scores[scores.labels == 1], scores.scores[scores.labels == 0], scores.threshold
        ),
    }
    if decision.false_negative_cost is not None and decision.false_positive_cost is not None:
        curve = scores.cost_curve(decision.false_negative_cost, decision.false_positive_cost)
        drawn["Cost of each threshold"] = plots.cost(*curve, scores.threshold)
    return section("Curves", figures(drawn))
