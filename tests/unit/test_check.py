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
        "\ufeffFraud, POLICY_ID \n1,2\n",
        "policy_id,fraud,FRAUD\n1,0,x\n",
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
        (GOOD.replace("없음", "21°C").encode("cp1252"), "encoding", "windows-1252"),
        (GOOD.replace("없음", "21℃").encode("cp949"), "encoding", "CP949"),
        (GOOD.encode() + b"3,0,\x81,\n4,0,\x82,\n", "encoding", "byte 0x81 at position 72"),
        (GOOD.replace("contact", "연락").encode("cp949"), "encoding", "CP949"),
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
        ("policy_id,Fraud,FRAUD\n1,0,0\n", "columns-doubled", "each of 'Fraud', 'FRAUD' could be 'fraud'"),
        ("policyid,fraud\n1,0\n", "columns-missing", r"'policy_id' \(the join key\).*is 'policyid' meant\?"),
        ('policy_id,"fraud" ?\n1,0\n', "header-missing", "a quote in the first line is open"),
        ("policy_id,amount\n1,2\n", "columns-missing", r"lacks 'fraud' \(the label\)"),
        ("policy_id,fraud\n", "no-rows", "no rows"),
        ("policy_id,fraud\n1\n2\n", "ragged-rows", r"row 1 has 1 field, but there are 2 columns \(and so on in 2 of"),
        ("policy_id,fraud,contact\n1,0,Police, Fire\n", "ragged-rows", "row 1 has 4 fields.*value that holds the deli"),
        ('policy_id,fraud\n1,"a"b\n2,"a" \n', "quotes", "in row 1 a quote is open or closes within a value"),
        ("policy_id,fraud\n,1\n,0\n", "keys-missing", "row 1 has no policy_id"),
        ("policy_id,fraud\nNA,1\n ,0\n", "keys-missing", r"row 1 has no policy_id \('NA'\)"),
        ('policy_id,fraud,amount\n1,0,"1,000"\n', "not-numeric", "'1,000' in row 1 of the numeric column 'amount'"),
        ("policy_id,fraud\n1,maybe\n2,\n", "label-values", r"row 1 has 'maybe' in the label 'fraud'.*allowed: '0', "),
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


BAD_ROWS = {
    "encoding": b"x,0,\x81,",
    "quotes": b'x,0,1,"a"b',
    "ragged-rows": b"x,0",
    "keys-missing": b",0,1,a",
    "not-numeric": b"x,0,?,a",
    "label-values": b"x,maybe,1,a",
}


def rows_of_which(bad: int, rows: int, kind: str) -> bytes:
    lines = [BAD_ROWS[kind] if number < bad else b"%d,0,1,a" % number for number in range(rows)]
    return b"\n".join([b"policy_id,fraud,amount,contact", *lines])


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_a_file_is_refused_for_its_rows_if_nine_tenths_are_bad_in_the_same_way(kind: str) -> None:
    assert code(rows_of_which(9, 10, kind)) == kind
    assert code(rows_of_which(8, 10, kind)) == (kind if kind == "encoding" else None)
    assert code(rows_of_which(4, 10, kind)) is None


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_a_few_bad_rows_prove_nothing_about_those_that_were_not_looked_at(kind: str) -> None:
    few, many = rows_of_which(9, 9, kind), rows_of_which(10, 10, kind)
    rest = b"\n1"
    assert check_head(few + rest, 10_000, CLAIMS) is None
    finding = check_head(many + rest, 10_000, CLAIMS)
    assert finding
    assert finding.code == kind
    assert kind == "encoding" or "(and so on in 10 of the first 10 rows)" in finding.reason


def test_what_is_no_text_is_told_as_text() -> None:
    rows = [b"%d,%s" % (number, b"\xff" if number < 4 else b"maybe") for number in range(10)]
    finding = check(b"\n".join([b"policy_id,fraud", *rows]))
    assert finding
    assert finding.code == "label-values"
    assert finding.details["value"] == "\ufffd"
    assert finding.reason.encode()


def test_an_open_quote_does_not_hide_the_rows_behind_it() -> None:
    assert check('policy_id,fraud,contact\n1,0,"Police\n2,1,Fire\n3,0,Fire\n') is None
    assert check('policy_id,fraud,contact\n1,0,5" pipe\n2,1,"two\nlines"\n') is None


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


def test_a_mistake_in_every_row_of_the_head_of_a_large_file_is_found() -> None:
    rows = "".join(f"{number},0,{'1' if number == 1 else 'x'}\n" for number in range(100_000))
    finding = check("policy_id,fraud,amount\n" + rows)
    assert finding
    assert finding.details == {"row": 1, "column": "amount", "value": "x"}


def test_a_header_longer_than_the_head_is_left_to_preprocess() -> None:
    names = ",".join(f"column_{number}" for number in range(10_000))
    assert check(f"{names},policy_id,fraud\n") is None


FISH = ModelSettings(
    "abalone",
    ("abalone",),
    problem="regression",
    label="rings",
    numeric=("length", "height"),
    categorical=("sex",),
    columns=("sex", "length", "height", "rings"),
)
SHELLS = TableSpec.of(FISH, "abalone")
NAMED = TableSpec.of(replace(FISH, columns=()), "abalone")


def test_one_table_needs_no_join_key() -> None:
    assert NAMED.required == ("rings", "length", "height", "sex")
    assert check("sex,length,height,rings\nM,0.4,0.1,15\nM,0.4,0.1,15\n", NAMED) is None
    assert code("sex,length,rings\nM,0.4,15\n", NAMED) == "columns-missing"


@pytest.mark.parametrize(
    ("content", "expected", "words"),
    [
        ("M,0.4,0.1,15\nF,0.5,,9", None, ""),
        ("\n\nM,0.4,0.1,15\n", None, ""),
        ("sex,length,height,rings\nM,0.4,0.1,15\n", None, ""),
        ("M;0.4;0.1;15\n", "delimiter", 'semicolons.*save the file with commas, or set delimiter = ";" under'),
        ("M,0.4,0.1\n", "ragged-rows", "row 1 has 3 fields, but there are 4 columns"),
        ("15,M,0.4,0.1\n", "not-numeric", "'M' in row 1 of the numeric column 'length'"),
        ("M,0.4,0.1,\n", "label-values", "row 1 has '' in the label 'rings'; allowed: a number in every row"),
        ("M,0.4,0.1,old\n", "not-numeric", "'old' in row 1 of the numeric column 'rings'"),
        ('{"sex": "M"}', "ragged-rows", "row 1 has 1 field"),
    ],
)
def test_files_without_a_header_line_have_the_columns_of_the_settings(
    content: str, expected: str | None, words: str
) -> None:
    finding = check(content, SHELLS)
    assert (finding.code if finding else None) == expected
    assert re.search(words, finding.reason if finding else "")


def test_a_file_without_the_header_line_that_others_have_is_told_of_the_setting() -> None:
    finding = check("M,0.4,0.1,15\n", NAMED)
    assert finding
    assert finding.code == "header-missing"
    assert "`columns` under [data]" in finding.reason


def test_the_classes_of_the_settings_count_exactly() -> None:
    table = TableSpec.of(replace(FISH, problem="multiclass", classes=("young", "Old"), label="sex"), "abalone")
    assert check("young,1,1,1\nOld,1,1,1\n", table) is None
    assert code("Young,1,1,1\nold,1,1,1\n", table) == "label-values"


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_declared_delimiter_is_the_one_that_counts(delimiter: str) -> None:
    table = TableSpec.of(replace(MODEL, delimiter=delimiter), "claims")
    other = GOOD.replace(",", delimiter)
    assert check(other.replace(f"Police{delimiter} Fire", "Police, Fire"), table) is None
    assert code(GOOD, table) == "delimiter"


@pytest.mark.parametrize("encoding", ["cp949", "utf-16", "windows-1252"])
def test_the_declared_encoding_is_the_one_that_counts(encoding: str) -> None:
    table = TableSpec.of(replace(MODEL, encoding=encoding), "claims")
    text = GOOD.replace("없음", "caf\u00e9" if encoding == "windows-1252" else "없음")
    data = text.encode(encoding)
    assert check(data, table) is None
    for cut in range(len(data) - 8, len(data)):
        assert check_head(data[:cut], len(data), table) is None
    assert code(gzip.compress(GOOD.encode()), table) == "compressed"
    assert code(bytes(range(256)) * 4, table) in ("binary", "encoding")


@pytest.mark.parametrize(
    ("declared", "written", "words"),
    [
        ("cp949", "utf-16", 'not CP949 .* looks like UTF-16; .*or set encoding = "utf-16" under'),
        ("cp949", "utf-8-sig", "not CP949 .* looks like UTF-8"),
        ("utf-16", "utf-8", "not UTF-16, it looks like UTF-8"),
        ("utf-16", "cp949", "not UTF-16, it looks like CP949"),
        ("utf-16", "utf-16-le", "no byte order mark, which UTF-16 needs"),
        ("windows-1252", "utf-8-sig", "not windows-1252, it looks like UTF-8"),
    ],
)
def test_a_file_in_another_encoding_than_the_declared_one_is_named(declared: str, written: str, words: str) -> None:
    finding = check(GOOD.encode(written), TableSpec.of(replace(MODEL, encoding=declared), "claims"))
    assert finding
    assert finding.code == "encoding"
    assert re.search(words, finding.reason), finding.reason


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
    assert codes <= set(re.findall(r"^\| `([a-z-]+)` \|", reasons, re.MULTILINE))
