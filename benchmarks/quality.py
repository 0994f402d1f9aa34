"""How good the models are on public data: the table of `make quality DATA=<folder>`.

    python benchmarks/quality.py FOLDER [--seeds 20]

The folder holds claims.csv and customers.csv (the auto-insurance set of the SageMaker workshop) and abalone.data. It
runs in the environment of the steps, with their own features and training. Each seed splits the rows 80/20, class by
class. Of the settings below, one is chosen by cross-validation within the 80 % of each seed, and is the same for all
seeds; the 20 % are looked at once, with that one. Exits with 1 if an aim is missed, or if another setting is shipped.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pipeline_code"))

import numpy as np
import train
from features import FeatureTransform
from fit import Fit
from hyperparameters import Hyperparameters
from numpy.typing import NDArray
from sklearn.metrics import mean_squared_error, roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from training_data import Batch, EncodedPart

ROOT = Path(__file__).resolve().parents[1]
FOLDS = 4
TEST_SHARE = 0.2
WATCHED_SHARE = 0.15 / 0.85
"""Of the rows to learn from, those by which the training stops, as in the split of the settings."""
STUMPS = {"max_depth": 1, "subsample": 1.0, "colsample_bytree": 1.0}
SLOW = {"eta": 0.03, "num_round": 800, "subsample": 0.6, "colsample_bytree": 0.8, "min_child_weight": 16.0}
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "claims-fraud": [
        {"max_depth": 2, "eta": 0.05},
        {"max_depth": 2, "eta": 0.05, "subsample": 1.0, "colsample_bytree": 1.0},
        {"max_depth": 1, "eta": 0.05},
        {**STUMPS, "eta": 0.05, "colsample_bytree": 0.5},
        {**STUMPS, "eta": 0.05},
        {**STUMPS, "eta": 0.1},
        {**STUMPS, "eta": 0.05, "min_child_weight": 3.0},
        {**STUMPS, "eta": 0.1, "min_child_weight": 3.0},
    ],
    "abalone": [
        {"max_depth": 4, "eta": 0.05},
        {"max_depth": 5, "eta": 0.05, "subsample": 0.6, "colsample_bytree": 0.8, "min_child_weight": 8.0},
        {**SLOW, "max_depth": 5},
        {**SLOW, "max_depth": 6},
        {**SLOW, "max_depth": 6, "min_child_weight": 32.0},
        {**SLOW, "max_depth": 7, "subsample": 0.5, "min_child_weight": 24.0},
    ],
}


@dataclass(frozen=True)
class Table:
    """A data set: raw texts by column, and what its settings say of them."""

    name: str
    settings: Mapping[str, Any]
    columns: Mapping[str, Sequence[str]]

    @property
    def problem(self) -> str:
        return str(self.settings["problem"])

    @property
    def label(self) -> str:
        return str(self.settings["data"]["label"])

    @property
    def strata(self) -> NDArray[Any]:
        """What each part of a split has the same share of: the class, or the tenth of the values."""
        labels = np.array(self.columns[self.label], dtype=np.float64)
        return labels if self.problem == "binary" else np.digitize(labels, np.quantile(labels, np.arange(1, 10) / 10))

    def fitted(self, rows: NDArray[np.intp]) -> FeatureTransform:
        data = self.settings["data"]
        return Fit(
            model=self.name,
            problem=self.problem,
            label=self.label,
            classes=(),
            missing=tuple(data["missing"]),
            order=tuple(name for name in self.columns if name in {*data["numeric"], *data["categorical"]}),
            numeric=tuple(data["numeric"]),
            ignored=(),
            segments=(),
            rows={"train": len(rows)},
            labels={},
            categories={name: self._counts(name, rows) for name in data["categorical"]},
        ).transform()

    def part(self, rows: NDArray[np.intp], transform: FeatureTransform) -> Rows:
        raw = {name: [texts[row] for row in rows] for name, texts in self.columns.items()}
        return Rows(Path(), transform, batch=Batch(transform.encode(raw), transform.labels(raw)))

    def _counts(self, name: str, rows: NDArray[np.intp]) -> Counter[str]:
        texts = self.columns[name]
        return Counter(texts[row] for row in rows if texts[row] not in self.settings["data"]["missing"])


@dataclass(frozen=True, kw_only=True)
class Rows(EncodedPart):
    """A part that lies in memory."""

    batch: Batch

    def count(self) -> int:
        return len(self.batch.labels)

    def __iter__(self) -> Iterator[Batch]:
        return iter([self.batch])


@dataclass(frozen=True)
class Aim:
    """`reached` takes the mean over the seeds and its standard error."""

    metric: str
    sentence: str
    reached: Callable[[float, float], bool]
    higher_is_better: bool


AIMS = {
    "binary": Aim("AUC", "mean + one standard error >= 0.80", lambda value, error: value + error >= 0.80, True),
    "regression": Aim("RMSE", "mean <= 2.20", lambda value, error: value <= 2.20, False),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--settings", type=Path, default=ROOT / "settings" / "models", help="the models' settings")
    parser.add_argument("--model", choices=SETTINGS, help="only this one")
    args = parser.parse_args()
    names = [args.model] if args.model else list(SETTINGS)
    tables = [read(name, args.folder, args.settings) for name in names]
    good = [measured(table, range(args.seeds)) for table in tables]
    raise SystemExit(0 if all(good) else 1)


def measured(table: Table, seeds: Sequence[int]) -> bool:
    """Prints the tables of one data set; whether its aim is met by the setting that is shipped."""
    aim = AIMS[table.problem]
    print(f"\n{table.name}: {len(table.strata)} rows, {len(seeds)} seeds, {FOLDS}-fold cross-validation\n")
    chosen = choose(table, seeds, aim)
    print(f"\n  seed  {aim.metric}")
    found = []
    for seed in seeds:
        learning, test = split(table, seed)
        found.append(score(table, learning, test, chosen, seed))
        print(f"  {seed:4}  {found[-1]:.4f}", flush=True)
    value, error = mean(found), stdev(found) / len(found) ** 0.5
    met = aim.reached(value, error)
    print(f"  mean  {value:.4f}, standard error {error:.4f}; aim: {aim.sentence}: {'met' if met else 'MISSED'}")
    shipped = chosen == shipped_setting(table)
    if not shipped:
        print(f"  but settings/models/{table.name}.toml ships {text_of(shipped_setting(table))}")
    return met and shipped


def choose(table: Table, seeds: Sequence[int], aim: Aim) -> Hyperparameters:
    """The setting with the best mean score over the inner folds of all seeds."""
    scores = {}
    print(f"  inner {aim.metric}  setting")
    for changes in SETTINGS[table.name]:
        setting = Hyperparameters(**changes)
        scores[setting] = mean(
            score(table, learning, held_out, setting, seed)
            for seed in seeds
            for learning, held_out in inner_folds(table, seed)
        )
        print(f"  {scores[setting]:{6 + len(aim.metric)}.4f}  {text_of(setting)}", flush=True)
    chosen = (max if aim.higher_is_better else min)(scores, key=lambda setting: scores[setting])
    print(f"  chosen: {text_of(chosen)}")
    return chosen


def score(
    table: Table, learning: NDArray[np.intp], held_out: NDArray[np.intp], setting: Hyperparameters, seed: int
) -> float:
    """Of a model that saw nothing but the rows to learn from."""
    rows, watched = train_test_split(
        learning, test_size=WATCHED_SHARE, stratify=table.strata[learning], random_state=seed
    )
    transform = table.fitted(rows)
    parts = [table.part(each, transform) for each in (rows, watched, held_out)]
    trained = train.train(parts[0], parts[1], transform, setting, talk=False)
    labels, scores = parts[2].batch.labels, trained.booster.inplace_predict(parts[2].batch.matrix)
    if table.problem == "binary":
        return float(roc_auc_score(labels, scores))
    return float(mean_squared_error(labels, scores) ** 0.5)


def split(table: Table, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    strata = table.strata
    learning, test = train_test_split(np.arange(len(strata)), test_size=TEST_SHARE, stratify=strata, random_state=seed)
    return learning, test


def inner_folds(table: Table, seed: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Within the rows to learn from."""
    learning, _ = split(table, seed)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for rest, fold in folds.split(learning, table.strata[learning]):
        yield learning[rest], learning[fold]


def read(name: str, folder: Path, settings: Path) -> Table:
    """The tables joined by their key, as raw texts."""
    said = tomllib.loads((settings / f"{name}.toml").read_text("utf-8"))
    if name == "abalone":
        with (folder / "abalone.data").open(newline="") as file:
            rows = list(csv.DictReader(file, said["data"]["columns"]))
    else:
        key, (first, *others) = said["data"]["join_key"], said["data"]["tables"]
        rows = list(_rows(folder, first))
        for other in others:
            partners = {row[key]: row for row in _rows(folder, other)}
            rows = [row | partners[row[key]] for row in rows]
    return Table(name, said, {column: [row[column] for row in rows] for column in rows[0]})


def _rows(folder: Path, table: str) -> Iterator[dict[str, str]]:
    with (folder / f"{table}.csv").open(newline="") as file:
        yield from csv.DictReader(file)


def shipped_setting(table: Table) -> Hyperparameters:
    return Hyperparameters(**table.settings["xgboost"])


def text_of(setting: Hyperparameters) -> str:
    """What differs from the defaults of Train."""
    usual = asdict(Hyperparameters())
    changed = {name: value for name, value in asdict(setting).items() if value != usual[name]}
    return ", ".join(f"{name} {value:g}" for name, value in changed.items()) or "the defaults of Train"


if __name__ == "__main__":
    main()
