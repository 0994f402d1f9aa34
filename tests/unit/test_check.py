"""The cheap check: what it says about files that cannot be a table."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from start_pipeline.check import HEAD_BYTES, Finding, TableSpec, check_head, suffix_finding
from start_pipeline.settings import ModelSettings

import settings

MODEL = ModelSettings(
    "claims-fraud",
    ("claims", "customers"),
    join_key="policy_id",
    label="fraud",
    numeric=("amount", "age"),
    categorical=("contact",),
    missing=("", "NA"),
)
CLAIMS, CUSTOMERS = TableSpec.of(MODEL, "claims"), TableSpec.of(MODEL, "customers")
ALONE = TableSpec.of(replace(MODEL, tables=("claims",)), "claims")
GOOD = 'policy_id,fraud,amount,contact\n1,0,2.5,"Police, Fire"\n2,1,NA,없음\n'
ROOT = Path(__file__).parents[2]
PACKAGE, DATA_DOC = ROOT / "lambda" / "start_pipeline", ROOT / "docs" / "data.md"


def check(content: str | bytes, table: TableSpec = CLAIMS) -> Finding | None:
    data = content.encode() if isinstance(content, str) else content
    return check_head(data[:HEAD_BYTES], len(data), table)


def code(content: str | bytes, table: TableSpec = CLAIMS) -> str | None:
    finding = check(content, table)
    return finding.code if finding else None


def zipped(name: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(name, GOOD)
    return sink.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.encode("utf-8-sig"),
        GOOD.rstrip("\n"),
        GOOD.replace("\n", "\n\n"),
        'policy_id,fraud,note\n1,0,"two\nlines"\n2,1,"a ""quote"""\n',
        'fraud,"policy_id"\nYES,a\nno,b\n',
    ],
)
def test_what_preprocess_reads_is_let_through(content: str | bytes) -> None:
    assert check(content) is None


@pytest.mark.parametrize(
    ("content", "expected", "words"),
    [
        (b"", "empty", "0 bytes"),
        (b"\xef\xbb\xbf \r\n\n", "empty", "blanks"),
        (gzip.compress(GOOD.encode()), "compressed", "gzip"),
        (bz2.compress(GOOD.encode()), "compressed", "bzip2"),
        (lzma.compress(GOOD.encode()), "compressed", "xz"),
        (zipped("claims.csv"), "compressed", "zip archive or an Excel workbook"),
        (b"PAR1\x15\x04\x15\x00" + bytes(40), "binary", "Parquet"),
        (bytes(range(256)), "binary", "not text"),
        (bytes(100), "binary", "zero"),
        (GOOD.encode("utf-16"), "encoding", "UTF-16"),
        (GOOD.encode("utf-16-le"), "encoding", "UTF-16"),
        (GOOD.encode("utf-16-be"), "encoding", "UTF-16"),
        (GOOD.encode("utf-32"), "encoding", "UTF-32"),
        (GOOD.encode("cp949"), "encoding", r"CP949 \(EUC-KR\).*iconv -f CP949 -t UTF-8"),
        (GOOD.encode("euc-kr"), "encoding", r"CP949 \(EUC-KR\)"),
        (GOOD.replace("없음", "café").encode("cp1252"), "encoding", "windows-1252"),
        (GOOD.encode() + b"3,0,\x81,\n", "encoding", "byte 0x81 at position 72"),
        (GOOD.replace(",", ";"), "delimiter", "semicolons"),
        (GOOD.replace(",", "\t"), "delimiter", "tabs"),
        (GOOD.replace(",", "|"), "delimiter", "bars"),
        ("sep=;\n" + GOOD.replace(",", ";"), "delimiter", "semicolons"),
        ("1,0,2.5,Police\n2,1,NA,None\n", "header-missing", r"values \('1', '0', '2.5' and 1 more\)"),
        ("\n" + GOOD, "header-missing", "first line is empty"),
        (",policy_id,fraud\n0,1,0\n", "header-missing", "column 1 has no name.*index=False"),
        ('{"policy_id": "1", "fraud": 0}\n', "header-missing", "JSON"),
        ("<table><tr><td>policy_id</td></tr>", "header-missing", "HTML"),
        ("policy_id,fraud,fraud\n1,0,0\n", "columns-doubled", "'fraud' more than once"),
        ("Policy_Id,fraud\n1,0\n", "columns-missing", r"'policy_id' \(the join key\).*is 'Policy_Id' meant\?"),
        ("policy_id,amount\n1,2\n", "columns-missing", r"lacks 'fraud' \(the label\)"),
        ("policy_id,fraud\n", "no-rows", "no rows"),
        ("policy_id,fraud\n1,0\n2\n", "ragged-rows", "row 2 has 1 field, but the first line names 2"),
        ("policy_id,fraud,contact\n1,0,Police, Fire\n", "ragged-rows", "row 1 has 4 fields"),
        ("policy_id,fraud\n1,0\n,1\n", "keys-missing", "row 2 has no policy_id"),
        ("policy_id,fraud\n1,0\n2,1\n1,1\n", "keys-doubled", "rows 1 and 3 have the same policy_id, '1'"),
        ('policy_id,fraud,amount\n1,0,"1,000"\n', "not-numeric", "'1,000' in row 1 of the numeric column 'amount'"),
        ("policy_id,fraud\n1,maybe\n2,\n", "label-values", "none of the 2 rows has a class.*allowed: 0, 1"),
    ],
)
def test_a_file_that_cannot_be_a_table_is_named_with_its_reason(
    content: str | bytes, expected: str, words: str
) -> None:
    finding = check(content)
    assert finding
    assert finding.code == expected
    assert re.search(words, finding.reason)


def test_a_file_larger_than_the_settings_allow_is_refused_unread() -> None:
    finding = check_head(GOOD.encode(), 5_000_000_001, CLAIMS)
    assert finding
    assert finding.code == "too-large"
    assert "largest_file_mb = 5000" in finding.reason


def test_a_column_that_another_table_may_hold_is_not_asked_for() -> None:
    assert check("policy_id\n1\n", CUSTOMERS) is None
    assert code("policy_id,fraud\n1,0\n", ALONE) == "columns-missing"


def test_the_label_belongs_to_the_base_table_alone() -> None:
    assert code("policy_id,fraud\n1,0\n", CUSTOMERS) == "columns-doubled"


def test_one_bad_label_refuses_a_file_only_if_no_join_can_drop_its_row() -> None:
    content = "policy_id,fraud,amount,age,contact\n1,0,1,2,a\n2,maybe,1,2,a\n"
    assert check(content, CLAIMS) is None
    assert code(content, ALONE) == "label-values"


def test_a_long_value_is_shown_cut() -> None:
    finding = check(f"policy_id,fraud,amount\n1,0,{'x' * 500}\n")
    assert finding
    assert len(finding.reason) < 250
    assert len(finding.details["value"]) == 200


@pytest.mark.parametrize("cut", [HEAD_BYTES - 1, HEAD_BYTES])
def test_a_character_or_row_cut_by_the_end_of_the_head_is_no_mistake(cut: int) -> None:
    rows = "".join(f'{number},0,1,"두\n줄 {number}"\n' for number in range(10_000))
    data = ("policy_id,fraud,amount,contact\n" + rows).encode()
    for start in range(8):
        assert check_head(data[: cut - start], len(data), CLAIMS) is None


def test_a_mistake_in_the_head_of_a_large_file_is_found() -> None:
    rows = "".join(f"{number},0,{'x' if number == 900 else 1}\n" for number in range(100_000))
    finding = check("policy_id,fraud,amount\n" + rows)
    assert finding
    assert finding.details == {"row": 901, "column": "amount", "value": "x"}


def test_a_header_longer_than_the_head_is_left_to_preprocess() -> None:
    names = ",".join(f"column_{number}" for number in range(10_000))
    assert check(f"{names},policy_id,fraud\n") is None


@pytest.mark.parametrize("key", ["raw/m/t/a.csv", "raw/m/t/A.CSV", "raw/m/t/한 글.Csv"])
def test_a_suffix_of_the_model_in_any_case_is_let_through(key: str) -> None:
    assert suffix_finding(key, (".csv",)) is None


def test_another_suffix_is_named() -> None:
    finding = suffix_finding("raw/m/t/a.xlsx", (".csv", ".txt"))
    assert finding == Finding(
        "suffix", "'a.xlsx' ends in none of .csv, .txt; rename it", {"suffixes": [".csv", ".txt"]}
    )


def test_the_shipped_models_entry_of_models_json_makes_a_table() -> None:
    shipped = settings.load().model("claims-fraud")
    table = TableSpec.of(ModelSettings.of(shipped.name, shipped.trigger_spec()), "claims")
    assert table.required == ("policy_id", "fraud")
    assert table.largest_bytes == 5_000_000_000


def test_every_code_is_explained_in_the_documentation() -> None:
    source = "".join(path.read_text() for path in sorted(PACKAGE.glob("check*.py")))
    codes = set(re.findall(r'Finding\("([a-z-]+)"', source))
    assert len(codes) == 16
    reasons = DATA_DOC.read_text("utf-8").split("## Reasons")[1].split("\n## ")[0]
    assert codes == set(re.findall(r"^\| `([a-z-]+)` \|", reasons, re.MULTILINE))
