"""What Train costs beside bare `xgboost.train` on the same rows, which bare finds encoded in memory.

    python benchmarks/training.py [--rows 100000 1000000] [--times 3]

Runs in the environment of the steps. Train's time is all of its main: reading the parts, encoding them, building the
matrices, training, choosing the threshold, writing the model. Bare is DMatrix and xgboost.train with the same
parameters, Train's defaults, watching the same validation rows. Each is a process of its own, in turns; the fastest of
each counts, and memory is the process's peak. Exits with 1 if an aim is missed.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pipeline_code"))

import numpy as np
import pyarrow as pa
from features import FeatureTransform
from fit import Fit, read_fit
from hyperparameters import Hyperparameters
from parts import PartWriter

AIM = 1.1
NUMERIC = tuple(f"number_{place}" for place in range(17))
CATEGORICAL = {f"text_{place}": tuple(f"value {n}" for n in range(2 + place % 5)) for place in range(10)}
SHARES = {"train": 0.7, "validation": 0.15}
CHUNK = 100_000
SETTING = Hyperparameters()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "FOLDER"), help="one measurement; used by itself")
    args = parser.parse_args()
    if args.measure:
        what, folder = args.measure
        print(json.dumps({"train": measure_train, "bare": measure_bare}[what](Path(folder))))
        return
    met = [compared(rows, args.times) for rows in args.rows]
    raise SystemExit(0 if all(met) else 1)


def compared(rows: int, times: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="millrace-training-") as name:
        folder = Path(name)
        make_parts(folder, rows)
        found: dict[str, list[dict[str, float]]] = {"train": [], "bare": []}
        for _ in range(times):
            for what, measured in found.items():
                measured.append(_measured(what, folder))
    best = {what: min(each["seconds"] for each in measured) for what, measured in found.items()}
    peak = {what: max(each["megabytes"] for each in measured) for what, measured in found.items()}
    ratio = best["train"] / best["bare"]
    print(f"\n{rows:,} rows, {SETTING.num_round} rounds of depth {SETTING.max_depth}, fastest of {times}")
    print(f"  Train  {best['train']:8.2f} s  peak {peak['train']:6.0f} MB")
    print(f"  bare   {best['bare']:8.2f} s  peak {peak['bare']:6.0f} MB")
    print(f"  ratio  {ratio:8.2f}    aim: at most {AIM}: {'met' if ratio <= AIM else 'MISSED'}", flush=True)
    return ratio <= AIM


def _measured(what: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", what, str(folder)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, float] = json.loads(answer.splitlines()[-1])
    return found


def measure_train(folder: Path) -> dict[str, float]:
    import train

    words = [f"--{name}={folder / name}" for name in ("train", "validation", "features")]
    began = time.perf_counter()
    train.main([*words, "--model-dir", str(folder / "model")])
    return _figures(began)


def measure_bare(folder: Path) -> dict[str, float]:
    import parts
    import train
    import xgboost

    transform = read_fit(folder / "features").transform()
    threads = train.threads_for(parts.count_rows(folder / "train"))
    encoded = {part: _encoded(folder / part, transform) for part in SHARES}
    began = time.perf_counter()
    matrix, watched = (xgboost.DMatrix(*encoded[part], nthread=threads) for part in SHARES)
    xgboost.train(
        SETTING.booster("binary", classes=0, threads=threads),
        matrix,
        SETTING.num_round,
        evals=[(watched, "validation")],
        early_stopping_rounds=SETTING.early_stopping_rounds,
        verbose_eval=False,
    )
    return _figures(began)


def _encoded(folder: Path, transform: FeatureTransform) -> tuple[Any, Any]:
    import parts

    rows = parts.read(folder, {*transform.names, transform.label})
    return transform.encode(rows), transform.labels(rows)


def _figures(began: float) -> dict[str, float]:
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def make_parts(folder: Path, rows: int) -> None:
    """Made-up rows of the width of the claims, here and there with a value missing."""
    generator = np.random.default_rng(1)
    fields = [*((name, pa.float64()) for name in NUMERIC), *((name, pa.string()) for name in CATEGORICAL)]
    counts, labels = {}, {}
    for part, share in SHARES.items():
        writer = PartWriter(folder / part, schema=pa.schema([*fields, ("label", pa.string())]))
        counts[part] = round(rows * share)
        for start in range(0, counts[part], CHUNK):
            writer.write(_draw(generator, min(CHUNK, counts[part] - start)))
        writer.close()
        labels[part] = {"0": counts[part] // 2, "1": counts[part] - counts[part] // 2}
    fit = Fit(
        model="made-up", problem="binary", label="label", classes=(), missing=("",), order=(*NUMERIC, *CATEGORICAL),
        numeric=NUMERIC, ignored=("label",), segments=(), rows=counts, labels=labels,
        categories={name: dict.fromkeys(values, 1) for name, values in CATEGORICAL.items()},
    )  # fmt: skip
    (folder / "features").mkdir()
    (folder / "features" / "fit-00000.json").write_text(fit.to_json(), encoding="utf-8")


def _draw(generator: np.random.Generator, rows: int) -> pa.Table:
    numbers = generator.normal(size=(len(NUMERIC), rows))
    codes = {name: generator.integers(0, len(values), rows) for name, values in CATEGORICAL.items()}
    logit = numbers[0] + numbers[1] * numbers[2] + (codes["text_1"] == 0) - 2
    positive = generator.random(rows) < 1 / (1 + np.exp(-logit))
    numbers[:6][generator.random((6, rows)) < 0.02] = np.nan
    columns: dict[str, Any] = {
        name: pa.array(values, from_pandas=True) for name, values in zip(NUMERIC, numbers, strict=True)
    }
    for name, values in CATEGORICAL.items():
        columns[name] = pa.DictionaryArray.from_arrays(codes[name].astype(np.int32), pa.array(values)).cast(pa.string())
    return pa.table({**columns, "label": np.where(positive, "1", "0")})


if __name__ == "__main__":
    main()
