"""Serves the model: raw rows in, answers out. Travels in model.tar.gz as code/inference.py.

A row's answer depends on the problem: {"score": 0.12, "decision": 1} (binary), {"scores": {"a": 0.7, "b": 0.3},
"decision": "a"} (multiclass), {"prediction": 9.5} (regression). As JSON lines it is one object a line, as CSV the
values in this order, those of the classes in the order of the settings. MODEL_VERSION is told with them, as a field
(not in a CSV) and as a header. `Accept: application/json; explain=true` adds {"explanation": ...}, see explain.py.

media.py, payload.py     what a request holds and wants
quick.py, quick_csv.py   the same for what is as it should be
answers.py, explain.py   what is answered
model_check.py           whether the files may be loaded; golden.py whether they answer as they did

The image's server calls model_fn once per worker and transform_fn per request. An exception there would be a
500 to the client, so everything wrong with a request is answered with a response that has its own status.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any

import explain
import golden
import numpy as np
import xgboost
from answers import Answer, Answers
from features import Columns, DataError, FeatureTransform
from media import CSV, JSON, PayloadError, choose_accept
from model_check import ModelError, check_model, read_checked
from numpy.typing import NDArray
from payload import MOST_BYTES, parse
from predictor import predictor
from quick import Quick
from threshold import Decision

SHORT_BYTES = 4096
"""The embedded AWS answers bodies up to this without a thread: a few rows take less time than changing to one."""
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
VERSION_PATTERN = r"[\w.:/@+-]{1,200}"


@dataclass(frozen=True)
class Model:
    """A model that was loaded, and all that is known of it before the first request."""

    booster: xgboost.Booster
    transform: FeatureTransform
    decision: Decision
    version: str | None = None

    @cached_property
    def quick(self) -> Quick:
        return Quick(self.transform)

    @cached_property
    def texts(self) -> Answers:
        return Answers(self.transform, self.decision, self.version)

    def answers(self, rows: Columns) -> list[Answer]:
        """What each row gets."""
        return self.texts.values(self.scores(self.transform.encode(rows)))

    @cached_property
    def scores(self) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
        """The score of each row of a matrix; one per class for several classes."""
        return predictor(self.booster)

    def encode(self, body: str | bytes, content_type: str | None) -> NDArray[np.float32]:
        """The rows of a body; raises PayloadError or DataError."""
        found = self.quick.matrix(body, content_type)
        if found is not None and len(body) <= MOST_BYTES:
            return found
        transform = self.transform
        null = transform.missing[0] if transform.missing else None
        return transform.encode(parse(body, content_type, names=transform.names, ignored=transform.ignored, null=null))


@dataclass(frozen=True)
class Response:
    """A response with a status: a WSGI application, which the image's server takes from transform_fn as it is."""

    response: str
    status: int
    mimetype: str
    version: str | None = None

    def __call__(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        body = self.response.encode("utf-8")
        kind = f"{CSV}; charset=utf-8" if self.mimetype == CSV else self.mimetype
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        if self.version is not None:
            headers.append((ATTRIBUTES, f"model_version={self.version}"))
        start_response(f"{self.status} {HTTPStatus(self.status).phrase}", headers)
        return [body]


def model_fn(model_dir: str) -> Model:
    contents = read_checked(Path(model_dir), os.environ.get("MODEL_DIGEST"))
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
    model = Model(booster, transform, decision, _version())
    golden.check(contents[golden.GOLDEN], transform.names, model.answers)
    return model


def _version() -> str | None:
    version = os.environ.get("MODEL_VERSION") or None
    if version is not None and not re.fullmatch(VERSION_PATTERN, version, re.ASCII):
        raise ModelError(f"MODEL_VERSION is {version[:100]!r}; allowed: a group and a number, such as claims-fraud/3")
    return version


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
        wanted = choose_accept(accept, content_type)
        matrix = model.encode(body, content_type)
        explanations = _explanations(model, matrix) if wanted.explain else None
    except (PayloadError, DataError) as error:
        return _error(model, error)
    text = model.texts.text(model.scores(matrix), wanted.kind, explanations)
    return Response(text, 200, wanted.kind, model.version)


def _explanations(model: Model, matrix: NDArray[np.float32]) -> list[dict[str, Any]]:
    if len(matrix) > explain.MOST_ROWS:
        raise PayloadError(
            f"{len(matrix):,} rows given; with explain=true at most {explain.MOST_ROWS:,}: send them in parts"
        )
    return explain.explanations(model.booster, matrix, model.transform)


def _error(model: Model, error: PayloadError | DataError) -> Response:
    text = json.dumps({"error": {"column": error.column, "row": error.row, "message": error.message}})
    return Response(text, getattr(error, "status", 400), JSON, model.version)
