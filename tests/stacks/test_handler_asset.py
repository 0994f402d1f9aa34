"""The asset of a Lambda function: its package, JSON files beside it, and nothing that depends on the machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_

from stacks.handler_asset import HANDLERS, asset_files, handler_code

MODELS = {"claims-fraud": {"label": "사기", "tables": ["claims"]}}


def written(folder: Path, handlers: Path = HANDLERS) -> Path:
    """The asset's folder in an assembly of one function."""
    app = cdk.App(outdir=str(folder))
    stack = cdk.Stack(app, "One", env=cdk.Environment(account="111111111111", region="ap-northeast-2"))
    with handler_code("start_pipeline", {"models.json": MODELS}, folder=handlers) as code:
        runtime = lambda_.Runtime.PYTHON_3_12
        lambda_.Function(stack, "Function", runtime=runtime, handler="start_pipeline.handler.handler", code=code)
    app.synth()
    (asset,) = folder.glob("asset.*")
    return asset


def test_the_package_keeps_its_folder_and_the_files_lie_beside_it(tmp_path: Path) -> None:
    asset = written(tmp_path)
    assert (asset / "start_pipeline" / "handler.py").is_file()
    assert json.loads((asset / "models.json").read_text("utf-8")) == MODELS


def test_only_modules_travel(tmp_path: Path) -> None:
    package = tmp_path / "start_pipeline"
    package.mkdir()
    for name in ("handler.py", "notes.txt", ".secret"):
        (package / name).write_text("x = 1\n")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "handler.cpython-311.pyc").write_bytes(b"left over")
    assert set(asset_files(tmp_path, "start_pipeline", {})) == {"start_pipeline/handler.py"}


def test_what_it_imports_of_shared_code_travels_with_it(tmp_path: Path) -> None:
    sources = {
        "start_pipeline/handler.py": "from shared import log\nfrom shared.rows import Row\n",
        "shared/__init__.py": "",
        "shared/log.py": "import json\n",
        "shared/rows.py": "from shared.keys import KEY\n",
        "shared/keys.py": "KEY = 1\n",
        "shared/unused.py": "",
    }
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert set(asset_files(tmp_path, "start_pipeline", {})) == set(sources) - {"shared/unused.py"}


@pytest.mark.parametrize("package", sorted(each.name for each in HANDLERS.iterdir() if (each / "handler.py").exists()))
def test_every_function_can_be_imported_from_its_asset_alone(package: str, tmp_path: Path) -> None:
    for name, content in asset_files(HANDLERS, package, {}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    modules = [path.relative_to(tmp_path).with_suffix("") for path in tmp_path.rglob("*.py")]
    names = sorted(".".join(module.parts).removesuffix(".__init__") for module in modules if module.name != "handler")
    importing = "; ".join(f"import {name}" for name in names)
    subprocess.run([sys.executable, "-c", importing], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, check=True)


def test_another_clone_umask_or_time_makes_the_same_asset(tmp_path: Path) -> None:
    clone = tmp_path / "a clone" / "lambda"
    shutil.copytree(HANDLERS, clone)
    for path in clone.rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    one = written(tmp_path / "one", clone)
    before = os.umask(0o077)
    try:
        other = written(tmp_path / "other", clone)
    finally:
        os.umask(before)
    assert one.name == other.name
    assert {path.stat().st_mode & 0o777 for path in other.rglob("*") if path.is_file()} == {0o644}


def test_other_settings_make_another_asset(tmp_path: Path) -> None:
    files = asset_files(HANDLERS, "start_pipeline", {"models.json": MODELS})
    others = asset_files(HANDLERS, "start_pipeline", {"models.json": {}})
    assert files["models.json"] != others["models.json"]
    assert {**files, "models.json": b""} == {**others, "models.json": b""}


def test_a_package_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="is no package: it holds no module"):
        asset_files(HANDLERS, "start_pipelin", {})
