"""Cloud assemblies are read, zipped the same way every time, and planned without calling anything."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.deploy.archive import zipped
from millrace.deploy.assembly import read_assembly
from millrace.deploy.plan import Deployed, Environment, make_plan
from millrace.errors import MillraceError
from tests.assembly_lab import ACCOUNT, BUCKET, REGION, AssemblyWriter, parameter

HERE = Environment(ACCOUNT, REGION)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "asset.code"
    (folder / "deep").mkdir(parents=True)
    (folder / "handler.py").write_text("x = 1")
    (folder / "deep" / "more.py").write_text("y = 2")
    return folder


@pytest.fixture
def writer(tmp_path: Path) -> AssemblyWriter:
    return AssemblyWriter(tmp_path / "cdk.out")


def test_stacks_of_a_nested_stage_are_read_with_what_they_need(writer: AssemblyWriter, code: Path) -> None:
    writer.stack("Data", {"A": parameter("/a", "x")}, assets=(code,))
    writer.stack("Build", {"B": parameter("/b", "x")}, needs=("Data",))
    data, build = read_assembly(writer.write()).stacks
    assert (data.name, data.path, data.account, data.region) == ("Dev-Data", "Dev/Data", ACCOUNT, REGION)
    assert [(asset.name, asset.packaging) for asset in data.assets] == [
        ("Data.template.json", "file"),
        ("asset.code", "zip"),
    ]
    assert build.needs == ("Data",)
    assert build.names == {"B": "Dev/Build/B"}


def test_a_folder_that_is_no_assembly_is_named(tmp_path: Path) -> None:
    with pytest.raises(MillraceError, match="is not a cloud assembly"):
        read_assembly(tmp_path)


def test_an_image_asset_is_refused(writer: AssemblyWriter) -> None:
    writer.stack("Data", {"A": parameter("/a", "x")})
    folder = writer.write()
    manifest = folder / "assembly-Dev" / "Data.assets.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "dockerImages": {"abc": {}}}))
    with pytest.raises(MillraceError, match="image assets are not supported"):
        read_assembly(folder)


def test_a_zip_depends_on_the_files_and_not_on_their_times(code: Path) -> None:
    before = zipped(code)
    os.utime(code / "handler.py", (0, 0))
    assert zipped(code) == before
    names = zipfile.ZipFile(io.BytesIO(before)).namelist()
    assert names == ["deep/more.py", "handler.py"]
    (code / "handler.py").write_text("x = 2")
    assert zipped(code) != before


def deployed(name: str, template: dict[str, Any], **more: Any) -> dict[str, Deployed]:
    known: dict[str, Any] = {"status": "CREATE_COMPLETE", "parameters": {}, "tags": {}, **more}
    return {name: Deployed(name=name, template=template, **known)}


def test_a_new_assembly_is_created_in_dependency_order_with_its_assets(writer: AssemblyWriter, code: Path) -> None:
    writer.stack("Late", {"B": parameter("/b", "x")}, needs=("Early",))
    writer.stack("Early", {"A": parameter("/a", "x")}, assets=(code,))
    plan = make_plan(read_assembly(writer.write()), HERE, {})
    assert [(step.stack.name, step.action, step.needs) for step in plan.steps] == [
        ("Dev-Early", "create", ()),
        ("Dev-Late", "create", ("Dev-Early",)),
    ]
    assert {asset.bucket for asset in plan.assets} == {BUCKET}
    assert "publish    asset.code" in str(plan)
    assert plan.bootstrap_version == 6


def test_what_s3_holds_is_not_published_again(writer: AssemblyWriter, code: Path) -> None:
    writer.stack("Data", {"A": parameter("/a", "x")}, assets=(code,))
    plan = make_plan(read_assembly(writer.write()), HERE, {}, {(BUCKET, "asset.code.zip")})
    assert [asset.name for asset in plan.assets] == ["Data.template.json"]


def test_what_is_deployed_as_it_is_stays_unchanged_and_publishes_nothing(writer: AssemblyWriter, code: Path) -> None:
    writer.stack("Data", {"A": parameter("/a", "x")}, assets=(code,), tags={"a": "b"})
    assembly = read_assembly(writer.write())
    template = assembly.stacks[0].template()
    plan = make_plan(assembly, HERE, deployed("Dev-Data", template, tags={"a": "b"}))
    assert (plan.changes, plan.assets) == ((), ())
    others: list[dict[str, Any]] = [{"tags": {}}, {"termination_protection": True}, {"role_arn": "other"}]
    for other in others:
        assert make_plan(assembly, HERE, deployed("Dev-Data", template, **{"tags": {"a": "b"}, **other})).changes


def test_a_parameter_keeps_the_value_that_the_stack_has(writer: AssemblyWriter) -> None:
    declared = {"Version": {"Type": "String", "Default": "none"}, "New": {"Type": "String", "Default": "n"}}
    writer.stack("Serving", {"A": parameter("/a", {"Ref": "Version"})}, Parameters=declared)
    known = deployed("Dev-Serving", {}, parameters={"Version": "arn:of-the-live-one"})
    step = make_plan(read_assembly(writer.write()), HERE, known).steps[0]
    assert (step.action, step.parameters) == ("update", ({"ParameterKey": "Version", "UsePreviousValue": True},))


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "CREATE_FAILED"])
def test_what_never_came_up_is_made_anew(writer: AssemblyWriter, status: str) -> None:
    writer.stack("Data", {"A": parameter("/a", "x")})
    plan = make_plan(read_assembly(writer.write()), HERE, deployed("Dev-Data", {}, status=status))
    assert plan.steps[0].action == "recreate"


def test_stacks_of_another_account_are_left_to_that_account(writer: AssemblyWriter) -> None:
    writer.stack("Here", {"A": parameter("/a", "x")})
    writer.stack("There", {"A": parameter("/a", "x")}, environment=f"555555555555/{REGION}")
    writer.stack("Any", {"A": parameter("/a", "x")}, environment="unknown-account/unknown-region")
    plan = make_plan(read_assembly(writer.write()), HERE, {})
    assert ([step.stack.name for step in plan.steps], plan.elsewhere) == (["Dev-Here", "Dev-Any"], ("Dev-There",))


def test_stacks_that_need_each_other_are_refused(writer: AssemblyWriter) -> None:
    writer.stack("A", {"A": parameter("/a", "x")}, needs=("B",))
    writer.stack("B", {"A": parameter("/b", "x")}, needs=("A",))
    with pytest.raises(MillraceError, match="in a circle"):
        make_plan(read_assembly(writer.write()), HERE, {})


@given(text=st.text(alphabet="abc-/", max_size=10))
def test_placeholders_are_filled_and_all_else_stays(text: str) -> None:
    filled = HERE.fill(text + "${AWS::AccountId}/${AWS::Region}/${AWS::Partition}" + text)
    assert filled == f"{text}{ACCOUNT}/{REGION}/aws{text}"
