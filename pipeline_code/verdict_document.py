"""verdict.json and evaluation.json from what Evaluate found; called by evaluate.py, the record also by report.py."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bootstrap import Difference, Estimate, Measured
from champion import Champion
from data_profile import Drift
from metrics import rounded
from metrics_binary import TITLES as BINARY
from metrics_binary import BinaryScores
from metrics_multiclass import TITLES as MULTICLASS
from metrics_regression import TITLES as REGRESSION
from model_archive import ModelArchive
from scores import Scores
from segments import Segment
from suspects import Suspect
from verdict import Gate, Outcome

VERSION = 1
TITLES = {"binary": BINARY, "multiclass": MULTICLASS, "regression": REGRESSION}
DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


class Scored:
    """What follows from a model and its scores, for a run and for what an endpoint answered."""

    model: ModelArchive
    scores: Scores

    @property
    def problem(self) -> str:
        return self.model.transform.problem

    @property
    def titles(self) -> dict[str, str]:
        """The metrics that are told, with what they mean."""
        return TITLES[self.problem]

    @property
    def positives(self) -> int | None:
        return self.scores.positives if isinstance(self.scores, BinaryScores) else None


@dataclass(frozen=True)
class Evaluation(Scored):
    """All that is told of a run; `champion_measured` and `difference` only where the champion could be scored."""

    model: ModelArchive
    gate: Gate
    outcome: Outcome
    scores: Scores
    measured: Measured
    champion: Champion | None
    champion_measured: Measured | None
    difference: Difference | None
    segments: Sequence[Segment]
    suspects: Sequence[Suspect]
    drift: Sequence[Drift]
    input_uri: str

    @property
    def manifest_sha256(self) -> str | None:
        """The data set's prefix is named after the digest of its manifest."""
        found = DIGEST.search(self.input_uri)
        return found.group() if found else None


def verdict(evaluation: Evaluation) -> dict[str, Any]:
    gate, model = evaluation.gate, evaluation.model
    return {
        "version": VERSION,
        "model": model.transform.model,
        "problem": evaluation.problem,
        "gate": {
            "outcome": evaluation.outcome.outcome,
            "register": evaluation.outcome.register,
            "sentence": evaluation.outcome.sentence,
            "metric": gate.metric.name,
            "floor": gate.floor,
            "min_support": gate.min_support,
            "confidence": gate.confidence,
        },
        "metrics": estimates_of(evaluation.titles, evaluation.measured),
        "threshold": model.decision.threshold,
        "champion": _champion(evaluation),
        "artifact": {"sha256": model.sha256, "bytes": model.bytes, "rounds": model.rounds},
        "data": {
            "test_rows": evaluation.scores.rows,
            "positives": evaluation.positives,
            "input_uri": evaluation.input_uri,
            "manifest_sha256": evaluation.manifest_sha256,
        },
        "suspects": [asdict(suspect) for suspect in evaluation.suspects],
        "drift": [{**asdict(drift), "psi": rounded(drift.psi)} for drift in evaluation.drift],
        "segments": [
            {
                "column": segment.column,
                "value": segment.value,
                "rows": segment.rows,
                "positives": segment.positives,
                "metrics": {name: _estimate(found) for name, found in segment.estimates.items()},
            }
            for segment in evaluation.segments
        ],
    }


def quality(evaluation: Evaluation) -> dict[str, Any]:
    """SageMaker's model-quality schema, so that Studio draws it."""
    dataset: dict[str, Any] = {"item_count": evaluation.scores.rows}
    if evaluation.positives is not None:
        dataset["positive_count"] = evaluation.positives
    return {"dataset": dataset, **evaluation.scores.quality(evaluation.measured.estimates())}


def _champion(evaluation: Evaluation) -> dict[str, Any] | None:
    champion, gap = evaluation.champion, evaluation.difference
    if champion is None:
        return None
    measured = evaluation.champion_measured
    return {
        "version": champion.version,
        "metrics": estimates_of(evaluation.titles, measured) if measured else {},
        "difference": {name: rounded(value) for name, value in asdict(gap).items()} if gap else None,
        "problem": champion.problem,
    }


def estimates_of(titles: Iterable[str], measured: Measured) -> dict[str, Any]:
    """The metrics of these names with their intervals, as JSON holds them."""
    return {name: _estimate(measured.estimate(name)) for name in titles}


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    found = {name: rounded(value) for name, value in asdict(estimate).items()}
    return found if math.isfinite(estimate.value) else dict.fromkeys(found)
