"""The page of an analysis: the sections of the run's report, and how fast the endpoint was; called by analyze.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import plots
from report import MOST_COLUMNS, PROBLEMS, classes_rows, first_columns, metrics_section, segments_section
from report_html import Number, code, figures, number, page, section, table

if TYPE_CHECKING:
    from analyze import Analysis

PERCENTILES = ("p50", "p90", "p99")


def render(analysis: Analysis) -> str:
    transform, problem, facts = analysis.model.transform, PROBLEMS[analysis.problem], analysis.facts
    sections = [
        _lead(analysis, problem.summary(analysis.scores, f"rows of {escape(facts['file'])}")),
        _data(analysis),
        metrics_section(analysis),
        *problem.sections(analysis.scores, analysis.model.decision, transform.label),
        _latency(facts),
        _refused(facts),
        segments_section(analysis),
        _drift(analysis),
        section("How to reproduce", f"<pre>{escape(facts['command'])}</pre>"),
    ]
    return page(f"{transform.model}: {facts['file']} at the endpoint {facts['endpoint']}", sections)


def _lead(analysis: Analysis, summary: str) -> str:
    facts = analysis.facts
    whole = facts["refused"] == 0 and not analysis.unlabelled and not analysis.disagreeing
    told = f"{facts['answered']:,} of {facts['read']:,} rows were answered by {escape(_versions(facts))}"
    told += f", {facts['refused']:,} were refused" if facts["refused"] else ""
    told += (
        f", {analysis.unlabelled:,} have no label the model knows and are not measured" if analysis.unlabelled else ""
    )
    if analysis.disagreeing:
        told += (
            f". {analysis.disagreeing:,} decisions are not those of this model's threshold: the endpoint served "
            "another model for a time"
        )
    return f'<p class="verdict {"passed" if whole else "kept"}">{told}.</p>\n<p>{summary}</p>'


def _data(analysis: Analysis) -> str:
    facts = analysis.facts
    rows = [
        ("file", code(facts["file"])),
        ("its label", facts["label"]),
        ("problem", analysis.problem),
        *classes_rows(analysis.model.transform),
        ("rows read", f"{facts['read']:,}"),
        ("rows answered", f"{facts['answered']:,}"),
        ("rows refused", f"{facts['refused']:,}"),
        ("rows without a usable label", f"{analysis.unlabelled:,}"),
        *((f"rows: {name}", f"{count:,}") for name, count in analysis.scores.support.items() if name != "rows"),
        *((f"rows answered by {name}", f"{count:,}") for name, count in facts["versions"].items()),
        ("sha256 of model.tar.gz", code(analysis.model.sha256)),
    ]
    return section("Data", table((), rows))


def _latency(facts: Mapping[str, Any]) -> str:
    found = facts["latency"]
    drawn, rows = {}, []
    for name, title in (("request", "Per request"), ("row", "Per row: a request's time, divided by its rows")):
        told = found[name]
        marks = [(each, told[each]) for each in PERCENTILES]
        drawn[title] = plots.latency(told["edges"], told["counts"], marks)
        rows.append((name, *(Number(f"{told[each]:.3g}") for each in (*PERCENTILES, "greatest"))))
    asked = (
        f"<p>{facts['requests']:,} requests over {facts['connections']} connections in {facts['seconds']:.1f} s: "
        f"{facts['answered'] / max(facts['seconds'], 1e-9):,.0f} rows a second, seen from this machine; the way there "
        "and back is part of it.</p>"
    )
    return section("Latency", asked, table(("ms per", *PERCENTILES, "greatest"), rows), figures(drawn))


def _refused(facts: Mapping[str, Any]) -> str:
    if not facts["refused"]:
        return section("Refused rows", "<p>None.</p>")
    reasons = [(reason, number(count)) for reason, count in facts["reasons"].items()]
    return section(
        "Refused rows",
        table(("why", "rows"), reasons),
        f'<p class="quiet">The first of them; {escape(facts["refused_file"])} beside this page holds them all.</p>',
        table(("line", "why"), [(number(each["line"]), each["why"]) for each in facts["first_refused"]]),
    )


def _drift(analysis: Analysis) -> str:
    if not analysis.drift:
        return section("Drift", "<p>The model tells nothing of the data it was made from.</p>")
    rows = [(each.column, Number(f"{each.psi:.3f}"), each.sentence) for each in analysis.drift[:MOST_COLUMNS]]
    told = sum(bool(each.sentence) for each in analysis.drift)
    lead = f"{told:,} of {len(analysis.drift):,} columns differ from the data that the model was made from."
    drifts = table(("column", "index", ""), rows)
    return section("Drift", f"<p>{lead}</p>", drifts, first_columns(len(analysis.drift)))


def _versions(facts: Mapping[str, Any]) -> str:
    names: Sequence[str] = list(facts["versions"]) or [facts["version"]]
    return " and ".join(names)
