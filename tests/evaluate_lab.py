"""Small trained models and test parts for the tests of Evaluate, made in the image's environment without Train."""

from __future__ import annotations

import functools
import json
import math
import random
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.step_runs import CODE, IMAGE_PYTHON, errors_of

BUILD = """
import io, json, sys, tarfile
sys.path[:0] = [sys.argv[1]]
from pathlib import Path
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xgboost
from data_profile import profile_of
from features import FeatureTransform
from parts import PartWriter

def columns(raw):
    return {name: np.array([np.nan if v is None else v for v in values], dtype=np.float64)
            if values and not any(isinstance(v, str) for v in values) else values for name, values in raw.items()}

def write_part(folder, raw):
    found = columns(raw)
    fields = [(name, pa.float64() if isinstance(v, np.ndarray) else pa.string()) for name, v in found.items()]
    rows = pa.table({name: pa.array(v, dict(fields)[name]) for name, v in found.items()})
    writer = PartWriter(Path(folder), schema=pa.schema(fields))
    writer.write(rows)
    writer.close()
    if not rows.num_rows:
        pq.write_table(rows, Path(folder, "part-00000-00000.parquet"))

def write_model(made):
    transform = FeatureTransform.from_json(json.dumps(made["transform"]))
    rows = columns(made["rows"])
    matrix = xgboost.DMatrix(transform.encode(rows), transform.labels(rows))
    booster = xgboost.train({"nthread": 1, **made["parameters"]}, matrix, made["rounds"])
    booster.set_attr(hyperparameters=json.dumps({"num_round": made["rounds"], "eta": 0.3}))
    members = {"model.json": bytes(booster.save_raw("json")), "features.json": transform.to_json().encode(),
               "decision.json": json.dumps(made["decision"]).encode()}
    if made["with_profile"]:
        members["profile.json"] = profile_of(rows, transform).to_json().encode()
    path = Path(made["path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))

job = json.load(sys.stdin)
for folder, raw in job["parts"].items():
    write_part(folder, raw)
for made in job["models"]:
    write_model(made)
"""
OBJECTIVES = {"binary": "binary:logistic", "regression": "reg:squarederror", "multiclass": "multi:softprob"}
Rows = Mapping[str, Sequence[Any]]


@dataclass
class World:
    """Models and test parts by name, made in one process by `build`."""

    folder: Path
    parts: dict[str, Rows] = field(default_factory=dict)
    models: list[dict[str, Any]] = field(default_factory=list)

    def part(self, name: str, rows: Rows) -> Path:
        self.parts[str(self.folder / name)] = rows
        return self.folder / name

    def model(self, name: str, rows: Rows, *, rounds: int = 30, threshold: float = 0.5, profile: bool = True,
              depth: int = 3, **transform: Any) -> Path:  # fmt: skip
        problem = transform.get("problem", "binary")
        classes = transform.get("classes", [])
        decision: dict[str, Any] = {"problem": problem, "validation_rows": 90}
        if problem == "binary":
            decision |= {"threshold": threshold, "false_negative_cost": 10, "false_positive_cost": 1,
                         "validation_positives": 30, "validation_cost": 40}  # fmt: skip
        self.models.append({
            "path": str(self.folder / name / "model.tar.gz"), "rows": rows, "rounds": rounds, "decision": decision,
            "transform": features(rows, **transform), "with_profile": profile,
            "parameters": {"objective": OBJECTIVES[problem], "max_depth": depth, "eta": 0.3}
            | ({"num_class": len(classes)} if problem == "multiclass" else {}),
        })  # fmt: skip
        return self.folder / name

    def build(self) -> None:
        job = json.dumps({"parts": self.parts, "models": self.models})
        subprocess.run(
            [str(IMAGE_PYTHON), "-W", "error", "-c", BUILD, str(CODE)], input=job, text=True, check=True, env={},
            cwd=tempfile.gettempdir(), timeout=120,
        )  # fmt: skip


def features(
    rows: Rows,
    *,
    label: str = "y",
    problem: str = "binary",
    leave_out: Sequence[str] = (),
    segments: Sequence[str] = (),
    classes: Sequence[str] = (),
) -> dict[str, Any]:
    """features.json: columns of texts are categories, the others numbers."""
    columns = [
        {"name": name, "kind": "categorical", "categories": sorted(set(values))}
        if any(isinstance(value, str) for value in values)
        else {"name": name, "kind": "numeric", "categories": []}
        for name, values in rows.items()
        if name not in (label, *leave_out)
    ]
    return {"version": 2, "model": "made-up", "problem": problem, "label": label, "missing": [""], "columns": columns,
            "ignored": [label, *leave_out], "classes": list(classes), "segments": list(segments)}  # fmt: skip


def binary_rows(count: int, *, seed: int, positives: float = 0.3, shift: float = 0.0) -> dict[str, list[Any]]:
    """Label y follows x and less so the region; noise says nothing."""
    generator = random.Random(seed)
    rows: dict[str, list[Any]] = {"x": [], "noise": [], "지역": [], "y": []}
    intercept = math.log(positives / (1 - positives))
    for _ in range(count):
        x, region = generator.gauss(0, 1), generator.choice(["서울", "부산", "<b>제주</b>"])
        chance = 1 / (1 + math.exp(-(intercept + 1.6 * x + (0.8 if region == "서울" else 0))))
        rows["x"].append(round(x + shift, 4))
        rows["noise"].append(round(generator.gauss(0, 1), 4))
        rows["지역"].append(region)
        rows["y"].append("1" if generator.random() < chance else "0")
    return rows


def regression_rows(count: int, *, seed: int) -> dict[str, list[Any]]:
    """Label 나이 is a line of x and of the sex, with an error of 1."""
    generator = random.Random(seed)
    rows: dict[str, list[Any]] = {"x": [], "sex": [], "나이": []}
    for _ in range(count):
        x, sex = generator.gauss(0, 2), generator.choice("MF")
        rows["x"].append(round(x, 4))
        rows["sex"].append(sex)
        rows["나이"].append(round(10 + x + (1.5 if sex == "M" else 0) + generator.gauss(0, 1), 4))
    return rows


CLASSES = ("낮음", "middle", "<i>high</i>")


def multiclass_rows(count: int, *, seed: int) -> dict[str, list[Any]]:
    """Label grade is a third of the range of x, one time in ten another."""
    generator = random.Random(seed)
    rows: dict[str, list[Any]] = {"x": [], "z": [], "grade": []}
    for _ in range(count):
        x = generator.random()
        rows["x"].append(round(x, 4))
        rows["z"].append(round(generator.random(), 4))
        rows["grade"].append(generator.choice(CLASSES) if generator.random() < 0.1 else CLASSES[int(x * 3)])
    return rows


@functools.cache
def world() -> World:
    """One world for all tests of a session. Models are good, weak, equal...; parts are test, few, drifted..."""
    _keep.append(tempfile.TemporaryDirectory(prefix="millrace-evaluate-"))
    made = World(Path(_keep[-1].name))
    _make_binary(made)
    _make_others(made)
    made.build()
    (made.folder / "none").mkdir()
    (made.folder / "none" / "no-champion.json").write_text("{}")
    return made


_keep: list[tempfile.TemporaryDirectory[str]] = []


def _make_binary(made: World) -> None:
    rows = binary_rows(2000, seed=1)
    made.model("good", rows, threshold=0.35, segments=["지역", "unused"])
    made.model("weak", rows, leave_out=["x"])
    made.model("retrained", rows, leave_out=["noise"])
    made.model("turned", rows, classes=["1", "0"])
    made.model("named", rows, classes=["0", "1"])
    made.model("other-label", {**rows, "z": rows["y"]}, label="z")
    made.model("other-column", {**rows, "gone": rows["x"]})
    made.model("other-kind", {**rows, "x": [str(x) for x in rows["x"][:40]] * 50})
    made.model("other-problem", {**rows, "y": [float(y) for y in rows["y"]]}, problem="regression")
    test = binary_rows(750, seed=2)
    test["unused"] = ["a", "b", "c"] * 250
    made.part("test", test)
    positives = [n for n, y in enumerate(test["y"]) if y == "1"][:5]
    kept = sorted(positives + [n for n, y in enumerate(test["y"]) if y == "0"])
    made.part("few", {name: [values[n] for n in kept] for name, values in test.items()})
    made.part("nobody", {name: [values[n] for n in kept if n not in positives] for name, values in test.items()})
    made.part("drifted", binary_rows(750, seed=2, shift=1.0))
    leaky = [{**given, "paid": [int(y) + x / 9 for y, x in zip(given["y"], given["noise"], strict=True)]}
             for given in (rows, binary_rows(750, seed=2))]  # fmt: skip
    made.model("leaky", leaky[0], rounds=1)
    made.part("leaky-test", leaky[1])
    made.part("empty", {name: [] for name in ("x", "noise", "지역", "y")})
    made.part("lacking", {name: values for name, values in test.items() if name != "x"})


def _make_others(made: World) -> None:
    made.model("ages", regression_rows(1000, seed=1), label="나이", problem="regression", segments=["sex"])
    made.model("rough-ages", regression_rows(1000, seed=1), label="나이", problem="regression", rounds=3)
    made.part("ages-test", regression_rows(500, seed=2))
    rows = multiclass_rows(1000, seed=1)
    made.model("grades", rows, label="grade", problem="multiclass", classes=CLASSES, segments=["z"])
    made.model("rough-grades", rows, label="grade", problem="multiclass", classes=CLASSES, leave_out=["x"])
    made.model("turned-grades", rows, label="grade", problem="multiclass", classes=CLASSES[::-1])
    made.model("two-grades", {name: values[:] for name, values in rows.items()} | {
        "grade": [CLASSES[0] if grade == CLASSES[0] else CLASSES[1] for grade in rows["grade"]]
    }, label="grade", problem="multiclass", classes=CLASSES[:2])  # fmt: skip
    made.part("grades-test", multiclass_rows(500, seed=2))


def evaluate(*calls: Mapping[str, object]) -> list[str]:
    """What each call ends with, empty if it passes; names are those of the arguments, with underscores."""
    return errors_of([
        ("evaluate", [text for name, value in call.items() for text in (f"--{name.replace('_', '-')}", str(value))])
        for call in calls
    ])  # fmt: skip


def verdict(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output / "verdict.json").read_text())
    return found
