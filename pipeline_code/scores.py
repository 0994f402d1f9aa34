"""A model's answers on the test rows in the form that its problem is measured in; for evaluate.py and champion.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from features import Columns, DataError
from metrics_binary import BinaryScores
from metrics_multiclass import MulticlassScores
from metrics_regression import RegressionScores
from model_archive import ModelArchive
from numpy.typing import NDArray

Scores: TypeAlias = BinaryScores | MulticlassScores | RegressionScores


def scores_of(model: ModelArchive, rows: Columns, *, labels: NDArray[Any], classes: Sequence[str]) -> Scores:
    """`labels` are codes of `classes`, in whose order the model's own classes are put."""
    problem = model.transform.problem
    found = model.predict(rows)
    if problem == "regression":
        return RegressionScores(np.asarray(labels, dtype=np.float64), _of_width(found, 1))
    if problem == "binary":
        if model.decision.threshold is None:
            raise DataError("decision.json tells no threshold; train the model again")
        return BinaryScores(np.asarray(labels, dtype=np.int8), _of_width(found, 1), model.decision.threshold)
    places = [model.transform.classes.index(name) for name in classes]
    probabilities = _of_width(found, len(places))[:, places]
    return MulticlassScores(np.asarray(labels, dtype=np.int64), probabilities, tuple(classes))


def _of_width(found: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    given = 1 if found.ndim == 1 else found.shape[1]
    if given != width:
        raise DataError(f"the model gives {given} numbers per row, {width} are needed; train it again")
    return found.reshape(-1) if width == 1 else found
