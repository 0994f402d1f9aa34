"""What is refused as a model, and with which sentence."""

from __future__ import annotations

import functools
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.evaluate_lab import evaluate, world
from tests.step_runs import CODE, passed, step


@functools.cache
def members() -> dict[str, bytes]:
    with tarfile.open(world().folder / "good" / "model.tar.gz") as archive:
        return {name: archive.extractfile(name).read() for name in archive.getnames()}  # type: ignore[union-attr]


def pack(folder: Path, held: Mapping[str, bytes], *, sizes: Mapping[str, int] | None = None) -> Path:
    folder.mkdir()
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        for name, content in held.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, size in (sizes or {}).items():
            member = tarfile.TarInfo(name)
            member.size = size
            archive.fileobj.write(member.tobuf())
    return folder


def model_json(change: Any) -> bytes:
    raw = json.loads(members()["model.json"])
    change(raw["learner"]["gradient_booster"]["model"])
    return json.dumps(raw).encode()


def loop(model: Any) -> None:
    model["trees"][0]["left_children"][1] = 0


def foreign_feature(model: Any) -> None:
    model["trees"][3]["split_indices"][0] = 99


def short_array(model: Any) -> None:
    model["trees"][2]["split_conditions"].pop()


def foreign_class(model: Any) -> None:
    model["tree_info"][5] = 7


def lost_parent(model: Any) -> None:
    model["trees"][4]["parents"][1] = 1_000_000


def half_leaf(model: Any) -> None:
    model["trees"][1]["left_children"][0] = -2


def lost_trees(model: Any) -> None:
    model["trees"] = model["trees"][:5]


def errors(folder: Path, *archives: Path) -> list[str]:
    made = world().folder
    return evaluate(*(
        {"model": path, "champion": made / "none", "test": made / "test", "floor": 0.6, "output": folder / "out"}
        for path in archives
    ))  # fmt: skip


def test_an_archive_that_lacks_a_member_is_told_with_what_it_holds(tmp_path: Path) -> None:
    readme = pack(tmp_path / "a", {"readme.txt": b"no model"})
    without = pack(tmp_path / "b", {name: held for name, held in members().items() if name != "model.json"})
    found = errors(tmp_path, readme, without)
    assert found[0].endswith("model.tar.gz holds no features.json, only readme.txt; it must come from the Train step")
    assert "holds no model.json, only decision.json, features.json, profile.json;" in found[1]


def test_an_absurd_size_is_refused_before_it_is_read(tmp_path: Path) -> None:
    found = errors(tmp_path, pack(tmp_path / "a", members(), sizes={"extra.bin": 5 << 30}))
    assert found[0].endswith("extra.bin has 5,368,709,120 bytes; at most 1,073,741,824 are read")


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    found = errors(tmp_path, pack(tmp_path / "a", {f"file-{n}": b"" for n in range(1100)}))
    assert "holds more than 1000 members" in found[0]


def test_a_file_that_is_no_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "model.tar.gz").write_bytes(b"PK\x03\x04 a zip")
    (tmp_path / "b").mkdir()
    found = errors(tmp_path, tmp_path / "a", tmp_path / "b")
    assert all("model.tar.gz cannot be read: " in error for error in found)


def test_files_that_are_of_another_version_or_no_json_are_told(tmp_path: Path) -> None:
    old = json.dumps({**json.loads(members()["features.json"]), "version": 1}).encode()
    found = errors(
        tmp_path,
        pack(tmp_path / "a", {**members(), "features.json": old}),
        pack(tmp_path / "b", {**members(), "decision.json": b"{threshold"}),
        pack(tmp_path / "c", {**members(), "decision.json": b'{"surprise": 1}'}),
    )
    assert "features.json has version 1, this code reads 2: train again" in found[0]
    assert all(error.endswith("it must come from the Train step of this code") for error in found)


def test_a_model_whose_trees_lead_nowhere_never_reaches_xgboost(tmp_path: Path) -> None:
    changes = (loop, foreign_feature, short_array, lost_trees, foreign_class, lost_parent, half_leaf)
    archives = [pack(tmp_path / change.__name__, {**members(), "model.json": model_json(change)}) for change in changes]
    found = errors(tmp_path, *archives, pack(tmp_path / "no-json", {**members(), "model.json": b"\x80\x04pickle"}))
    assert all("model.json is no sound XGBoost model: " in error for error in found)
    assert "tree 0: left_children lead out of the tree" in found[0]
    assert "tree 3 splits on a feature that the model does not have" in found[1]
    assert "tree 2: split_conditions are not " in found[2]
    assert "its rounds do not add up to 5 trees" in found[3]
    assert "tree_info does not fit 30 trees of 1 outputs" in found[4]
    assert "tree 4: " in found[5]
    assert "tree 1: left_children lead out of the tree" in found[6]


def test_a_model_of_other_features_is_told(tmp_path: Path) -> None:
    raw = json.loads(members()["features.json"])
    raw["columns"].append({"name": "more", "kind": "numeric", "categories": []})
    found = errors(tmp_path, pack(tmp_path / "a", {**members(), "features.json": json.dumps(raw).encode()}))
    assert found[0].endswith(
        "model.json takes 5 features, features.json makes 6: they are not from the same training job"
    )


def test_members_may_be_written_with_a_leading_dot(tmp_path: Path) -> None:
    assert errors(tmp_path, pack(tmp_path / "a", {f"./{name}": held for name, held in members().items()})) == [""]


IN_BLOCKS = """
import sys
sys.path[:0] = [sys.argv[1]]
from pathlib import Path
import model_archive, parts
model = model_archive.ModelArchive.read(Path(sys.argv[2]) / "good" / "model.tar.gz")
rows = parts.read(Path(sys.argv[2]) / "test", {*model.transform.names, "y"})
whole = model.predict(rows)
model_archive.ROWS_AT_ONCE = 100
assert len(whole) == 750 and (model.predict(rows) == whole).all()
"""


def test_scores_do_not_depend_on_how_many_rows_are_taken_at_once() -> None:
    passed(step("-c", IN_BLOCKS, CODE, world().folder))
