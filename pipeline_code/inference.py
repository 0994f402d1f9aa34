"""Serves the model: raw rows in, scores and decisions out. Travels in model.tar.gz as code/inference.py.

The image's server calls model_fn once per worker and transform_fn per request. An exception there would be a
500 to the client, so everything wrong with a request is answered with a response that has its own status.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from features import DataError, FeatureTransform
from numpy.typing import NDArray
from payload import CSV, JSON, PayloadError, choose_accept, parse
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
        kind = self.mimetype if self.mimetype == JSON else f"{self.mimetype}; charset=utf-8"
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        start_response(f"{self.status} {HTTPStatus(self.status).phrase}", headers)
        return [body]


def model_fn(model_dir: str) -> Model:
    folder = Path(model_dir)
    transform = FeatureTransform.read(folder / "features.json")
    booster = xgboost.Booster({"nthread": 1}, model_file=folder / "model.json")
    width = len(transform.feature_names)
    if booster.num_features() != width:
        raise ValueError(
            f"model.json takes {booster.num_features()} features, features.json makes {width}: "
            "they are not from the same training job"
        )
    return Model(booster, transform, Decision.read(folder / "decision.json"))


def transform_fn(model: Model, body: str | bytes, content_type: str | None, accept: str | None) -> Response:
    try:
        kind = choose_accept(accept)
        scores = predict(model, body, content_type)
    except PayloadError as error:
        return _error(error.message, column=error.column, row=error.row, status=error.status)
    except DataError as error:
        return _error(error.message, column=error.column, row=error.row, status=400)
    return Response(_answer(scores, model.decision.threshold, kind), 200, kind)


def predict(model: Model, body: str | bytes, content_type: str | None) -> NDArray[np.float32]:
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


def _answer(scores: NDArray[np.float32], threshold: float, kind: str) -> str:
    pairs = [(float(str(score)), int(float(score) >= threshold)) for score in scores]
    if kind == CSV:
        return "".join(f"{score},{decision}\n" for score, decision in pairs)
    return json.dumps({"predictions": [{"score": score, "decision": decision} for score, decision in pairs]})


def _error(message: str, *, column: str | None, row: int | None, status: int) -> Response:
    return Response(json.dumps({"error": {"column": column, "row": row, "message": message}}), status, JSON)
