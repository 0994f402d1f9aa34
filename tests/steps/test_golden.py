"""A model serves only if it is the approved one and answers to its golden rows as it did when it was trained."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.step_runs import IMAGE_PYTHON, SPECS, feature_names, finished_run

LOAD = """
import json, os, sys
sys.path[:0] = [sys.argv[1]]
import inference
for line in sys.stdin:
    folder, variables = json.loads(line)
    os.environ.pop("MODEL_DIGEST", None), os.environ.pop("MODEL_VERSION", None)
    os.environ.update(variables)
    try:
        print(json.dumps(f"serves {inference.model_fn(folder).version}"))
    except ValueError as error:
        print(json.dumps(f"{type(error).__name__}: {error}"))
"""
CHECKED = ("model.json", "features.json", "decision.json", "golden.json")


def golden(problem: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((finished_run(problem).model / "golden.json").read_text("utf-8"))
    return found


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "digests.json").read_bytes()).hexdigest()


def load(*loads: tuple[Path, dict[str, str]]) -> list[str]:
    """What loading each folder with these variables ends with, all in one process."""
    result = subprocess.run(
        [str(IMAGE_PYTHON), "-c", LOAD, str(finished_run().model / "code")],
        input="".join(json.dumps([str(folder), variables]) + "\n" for folder, variables in loads),
        env={}, cwd=tempfile.gettempdir(), capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("problem", SPECS)
def test_golden_rows_are_raw_rows_with_the_lowest_and_the_highest_score(problem: str) -> None:
    held, names = golden(problem), feature_names(finished_run(problem))
    assert len(held["rows"]) == len(held["answers"]) == 16
    assert all(list(row) == names and all(isinstance(text, str) for text in row.values()) for row in held["rows"])
    if problem == "binary":
        assert {answer["decision"] for answer in held["answers"]} == {0, 1}
    if problem == "multiclass":
        assert {answer["decision"] for answer in held["answers"]} == set(SPECS[problem]["classes"])


def rewritten(change: Callable[[Path], None], folder: Path) -> Path:
    """The model with a change, and digests.json written anew to match."""
    shutil.copytree(finished_run().model, folder)
    change(folder)
    names = [*CHECKED, *(f"code/{path.name}" for path in (folder / "code").glob("*.py"))]
    found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    (folder / "digests.json").write_text(json.dumps(found, indent=1) + "\n")
    return folder


def in_json(file: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        held = json.loads((folder / file).read_text("utf-8"))
        change(held)
        (folder / file).write_text(json.dumps(held), encoding="utf-8")

    return apply


def every_leaf(held: Any) -> None:
    for tree in held["learner"]["gradient_booster"]["model"]["trees"]:
        leaves = zip(tree["left_children"], tree["split_conditions"], strict=True)
        tree["split_conditions"] = [value * 1.5 if child == -1 else value for child, value in leaves]


def pickled(folder: Path) -> None:
    (folder / "golden.json").write_bytes(b"\x80\x04pickle")


CHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "other leaves": (in_json("model.json", every_leaf), "ModelError: row 1 of golden.json is answered with "),
    "another threshold": (
        in_json("decision.json", lambda held: held.update(threshold=1e-9)), "of golden.json is answered with "),
    "another order of categories": (
        in_json("features.json", lambda held: held["columns"][-1]["categories"].reverse()), "of golden.json is"),
    "another answer": (
        in_json("golden.json", lambda held: held["answers"][3].update(score=0.5)), "ModelError: row 4 of golden.json"),
    "an endless answer": (
        in_json("golden.json", lambda held: held["answers"][3].update(score=float("inf"))), "row 4 of golden.json"),
    "a lost answer": (in_json("golden.json", lambda held: held["answers"].pop()), "golden.json is none of Train's"),
    "no rows": (
        in_json("golden.json", lambda held: held.update(rows=[], answers=[])), "it takes 1 to 16 rows with a text"),
    "a lost column": (
        in_json("golden.json", lambda held: held["rows"][0].popitem()), "it takes 1 to 16 rows with a text for each"),
    "no text": (
        in_json("golden.json", lambda held: held["rows"][0].update(num_injuries="many")), "'many' is no number"),
    "a number": (in_json("golden.json", lambda held: held["rows"][0].update(num_injuries=1)), "with a text for each"),
    "a list": (in_json("golden.json", lambda held: held.update(rows=[[1]], answers=[1])), "golden.json is none"),
    "a pickle": (pickled, "golden.json is none of Train's"),
}  # fmt: skip


@functools.cache
def verdicts() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as made:
        folders = [rewritten(change, Path(made) / str(n)) for n, (change, _) in enumerate(CHANGES.values())]
        found = dict(zip(CHANGES, load(*((folder, {}) for folder in folders)), strict=True))
        approved = {"MODEL_DIGEST": digest(finished_run().model)}
        by_digest = load(*((folder, approved) for folder in folders))
    return found | {f"{name}, approved": told for name, told in zip(CHANGES, by_digest, strict=True)}


@pytest.mark.parametrize("change", CHANGES)
def test_a_model_that_answers_otherwise_than_its_golden_rows_is_refused(change: str) -> None:
    assert CHANGES[change][1] in verdicts()[change]


@pytest.mark.parametrize("change", CHANGES)
def test_fitting_digests_do_not_help_against_the_digest_that_was_approved(change: str) -> None:
    told = verdicts()[f"{change}, approved"]
    assert told.startswith("ModelError: digests.json is not the one that MODEL_DIGEST names (")
    assert "restore it, or approve another version" in told


def test_a_model_serves_with_its_digest_and_tells_its_version(tmp_path: Path) -> None:
    model, old, bare = finished_run().model, tmp_path / "old", tmp_path / "bare"
    shutil.copytree(model, old)
    (old / "golden.json").unlink()
    shutil.copytree(model, bare)
    (bare / "digests.json").unlink()
    assert load(
        (model, {"MODEL_DIGEST": digest(model), "MODEL_VERSION": "claims-fraud/3"}),
        (model, {"MODEL_DIGEST": "none"}),
        (model, {"MODEL_DIGEST": "0" * 64}),
        (model, {"MODEL_VERSION": "claims\nfraud"}),
        (old, {}),
        (bare, {}),
    ) == [
        "serves claims-fraud/3",
        "serves None",
        f"ModelError: digests.json is not the one that MODEL_DIGEST names ({'0' * 64}): the archive was changed after "
        "it was approved; restore it, or approve another version",
        "ModelError: MODEL_VERSION is 'claims\\nfraud'; allowed: a group and a number, such as claims-fraud/3",
        "ModelError: the model has no golden.json; train it again with the Train step of this code",
        "ModelError: the model has no digests.json; train it again with the Train step of this code",
    ]
