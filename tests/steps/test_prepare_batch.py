"""Prepare of batch scoring: every row of an upload is sent as it stood there, or told in the quarantine."""

from __future__ import annotations

import csv
import io
import json
import tarfile
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from batch_lines import LineWriter
from batch_model import read_transform
from features import Column, DataError, FeatureTransform
from prepare_batch import main, prepare
from spec import ModelSpec, Split

TRANSFORM = FeatureTransform(
    model="claims",
    problem="binary",
    label="fraud",
    missing=("", "NA"),
    columns=(Column("age", "numeric"), Column("city", "categorical", ("A", "B")), Column("claim", "numeric")),
    ignored=("policy_id", "fraud", "note"),
)
LIMIT = 6 << 20


def spec(**changes: Any) -> ModelSpec:
    values: dict[str, Any] = {
        "model": "claims",
        "problem": "binary",
        "label": "fraud",
        "tables": ("claims",),
        "numeric": ("age", "claim"),
        "categorical": ("city",),
        "missing": ("", "NA"),
        "split": Split(0.7, 0.15, 0.15, 1),
        "join_key": "policy_id",
    }
    return ModelSpec(**{**values, **changes})


class Lab:
    """A folder for one preparation after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data, self.output = folder / "data", folder / "output"
        self.data.mkdir()

    def run(self, body: str | bytes, name: str = "00000.csv", *, most_bytes: int = LIMIT, **changes: Any) -> int:
        (self.data / name).write_bytes(body if isinstance(body, bytes) else body.encode())
        return prepare(self.data, TRANSFORM, self.output, spec(**changes), most_bytes=most_bytes)

    @property
    def lines(self) -> list[dict[str, Any]]:
        files = sorted((self.output / "rows").glob("part-*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_bytes().split(b"\n") if line]

    @property
    def features(self) -> list[dict[str, str]]:
        return [line["features"] for line in self.lines]

    @property
    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.output / "quarantine" / "report.json").read_text("utf-8"))
        return report

    @property
    def bad(self) -> list[dict[str, str]]:
        with (self.output / "quarantine" / "rows.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_a_file_with_a_header_becomes_rows_with_number_key_and_features(lab: Lab) -> None:
    assert lab.run("policy_id,claim,city,age\nP-1,10.50,A,007\nP-2,NA,,\n") == 2
    assert lab.lines == [
        {"row": 1, "key": "P-1", "features": {"age": "007", "city": "A", "claim": "10.50"}},
        {"row": 2, "key": "P-2", "features": {"age": "", "city": "", "claim": "NA"}},
    ]
    assert lab.bad == []


def test_a_file_without_a_header_has_the_models_columns_in_the_models_order(lab: Lab) -> None:
    assert lab.run("7,A,10\n8,B,11\n") == 2
    assert lab.features[1] == {"age": "8", "city": "B", "claim": "11"}
    assert lab.lines[0]["key"] == ""


def test_a_file_without_a_header_may_have_all_columns_of_the_settings(lab: Lab) -> None:
    names = ("policy_id", "city", "age", "claim", "fraud")
    assert lab.run("P-1,A,7,10,1\n", columns=names, join_key="policy_id") == 1
    assert lab.lines == [{"row": 1, "key": "P-1", "features": {"age": "7", "city": "A", "claim": "10"}}]


def test_json_lines_become_the_texts_that_the_endpoint_would_make_of_them(lab: Lab) -> None:
    rows = [
        {"policy_id": 5, "age": 42, "city": "A", "claim": 1e5, "fraud": 1},
        {"age": None, "city": "x\ny", "claim": "0.10", "other": True},
    ]
    assert lab.run("".join(json.dumps(row) + "\n" for row in rows), "00000.jsonl") == 2
    assert lab.lines == [
        {"row": 1, "key": "5", "features": {"age": "42", "city": "A", "claim": "100000.0"}},
        {"row": 2, "key": "", "features": {"age": "", "city": "x\ny", "claim": "0.10"}},
    ]
    assert lab.report["unused_columns"] == ["other"]


@pytest.mark.parametrize(
    "value",
    ['"a, ""b"""', '"two\nlines"', '"two\r\nlines"', " blank ", "보험", "\u2028", "a\x85b", "N/A", "None", "1e3", "'"],
)
def test_texts_stay_exactly_what_they_were_and_a_line_is_always_a_whole_row(lab: Lab, value: str) -> None:
    assert lab.run(f"age,city,claim\n1,{value},2\n3,B,4\n") == 2
    (expected,) = csv.reader(io.StringIO(value, newline=""))
    assert [row["city"] for row in lab.features] == [*expected, "B"]
    whole = (lab.output / "rows" / "part-00000.jsonl").read_text("utf-8")
    assert len(whole.splitlines()) == 2


@pytest.mark.parametrize(
    ("row", "code", "part"),
    [
        ("old,A,1", "not-numeric", "'old' is no number"),
        ("1,A,inf", "not-numeric", "'inf' is no number"),
        ("1,A,1e39", "not-numeric", "32-bit float"),
        ("1,A", "ragged-rows", "2 values"),
        ("1,A,2,3", "ragged-rows", "4 values"),
        ('1,"A,2', "quotes", "quote"),
        ("1,A\x01,2", "control-characters", "0x01"),
        ("age,city,claim", "header-again", "column names"),
        ("1,A\ufffd,2", "encoding", "U+FFFD"),
    ],
)
def test_a_bad_row_goes_into_quarantine_with_its_reason_and_its_text(lab: Lab, row: str, code: str, part: str) -> None:
    assert lab.run(f"age,city,claim\n1,A,2\n{row}\n3,B,4\n") == 2
    assert [line["row"] for line in lab.lines] == [1, 3]
    (bad,) = lab.bad
    assert (bad["file"], bad["row"], bad["code"], bad["text"]) == ("00000.csv", "2", code, row)
    assert part in bad["reason"]
    assert lab.report["counts"] == {code: 1}
    assert (lab.report["rows_read"], lab.report["rows_good"], lab.report["bad_rows"]) == (3, 2, 1)


def test_bytes_that_are_no_text_spoil_their_own_row_only(lab: Lab) -> None:
    assert lab.run(b"age,city,claim\n1,A,2\n1,\xb0\xa1,2\n3,B,4\n") == 2
    assert [bad["code"] for bad in lab.bad] == ["encoding"]


def test_another_encoding_and_delimiter_are_those_of_the_settings(lab: Lab) -> None:
    assert lab.run("age;city;claim\n1;서울;2\n".encode("cp949"), encoding="cp949", delimiter=";") == 1
    assert lab.features[0]["city"] == "서울"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"age": 1, "city": "A"', "json"),
        ("[1, 2]", "json"),
        ('{"age": NaN, "city": "A", "claim": 1}', "json"),
        ('{"age": 1, "city": "A"}', "columns-missing"),
        ('{"age": 1, "age": 2, "city": "A", "claim": 1}', "columns-doubled"),
        ('{"age": true, "city": "A", "claim": 1}', "value-type"),
        ('{"age": "old", "city": "A", "claim": 1}', "not-numeric"),
        ('{"age": 1e999, "city": "A", "claim": 1}', "not-numeric"),
        ('{"age": 1, "city": "\\ud800", "claim": 1}', "encoding"),
        ('{"age": 1, "city": "' + "x" * (1 << 20) + '", "claim": 1}', "row-too-long"),
    ],
)
def test_a_bad_line_of_json_goes_into_quarantine(lab: Lab, line: str, code: str) -> None:
    good = '{"age": 1, "city": "A", "claim": 1}\n'
    assert lab.run(f"\ufeff{good}\n{line}\n{good}", "00000.ndjson") == 2
    assert [line["row"] for line in lab.lines] == [1, 3]
    assert [(bad["row"], bad["code"]) for bad in lab.bad] == [("2", code)]


def test_a_row_that_fits_into_no_request_goes_into_quarantine(lab: Lab) -> None:
    assert lab.run(f"age,city,claim\n1,A,2\n1,{'x' * 2000},2\n", most_bytes=1000) == 1
    (bad,) = lab.bad
    assert bad["code"] == "row-too-long"
    assert "MaxPayloadInMB" in bad["reason"]


def test_a_name_in_another_form_of_unicode_is_the_same_name(lab: Lab) -> None:
    renamed = replace(TRANSFORM, columns=(Column("나이", "numeric"), Column("도시", "categorical")))
    (lab.data / "00000.csv").write_text(unicodedata.normalize("NFD", "도시,나이\nA,7\n"), encoding="utf-8")
    assert prepare(lab.data, renamed, lab.output, spec(), most_bytes=0) == 1
    assert lab.features == [{"나이": "7", "도시": "A"}]


def test_a_key_of_json_may_be_missing_null_or_a_number(lab: Lab) -> None:
    rows = [{"age": 1, "city": "A", "claim": 2, **key} for key in ({}, {"policy_id": None}, {"policy_id": 7})]
    assert lab.run("".join(json.dumps(row) + "\n" for row in rows), "00000.jsonl") == 3
    assert [line["key"] for line in lab.lines] == ["", "", "7"]


def test_a_column_that_differs_by_capitals_is_taken_and_an_unknown_one_told(lab: Lab) -> None:
    assert lab.run("AGE,city,Claim ,agent,fraud\n1,A,2,x,1\n") == 1
    assert lab.features == [{"age": "1", "city": "A", "claim": "2"}]
    assert lab.report["unused_columns"] == ["agent"]


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ("age,claim\n1,2\n", "the file lacks 'city'"),
        ("1,2\n", "the first line names no column of the model and has 2 values"),
        ("Alter,Stadt,Schaden\n1,A,2\n", "names none of the model's columns and holds no number"),
        ("age;city;claim\n1;A;2\n", "separated by semicolons"),
        ("age,city,claim\n", "no rows"),
        ("\n\n", "no text"),
        (b"\x1f\x8b\x08\x00rest", "gzip"),
        (b"PAR1" + b"\x00" * 100, "Parquet"),
        ('{"age": 1, "city": "A", "claim": 2}\n', "looks like JSON"),
        ("age,city,claim\nold,A,2\n", "not-numeric"),
    ],
)
def test_a_file_without_one_good_row_fails_the_step_and_its_report_says_why(
    lab: Lab, body: str | bytes, part: str
) -> None:
    with pytest.raises(DataError, match="no row can be scored") as raised:
        lab.run(body)
    assert part in str(raised.value)
    assert part in json.dumps(lab.report, ensure_ascii=False)
    assert lab.lines == []


def test_rows_are_numbered_through_all_files(lab: Lab) -> None:
    (lab.data / "00000.csv").write_text("age,city,claim\n1,A,2\nold,A,2\n")
    assert lab.run('{"age": 3, "city": "B", "claim": 4}\n', "00001.jsonl") == 2
    assert [line["row"] for line in lab.lines] == [1, 3]


def test_the_lines_are_shared_out_over_files_of_a_bounded_size(tmp_path: Path) -> None:
    writer = LineWriter(tmp_path, most_bytes=0, part_bytes=200)
    for row in range(10):
        writer.write(row, "", {"city": "x" * 30})
    writer.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files[:2]] == ["part-00000.jsonl", "part-00001.jsonl"]
    assert max(file.stat().st_size for file in files) <= 200
    rows = [json.loads(line)["row"] for file in files for line in file.read_bytes().splitlines()]
    assert rows == list(range(10))


def archive(folder: Path, members: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / "model.tar.gz", "w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


@pytest.mark.parametrize("name", ["features.json", "./features.json"])
def test_the_transform_is_read_out_of_the_archive(tmp_path: Path, name: str) -> None:
    archive(tmp_path, {"model.json": b"{}", name: TRANSFORM.to_json().encode()})
    assert read_transform(tmp_path) == TRANSFORM
    assert [path.name for path in tmp_path.iterdir()] == ["model.tar.gz"]


def no_archive(folder: Path) -> None:
    (folder / "no-champion.json").write_text("{}")


def no_tar(folder: Path) -> None:
    (folder / "model.tar.gz").write_bytes(b"this is no archive")


def no_features(folder: Path) -> None:
    archive(folder, {"model.json": b"{}"})


def another_version(folder: Path) -> None:
    archive(folder, {"features.json": b'{"version": 1}'})


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (no_archive, "only no-champion.json"),
        (no_tar, "cannot be read"),
        (no_features, "holds no features.json"),
        (another_version, "approve a model that this code has trained"),
    ],
)
def test_what_is_no_model_ends_the_step_with_one_sentence(
    lab: Lab, capsys: pytest.CaptureFixture[str], make: Callable[[Path], None], part: str
) -> None:
    model = lab.folder / "model"
    model.mkdir()
    make(model)
    with pytest.raises(SystemExit) as raised:
        main(["--data", str(lab.data), "--model", str(model), "--output", str(lab.output)])
    assert raised.value.code == 1
    told = capsys.readouterr().err
    assert part in told
    assert "Traceback" not in told


def test_an_odd_payload_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--max-payload-mb", "101"])
    assert "whole numbers from 0 to 100" in capsys.readouterr().err
