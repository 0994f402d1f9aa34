"""A damaged or made-up model never reaches XGBoost, or does no harm there: the process lives in every case.

The models are changed and loaded in one child process: if it crashes, it ends without its last line.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.step_runs import IMAGE_PYTHON, SPECS, finished_run, step

POSITIONS = 200
REFUSALS = ("ModelError: model.json is no ", "ModelError: row ", "ValueError: ")
CHANGED = """
import json, random, sys
from pathlib import Path
sys.path[:0] = [sys.argv[1] + "/code"]
import numpy as np
import inference, model_check
folder, signed, kind, count = Path(sys.argv[1]), sys.argv[2] == "signed", sys.argv[3], int(sys.argv[4])
sound = inference.model_fn(str(folder))
rows = np.random.default_rng(20).normal(size=(64, sound.transform.width)).astype(np.float32) * 5
expected = sound.booster.inplace_predict(rows)
text, chance = (folder / "model.json").read_bytes(), random.Random(20)
digits = [place for place, byte in enumerate(text) if chr(byte).isdigit()]
for _ in range(count):
    changed = bytearray(text)
    if kind == "bit":
        changed[chance.randrange(len(text))] ^= 1 << chance.randrange(8)
    elif kind == "digit":
        changed[chance.choice(digits)] = ord(chance.choice("0123456789"))
    elif kind == "text":
        changed[chance.randrange(len(text))] = ord(chance.choice('0123456789-eE.,:[]{}" tn'))
    else:  # a piece is cut out
        place = chance.randrange(len(text))
        del changed[place : place + chance.randrange(1, 40)]
    if changed == text:
        print(json.dumps("same"))
        continue
    (folder / "model.json").write_bytes(changed)
    if signed:
        (folder / "digests.json").write_text(model_check.digests_of(folder))
    try:
        scores = inference.model_fn(str(folder)).booster.inplace_predict(rows)
    except ValueError as error:
        print(json.dumps(f"{type(error).__name__}: {error}"), flush=True)
    else:
        assert scores.shape == expected.shape
        print(json.dumps("same" if np.array_equal(scores, expected) else "other scores"), flush=True)
print(json.dumps("lives"))
"""


def changed(tmp_path: Path, problem: str, *how: object) -> list[str]:
    """What loading the model of a problem ends with, each time after another change."""
    model = tmp_path / "model"
    shutil.copytree(finished_run(problem).model, model)
    result = step("-c", CHANGED, model, *how)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert found[-1:] == ["lives"], f"exit code {result.returncode} after {len(found)} changes\n{result.stderr}"
    return found[:-1]


@pytest.mark.parametrize("problem", SPECS)
def test_a_model_changed_anywhere_is_refused_when_it_is_loaded(tmp_path: Path, problem: str) -> None:
    found = changed(tmp_path, problem, "unsigned", "bit", POSITIONS)
    assert len(found) == POSITIONS
    assert set(found) == {
        "ModelError: model.json is not the file that digests.json names: it was changed after the training; "
        "restore the archive"
    }


@pytest.mark.parametrize("kind", ["bit", "digit", "text", "cut"])
@pytest.mark.parametrize("problem", SPECS)
def test_even_with_fitting_digests_no_change_ends_the_process(tmp_path: Path, problem: str, kind: str) -> None:
    """A changed leaf is another model, and sound; what is not sound is refused with a sentence."""
    found = changed(tmp_path, problem, "signed", kind, POSITIONS)
    assert len(found) == POSITIONS
    for told in found:
        assert told in ("same", "other scores") or told.startswith(REFUSALS), told


CHECK = """
import json, sys
sys.path[:0] = [sys.argv[1]]
import model_check
for line in sys.stdin:
    try:
        model_check.check_model(json.loads(line).encode("latin-1"))
        print(json.dumps("sound"))
    except model_check.ModelError as error:
        print(json.dumps(str(error)))
"""


@functools.cache
def sound() -> str:
    return (finished_run("multiclass").model / "model.json").read_text()


def altered(change: Callable[[Any], object]) -> str:
    raw = json.loads(sound())
    change(raw["learner"])
    return json.dumps(raw)


def trees(learner: Any) -> Any:
    return learner["gradient_booster"]["model"]["trees"]


def set_in(*path: Any, value: Any) -> Callable[[Any], None]:
    def change(learner: Any) -> None:
        for name in path[:-1]:
            learner = learner[name]
        learner[path[-1]] = value

    return change


MODEL = ("gradient_booster", "model")
TREE = (*MODEL, "trees", 4)
SHAPES: dict[str, tuple[Callable[[], str], str]] = {
    "several values a leaf": (
        lambda: altered(set_in(*TREE, "tree_param", "size_leaf_vector", value="3")), "tree 4 is not whole"),
    "another number of features": (
        lambda: altered(set_in(*TREE, "tree_param", "num_feature", value="90")), "tree 4 is not whole"),
    "no nodes": (lambda: altered(set_in(*TREE, "tree_param", "num_nodes", value="0")), "tree 4 is not whole"),
    "more nodes": (lambda: altered(set_in(*TREE, "tree_param", "num_nodes", value="8")), "tree 4: left_children are"),
    "negative nodes": (lambda: altered(set_in(*TREE, "tree_param", "num_nodes", value="-7")), "tree 4 is not whole"),
    "more deleted than there are": (
        lambda: altered(set_in(*TREE, "tree_param", "num_deleted", value="99")), "tree 4 is not whole"),
    "another id": (lambda: altered(set_in(*TREE, "id", value=3)), "tree 4 is not whole"),
    "a split by category": (lambda: altered(set_in(*TREE, "split_type", 0, value=1)), "tree 4 splits by category"),
    "categories of a node": (lambda: altered(set_in(*TREE, "categories_nodes", value=[5])), "tree 4 is not whole"),
    "categories": (lambda: altered(set_in(*MODEL, "cats", "enc", value=[{}])), "it has categories"),
    "a child before its parent": (lambda: altered(set_in(*TREE, "left_children", 2, value=1)), "tree 4: left_children"),
    "a child of two": (lambda: altered(set_in(*TREE, "right_children", 1, value=3)), "tree 4 is not whole"),
    "a child far away": (lambda: altered(set_in(*TREE, "left_children", 0, value=2**31 - 1)), "tree 4: left_children"),
    "a root below": (lambda: altered(set_in(*TREE, "parents", 0, value=1)), "tree 4: parents lead out of the tree"),
    "a foreign feature": (lambda: altered(set_in(*TREE, "split_indices", 0, value=-1)), "tree 4 splits on a feature"),
    "a fraction as an index": (
        lambda: altered(set_in(*TREE, "split_indices", 0, value=0.5)), "whole numbers holds something else"),
    "a text as an index": (
        lambda: altered(set_in(*TREE, "split_indices", 0, value="0")), "no sound XGBoost model"),
    "a list as an index": (lambda: altered(set_in(*TREE, "parents", 1, value=[0])), "no sound XGBoost model"),
    "an object as an array": (lambda: altered(set_in(*TREE, "parents", value={})), "tree 4: parents are not"),
    "no number": (lambda: altered(set_in(*TREE, "sum_hessian", 0, value=float("nan"))), "sum_hessian are not"),
    "beyond 32 bits": (lambda: altered(set_in(*TREE, "base_weights", 0, value=1e300)), "base_weights are not"),
    "beyond 64 bits": (lambda: altered(set_in(*TREE, "left_children", 0, value=10**30)), "no sound XGBoost model"),
    "a lost array": (lambda: altered(lambda learner: trees(learner)[4].pop("sum_hessian")), "KeyError('sum_hessian')"),
    "a foreign class": (lambda: altered(set_in(*MODEL, "tree_info", 2, value=3)), "tree_info does not fit"),
    "rounds beyond the trees": (
        lambda: altered(set_in(*MODEL, "iteration_indptr", -1, value=10**6)), "its rounds do not add up"),
    "another count of trees": (
        lambda: altered(set_in(*MODEL, "gbtree_model_param", "num_trees", value="9")), "gbtree_model_param"),
    "no parallel trees": (
        lambda: altered(set_in(*MODEL, "gbtree_model_param", "num_parallel_tree", value="0")), "gbtree_model_param"),
    "several targets": (lambda: altered(set_in("learner_model_param", "num_target", value="5")), "several targets"),
    "more classes": (lambda: altered(set_in("learner_model_param", "num_class", value="9")), "does not fit 9 outputs"),
    "other classes of the objective": (
        lambda: altered(set_in("objective", "softmax_multiclass_param", "num_class", value="9")), "does not fit 3"),
    "a short base score": (
        lambda: altered(set_in("learner_model_param", "base_score", value="[1,2]")), "base_score does not fit"),
    "an endless base score": (
        lambda: altered(set_in("learner_model_param", "base_score", value="1e999")), "base_score does not fit"),
    "no names for the features": (lambda: altered(set_in("feature_names", value=["a"])), "feature_names are not 9"),
    "weights of dropped trees": (
        lambda: altered(lambda learner: learner.update(gradient_booster={
            "name": "dart", "gbtree": learner["gradient_booster"], "weight_drop": [1.0]})), "weight_drop are not"),
    "a linear model": (
        lambda: altered(set_in("gradient_booster", value={"name": "gblinear", "model": {"weights": []}})), "KeyError"),
    "a name twice": (lambda: sound().replace('"version"', '"learner":{},"version"'), "a name comes twice"),
    "too deep": (lambda: altered(set_in("x", value=1)).replace('"x": 1', '"x": ' + "[" * 100_000), "RecursionError"),
    "no object": (lambda: "[1]", "no sound XGBoost model"),
    "a pickle": (lambda: "\x80\x04pickle", "no sound XGBoost model"),
    "nothing": (lambda: "", "no sound XGBoost model"),
}  # fmt: skip


@functools.cache
def verdicts() -> dict[str, str]:
    """What the check says to each shape, in one process."""
    texts = {"sound": sound(), **{name: make() for name, (make, _) in SHAPES.items()}}
    result = subprocess.run(
        [str(IMAGE_PYTHON), "-c", CHECK, str(finished_run("multiclass").model / "code")],
        input="".join(f"{json.dumps(text)}\n" for text in texts.values()),
        env={}, cwd=tempfile.gettempdir(), capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return dict(zip(texts, map(json.loads, result.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_made_up_model_is_refused_before_xgboost_sees_it(shape: str) -> None:
    told = verdicts()[shape]
    assert told.startswith("model.json is no sound XGBoost model: ")
    assert SHAPES[shape][1] in told


def test_what_train_writes_is_sound() -> None:
    assert verdicts()["sound"] == "sound"
