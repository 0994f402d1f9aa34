"""Scores by XGBoost's C function are those of inplace_predict, bit for bit and from any thread."""

from __future__ import annotations

import json

import pytest

from tests.step_runs import SPECS, finished_run, passed, step

COMPARE = """
import json, sys
sys.path[:0] = [sys.argv[1] + "/code"]
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import inference, predictor
model = inference.model_fn(sys.argv[1])
predict, chance = predictor.predictor(model.booster), np.random.default_rng(20)


def rows(count):
    found = (chance.normal(size=(count, model.transform.width)) * 5).astype(np.float32)
    found[chance.random(found.shape) < 0.1] = np.nan
    return found


def same(matrix):
    one, two = predict(matrix), model.booster.inplace_predict(matrix)
    return one.shape == two.shape and one.dtype == two.dtype and one.tobytes() == two.tobytes()


matrices = [rows(count) for count in (1, 2, 7, 100, 1000) for _ in range(8)]
with ThreadPoolExecutor(8) as pool:
    alike = list(pool.map(same, matrices * 3))
strided = [same(np.asfortranarray(rows(5))), same(rows(20)[::3]), same(rows(4).astype(np.float64))]
quick = type(predict).__name__
predictor.VERSION = "0.0.1"
print(json.dumps([quick, all(alike), all(strided), type(predictor.predictor(model.booster)).__name__]))
"""


@pytest.mark.parametrize("problem", SPECS)
def test_the_quick_way_gives_the_bits_of_the_usual_one_which_other_versions_take(problem: str) -> None:
    told = passed(step("-c", COMPARE, finished_run(problem).model))
    assert json.loads(told) == ["_Quick", True, True, "method"]
