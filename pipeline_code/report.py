"""The report of a run as one self-contained HTML page a manager can read; called by evaluate.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import plots
from metrics import Confusion, Scored, cost_curve
from threshold import Decision

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:.3rem}h2{font-size:1.15rem;margin-top:2rem}
.verdict{border-left:.4rem solid #1f6fb4;background:#f2f6fa;padding:.6rem 1rem;font-size:1.1rem}
.passed{border-color:#2b8a3e;background:#eff8f1}.failed{border-color:#c23b22;background:#fbf1ef}
table{border-collapse:collapse}td,th{padding:.25rem .8rem;border-bottom:1px solid #ddd;text-align:left}
td.n{text-align:right;font-variant-numeric:tabular-nums}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:1rem}
figure{margin:0}figcaption{font-weight:600}svg{max-width:100%;height:auto}
"""
METRICS = {
    "auc": "AUC: a positive scores above a negative (0.5 is guessing, 1 is perfect)",
    "recall": "recall: share of positives that are found",
    "precision": "precision: share of flags that are right",
    "f1": "F1: recall and precision in one number",
    "false_positive_rate": "share of negatives flagged by mistake",
    "accuracy": "accuracy: share of all decisions that are right",
}


@dataclass(frozen=True)
class Facts:
    """What the page tells."""

    model: str
    scored: Scored
    metrics: Mapping[str, Any]
    decision: Decision
    auc_floor: float | None
    gains: Mapping[str, float]


def render(facts: Facts) -> str:
    title = f"{escape(facts.model)}: evaluation"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body><h1>{title}</h1>\n{_verdict(facts)}\n"
        f"<h2>At the threshold</h2>\n{_confusion(facts.scored.confusion())}\n{_costs(facts)}\n"
        f"<h2>Metrics</h2>\n{_metrics(facts.metrics)}\n"
        f"<h2>Plots</h2>\n{_plots(facts)}\n"
        f"<h2>What the model looks at</h2>\n{_gains(facts.gains)}\n</body></html>\n"
    )


def _verdict(facts: Facts) -> str:
    auc, deviation = (facts.metrics["auc"][key] for key in ("value", "standard_deviation"))
    confusion = facts.scored.confusion()
    positives = confusion.true_positive + confusion.false_negative
    kind, gate = "", ""
    if facts.auc_floor is not None:
        passed = auc >= facts.auc_floor
        kind = " passed" if passed else " failed"
        gate = (
            f"<strong>{'Passed' if passed else 'Not registered'}</strong>: the AUC is "
            f"{'at least' if passed else 'below'} the floor of {facts.auc_floor:g}. "
        )
    return (
        f'<p class="verdict{kind}">{gate}AUC <strong>{auc:.3f}</strong> &plusmn; {deviation:.3f} on '
        f"{facts.scored.rows:,} rows the model has never seen. It flags {confusion.flagged:,} of them and finds "
        f"<strong>{confusion.true_positive:,} of {positives:,}</strong> positives.</p>"
    )


def _confusion(confusion: Confusion) -> str:
    return (
        "<table><tr><th></th><th>flagged</th><th>not flagged</th></tr>"
        f'<tr><th>positive</th><td class="n">{confusion.true_positive:,}</td>'
        f'<td class="n">{confusion.false_negative:,}</td></tr>'
        f'<tr><th>negative</th><td class="n">{confusion.false_positive:,}</td>'
        f'<td class="n">{confusion.true_negative:,}</td></tr></table>'
    )


def _costs(facts: Facts) -> str:
    decision, confusion = facts.decision, facts.scored.confusion()
    missed, alarm = decision.false_negative_cost, decision.false_positive_cost
    nobody = (confusion.true_positive + confusion.false_negative) * missed
    everybody = (confusion.true_negative + confusion.false_positive) * alarm
    return (
        f"<p>A missed positive costs {missed:g}, a false alarm {alarm:g}. With the threshold "
        f"{decision.threshold:.4f}, chosen on {decision.validation_rows:,} validation rows with "
        f"{decision.validation_positives:,} positives, mistakes cost "
        f"<strong>{confusion.cost(missed, alarm):,g}</strong> here; flagging nobody would cost {nobody:,g}, "
        f"flagging everybody {everybody:,g}.</p>"
    )


def _metrics(metrics: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><td>{text}</td><td class="n">{metrics[name]["value"]:.3f}</td>'
        f'<td class="n">&plusmn; {metrics[name]["standard_deviation"]:.3f}</td></tr>'
        for name, text in METRICS.items()
    )
    return f"<table><tr><th>metric</th><th>value</th><th>standard deviation</th></tr>{rows}</table>"


def _plots(facts: Facts) -> str:
    scored, decision, found = facts.scored, facts.decision, facts.metrics
    roc, curve = found["receiver_operating_characteristic_curve"], found["precision_recall_curve"]
    recall, precision = found["recall"]["value"], found["precision"]["value"]
    drawn = {
        "Found against flagged by mistake (ROC)": plots.roc(
            roc["false_positive_rates"],
            roc["true_positive_rates"],
            (found["false_positive_rate"]["value"], recall),
        ),
        "Right flags against found (precision and recall)": plots.precision_recall(
            curve["recalls"], curve["precisions"], (recall, precision)
        ),
        "Scores of both classes": plots.scores(scored.scores, scored.positives, scored.negatives, decision.threshold),
        "Cost of each threshold": plots.cost(
            *cost_curve(scored, decision.false_negative_cost, decision.false_positive_cost),
            decision.threshold,
        ),
    }
    figures = "\n".join(f"<figure><figcaption>{title}</figcaption>{svg}</figure>" for title, svg in drawn.items())
    return f'<div class="plots">{figures}</div>'


def _gains(gains: Mapping[str, float]) -> str:
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="n">{share:.1%}</td></tr>' for name, share in list(gains.items())[:10]
    )
    return f"<table><tr><th>column</th><th>share of the gain</th></tr>{rows}</table>"
