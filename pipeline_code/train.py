"""The Train step: XGBoost on the encoded training rows, and the decision threshold from the stated costs.

Started in script mode (hyperparameters as arguments, directories as SM_* variables), or by hand as
`python train.py`. Classes are not reweighted, so that a score stays a probability: the few positives are met by
stopping early on the AUC and by a threshold that knows what a mistake costs.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import metrics
import numpy as np
import tables
import xgboost
from features import FeatureTransform
from numpy.typing import NDArray
from threshold import Costs, choose_threshold

INFERENCE_CODE = ("inference.py", "payload.py", "features.py", "threshold.py")
ROWS_PER_THREAD = 50_000
PRINT_EVERY = 20


@dataclass(frozen=True)
class Part:
    """One split, encoded."""

    matrix: NDArray[np.float32]
    labels: NDArray[np.int8]


def main(argv: Sequence[str] | None = None) -> None:
    args = _arguments(argv)
    transform = FeatureTransform.read(args.features / "features.json")
    training = _read(args.train / "train.csv", transform)
    validation = _read(args.validation / "validation.csv", transform)
    booster = fit(training, validation, args)
    scores = booster.inplace_predict(validation.matrix)
    decision = choose_threshold(validation.labels, scores, Costs(args.false_negative_cost, args.false_positive_cost))
    print(
        f"threshold {decision.threshold:.6f}: cost {decision.validation_cost:g} on {decision.validation_rows} "
        f"validation rows with {decision.validation_positives} positives"
    )
    args.model_dir.mkdir(parents=True, exist_ok=True)
    booster.save_model(args.model_dir / "model.json")
    shutil.copyfile(args.features / "features.json", args.model_dir / "features.json")
    (args.model_dir / "decision.json").write_text(decision.to_json(), encoding="utf-8")
    _ship_inference_code(args.model_dir / "code")


def fit(training: Part, validation: Part, args: argparse.Namespace) -> xgboost.Booster:
    """The booster up to its best round; the last line printed tells the metrics of that round."""
    parameters = {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "eval_metric": "auc",
        "max_depth": args.max_depth,
        "eta": args.eta,
        "subsample": args.subsample,
        "colsample_bytree": args.colsample_bytree,
        "min_child_weight": args.min_child_weight,
        "lambda": args.reg_lambda,
        "scale_pos_weight": args.scale_pos_weight,
        "seed": args.seed,
        "nthread": _threads(len(training.labels)),
    }
    threads = parameters["nthread"]
    matrix = xgboost.QuantileDMatrix(training.matrix, training.labels, nthread=threads)
    watched = xgboost.DMatrix(validation.matrix, validation.labels, nthread=threads)
    progress = Progress(training, validation)
    booster = xgboost.train(
        parameters,
        matrix,
        args.num_round,
        evals=[(watched, "validation")],
        callbacks=[progress],
        early_stopping_rounds=args.early_stopping_rounds,
        verbose_eval=False,
    )
    best: xgboost.Booster = booster[: booster.best_iteration + 1]
    progress.print(best, booster.best_iteration)
    return best


class Progress(xgboost.callback.TrainingCallback):
    """Prints the AUC of both splits every few rounds: every round would cost as much as the training itself."""

    def __init__(self, training: Part, validation: Part) -> None:
        self.parts = {"train": training, "validation": validation}

    def after_iteration(self, model: xgboost.Booster, epoch: int, evals_log: object) -> bool:
        if epoch % PRINT_EVERY == 0:
            self.print(model, epoch)
        return False

    def print(self, model: xgboost.Booster, epoch: int) -> None:
        found = {
            name: metrics.auc_of(part.labels, model.inplace_predict(part.matrix)) for name, part in self.parts.items()
        }
        print(f"[{epoch}]" + "".join(f"\t{name}-auc:{value:.5f}" for name, value in found.items()), flush=True)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="train", description="Train the model and choose its threshold.")
    for channel in ("train", "validation", "features"):
        parser.add_argument(
            f"--{channel}",
            type=Path,
            default=Path(os.environ.get(f"SM_CHANNEL_{channel.upper()}", f"/opt/ml/input/data/{channel}")),
        )
    parser.add_argument(
        "--model-dir", "--model_dir", type=Path, default=Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))
    )
    parser.add_argument("--max_depth", type=_whole(1, 16), default=2)
    parser.add_argument("--num_round", type=_whole(1, 10_000), default=400)
    parser.add_argument("--early_stopping_rounds", type=_whole(1, 10_000), default=50)
    parser.add_argument("--eta", type=_number(0, 1), default=0.05)
    parser.add_argument("--subsample", type=_number(0, 1), default=0.8)
    parser.add_argument("--colsample_bytree", type=_number(0, 1), default=0.5)
    parser.add_argument("--min_child_weight", type=float, default=1.0)
    parser.add_argument("--reg_lambda", "--lambda", type=float, default=1.0)
    parser.add_argument("--scale_pos_weight", type=float, default=1.0)
    parser.add_argument("--false_negative_cost", type=float, default=10.0)
    parser.add_argument("--false_positive_cost", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


def _whole(least: int, most: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        value = int(text) if text.strip().lstrip("-").isdigit() else None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} given; allowed: whole numbers from {least} to {most}")
        return value

    return convert


def _number(above: float, most: float) -> Callable[[str], float]:
    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not above < value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} given; allowed: numbers above {above:g} up to {most:g}")
        return value

    return convert


def _read(path: Path, transform: FeatureTransform) -> Part:
    rows = tables.columns(tables.read_csv(path), (*transform.names, transform.label))
    return Part(transform.encode(rows), transform.labels(rows))


def _threads(rows: int) -> int:
    """Small data are faster on one thread: on a busy machine several wait for each other longer than they work."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(available, rows // ROWS_PER_THREAD))


def _ship_inference_code(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in INFERENCE_CODE:
        shutil.copyfile(Path(__file__).resolve().parent / name, folder / name)


if __name__ == "__main__":
    main()
