"""The champion, scored with its own features and threshold on this run's test rows; called by evaluate.py.

A champion that cannot be scored on them (another label, a column that is gone, a damaged archive) does not count; the
reason travels into the verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features import USUAL_CLASSES, Columns, DataError, FeatureTransform
from model_archive import ModelArchive
from numpy.typing import NDArray
from scores import Scores, scores_of

ARCHIVE = "model.tar.gz"
LONGEST = 100


@dataclass(frozen=True)
class Champion:
    """`scores` are None where it could not be scored, and `problem` says why."""

    version: str
    archive: ModelArchive | None = None
    scores: Scores | None = None
    problem: str | None = None


def find_archive(folder: Path) -> Path | None:
    """The champion's archive; None if there is no champion, which a single JSON file of any name says."""
    if (folder / ARCHIVE).is_file():
        return folder / ARCHIVE
    held = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    if not folder.exists() or (len(held) == 1 and held[0].endswith(".json")):
        return None
    raise DataError(
        f"{folder} holds {', '.join(held) or 'nothing'}; it must hold {ARCHIVE} or, where there is no champion, "
        "the placeholder, a single .json file"
    )


def open_champion(path: Path, *, version: str) -> Champion:
    try:
        return Champion(version, ModelArchive.read(path))
    except DataError as error:
        return Champion(version, problem=_short(str(error).replace(str(path), path.name)))


def score(champion: Champion, rows: Columns, *, challenger: FeatureTransform, labels: NDArray[Any]) -> Champion:
    """`labels` are the challenger's codes of the test rows, so that both are measured against the same truth."""
    if champion.archive is None:
        return champion
    problem = _mismatch(champion.archive.transform, challenger)
    if problem:
        return Champion(champion.version, champion.archive, problem=problem)
    try:
        scores = scores_of(champion.archive, rows, labels=labels, classes=challenger.classes)
    except DataError as error:
        return Champion(champion.version, champion.archive, problem=_short(str(error)))
    return Champion(champion.version, champion.archive, scores)


def _mismatch(champion: FeatureTransform, challenger: FeatureTransform) -> str | None:
    if champion.problem != challenger.problem:
        return f"it solves a {champion.problem} problem, this model a {challenger.problem} one"
    if champion.label != challenger.label:
        return _short(f"its label is {champion.label!r}, this model's is {challenger.label!r}")
    if champion.problem == "binary" and _in_words(champion) != _in_words(challenger):
        return _other_classes(champion, challenger)
    if champion.problem == "multiclass" and set(champion.classes) != set(challenger.classes):
        return _other_classes(champion, challenger)
    return None


def _in_words(transform: FeatureTransform) -> tuple[str, ...]:
    """The classes by name; 0/1, no/yes and false/true in this order mean the same."""
    usual = [USUAL_CLASSES.get(name.lower()) for name in transform.classes] in ([], [0, 1])
    return ("0", "1") if usual and transform.problem == "binary" else transform.classes


def _other_classes(champion: FeatureTransform, challenger: FeatureTransform) -> str:
    return _short(f"its classes are {', '.join(_in_words(champion))}, this model's {', '.join(_in_words(challenger))}")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
