"""`millrace runs` says which rows a run put aside and why, and prints them, by the names of the uploaded files."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest

from tests.cli.verdict_lab import VerdictLab, make

REASON = "column 'height': 0 is not within [0.001, 2]"
REPORT = {
    "table": "claims",
    "rows_read": 4177,
    "counts": {"out-of-range": 2, "no-partner": 1},
    "first": {"out-of-range": f"00001.csv row 1258: {REASON}"},
    "files": [{"file": "00000.csv", "code": "encoding", "reason": "byte 17 is no UTF-8", "bytes": 40}],
}
ROWS = f'file,row,code,reason,text\n00001.csv,1258,out-of-range,"{REASON}","I,0.43\n0"\n'
NOTHING = {"table": "claims", "rows_read": 10, "counts": {}, "first": {}, "files": []}


@pytest.fixture
def verdicts(embedded: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> VerdictLab:
    return make(embedded, monkeypatch, capsys)


def preprocess(lab: VerdictLab, report: dict[str, Any], *, rows: str = ROWS, fails: bool = False) -> dict[str, Any]:
    """A step that leaves this quarantine; what it read has the names of the manifest, which lies beside it."""
    manifest = {"tables": {"claims": [{"key": "raw/m/claims/winter.csv"}, {"key": "raw/m/claims/명세.csv"}]}}
    s3 = lab.bench.embedded.client("s3")
    s3.put_object(Bucket=lab.bench.bucket, Key="inputs/d/manifest.json", Body=json.dumps(manifest).encode())
    s3.put_object(Bucket=lab.bench.bucket, Key="inputs/d/claims/00000.csv", Body=b"a\n1\n")
    code = (
        "folder = out + '/quarantine/claims'\n"
        "os.makedirs(folder, exist_ok=True)\n"
        f"open(folder + '/report.json', 'w').write({json.dumps(report)!r})\n"
        f"open(folder + '/rows.csv', 'w').write({rows!r})\n"
        f"sys.exit({int(fails)})\n"
    )
    step: dict[str, Any] = lab.bench.processing("Preprocess", code, outputs=("quarantine",))
    table = {"S3Uri": f"s3://{lab.bench.bucket}/inputs/d/claims/", "LocalPath": "/opt/ml/processing/input/data/claims"}
    modes = {"S3DataType": "S3Prefix", "S3InputMode": "File"}
    step["Arguments"]["ProcessingInputs"].append({"InputName": "table-claims", "S3Input": table | modes})
    step["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3UploadMode"] = "Continuous"
    return step


def test_a_run_tells_how_many_rows_and_files_were_put_aside_and_why(verdicts: VerdictLab) -> None:
    run = verdicts.run(preprocess(verdicts, REPORT))

    for answer in (verdicts("runs", run), verdicts("runs", run, "--follow")):
        assert "claims: 3 of 4,177 rows were put aside" in answer.out
        assert f"2 out-of-range, the first: 명세.csv row 1258: {REASON}" in answer.out
        assert "claims: all of winter.csv (encoding): byte 17 is no UTF-8" in answer.out
        assert f"`millrace runs {run} --put-aside` prints these rows" in answer.out


def test_a_run_that_failed_on_its_data_tells_it_too(verdicts: VerdictLab) -> None:
    answer = verdicts("runs", verdicts.run(preprocess(verdicts, REPORT, fails=True)))

    assert answer.code == 1
    assert "claims: 3 of 4,177 rows were put aside" in answer.out


def test_the_rows_are_printed_as_csv_with_their_table_and_file(verdicts: VerdictLab) -> None:
    run = verdicts.run(preprocess(verdicts, REPORT))

    header, row = list(csv.reader(verdicts("runs", run, "--put-aside").out.splitlines(keepends=True)))

    assert header == ["table", "file", "row", "code", "reason", "text"]
    assert row == ["claims", "명세.csv", "1258", "out-of-range", REASON, "I,0.43\n0"]


def test_a_run_that_used_every_row_says_nothing_of_them(verdicts: VerdictLab) -> None:
    run = verdicts.run(preprocess(verdicts, NOTHING, rows="file,row,code,reason,text\n"))

    assert "put aside" not in verdicts("runs", run).out
    assert verdicts("runs", run, "--put-aside").out == "table,file,row,code,reason,text\n"
