"""Measures what an endpoint answered for the rows of a file: the run's report on other rows, with how fast it was.

Not a step: `millrace analyze` runs it on this machine, with the image's packages, and it travels with no model. It
reads the rows with the answers beside them (Parquet), the model.tar.gz that the endpoint serves, and facts.json, which
tells how the answers were got. Writes report.html and analysis.json.

analyze_report.py     the page
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import analyze_report
import numpy as np
import parts
from bootstrap import Measured, measure
from data_profile import Drift
from failure import telling_failures
from features import Columns, DataError, Distinct, FeatureTransform, Values, parse_numbers
from metrics_binary import BinaryScores
from metrics_multiclass import MulticlassScores
from metrics_regression import RegressionScores
from model_archive import ModelArchive
from numpy.typing import NDArray
from scores import Scores
from segments import Segment, segments_of
from verdict_document import Scored, estimates_of

ANSWER = "answer, "
"""How the columns of the answers begin: `answer, score`, `answer, <class>`, `answer, decision`. No column of a model
does so, as the settings allow no comma in a name."""
DECISION = f"{ANSWER}decision"


@dataclass(frozen=True)
class Analysis(Scored):
    """All that is told: the scores of the rows with a label, and the facts about the requests."""

    model: ModelArchive
    scores: Scores
    measured: Measured
    segments: Sequence[Segment]
    drift: Sequence[Drift]
    unlabelled: int
    disagreeing: int
    """Rows whose decision is another one than the archive's threshold gives: the endpoint serves another model."""
    facts: Mapping[str, Any]


@telling_failures
def main(argv: Sequence[str] | None = None) -> None:
    args = _arguments(argv)
    analysis = analyze(args.model, args.rows, json.loads(args.facts.read_text(encoding="utf-8")))
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "report.html").write_text(analyze_report.render(analysis), encoding="utf-8")
    text = json.dumps(_document(analysis), indent=1, ensure_ascii=False, allow_nan=False)
    (args.output / "analysis.json").write_text(f"{text}\n", encoding="utf-8")


def analyze(archive: Path, folder: Path, facts: Mapping[str, Any]) -> Analysis:
    model = ModelArchive.read(archive)
    transform = model.transform
    every = _read(folder, transform)
    labelled = _labelled(every, transform)
    rows = {name: _taken(values, labelled) for name, values in every.items()}
    if not labelled.any():
        raise DataError("no row has a label that the model knows; name its column with --label", column=transform.label)
    scores, decided = _scores(model, rows)
    return Analysis(
        model=model,
        scores=scores,
        measured=measure(scores)[0],
        segments=segments_of(scores, rows, transform.segments, problem=transform.problem, missing=transform.missing),
        drift=model.profile.drift(rows) if model.profile else (),
        unlabelled=int(np.count_nonzero(~labelled)),
        disagreeing=_disagreeing(rows, decided),
        facts=facts,
    )


def _read(folder: Path, transform: FeatureTransform) -> dict[str, Values]:
    """The rows as the parts of a data set hold them: numeric features as numbers."""
    known = {*transform.names, *transform.segments, transform.label}
    names = [name for name in parts.column_names(folder) if name in known or name.startswith(ANSWER)]
    found = dict(parts.read(folder, names))
    missing = frozenset(transform.missing)
    for column in transform.columns:
        values = found[column.name]
        if column.kind == "numeric" and isinstance(values, Distinct):
            found[column.name] = parse_numbers(values.values, column=column.name, missing=missing)[values.codes]
    return found


def _labelled(rows: Columns, transform: FeatureTransform) -> NDArray[np.bool_]:
    """Which rows have a label that the model can be measured by."""
    texts = Distinct.of(rows[transform.label])
    if _is_label(texts.values, transform):
        return np.ones(len(texts), dtype=bool)
    return np.array([_is_label([text], transform) for text in texts.values], dtype=bool)[texts.codes]


def _is_label(texts: Sequence[str], transform: FeatureTransform) -> bool:
    try:
        transform.labels({transform.label: texts})
    except DataError:
        return False
    return True


def _scores(model: ModelArchive, rows: Columns) -> tuple[Scores, NDArray[Any]]:
    """The answers in the form they are measured in, and what the archive's own rule decides."""
    transform, labels = model.transform, model.transform.labels(rows)
    if transform.problem == "regression":
        predicted = _answer(rows, "prediction")
        return RegressionScores(np.asarray(labels, dtype=np.float64), predicted), predicted
    if transform.problem == "binary":
        threshold = model.decision.threshold
        if threshold is None:
            raise DataError("decision.json tells no threshold; train the model again")
        scores = _answer(rows, "score")
        flags = np.where(scores >= threshold, "1", "0")
        return BinaryScores(np.asarray(labels, dtype=np.int8), scores, threshold), flags
    probabilities = np.column_stack([_answer(rows, name) for name in transform.classes])
    several = MulticlassScores(np.asarray(labels, dtype=np.int64), probabilities, transform.classes)
    return several, np.array(transform.classes)[several.predicted]


def _answer(rows: Columns, name: str) -> NDArray[np.float64]:
    """The endpoint writes the shortest text that is the model's float32 again; the pipeline measures those."""
    values = np.asarray(rows[f"{ANSWER}{name}"], dtype=np.float64)
    return values.astype(np.float32).astype(np.float64)


def _disagreeing(rows: Columns, decided: NDArray[Any]) -> int:
    if DECISION not in rows:
        return 0
    given = Distinct.of(rows[DECISION])
    return int(np.count_nonzero(np.array(given.values, dtype=str)[given.codes] != decided))


def _taken(values: Values, rows: NDArray[np.bool_]) -> Values:
    """The values of some rows; texts that only the others hold are left out."""
    if isinstance(values, Distinct):
        held, codes = np.unique(values.codes[rows], return_inverse=True)
        return Distinct([values.values[place] for place in held], codes.astype(np.int32))
    return np.asarray(values)[rows]


def _document(analysis: Analysis) -> dict[str, Any]:
    return {
        "version": 1,
        "model": analysis.model.transform.model,
        "problem": analysis.problem,
        "rows": analysis.scores.rows,
        "unlabelled": analysis.unlabelled,
        "disagreeing": analysis.disagreeing,
        "metrics": estimates_of(analysis.titles, analysis.measured),
        "facts": dict(analysis.facts),
    }


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="analyze", description="Measure an endpoint's answers.")
    parser.add_argument("--model", type=Path, required=True, help="the model.tar.gz that the endpoint serves")
    parser.add_argument("--rows", type=Path, required=True, help="a folder of .parquet: rows and answers")
    parser.add_argument("--facts", type=Path, required=True, help="facts.json: how the answers were got")
    parser.add_argument("--output", type=Path, required=True)
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
