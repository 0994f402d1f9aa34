"""Serves the model: raw rows in, answers out. Travels in model.tar.gz as code/inference.py.

A row's answer depends on the problem: {"score": 0.12, "decision": 1} (binary), {"scores": {"a": 0.7, "b": 0.3},
"decision": "a"} (multiclass), {"prediction": 9.5} (regression). As JSON lines it is one object a line, as CSV the
values in this order, those of the classes in the order of the settings.

The image's server calls model_fn once per worker and transform_fn per request. An exception there would be a
500 to the client, so everything wrong with a request is answered with a response that has its own status.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from features import DataError, FeatureTransform
from model_check import ModelError, check_model, read_checked
from numpy.typing import NDArray
from payload import CSV, JSON, JSON_LINES, PayloadError, choose_accept, parse
from threshold import Decision


@dataclass(frozen=True)
class Model:
    booster: xgboost.Booster
    transform: FeatureTransform
    decision: Decision


@dataclass(frozen=True)
class Response:
    """A response with a status: a WSGI application, which the image's server takes from transform_fn as it is."""

    response: str
    status: int
    mimetype: str

    def __call__(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        body = self.response.encode("utf-8")
        kind = f"{CSV}; charset=utf-8" if self.mimetype == CSV else self.mimetype
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        start_response(f"{self.status} {HTTPStatus(self.status).phrase}", headers)
        return [body]


def model_fn(model_dir: str) -> Model:
    contents = read_checked(Path(model_dir))
    outputs = check_model(contents["model.json"])
    transform, decision = _read(contents)
    booster = _load(contents["model.json"])
    if booster.num_features() != transform.width:
        raise ValueError(
            f"model.json takes {booster.num_features()} features, features.json makes {transform.width}: "
            "they are not from the same training job"
        )
    if decision.problem != transform.problem:
        raise ValueError(f"decision.json is of a {decision.problem} model, features.json of a {transform.problem} one")
    expected = len(transform.classes) if transform.problem == "multiclass" else 1
    if outputs != expected:
        raise ValueError(f"model.json gives {outputs} scores a row, features.json needs {expected}: train it again")
    if transform.problem == "binary" and not isinstance(decision.threshold, float):
        raise ValueError("decision.json has no threshold, which a binary model needs: train it again")
    return Model(booster, transform, decision)


def _load(text: bytes) -> xgboost.Booster:
    try:
        return xgboost.Booster({"nthread": 1}, model_file=bytearray(text))
    except xgboost.core.XGBoostError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ModelError(f"model.json is no XGBoost model: {reason}") from error


def _read(contents: Mapping[str, bytes]) -> tuple[FeatureTransform, Decision]:
    try:
        transform = FeatureTransform.from_json(contents["features.json"].decode("utf-8"))
        return transform, Decision.from_json(contents["decision.json"].decode("utf-8"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"features.json or decision.json is none of Train's: {error!r}; train it again") from error


def transform_fn(model: Model, body: str | bytes, content_type: str | None, accept: str | None) -> Response:
    try:
        kind = choose_accept(accept, content_type)
        scores = predict(model, body, content_type)
    except PayloadError as error:
        return _error(error.message, column=error.column, row=error.row, status=error.status)
    except DataError as error:
        return _error(error.message, column=error.column, row=error.row, status=400)
    return Response(_answer(answers(model, scores), kind), 200, kind)


def predict(model: Model, body: str | bytes, content_type: str | None) -> NDArray[np.float32]:
    """The score of each row; one per class for several classes."""
    transform = model.transform
    rows = parse(
        body,
        content_type,
        names=transform.names,
        ignored=transform.ignored,
        null=transform.missing[0] if transform.missing else None,
    )
    scores: NDArray[np.float32] = model.booster.inplace_predict(transform.encode(rows))
    return scores


def answers(model: Model, scores: NDArray[np.float32]) -> list[dict[str, Any]]:
    """One answer per row. A score is written as the shortest text that is that float32 again."""
    if model.transform.problem == "regression":
        return [{"prediction": _number(score)} for score in scores]
    if model.transform.problem == "multiclass":
        names = model.transform.classes
        decided = scores.argmax(axis=1)
        return [
            {"scores": {name: _number(score) for name, score in zip(names, row, strict=True)}, "decision": names[best]}
            for row, best in zip(scores, decided, strict=True)
        ]
    threshold = model.decision.threshold
    if threshold is None:
        raise ValueError("decision.json has no threshold, which a binary model needs: train it again")
    return [{"score": _number(score), "decision": int(float(score) >= threshold)} for score in scores]


def _number(score: np.float32) -> float:
    return float(str(score))


def _answer(found: list[dict[str, Any]], kind: str) -> str:
    if kind == JSON_LINES:
        return "".join(f"{json.dumps(each, ensure_ascii=False)}\n" for each in found)
    if kind == JSON:
        return json.dumps({"predictions": found}, ensure_ascii=False)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(_flat(each) for each in found)
    return text.getvalue()


def _flat(answer: dict[str, Any]) -> list[Any]:
    return [each for value in answer.values() for each in (value.values() if isinstance(value, dict) else (value,))]


def _error(message: str, *, column: str | None, row: int | None, status: int) -> Response:
    return Response(json.dumps({"error": {"column": column, "row": row, "message": message}}), status, JSON)
