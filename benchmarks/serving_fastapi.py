"""The endpoint that one would write without SageMaker: FastAPI, a pydantic model of a row, NumPy, XGBoost.

Run by serving.py in the benchmark's environment: `uvicorn serving_fastapi:app`, with MODEL as the model's folder.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, create_model

folder = Path(os.environ["MODEL"])
columns = json.loads((folder / "features.json").read_text("utf-8"))["columns"]
threshold = json.loads((folder / "decision.json").read_text("utf-8"))["threshold"]
booster = xgboost.Booster({"nthread": 1}, model_file=folder / "model.json")

# As if each field stood there: `num_injuries: float | None`.
fields: dict[str, Any] = {c["name"]: (float | None if c["kind"] == "numeric" else str | None, ...) for c in columns}
Row = create_model("Row", __config__=ConfigDict(extra="forbid"), **fields)


class Rows(BaseModel):
    instances: list[Row]  # type: ignore[valid-type]


class Prediction(BaseModel):
    score: float
    decision: int | None = None


class Predictions(BaseModel):
    predictions: list[Prediction]
    model_version: str = "benchmark/1"


plan: list[tuple[str, int, dict[str, int] | None]] = []
width = 0
for column in columns:
    numeric = column["kind"] == "numeric"
    places = None if numeric else {text: width + place for place, text in enumerate(column["categories"])}
    plan.append((column["name"], width, places))
    width += 1 if numeric else len(column["categories"])


def encode(rows: list[Any]) -> np.ndarray[Any, Any]:
    matrix: Any = np.zeros((len(rows), width), dtype=np.float32)
    for number, row in enumerate(rows):
        for name, start, places in plan:
            value = getattr(row, name)
            if places is None:
                matrix[number, start] = np.nan if value is None else value
            elif value is None:
                matrix[number, start : start + len(places)] = np.nan
            elif value in places:
                matrix[number, places[value]] = 1
    return matrix


app = FastAPI()


@app.get("/ping")
def ping() -> None:
    return None


@app.post("/invocations")
def invocations(rows: Rows) -> Predictions:
    scores = booster.inplace_predict(encode(rows.instances))
    return Predictions(
        predictions=[
            Prediction(score=score, decision=None if threshold is None else int(score >= threshold))
            for score in scores.tolist()
        ]
    )
