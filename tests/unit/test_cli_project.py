"""When the command line makes cdk.out anew, and what it reads from it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from millrace.cli import project
from millrace.errors import MillraceError


def sources(root: Path) -> Path:
    for folder in project.SOURCE_FOLDERS:
        (root / folder).mkdir(parents=True)
        (root / folder / "a.py").write_text("")
    (root / "app.py").write_text("")
    return root


def assembly(root: Path, *, age: int = 0) -> Path:
    folder = root / "cdk.out"
    folder.mkdir()
    manifest = folder / "manifest.json"
    manifest.write_text("{}")
    moment = manifest.stat().st_mtime_ns + (10 - age) * 10**9
    os.utime(manifest, ns=(moment, moment))
    return folder


def test_a_missing_assembly_is_made(tmp_path: Path) -> None:
    assert project.needs_synth(tmp_path / "cdk.out", root=sources(tmp_path))


def test_an_assembly_newer_than_its_sources_is_kept(tmp_path: Path) -> None:
    assert not project.needs_synth(assembly(tmp_path), root=sources(tmp_path))


def test_an_assembly_older_than_a_source_is_made_anew(tmp_path: Path) -> None:
    assert project.needs_synth(assembly(tmp_path, age=1000), root=sources(tmp_path))


def test_without_the_sources_the_assembly_is_taken_as_it_is(tmp_path: Path) -> None:
    sources(tmp_path)
    (tmp_path / "settings" / "a.py").unlink()
    (tmp_path / "settings").rmdir()

    assert not project.needs_synth(assembly(tmp_path, age=1000), root=tmp_path)


def test_byte_code_is_no_source(tmp_path: Path) -> None:
    folder = assembly(tmp_path)
    sources(tmp_path)
    cache = tmp_path / "stacks" / "__pycache__"
    cache.mkdir()
    later = (folder / "manifest.json").stat().st_mtime_ns + 10**12
    (cache / "a.pyc").write_text("")
    os.utime(cache / "a.pyc", ns=(later, later))

    assert not project.needs_synth(folder, root=tmp_path)


def test_account_and_region_come_from_the_stacks_of_a_nested_assembly(tmp_path: Path) -> None:
    stack = {"type": "aws:cloudformation:stack", "environment": "aws://222222222222/eu-west-1"}
    nested = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Dev"}}
    (tmp_path / "assembly-Dev").mkdir()
    (tmp_path / "assembly-Dev" / "manifest.json").write_text(json.dumps({"artifacts": {"DevData": stack}}))
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": {"Tree": {"type": "cdk:tree"}, "Dev": nested}}))

    assert project.environment_of(tmp_path) == ("222222222222", "eu-west-1")


def test_an_assembly_for_any_account_names_none(tmp_path: Path) -> None:
    stack = {"type": "aws:cloudformation:stack", "environment": "aws://unknown-account/unknown-region"}
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": {"Data": stack}}))

    assert project.environment_of(tmp_path) is None


@pytest.mark.parametrize("text", ["http", "-1", "70000"])
def test_a_wrong_port_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MILLRACE_PORT", text)

    with pytest.raises(MillraceError, match="MILLRACE_PORT"):
        project.port()
