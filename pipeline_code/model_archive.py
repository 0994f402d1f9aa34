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
from model_check import ModelError, check_model
from numpy.typing import NDArray
from threshold import Decision

BOOSTERS = ("model.json", "model.ubj")
NEEDED = ("features.json", "decision.json")
OPTIONAL = ("profile.json",)
LARGEST_MEMBER = 1 << 30
MOST_MEMBERS = 1000
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
        try:
            check_model(contents[name])
        except ModelError as error:
            raise ArchiveError(f"{path}: {error}") from error
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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
