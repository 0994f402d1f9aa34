"""The archives of the step code: what is in them, and that nothing but their content decides their bytes."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import aws_cdk as cdk
import pytest

import stacks
from stacks.step_code_asset import CODE_FOLDER, StepCode, step_files, tar_archive, zip_archive

ZIP_DIGEST = "8e2578ce4e7aed50cc2974f6bcd72a274e46ec654a92e2fe8889d2bdc02e7be3"
TAR_DIGEST = "52fbee2aa69f6b4b23a68f6bdaa024af6b91720b7174a7d6fc90de8ee972bd7c"
SPEC = {"model": "claims-fraud", "label": "fraud", "missing": ["", "없음"]}


def archives(folder: Path) -> tuple[bytes, bytes]:
    files = step_files(folder, SPEC)
    return zip_archive(files), tar_archive(files)


@pytest.fixture
def loose_umask() -> Iterator[None]:
    before = os.umask(0o000)
    yield
    os.umask(before)


def test_both_archives_hold_the_same_flat_files_and_the_specification() -> None:
    zipped, tarred = archives(CODE_FOLDER)
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        assert archive.testzip() is None
        in_zip = {name: archive.read(name) for name in archive.namelist()}
    with tarfile.open(fileobj=io.BytesIO(tarred), mode="r:gz") as archive:
        in_tar = {entry.name: file.read() for entry in archive if (file := archive.extractfile(entry))}
    assert in_zip == in_tar
    assert {"__main__.py", "preprocess.py", "train.py", "evaluate.py", "inference.py", "features.py"} <= set(in_zip)
    assert json.loads(in_zip["model_spec.json"]) == SPEC


def test_the_deploy_side_stays_at_home() -> None:
    names = step_files(CODE_FOLDER, SPEC)
    assert not [name for name in names if "definition" in name or "/" in name or not name.endswith((".py", ".json"))]


def test_the_bytes_are_the_same_from_another_folder_with_other_times_and_rights(
    tmp_path: Path, loose_umask: None
) -> None:
    folder = tmp_path / "another clone" / "pipeline_code"
    shutil.copytree(CODE_FOLDER, folder)
    for path in sorted(folder.glob("*.py"), reverse=True):
        os.utime(path, (1, 1))
        path.chmod(0o777)
    (folder / "__pycache__").mkdir(exist_ok=True)
    (folder / "__pycache__" / "train.cpython-311.pyc").write_bytes(b"left over")
    (folder / "notes.txt").write_text("not code")
    assert archives(folder) == archives(CODE_FOLDER)


def test_the_bytes_are_the_ones_every_machine_makes() -> None:
    """Fixed digests: a library, Python or zlib that packs differently shows here."""
    files = {"__main__.py": b"print(1)\n" * 10_000, "model_spec.json": b"{}\n"}
    assert hashlib.sha256(zip_archive(files)).hexdigest() == ZIP_DIGEST
    assert hashlib.sha256(tar_archive(files)).hexdigest() == TAR_DIGEST


def test_another_line_of_code_or_another_specification_makes_another_archive(tmp_path: Path) -> None:
    shutil.copytree(CODE_FOLDER, tmp_path, dirs_exist_ok=True)
    with (tmp_path / "train.py").open("a") as file:
        file.write("# changed\n")
    before = step_files(CODE_FOLDER, SPEC)
    for changed in (step_files(tmp_path, SPEC), step_files(CODE_FOLDER, {**SPEC, "label": "other"})):
        assert zip_archive(changed) != zip_archive(before)
        assert tar_archive(changed) != tar_archive(before)


def test_the_tar_is_an_ordinary_gzip_of_root_owned_files_from_1970() -> None:
    _, tarred = archives(CODE_FOLDER)
    assert len(gzip.decompress(tarred)) > 0
    with tarfile.open(fileobj=io.BytesIO(tarred), mode="r:gz") as archive:
        for entry in archive:
            assert (entry.mtime, entry.uid, entry.gid, entry.uname, entry.mode) == (0, 0, 0, "", 0o644)


def test_python_runs_the_zip(tmp_path: Path) -> None:
    path = tmp_path / "code.zip"
    path.write_bytes(archives(CODE_FOLDER)[0])
    run = subprocess.run([sys.executable, str(path), "no-such-step"], capture_output=True, text=True)
    assert "no-such-step" in run.stderr
    assert "preprocess" in run.stderr


def test_a_folder_without_step_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"it has no __main__\.py"):
        step_files(tmp_path, SPEC)


def test_the_keys_are_file_names_and_the_assembly_holds_the_archives(tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    stack = cdk.Stack(app, "Build", env=cdk.Environment(account="111111111111", region="ap-northeast-2"))
    cdk.CfnResource(stack, "Any", type="AWS::SNS::Topic")
    code = StepCode(stack, "Code", model_spec=SPEC)
    app.synth()
    assert code.zip_key.endswith(".zip")
    assert code.tar_key.endswith(".gz")
    assert not code.tar_key.endswith(".tar.gz")
    files = json.loads((tmp_path / "Build.assets.json").read_text())["files"]
    keys = {next(iter(file["destinations"].values()))["objectKey"]: file["source"]["path"] for file in files.values()}
    zipped, tarred = archives(CODE_FOLDER)
    assert (tmp_path / keys[code.zip_key]).read_bytes() == zipped
    assert (tmp_path / keys[code.tar_key]).read_bytes() == tarred


def test_two_assemblies_name_the_archives_alike_and_no_folder_of_this_machine(tmp_path: Path) -> None:
    texts = []
    for name in ("one", "two"):
        app = cdk.App(outdir=str(tmp_path / name))
        stack = cdk.Stack(app, "Build", env=cdk.Environment(account="111111111111", region="ap-northeast-2"))
        code = StepCode(stack, "Code", model_spec=SPEC)
        cdk.CfnOutput(stack, "Keys", value=f"{code.bucket}/{code.zip_key}/{code.tar_key}")
        app.synth()
        written = sorted((tmp_path / name).glob("Build.*.json"))
        texts.append([path.read_text() for path in written])
        assert str(Path(stacks.__path__[0]).parent) not in "".join(texts[-1])
    assert texts[0] == texts[1]
