"""Scores as answers, and answers as text; called by inference.py.

The text is put together row by row from a template: a general encoder takes several times as long.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from features import FeatureTransform
from media import JSON, JSON_LINES
from numpy.typing import NDArray
from threshold import Decision

Answer = dict[str, Any]
VERSION = "model_version"


class Answers:
    """What is known of the answers before the first score. A model has a threshold, several classes or neither."""

    def __init__(self, transform: FeatureTransform, decision: Decision, version: str | None) -> None:
        self._threshold = decision.threshold
        self._version = "" if version is None else f', "{VERSION}": {_json(version)}'
        self._classes = [(_json(name), _field(name)) for name in transform.classes]
        if transform.problem == "regression":
            self._object, self._line = '{"prediction": %s}', "%s"
        elif transform.problem == "multiclass":
            scores = ", ".join(f"{name.replace('%', '%%')}: %s" for name, _ in self._classes)
            self._object = f'{{"scores": {{{scores}}}, "decision": %s}}'
            self._line = ",".join(["%s"] * (len(self._classes) + 1))
        else:
            self._object, self._line = '{"score": %s, "decision": %s}', "%s,%s"

    def text(self, scores: NDArray[np.float32], kind: str, explanations: Sequence[Any] | None = None) -> str:
        """The answers in the type that is wanted; CSV holds values only, the version goes with the others."""
        if kind not in (JSON, JSON_LINES):
            return self._csv(scores, explanations)
        objects = self._objects(scores, explanations)
        if kind == JSON:
            return f'{{"predictions": [{", ".join(objects)}]{self._version}}}'
        if self._version:
            return "".join([f"{each[:-1]}{self._version}}}\n" for each in objects])
        return "\n".join(objects) + "\n"

    def values(self, scores: NDArray[np.float32]) -> list[Answer]:
        found: list[Answer] = json.loads(f"[{','.join(self._objects(scores, None))}]")
        return found

    def _objects(self, scores: NDArray[np.float32], explanations: Sequence[Any] | None) -> list[str]:
        found = [self._object % row for row in self._rows(scores, place=0)]
        if explanations is None:
            return found
        return [f'{each[:-1]}, "explanation": {_json(why)}}}' for each, why in zip(found, explanations, strict=True)]

    def _csv(self, scores: NDArray[np.float32], explanations: Sequence[Any] | None) -> str:
        found = [self._line % row for row in self._rows(scores, place=1)]
        if explanations is not None:
            found = [",".join([each, *map(str, _flat(why))]) for each, why in zip(found, explanations, strict=True)]
        return "\n".join(found) + "\n"

    def _rows(self, scores: NDArray[np.float32], *, place: int) -> list[tuple[Any, ...]]:
        """The texts of each row. A score is the shortest text that is that float32 again."""
        if scores.ndim > 1:
            names = [each[place] for each in self._classes]
            decided = scores.argmax(axis=1).tolist()
            return [(*map(str, row), names[best]) for row, best in zip(scores, decided, strict=True)]
        texts = map(str, scores)
        if self._threshold is None:
            return [(text,) for text in texts]
        decisions = (scores.astype(np.float64) >= self._threshold).astype(np.int8).tolist()
        return list(zip(texts, decisions, strict=True))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _field(text: str) -> str:
    """The text as a field of a CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([text])
    return line.getvalue()


def _flat(value: Any) -> list[Any]:
    return [each for held in value.values() for each in _flat(held)] if isinstance(value, dict) else [value]
