"""The Evaluate step: measures the model of model.tar.gz and the champion on the test rows and decides between them.

Started by the pipeline as `python3 code.zip evaluate`, or by hand as `python evaluate.py`. Writes verdict.json (which
the pipeline's conditions read), evaluation.json (for the registry) and report.html. The threshold comes with the model.

model_archive.py      a trained model; champion.py the one to beat
scores.py             its answers; metrics_*.py what they are measured by, bootstrap.py how surely
segments.py, suspects.py, data_profile.py (drift)   what else the report tells
verdict.py            the decision; verdict_document.py the JSON; report.py, report_*.py and plots.py the page
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import champion as champions
import parts
import report
import verdict_document
from bootstrap import Difference, Measured, difference, measure
from failure import telling_failures
from features import Columns, DataError
from metrics import GATE_METRICS, GateMetric
from model_archive import ModelArchive
from scores import scores_of
from segments import segments_of
from suspects import suspects_of
from verdict import Contest, Gate, decide

INPUT, OUTPUT = Path("/opt/ml/processing/input"), Path("/opt/ml/processing/output/evaluation")


@telling_failures
def main(argv: Sequence[str] | None = None) -> None:
    args = _arguments(argv)
    evaluation = evaluate(args)
    documents = {
        "evaluation.json": _json(verdict_document.quality(evaluation)),
        "report.html": report.render(evaluation),
        "verdict.json": _json(verdict_document.verdict(evaluation)),
    }
    args.output.mkdir(parents=True, exist_ok=True)
    for name, text in documents.items():
        (args.output / name).write_text(text, encoding="utf-8")
    print(evaluation.outcome.sentence)


def evaluate(args: argparse.Namespace) -> verdict_document.Evaluation:
    model = ModelArchive.read(args.model / champions.ARCHIVE)
    transform, metric = model.transform, GATE_METRICS[model.transform.problem]
    found = champions.find_archive(args.champion)
    champion = champions.open_champion(found, version=args.champion_version) if found else None
    rows = _read_rows(args.test, model, champion)
    labels = transform.labels(rows)
    scores = scores_of(model, rows, labels=labels, classes=transform.classes)
    champion = champions.score(champion, rows, challenger=transform, labels=labels) if champion else None
    rival = champion.scores if champion else None
    measured = measure(scores, *([rival] if rival is not None else []))
    contest, gap = _contest(champion, measured, metric)
    gate = Gate(metric, args.floor, args.min_support, args.confidence)
    outcome = decide(gate, measured[0].estimate(metric.name), rows=scores.rows, support=scores.support, contest=contest)
    profile = champion.archive.profile if champion and champion.archive else None
    return verdict_document.Evaluation(
        model=model,
        gate=gate,
        outcome=outcome,
        scores=scores,
        measured=measured[0],
        champion=champion,
        champion_measured=measured[1] if len(measured) > 1 else None,
        difference=gap,
        segments=segments_of(scores, rows, transform.segments, problem=transform.problem, missing=transform.missing),
        suspects=suspects_of(transform, rows, labels, gains=model.gains, validation=model.profile),
        drift=profile.drift(rows) if profile else (),
        input_uri=args.input_uri,
    )


def _contest(
    champion: champions.Champion | None, measured: Sequence[Measured], metric: GateMetric
) -> tuple[Contest | None, Difference | None]:
    if champion is None:
        return None, None
    if len(measured) < 2:
        return Contest(champion.version, problem=champion.problem), None
    gap = difference(measured[0], measured[1], metric=metric.name, higher_is_better=metric.higher_is_better)
    return Contest(champion.version, measured[1].estimate(metric.name), gap), gap


def _read_rows(folder: Path, model: ModelArchive, champion: champions.Champion | None) -> Columns:
    names = {*model.transform.names, *model.transform.segments, model.transform.label}
    if champion and champion.archive:
        names.update(champion.archive.transform.names)
    rows = parts.read(folder, names)
    if model.transform.label in rows and not len(rows[model.transform.label]):
        raise DataError(f"{folder} holds no rows; give the test part of the split some")
    return rows


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="evaluate", description="Measure the model on the test part and decide.")
    parser.add_argument("--model", type=Path, default=INPUT / "model", help="holds model.tar.gz")
    parser.add_argument(
        "--champion", type=Path, default=INPUT / "champion", help="its model.tar.gz, or a .json that says there is none"
    )
    parser.add_argument("--champion-version", default="the champion", help="what the sentences call it")
    parser.add_argument("--test", type=Path, default=INPUT / "test", help="holds the test part")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--floor", type=_number, required=True, help="least AUC or accuracy, or greatest RMSE")
    parser.add_argument("--min-support", type=_whole, default=10, help="test rows that each class needs")
    parser.add_argument("--confidence", type=_share, default=0.9, help="share of resamples to be better in")
    parser.add_argument("--input-uri", default="", help="where the data set lies; told in the report")
    return parser.parse_args(argv)


def _number(text: str) -> float:
    value = _float(text)
    if not abs(value) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} given; allowed: finite numbers")
    return value


def _share(text: str) -> float:
    value = _float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} given; allowed: numbers from 0 to 1")
    return value


def _whole(text: str) -> int:
    """Pipeline parameters arrive as 10 or 10.0."""
    value = _float(text)
    if not (value >= 0 and value % 1 == 0):
        raise argparse.ArgumentTypeError(f"{text!r} given; allowed: whole numbers from 0")
    return int(value)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


if __name__ == "__main__":
    main()
