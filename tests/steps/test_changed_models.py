"""A model that was changed, in the archive or after it was unpacked, is refused before XGBoost sees it.

Loading is what an endpoint does for each instance, so also when it is scaled out. Everything happens in one child
process, in which XGBoost's loader is replaced by one that tells whether it was given other bytes than Train's.
"""

from __future__ import annotations

import functools
import io
import json
import random
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from millrace.errors import MillraceError
from millrace.local.sagemaker.jobs.archive import unpack
from tests.step_runs import IMAGE_PYTHON, finished_run, pack_model, step

POSITIONS = 200
LOADS = """
import json, random, shutil, sys, tarfile
from pathlib import Path
sys.path[:0] = [sys.argv[1] + "/code"]
import inference, model_check
sound, work, chance = Path(sys.argv[1]), Path(sys.argv[2]), random.Random(20)
train = (sound / "model.json").read_bytes()
load = inference._load


def watched(text):
    assert text == train, "XGBoost saw another model"
    return load(text)


inference._load = watched
names = [*model_check.CHECKED, model_check.DIGESTS]


def told(folder):
    try:
        inference.model_fn(str(folder))
    except ValueError as error:
        return f"{type(error).__name__}: {error}"
    same = all((folder / name).read_bytes() == (sound / name).read_bytes() for name in names)
    return "serves Train's files" if same else "serves other files"


def flipped(content):
    changed = bytearray(content)
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def members(count):
    folder = work / "unpacked"
    shutil.copytree(sound, folder)
    for number in range(count):
        name = names[number % len(names)]
        (folder / name).write_bytes(flipped((sound / name).read_bytes()))
        yield told(folder)
        shutil.copyfile(sound / name, folder / name)


for line in members(int(sys.argv[3])) if sys.argv[3:] else map(told, map(Path, json.load(sys.stdin))):
    print(json.dumps(line), flush=True)
print(json.dumps("lives"))
"""


def loads(work: Path, *count: int, folders: Sequence[Path] = ()) -> list[str]:
    """What loading ends with: `count` times a member of the model changed, or each of the folders."""
    command = [str(IMAGE_PYTHON), "-c", LOADS, str(finished_run().model), str(work), *map(str, count)]
    result = subprocess.run(
        command, input=json.dumps([str(folder) for folder in folders]), env={}, cwd=work,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert found[-1:] == ["lives"], result.stderr
    return found[:-1]


def test_a_member_changed_at_any_of_200_positions_is_refused(tmp_path: Path) -> None:
    found = loads(tmp_path, POSITIONS)
    assert len(found) == POSITIONS
    assert [told for told in found if not told.startswith("ModelError: ")] == []
    assert len([told for told in found if "is not the file that digests.json names" in told]) > POSITIONS * 0.8


def test_an_archive_changed_at_any_of_200_positions_is_refused_unless_nothing_in_it_is_another(tmp_path: Path) -> None:
    packed, chance = pack_model(finished_run().model, tmp_path / "model.tar.gz").read_bytes(), random.Random(20)
    unpacked, refused = [], 0
    for number in range(POSITIONS):
        changed, folder = bytearray(packed), tmp_path / str(number)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        (tmp_path / "changed.tar.gz").write_bytes(changed)
        try:
            unpack(tmp_path / "changed.tar.gz", folder)
            unpacked.append(folder)
        except MillraceError:
            refused += 1
    found = loads(tmp_path, folders=unpacked)
    assert refused + len(found) == POSITIONS
    assert [told for told in found if not told.startswith(("ModelError: ", "serves Train's files"))] == []


Member = tuple[tarfile.TarInfo, bytes]


def file(name: str, content: bytes = b"x") -> Member:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info, content


def other(name: str, kind: bytes, link: str = "") -> Member:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info, b""


MALICIOUS: dict[str, Callable[[], Sequence[Member]]] = {
    "a way up": lambda: [file("../evil.py")],
    "a way up in the middle": lambda: [file("code/../../evil.py")],
    "an absolute path": lambda: [file("/tmp/millrace-evil.py")],
    "a link out": lambda: [other("out", tarfile.SYMTYPE, "/etc"), file("out/passwd")],
    "a link up": lambda: [other("up", tarfile.SYMTYPE, "../.."), file("up/evil.py")],
    "a hard link out": lambda: [other("model.json", tarfile.LNKTYPE, "/etc/passwd")],
    "a device": lambda: [other("model.json", tarfile.CHRTYPE)],
    "a pipe": lambda: [other("model.json", tarfile.FIFOTYPE)],
    "a model that is a link": lambda: [other("model.json", tarfile.SYMTYPE, "profile.json")],
    "a model that is a folder": lambda: [other("model.json", tarfile.DIRTYPE)],
    "a second model behind the first": lambda: [file("model.json", b'{"learner": {}}')],
    "a second digests.json": lambda: [file("digests.json", b"{}")],
    "a pickle for a model": lambda: [file("model.json", b"\x80\x04\x95pickle")],
    "golden rows of another": lambda: [file("golden.json", b'{"rows": [], "answers": []}')],
    "other code": lambda: [file("code/payload.py", b"from media import PayloadError, given\nparse = print\n")],
    "digests that name nothing": lambda: [file("digests.json", b"[]")],
    "deep digests": lambda: [file("digests.json", b"[" * 100_000)],
}


def archive_of(members: Sequence[Member], path: Path) -> Path:
    """The sound model, and behind it these members."""
    replaced = {info.name for info, _ in members}
    with tarfile.open(path, "w:gz") as packed:
        for each in sorted(finished_run().model.rglob("*")):
            name = str(each.relative_to(finished_run().model))
            if each.suffix in (".json", ".py") and (name not in replaced or members[0][0].isfile()):
                packed.add(each, arcname=name)
        for info, content in members:
            packed.addfile(info, io.BytesIO(content))
    return path


TOLD = """
import json, sys
from pathlib import Path
sys.path[:0] = [sys.argv[1] + "/code"]
import inference
for folder in sys.argv[2:]:
    try:
        inference.model_fn(folder)
        print(json.dumps("serves"))
    except ValueError as error:
        print(json.dumps(f"{type(error).__name__}: {error}"))
"""


@functools.cache
def verdicts() -> dict[str, str]:
    """Why each archive is not served: unpacked as the endpoint unpacks it, then loaded."""
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as made:
        base, unpacked = Path(made), []
        for number, (name, members) in enumerate(MALICIOUS.items()):
            folder = base / str(number) / "inside" / "model"
            folder.mkdir(parents=True)
            try:
                unpack(archive_of(members(), base / f"{number}.tar.gz"), folder)
                unpacked.append((name, str(folder)))
            except (MillraceError, OSError) as error:
                found[name] = f"not unpacked: {error}"
            assert not list(base.rglob("evil.py")), name
        result = step("-c", TOLD, finished_run().model, *(folder for _, folder in unpacked))
        assert result.returncode == 0, result.stderr
        lines = map(json.loads, result.stdout.splitlines())
        found |= {name: told for (name, _), told in zip(unpacked, lines, strict=True)}
    return found


@pytest.mark.parametrize("name", MALICIOUS)
def test_a_malicious_archive_is_refused_before_xgboost_sees_it(name: str) -> None:
    told = verdicts()[name]
    assert told.startswith(("not unpacked: ", "ModelError: ")), told
    assert "XGBoost model" not in told, "by its digests, not by its structure"
