"""Parts as XGBoost takes them, in one process of the image's environment: the toolbox has no XGBoost."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

from tests.step_runs import CODE, finished_run, passed, step

PROGRAM = """
import json, sys, weakref
sys.path[:0] = [sys.argv[1]]
from pathlib import Path
import numpy as np
import fit, parts, train, training_data
from features import DataError
from hyperparameters import Hyperparameters
from training_data import EncodedPart

folder, small = Path(sys.argv[2]), Path(sys.argv[3])
transform = fit.read_fit(folder / "features").transform()
parts.ROWS_PER_GROUP = 64  # so that a small part has many row groups
import pyarrow.parquet as pq
for name in ("train", "validation"):
    [path] = (folder / name).glob("*.parquet")
    (small / name).mkdir(parents=True)
    pq.write_table(pq.read_table(path), small / name / path.name, row_group_size=64)

def rows_of(part):
    batches = list(part)
    return np.concatenate([np.c_[batch.matrix, batch.labels] for batch in batches]).tolist(), len(batches)

found = {}
for count in (1, 2, 3, 50):
    shares = [rows_of(EncodedPart(small / "train", transform, share=(k, count))) for k in range(count)]
    found[f"rows of {count}"] = [rows for rows, _ in shares]
    found[f"batches of {count}"] = [batches for _, batches in shares]

living = []
real = training_data.Batch
def counted(matrix, labels):
    batch = real(matrix, labels)
    living[:] = [each for each in living if each() is not None]
    living.append(weakref.ref(matrix))
    found["most at once"] = max(found.get("most at once", 0), len(living))
    return batch

training_data.Batch = counted
large = EncodedPart(small / "train", transform, small_bytes=0).matrix(threads=1)
training_data.Batch = real
found["types"] = [type(large).__name__, type(EncodedPart(small / "train", transform).matrix(threads=1)).__name__]
found["shape"] = [large.num_row(), large.num_col()]
scores = []
for limit, weight in ((0, 1.0), (2**29, 1.0), (0, 2.0**40)):
    one = EncodedPart(small / "train", transform, small_bytes=limit, weight=weight)
    other = EncodedPart(small / "validation", transform, small_bytes=limit)
    trained = train.train(one, other, transform, Hyperparameters(num_round=40, subsample=1.0), talk=False)
    scores.append(trained.booster.inplace_predict(transform.encode(parts.read(folder / "test", transform.names))))
found["difference"] = float(np.median(np.abs(scores[0] - scores[1])))
found["difference by weight"] = float(np.abs(scores[0] - scores[2]).max())
found["deviation"] = float(np.std(scores[0]))
try:
    EncodedPart(small / "validation", transform, share=(0, 10**6)).matrix(threads=1)
except DataError as error:
    found["too few"] = str(error).partition(" holds ")[2]
print(json.dumps(found))
"""


@functools.cache
def found() -> dict[str, Any]:
    run = finished_run("regression")
    answer: dict[str, Any] = json.loads(passed(step("-c", PROGRAM, CODE, run.parts, run.folder / "small groups")))
    return answer


@pytest.mark.parametrize("count", [2, 3, 50])
def test_the_shares_of_the_instances_are_all_rows_once(count: int) -> None:
    [every] = found()["rows of 1"]
    shared = [row for rows in found()[f"rows of {count}"] for row in rows]
    assert sorted(shared) == sorted(every)


@pytest.mark.parametrize("count", [2, 3, 50])
def test_the_shares_are_about_equal(count: int) -> None:
    sizes = [len(rows) for rows in found()[f"rows of {count}"]]
    assert max(sizes) <= 1.2 * min(sizes) + 1


def test_many_row_groups_are_shared_out_whole_and_few_row_by_row() -> None:
    groups = sum(found()["batches of 1"])
    assert groups > 2 * 8
    assert sum(found()["batches of 2"]) == groups
    assert found()["batches of 50"] == [groups] * 50


def test_of_a_large_part_one_batch_exists_at_a_time() -> None:
    assert found()["types"] == ["QuantileDMatrix", "DMatrix"]
    assert found()["most at once"] <= 2  # the one that is made while XGBoost lets go of the last


def test_both_ways_make_about_the_same_model() -> None:
    assert found()["difference"] < 0.1 * found()["deviation"]


def test_a_weight_of_all_rows_alike_makes_no_difference_to_labels_of_a_usual_size() -> None:
    assert found()["difference by weight"] < 0.01 * found()["deviation"]


def test_more_instances_than_rows_end_with_a_sentence() -> None:
    assert found()["too few"].endswith(" rows, too few for 1000000 instances")
