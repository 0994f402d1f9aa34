"""Whether the files of a model may be loaded: XGBoost can crash the whole process on a damaged model file.

Called by inference.py, with which it travels in model.tar.gz, and by model_archive.py; train.py writes digests.json.
Standard library and numpy only, because the endpoint imports it at start.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIGESTS = "digests.json"
CODE = (
    "answers", "explain", "features", "golden", "inference", "media", "model_check", "payload", "predictor", "quick",
    "quick_csv", "threshold",
)  # fmt: skip
CHECKED = ("model.json", "features.json", "decision.json", "golden.json", *(f"code/{name}.py" for name in CODE))
NO_DIGEST = "none"
LEAF, NO_PARENT = -1, 2**31 - 1
"""How XGBoost writes that a node has no children, or no parent."""
LARGEST = float(np.finfo(np.float32).max)
LARGEST_FILE = 1 << 30
WHOLE = ("left_children", "right_children", "parents", "split_indices", "split_type")
NUMBERS = ("split_conditions", "default_left", "base_weights", "loss_changes", "sum_hessian")
CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
"""The arrays of a tree: one whole number a node, one number a node, and those of splits by category."""


class ModelError(ValueError):
    """The files are no sound model."""


def digests_of(folder: Path) -> str:
    """digests.json of the model in the folder: which files were written together."""
    found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in CHECKED}
    return json.dumps(found, indent=1) + "\n"


def read_checked(folder: Path, digest: str | None = None) -> dict[str, bytes]:
    """The files by name, if they are the ones that digests.json names.

    `digest` is the sha256 of digests.json that whoever deployed the model has seen, if they have ("none" if not):
    someone who writes the files could write fitting digests too.
    """
    names = _read(folder, DIGESTS)
    if digest and digest != NO_DIGEST and hashlib.sha256(names).hexdigest() != digest:
        raise ModelError(
            f"{DIGESTS} is not the one that MODEL_DIGEST names ({digest[:100]}): the archive was changed after it was "
            "approved; restore it, or approve another version"
        )
    try:
        wanted = json.loads(names)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{DIGESTS} is no JSON ({error}); it must come from the Train step") from error
    contents = {name: _read(folder, name) for name in CHECKED}
    for name, content in contents.items():
        if not isinstance(wanted, dict) or wanted.get(name) != hashlib.sha256(content).hexdigest():
            raise ModelError(
                f"{name} is not the file that {DIGESTS} names: it was changed after the training; restore the archive"
            )
    return contents


def _read(folder: Path, name: str) -> bytes:
    path = folder / name
    if not path.is_file():
        raise ModelError(f"the model has no {name}; train it again with the Train step of this code")
    if path.stat().st_size > LARGEST_FILE:
        raise ModelError(f"{name} has {path.stat().st_size:,} bytes; at most {LARGEST_FILE:,} are read")
    return path.read_bytes()


def check_model(text: bytes) -> int:
    """How many scores a row gets; raises ModelError unless the text is a model of trees as Train writes it.

    In others XGBoost could read past its arrays.
    """
    try:
        learner = json.loads(text, object_pairs_hook=_only_once)["learner"]
        parameters = {name: int(learner["learner_model_param"][name]) for name in ("num_feature", "num_class")}
        features, outputs = parameters["num_feature"], max(parameters["num_class"], 1)
        _check_learner(learner, features, outputs)
        booster = learner["gradient_booster"]
        model = booster.get("gbtree", booster)["model"]  # a model with dropped trees (dart) has one more level
        _check_rounds(model, outputs)
        if "weight_drop" in booster:
            _numbers(booster["weight_drop"], len(model["trees"]), "weight_drop")
        _check_trees(model["trees"], features)
        return outputs
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise ModelError(f"model.json is no sound XGBoost model: {error!r}") from error


def _only_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; of a name that comes twice XGBoost might take the other value."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice in an object")
    return found


def _check_learner(learner: Mapping[str, Any], features: int, outputs: int) -> None:
    parameters = learner["learner_model_param"]
    if features < 1 or int(parameters.get("num_target", 1)) != 1:
        raise ValueError("it has no features, or several targets")
    score = json.loads(parameters["base_score"])
    score = score if isinstance(score, list) else [score]
    if len(score) not in (1, outputs) or not np.isfinite(np.asarray(score, dtype=np.float64)).all():
        raise ValueError(f"base_score does not fit {outputs} outputs")
    for name, settings in learner["objective"].items():
        if name != "name" and max(int(settings.get("num_class", outputs)), 1) != outputs:
            raise ValueError(f"{name} does not fit {outputs} outputs")
    for name in ("feature_names", "feature_types"):
        if len(learner.get(name, ())) not in (0, features):
            raise ValueError(f"{name} are not {features}")


def _check_rounds(model: Mapping[str, Any], outputs: int) -> None:
    count, bounds, owners = len(model["trees"]), _whole(model["iteration_indptr"]), _whole(model["tree_info"])
    if bounds[0] != 0 or bounds[-1] != count or (np.diff(bounds) < 0).any():
        raise ValueError(f"its rounds do not add up to {count} trees")
    if len(owners) != count or not ((owners >= 0) & (owners < outputs)).all():
        raise ValueError(f"tree_info does not fit {count} trees of {outputs} outputs")
    parameters = model["gbtree_model_param"]
    if int(parameters["num_trees"]) != count or int(parameters["num_parallel_tree"]) < 1:
        raise ValueError(f"gbtree_model_param does not fit {count} trees")
    if any(len(held) for held in model.get("cats", {}).values()):
        raise ValueError("it has categories, and Train makes none")


def _check_trees(trees: list[Mapping[str, Any]], features: int) -> None:
    """Every tree's arrays are as long as it says, and every split, child and parent is one that exists."""
    for number, tree in enumerate(trees):
        _check_head(tree, number, features)
    nodes = np.array([int(tree["tree_param"]["num_nodes"]) for tree in trees], dtype=np.int64)
    owner: NDArray[np.int64] = np.repeat(np.arange(len(trees)), nodes)
    first = (np.cumsum(nodes) - nodes)[owner]
    place = np.arange(len(owner)) - first
    arrays = {name: _joined(trees, name, nodes) for name in (*WHOLE, *NUMBERS)}
    left, right, parents, splits = (arrays[name] for name in WHOLE[:4])
    leaf = left == LEAF
    _expect((leaf == (right == LEAF)) & (leaf | (left != right)), owner, "tree {} is not whole")
    inner = np.flatnonzero(~leaf)
    for name, children in (("left_children", left[inner]), ("right_children", right[inner])):
        inside = (children > place[inner]) & (children < nodes[owner[inner]])
        _expect(inside, owner[inner], f"tree {{}}: {name} lead out of the tree")
        _expect(
            parents[children + first[inner]] == place[inner], owner[inner], f"tree {{}}: {name} lead out of the tree"
        )
    root = place == 0
    known = ((parents >= 0) & (parents < nodes[owner])) | (parents == NO_PARENT)
    _expect(np.where(root, parents == NO_PARENT, known), owner, "tree {}: parents lead out of the tree")
    _expect(
        (splits[inner] >= 0) & (splits[inner] < features),
        owner[inner],
        "tree {} splits on a feature that the model does not have",
    )
    _expect(arrays["split_type"] == 0, owner, "tree {} splits by category, and Train makes no such tree")


def _check_head(tree: Mapping[str, Any], number: int, features: int) -> None:
    parameters = {name: int(value) for name, value in tree["tree_param"].items()}
    if (
        tree["id"] != number
        or parameters["num_nodes"] < 1
        or parameters["num_feature"] != features
        or not 0 <= parameters["num_deleted"] < parameters["num_nodes"]
        or parameters["size_leaf_vector"] not in (0, 1)
        or any(tree[name] for name in CATEGORIES)
    ):
        raise ValueError(f"tree {number} is not whole")


def _joined(trees: list[Mapping[str, Any]], name: str, nodes: NDArray[np.int64]) -> NDArray[Any]:
    """One array of all trees, each of them as long as it must be."""
    for number, tree in enumerate(trees):
        if len(tree[name]) != nodes[number]:
            raise ValueError(f"tree {number}: {name} are not {nodes[number]} numbers")
    values = [value for tree in trees for value in tree[name]]
    return _whole(values) if name in WHOLE else _numbers(values, len(values), name)


def _expect(holds: NDArray[np.bool_], owner: NDArray[np.int64], sentence: str) -> None:
    if not holds.all():
        raise ValueError(sentence.format(owner[int(np.argmin(holds))]))


def _numbers(values: Any, count: int, name: str) -> NDArray[np.float64]:
    found = np.asarray(values, dtype=np.float64)
    if found.shape != (count,) or not (np.abs(found) <= LARGEST).all():
        raise ValueError(f"{name} are not {count} numbers")
    return found


def _whole(values: Any) -> NDArray[np.int64]:
    found = np.asarray(values)
    if found.ndim != 1 or found.dtype.kind != "i" or not found.size:
        raise ValueError("a list of whole numbers holds something else")
    return found
