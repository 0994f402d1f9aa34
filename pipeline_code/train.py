"""The Train step: XGBoost on the encoded training rows, and how its scores become decisions.

Started in script mode (hyperparameters as arguments, directories as SM_* variables), also as a job of Tune, or by
hand as `python train.py`. Classes are not reweighted, so that a score stays a probability: the few positives are met
by stopping early on the AUC and by a threshold that knows what a mistake costs.

hyperparameters.py   the arguments
fit.py, features.py  the transform of raw rows, as Preprocess has counted for it
training_data.py     the rows as XGBoost takes them; cluster.py several instances
threshold.py         decision.json; data_profile.py profile.json; golden.py golden.json; model_check.py digests.json
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import data_profile
import fit
import golden
import inference
import numpy as np
import parts
import xgboost
from cluster import Cluster
from failure import telling_failures
from features import Columns, DataError, FeatureTransform
from hyperparameters import OBJECTIVES, Hyperparameters, read_arguments
from model_check import CODE, DIGESTS, digests_of
from numpy.typing import NDArray
from shortage import shortage_of
from threshold import Costs, Decision, choose_threshold
from training_data import EncodedPart
from training_metrics import measure

ROWS_PER_THREAD = 50_000
PRINT_ROUNDS, PRINT_SECONDS = 20, 2.0
SMALLEST_DEVIATION = 1e-12


@dataclass(frozen=True)
class Trained:
    """The booster up to its best round, and its metric there on the validation part."""

    booster: xgboost.Booster
    best_round: int
    metric: str
    validation: float


@telling_failures
def main(argv: Sequence[str] | None = None) -> None:
    arguments, cluster = read_arguments(argv), Cluster.of()
    seen = fit.read_fit(arguments.features)
    transform, costs = seen.transform(), arguments.costs(seen.problem)
    if sentence := shortage_of(seen):
        raise DataError(sentence)
    validation = EncodedPart(arguments.validation, transform)
    with cluster.together():
        training = EncodedPart(arguments.train, transform, share=cluster.share, weight=row_weight(validation))
        trained = train(training, validation, transform, arguments.hyperparameters, talk=cluster.is_first)
    if cluster.is_first:
        tell_best(trained, EncodedPart(arguments.train, transform))
        decision = decide(trained, validation, transform.problem, costs)
        rows = parts.read(arguments.validation, {*transform.names, transform.label, *transform.segments})
        written = {
            "features.json": transform.to_json(),
            "decision.json": decision.to_json(),
            "profile.json": data_profile.profile_of(rows, transform).to_json(),
            golden.GOLDEN: golden_rows(trained.booster, transform, decision, rows),
        }
        _write(arguments.model_dir, trained.booster, written)


def train(
    training: EncodedPart,
    validation: EncodedPart,
    transform: FeatureTransform,
    hyperparameters: Hyperparameters,
    *,
    talk: bool = True,
) -> Trained:
    threads = threads_for(training.count())
    matrix = training.matrix(threads=threads)
    watched = validation.matrix(threads=threads, reference=matrix)
    metric = OBJECTIVES[transform.problem].metric
    booster = xgboost.train(
        hyperparameters.booster(
            transform.problem, classes=len(transform.classes), threads=threads, weight=training.weight
        ),
        matrix,
        hyperparameters.num_round,
        evals=[(watched, "validation")],
        callbacks=[Progress(metric)] if talk else [],
        early_stopping_rounds=hyperparameters.early_stopping_rounds,
        verbose_eval=False,
    )
    if not np.isfinite(booster.best_score):
        raise DataError(
            f"{metric} on the validation part is {booster.best_score}: 32-bit floats hold no squares of numbers beyond "
            "1e19; give the label another unit",
            column=transform.label,
        )
    best: xgboost.Booster = booster[: booster.best_iteration + 1]
    best.set_attr(hyperparameters=json.dumps(asdict(hyperparameters)))  # the report tells them
    return Trained(best, booster.best_iteration, metric, float(booster.best_score))


def row_weight(validation: EncodedPart) -> float:
    """What each training row weighs, so that numbers of any unit are learned alike; all instances know these rows.

    XGBoost makes no split that gains less than 1e-6. The gain is in squares of the label's unit, so of labels such as
    0.0003 +- 0.0001 it would learn little, and of smaller ones nothing. Weights make the gain larger and, with lambda
    and min_child_weight as much larger, change nothing else. They are powers of two, which round nothing.
    """
    deviation = validation.deviation() if validation.transform.problem == "regression" else 1.0
    if 0 < deviation < SMALLEST_DEVIATION:
        raise DataError(
            f"the numbers of the validation part differ by {deviation:.2g} only (their standard deviation), less than "
            f"{SMALLEST_DEVIATION:g}, of which 32-bit floats hold no squares; give the label another unit",
            column=validation.transform.label,
        )
    return 2.0 ** (-2 * math.floor(math.log2(deviation))) if 0 < deviation < 1 else 1.0


def tell_best(trained: Trained, training: EncodedPart) -> None:
    """The last line with metrics tells those of the round that is kept."""
    value = measure(trained.metric, *scored(trained.booster, training))
    print(
        f"[{trained.best_round}]\ttrain-{trained.metric}:{value:.6g}"
        f"\tvalidation-{trained.metric}:{trained.validation:.6g}",
        flush=True,
    )


def scored(booster: xgboost.Booster, part: EncodedPart) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """The labels of a part, and the scores that the endpoint would give to its rows."""
    found = [(batch.labels, booster.inplace_predict(batch.matrix)) for batch in part]
    labels, scores = (np.concatenate(each) for each in zip(*found, strict=True))
    return labels, scores


def decide(trained: Trained, validation: EncodedPart, problem: str, costs: Costs | None) -> Decision:
    """How the model decides, with its figures on the validation rows."""
    if costs is None:
        found = Decision(problem=problem, validation_rows=validation.count())
    else:
        found = choose_threshold(*scored(trained.booster, validation), costs)
        print(
            f"threshold {found.threshold:.6f}: cost {found.validation_cost:g} on {found.validation_rows} "
            f"validation rows with {found.validation_positives} positives"
        )
    return replace(found, problem=problem, validation_metric=trained.metric, validation_value=trained.validation)


def golden_rows(booster: xgboost.Booster, transform: FeatureTransform, decision: Decision, rows: Columns) -> str:
    """golden.json: some of the rows, and what the endpoint must answer to them."""
    sample = golden.sample(rows, transform.names)
    places = golden.choose(booster.inplace_predict(transform.encode(sample)))
    chosen = golden.texts_of(sample, places, transform)
    columns = {name: [row[name] for row in chosen] for name in transform.names}
    return golden.to_json(chosen, inference.Model(booster, transform, decision).answers(columns))


class Progress(xgboost.callback.TrainingCallback):
    """Prints the validation metric now and then, so that one can watch a job without reading every round."""

    def __init__(self, metric: str) -> None:
        self._metric = metric
        self._printed = time.monotonic()

    def after_iteration(
        self, model: xgboost.Booster, epoch: int, evals_log: Mapping[str, Mapping[str, Sequence[float]]]
    ) -> bool:
        if epoch % PRINT_ROUNDS == 0 or time.monotonic() - self._printed > PRINT_SECONDS:
            value = evals_log["validation"][self._metric][-1]
            print(f"[{epoch}]\tvalidation-{self._metric}:{value:.6g}", flush=True)
            self._printed = time.monotonic()
        return False


def threads_for(rows: int) -> int:
    """Small data are faster on one thread: on a busy machine several wait for each other longer than they work."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(available, rows // ROWS_PER_THREAD))


def _write(folder: Path, booster: xgboost.Booster, texts: Mapping[str, str]) -> None:
    code = folder / "code"
    code.mkdir(parents=True, exist_ok=True)
    booster.save_model(folder / "model.json")
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    for name in CODE:
        shutil.copyfile(Path(__file__).resolve().parent / f"{name}.py", code / f"{name}.py")
    (folder / DIGESTS).write_text(digests_of(folder), encoding="utf-8")


if __name__ == "__main__":
    main()
