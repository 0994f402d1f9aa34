"""golden.json: a few raw rows of the validation part with the answers that Train got for them.

Train writes it, digests.json covers it, and inference.py asks for the same answers before it serves. Whoever deploys
the model can send the rows to the endpoint and compare. Standard library and numpy only, as the endpoint imports it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from features import Columns, DataError, Distinct, FeatureTransform, Values
from model_check import ModelError
from numpy.typing import NDArray

GOLDEN = "golden.json"
MOST_ROWS, LOOKED_AT = 16, 10_000
TOLERANCE = 1e-6
"""How far a score may be off: another processor may round the last bit of an exponential differently."""

Row = dict[str, str]
Answer = dict[str, Any]


def choose(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """The places of rows whose scores spread from the lowest to the highest, so that each kind of answer is there."""
    first = scores.reshape(len(scores), -1)[:, 0]
    spread = np.linspace(0, len(first) - 1, min(MOST_ROWS, len(first)))
    return np.sort(np.argsort(first, kind="stable")[np.round(spread).astype(np.int64)])


def sample(rows: Columns, names: Sequence[str]) -> dict[str, Values]:
    """The rows among which golden ones are looked for: encoding all of a large part would need a lot of memory."""
    return {name: _first(rows[name]) for name in names}


def _first(values: Values) -> Values:
    return Distinct(values.values, values.codes[:LOOKED_AT]) if isinstance(values, Distinct) else values[:LOOKED_AT]


def texts_of(rows: Columns, places: NDArray[np.int64], transform: FeatureTransform) -> list[Row]:
    """The rows as a client sends them: a text for each feature."""
    missing = transform.missing[0] if transform.missing else ""
    columns = {name: _texts(rows[name], places, missing) for name in transform.names}
    return [{name: texts[place] for name, texts in columns.items()} for place in range(len(places))]


def _texts(values: Values, places: NDArray[np.int64], missing: str) -> list[str]:
    if isinstance(values, np.ndarray):
        return [missing if math.isnan(value) else repr(value) for value in values[places].tolist()]
    column = Distinct.of(values)
    return [column.values[code] for code in column.codes[places]]


def to_json(rows: Sequence[Row], answers: Sequence[Answer]) -> str:
    return json.dumps({"rows": rows, "answers": answers}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def check(text: bytes, names: Sequence[str], answers: Callable[[dict[str, list[str]]], list[Answer]]) -> None:
    """Raises ModelError unless the model answers to the rows as it did when it was trained."""
    rows, expected = _read(text, names)
    try:
        given = answers({name: [row[name] for row in rows] for name in names})
    except DataError as error:
        raise ModelError(f"a row of {GOLDEN} is none of this model: {error}; train it again") from error
    for number, (found, wanted) in enumerate(zip(given, expected, strict=True), 1):
        if not same(found, wanted):
            raise ModelError(
                f"row {number} of {GOLDEN} is answered with {json.dumps(found)}, and was with "
                f"{json.dumps(wanted)[:200]} after the training: these files do not belong together, or XGBoost "
                "computes otherwise here; restore the archive or train it again"
            )


def _read(text: bytes, names: Sequence[str]) -> tuple[list[Row], list[Answer]]:
    try:
        held = json.loads(text)
        rows, answers = held["rows"], held["answers"]
        sound = isinstance(rows, list) and isinstance(answers, list) and 0 < len(rows) == len(answers) <= MOST_ROWS
        sound = sound and all(set(row) == set(names) for row in rows)
        sound = sound and all(isinstance(text, str) for row in rows for text in row.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{GOLDEN} is none of Train's: {error!r}; train the model again") from error
    if not sound:
        raise ModelError(
            f"{GOLDEN} is none of Train's: it takes 1 to {MOST_ROWS} rows with a text for each of the model's "
            f"{len(names)} columns and as many answers; train the model again"
        )
    return rows, answers


def same(found: Any, wanted: Any) -> bool:
    """Whether two answers are one: numbers within the tolerance, all else equal."""
    if isinstance(found, Mapping):
        return (
            isinstance(wanted, Mapping)
            and list(found) == list(wanted)
            and all(same(found[name], wanted[name]) for name in found)
        )
    if isinstance(found, float):
        number = isinstance(wanted, int | float) and not isinstance(wanted, bool)
        return number and math.isfinite(wanted) and abs(found - wanted) <= TOLERANCE * max(1.0, abs(wanted))
    return bool(found == wanted and type(found) is type(wanted))
