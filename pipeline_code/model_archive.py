"""A trained model as model.tar.gz: read out of the archive, so nothing in it can be written anywhere.

XGBoost can crash the whole process on a damaged model file, so model.json is checked before it is loaded. Train writes
that; model.ubj is taken as it is.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from data_profile import Profile
from features import Columns, DataError, Distinct, FeatureTransform, Values
from numpy.typing import NDArray
from threshold import Decision

BOOSTERS = ("model.json", "model.ubj")
NEEDED = ("features.json", "decision.json")
OPTIONAL = ("profile.json",)
LARGEST_MEMBER = 1 << 30
MOST_MEMBERS = 1000
LEAF, NO_PARENT = -1, 2**31 - 1
"""How XGBoost writes that a node has no children, or no parent."""
ROWS_AT_ONCE, ROWS_PER_THREAD = 1 << 18, 50_000


class ArchiveError(DataError):
    """The archive is no model of the Train step."""


@dataclass(frozen=True)
class ModelArchive:
    transform: FeatureTransform
    decision: Decision
    profile: Profile | None
    booster: xgboost.Booster
    sha256: str
    bytes: int

    @classmethod
    def read(cls, path: Path) -> ModelArchive:
        contents = _members(path)
        try:
            transform = FeatureTransform.from_json(contents["features.json"].decode("utf-8"))
            decision = Decision.from_json(contents["decision.json"].decode("utf-8"))
            profile = (
                Profile.from_json(contents["profile.json"].decode("utf-8")) if "profile.json" in contents else None
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ArchiveError(f"{path}: {error}; it must come from the Train step of this code") from error
        booster = _booster(contents, transform, path)
        return cls(transform, decision, profile, booster, _sha256(path), path.stat().st_size)

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """What Train was told, where it wrote that into the model (the attribute "hyperparameters", JSON)."""
        found = json.loads(self.booster.attr("hyperparameters") or "{}")
        return found if isinstance(found, dict) else {}

    @property
    def rounds(self) -> int:
        return int(self.booster.num_boosted_rounds())

    def predict(self, rows: Columns) -> NDArray[np.float64]:
        """The score of each row; for several classes one per class. Memory does not grow with the encoded columns."""
        names, total = self.transform.names, len(rows[self.transform.label])
        self.booster.set_param({"nthread": _threads(total)})
        parts = []
        for start in range(0, total, ROWS_AT_ONCE):
            block = {name: _between(rows[name], start, start + ROWS_AT_ONCE) for name in names if name in rows}
            try:
                parts.append(self.booster.inplace_predict(self.transform.encode(block)))
            except DataError as error:  # its row would count from the start of the block
                raise DataError(error.message, column=error.column) from None
        found: NDArray[np.float64] = np.concatenate(parts).astype(np.float64)
        if not np.isfinite(found).all():
            raise DataError("the model answers with what is no finite number; train it again")
        return found

    @cached_property
    def gains(self) -> dict[str, float]:
        """Each raw column's share of what the trees gained by splitting on it, the largest first."""
        owners = [column.name for column in self.transform.columns for _ in range(column.width)]
        by_column = dict.fromkeys(self.transform.names, 0.0)
        for feature, gain in self.booster.get_score(importance_type="total_gain").items():
            by_column[owners[int(feature[1:])]] += float(gain)
        total = sum(by_column.values()) or 1.0
        return {name: by_column[name] / total for name in sorted(by_column, key=lambda name: (-by_column[name], name))}


def _between(values: Values, start: int, stop: int) -> Values:
    return Distinct(values.values, values.codes[start:stop]) if isinstance(values, Distinct) else values[start:stop]


def _threads(rows: int) -> int:
    """Few rows are faster on one thread."""
    return max(1, min(os.cpu_count() or 1, rows // ROWS_PER_THREAD))


def _members(path: Path) -> dict[str, bytes]:
    wanted = {*NEEDED, *OPTIONAL, *BOOSTERS}
    found: dict[str, bytes] = {}
    names = []
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                names.append(name)
                if len(names) > MOST_MEMBERS:
                    raise ArchiveError(f"{path} holds more than {MOST_MEMBERS} members; it must come from Train")
                if member.size > LARGEST_MEMBER:
                    raise ArchiveError(f"{path}: {name} has {member.size:,} bytes; at most {LARGEST_MEMBER:,} are read")
                file = archive.extractfile(member) if name in wanted and member.isfile() else None
                if file:
                    found[name] = file.read()
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, OSError, zlib.error) as error:
        raise ArchiveError(f"{path} cannot be read: {error}; it must come from the Train step") from error
    absent = [name for name in NEEDED if name not in found]
    if not any(name in found for name in BOOSTERS):
        absent.append(BOOSTERS[0])
    if absent:
        held = ", ".join(sorted(names)[:20]) or "nothing"
        raise ArchiveError(f"{path} holds no {absent[0]}, only {held}; it must come from the Train step")
    return found


def _booster(contents: Mapping[str, bytes], transform: FeatureTransform, path: Path) -> xgboost.Booster:
    name = next(name for name in BOOSTERS if name in contents)
    if name == "model.json":
        _check_structure(contents[name], path)
    try:
        booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(contents[name]))
    except xgboost.core.XGBoostError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ArchiveError(f"{path}: {name} is no XGBoost model: {reason}") from error
    if booster.num_features() != transform.width:
        raise ArchiveError(
            f"{path}: {name} takes {booster.num_features()} features, features.json makes {transform.width}: "
            "they are not from the same training job"
        )
    return booster


def _check_structure(text: bytes, path: Path) -> None:
    """Every tree's arrays are as long as it says, and every split, child and class is one that exists."""
    try:
        learner = json.loads(text)["learner"]
        features = int(learner["learner_model_param"]["num_feature"])
        outputs = max(int(learner["learner_model_param"]["num_class"]), 1)
        booster = learner["gradient_booster"]
        model = booster.get("gbtree", booster)["model"]  # a model with dropped trees (dart) has one more level
        _check_rounds(model, outputs)
        for number, tree in enumerate(model["trees"]):
            _check_tree(tree, features, number)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise ArchiveError(f"{path}: model.json is no sound XGBoost model: {error!r}") from error


def _check_rounds(model: Mapping[str, Any], outputs: int) -> None:
    count, bounds, owners = len(model["trees"]), _whole(model["iteration_indptr"]), _whole(model["tree_info"])
    if bounds[0] != 0 or bounds[-1] != count or (np.diff(bounds) < 0).any():
        raise ValueError(f"its rounds do not add up to {count} trees")
    if len(owners) != count or not ((owners >= 0) & (owners < outputs)).all():
        raise ValueError(f"tree_info does not fit {count} trees of {outputs} outputs")


def _check_tree(tree: Mapping[str, Any], features: int, number: int) -> None:
    nodes = int(tree["tree_param"]["num_nodes"])
    whole = {name: _whole(tree[name]) for name in ("left_children", "right_children", "split_indices", "parents")}
    for name in (*whole, "split_conditions", "default_left", "base_weights", "loss_changes", "sum_hessian"):
        if len(tree[name]) != nodes or not np.isfinite(np.asarray(tree[name], dtype=np.float64)).all():
            raise ValueError(f"tree {number}: {name} are not {nodes} numbers")
    left, right, parents = whole["left_children"], whole["right_children"], whole["parents"]
    inner = np.flatnonzero(left != LEAF)
    if nodes < 1 or tree["id"] != number or ((right != LEAF) != (left != LEAF)).any():
        raise ValueError(f"tree {number} is not whole")
    for name, children in (("left_children", left[inner]), ("right_children", right[inner])):
        if not ((children > inner) & (children < nodes)).all() or (parents[children] != inner).any():
            raise ValueError(f"tree {number}: {name} lead out of the tree")
    if parents[0] != NO_PARENT or not ((parents[1:] >= 0) & ((parents[1:] < nodes) | (parents[1:] == NO_PARENT))).all():
        raise ValueError(f"tree {number}: parents lead out of the tree")
    splits = whole["split_indices"][inner]
    if not ((splits >= 0) & (splits < features)).all():
        raise ValueError(f"tree {number} splits on a feature that the model does not have")


def _whole(values: Any) -> NDArray[np.int64]:
    found = np.asarray(values)
    if found.ndim != 1 or found.dtype.kind != "i" or not found.size:
        raise ValueError("a list of whole numbers holds something else")
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
