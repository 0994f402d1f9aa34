"""The report of a run as one self-contained HTML page a manager can read: verdict first; called by evaluate.py."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from html import escape
from typing import Any, Protocol

import report_binary
import report_multiclass
import report_regression
import report_run
from bootstrap import Difference, Measured, difference
from features import FeatureTransform
from report_html import Number, bar, code, interval, number, page, section, table
from segments import METRICS as SEGMENT_METRICS
from segments import Segment
from verdict import BELOW_FLOOR, BETTER, FIRST, KEPT, TOO_FEW, figure, percent, signed
from verdict_document import Evaluation

WORDS = {
    FIRST: ("passed", "Passed"),
    BETTER: ("passed", "Passed"),
    KEPT: ("kept", "Champion kept"),
    BELOW_FLOOR: ("failed", "Not registered"),
    TOO_FEW: ("failed", "Not registered"),
}
PROBLEMS: dict[str, Any] = {
    "binary": report_binary,
    "multiclass": report_multiclass,
    "regression": report_regression,
}
MOST_COLUMNS = 15


class Told(Protocol):
    """What the sections need that any measured set of rows has: the test part's, or a file's (analyze.py)."""

    @property
    def problem(self) -> str: ...

    @property
    def titles(self) -> dict[str, str]: ...

    @property
    def measured(self) -> Measured: ...

    @property
    def positives(self) -> int | None: ...

    @property
    def segments(self) -> Sequence[Segment]: ...


def render(evaluation: Evaluation) -> str:
    transform, problem = evaluation.model.transform, PROBLEMS[evaluation.problem]
    parts = [
        _verdict(evaluation, problem.summary(evaluation.scores)),
        _data(evaluation),
        metrics_section(evaluation),
        *problem.sections(evaluation.scores, evaluation.model.decision, transform.label),
        _champion(evaluation),
        _gains(evaluation),
        segments_section(evaluation),
        _drift(evaluation),
        _suspects(evaluation),
        _reproduce(evaluation),
        report_run.block(),
    ]
    return page(f"{transform.model}: evaluation", parts)


def _verdict(evaluation: Evaluation, summary: str) -> str:
    kind, word = WORDS[evaluation.outcome.outcome]
    sentence = escape(evaluation.outcome.sentence)
    return f'<p class="verdict {kind}"><strong>{word}</strong>. {sentence}</p>\n<p>{summary}</p>'


def _data(evaluation: Evaluation) -> str:
    transform = evaluation.model.transform
    kinds = [column.kind for column in transform.columns]
    rows = [
        ("label", transform.label),
        ("problem", evaluation.problem),
        *classes_rows(transform),
        ("test rows", f"{evaluation.scores.rows:,}"),
        *((f"test rows: {name}", f"{count:,}") for name, count in evaluation.scores.support.items() if name != "rows"),
        ("features", f"{kinds.count('numeric')} numeric, {kinds.count('categorical')} categorical"),
    ]
    return section("Data", table((), rows))


def classes_rows(transform: FeatureTransform) -> list[tuple[str, str]]:
    """Which of two classes the page calls positive."""
    if transform.problem != "binary":
        return []
    negative, positive = transform.classes or ("0, no or false", "1, yes or true")
    return [("positive", positive), ("negative", negative)]


def first_columns(count: int) -> str:
    """What to say below a table that does not show all of so many columns."""
    more = count - MOST_COLUMNS
    return f'<p class="quiet">The first {MOST_COLUMNS} of {count:,} columns.</p>' if more > 0 else ""


def metrics_section(evaluation: Told) -> str:
    rows = []
    for name, title in evaluation.titles.items():
        estimate = evaluation.measured.estimate(name)
        rows.append((title, number(estimate.value), interval(estimate)))
    return section("Metrics", table(("metric", "value", "95 % interval"), rows))


def _champion(evaluation: Evaluation) -> str:
    champion, measured, gap = evaluation.champion, evaluation.champion_measured, evaluation.difference
    if champion is None:
        return section("Champion", "<p>There is none yet.</p>")
    if measured is None or gap is None:
        told = (
            f"<p>{escape(champion.version)} could not be measured on these rows: {escape(champion.problem or '')}.</p>"
        )
        return section("Champion", told)
    rows = []
    for name, title in evaluation.titles.items():
        between = difference(evaluation.measured, measured, metric=name, higher_is_better=True)
        pair = (number(evaluation.measured.values[name]), number(measured.values[name]))
        rows.append((title.partition(":")[0], *pair, *_difference(between)))
    metric, count = evaluation.gate.metric, len(measured.drawn[evaluation.gate.metric.name])
    sentence = (
        f"<p>Both models on the same rows: the difference in {escape(metric.title)} is <strong>{signed(gap.value)}"
        f"</strong> (95 % interval {signed(gap.low)} to {signed(gap.high)}); the new model is better in "
        f"{gap.probability_better:.1%} of {count:,} resamples, {percent(evaluation.gate.confidence)} are needed.</p>"
    )
    header = ("metric", "new model", champion.version, "difference", "95 % interval of the difference")
    return section("Champion", sentence, table(header, rows))


def _difference(between: Difference) -> tuple[Number, Number]:
    if between.low != between.low:
        return number(None), number(None)
    return Number(signed(between.value)), Number(f"{signed(between.low)} to {signed(between.high)}")


def _gains(evaluation: Evaluation) -> str:
    rows = [
        (name, bar(share), Number(f"{share:.1%}"))
        for name, share in list(evaluation.model.gains.items())[:MOST_COLUMNS]
    ]
    shares = table(("column", "", "share of the gain"), rows)
    return section("What the model looks at", shares, first_columns(len(evaluation.model.gains)))


def segments_section(evaluation: Told) -> str:
    names = SEGMENT_METRICS[evaluation.problem]
    with_positives = evaluation.positives is not None
    header = ["column", "value", "rows", *(["positives"] if with_positives else [])]
    for name in names:
        header += [name.replace("_", " "), "95 % interval"]
    rows = []
    for segment in evaluation.segments:
        row: list[str] = [segment.column, segment.value, number(segment.rows)]
        row += [number(segment.positives)] if with_positives else []
        for name in names:
            row += [number(segment.estimates[name].value), interval(segment.estimates[name])]
        rows.append(row)
    return section("Segments", table(header, rows))


def _drift(evaluation: Evaluation) -> str:
    if not evaluation.drift:
        return section("Drift", "<p>There is no champion's data to compare these rows with.</p>")
    told = [drift for drift in evaluation.drift if drift.sentence]
    verb = "has" if len(told) == 1 else "have"
    lead = f"{len(told):,} of {len(evaluation.drift):,} columns {verb} drifted" if told else "No column has drifted"
    rows = [(drift.column, Number(f"{drift.psi:.3f}"), drift.sentence) for drift in evaluation.drift[:MOST_COLUMNS]]
    return section(
        "Drift",
        f"<p>{lead} since the champion's data (population stability index: above 0.1 a column has drifted, above "
        "0.25 far).</p>",
        table(("column", "index", ""), rows),
        first_columns(len(evaluation.drift)),
    )


def _suspects(evaluation: Evaluation) -> str:
    rows = [(suspect.code, suspect.column, suspect.sentence) for suspect in evaluation.suspects]
    return section("Leakage suspects", table(("code", "column", "what to check"), rows) or "<p>None found.</p>")


def _reproduce(evaluation: Evaluation) -> str:
    model, gate = evaluation.model, evaluation.gate
    command = ["python", "evaluate.py", "--model", "model", "--test", "test", "--output", "evaluation"]
    command += ["--floor", str(gate.floor), "--min-support", str(gate.min_support)]
    command += ["--confidence", str(gate.confidence)]
    if evaluation.champion:
        command += ["--champion", "champion", "--champion-version", evaluation.champion.version]
    command += ["--input-uri", evaluation.input_uri] if evaluation.input_uri else []
    decision = model.decision
    rows = [
        ("data set", code(evaluation.input_uri or "not told")),
        ("sha256 of its manifest", code(evaluation.manifest_sha256 or "not told")),
        ("sha256 of model.tar.gz", code(model.sha256)),
        ("size of model.tar.gz", f"{model.bytes:,} bytes"),
        ("rounds of boosting", f"{model.rounds:,}"),
        *((f"hyperparameter {name}", str(value)) for name, value in model.hyperparameters.items()),
        ("validation rows", f"{decision.validation_rows:,}"),
    ]
    if decision.validation_value is not None:
        rows.append((f"{decision.validation_metric} on the validation part", figure(decision.validation_value)))
    held = "model, test" + (" and champion hold" if evaluation.champion else " hold")
    return section(
        "How to reproduce",
        table((), rows),
        f"<p>In the folder of the step code, where the folders {held} the job's inputs:</p>",
        f"<pre>{escape(shlex.join(command))}</pre>",
    )
