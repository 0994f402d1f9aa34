"""The Evaluate step: measures the model of model.tar.gz on the test rows; writes evaluation.json and report.html.

Started by the pipeline as `python3 code.zip evaluate`, or by hand as `python evaluate.py`. It only measures: the
threshold comes with the model, the gate is the pipeline's condition.
"""

from __future__ import annotations

import argparse
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import metrics
import report
import tables
import xgboost
from features import FeatureTransform
from threshold import Decision


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="evaluate", description="Measure the model on the test split.")
    parser.add_argument("--model", type=Path, default=Path("/opt/ml/processing/input/model"))
    parser.add_argument("--test", type=Path, default=Path("/opt/ml/processing/input/test"))
    parser.add_argument("--output", type=Path, default=Path("/opt/ml/processing/output/evaluation"))
    parser.add_argument("--auc-floor", type=float, help="the gate's floor, for the report's verdict")
    args = parser.parse_args(argv)
    evaluate(args.model / "model.tar.gz", args.test / "test.csv", args.output, args.auc_floor)


def evaluate(model: Path, test: Path, output: Path, auc_floor: float | None = None) -> None:
    transform, decision, booster = _read_model(model)
    rows = tables.columns(tables.read_csv(test), (*transform.names, transform.label))
    scores = booster.inplace_predict(transform.encode(rows))
    scored = metrics.Scored.of(transform.labels(rows), scores, decision.threshold)
    found = metrics.binary_classification_metrics(scored)
    document = {
        "dataset": {"item_count": scored.rows, "positive_count": int(scored.positives.sum())},
        "binary_classification_metrics": found,
    }
    output.mkdir(parents=True, exist_ok=True)
    (output / "evaluation.json").write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    page = report.render(
        report.Facts(transform.model, scored, found, decision, auc_floor, gains(booster, transform.feature_names))
    )
    (output / "report.html").write_text(page, encoding="utf-8")
    auc = found["auc"]
    print(
        f"auc {auc['value']:.4f} +- {auc['standard_deviation']:.4f} on {scored.rows} rows, "
        f"{scored.positives.sum()} positive"
    )


def gains(booster: xgboost.Booster, names: Sequence[str]) -> dict[str, float]:
    """Each raw column's share of what the trees gained by splitting on it, the largest first."""
    by_column: dict[str, float] = {}
    for feature, gain in booster.get_score(importance_type="total_gain").items():
        column = names[int(feature[1:])].partition("=")[0]
        by_column[column] = by_column.get(column, 0.0) + float(gain)
    total = sum(by_column.values()) or 1.0
    return {name: by_column[name] / total for name in sorted(by_column, key=lambda name: (-by_column[name], name))}


def _read_model(path: Path) -> tuple[FeatureTransform, Decision, xgboost.Booster]:
    """Read out of the archive, so nothing in it can be written anywhere."""
    with tarfile.open(path) as archive:
        contents = {name: _member(archive, name, path) for name in ("features.json", "decision.json", "model.json")}
    booster = xgboost.Booster(model_file=bytearray(contents["model.json"]))
    return (
        FeatureTransform.from_json(contents["features.json"].decode("utf-8")),
        Decision.from_json(contents["decision.json"].decode("utf-8")),
        booster,
    )


def _member(archive: tarfile.TarFile, name: str, path: Path) -> bytes:
    for member in archive:
        file = archive.extractfile(member) if member.name.removeprefix("./") == name else None
        if file:
            return file.read()
    held = ", ".join(archive.getnames())
    raise FileNotFoundError(f"{path} holds no {name}, only {held}; it must come from the Train step")


if __name__ == "__main__":
    main()
