"""Malformed input and what must come of it: the rows and values, or the reason code. docs/data.md lists the codes."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import unicodedata
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from contract import FILE_CODES, ROW_CODES
from contract_records import LONGEST_ROW

from tests.contract_lab import Outcome, run

Rows = Mapping[str, tuple[float | None, str, Any]]

HEADER = "id,amount,kind,y\n"
FIRST, SECOND = "1,2.5,a,0\n", "2,-3,b,1\n"
ROWS: Rows = {"1": (2.5, "a", 0.0), "2": (-3.0, "b", 1.0)}
ONE, TWO = {"1": ROWS["1"]}, {"2": ROWS["2"]}
FILLER = HEADER + "".join(f"filler{n},{n},{'ab'[n % 2]},{n % 2}\n" for n in range(200))
BINARY = {"problem": "binary"}
MULTICLASS = {"problem": "multiclass", "classes": ("low", "mid", "high")}


@dataclass(frozen=True)
class Case:
    """`rows`: amount, kind and label by id. `bad`: number and code of bad rows. `file`: the code of the whole file."""

    name: str
    content: str | bytes
    rows: Rows = field(default_factory=dict)
    bad: tuple[tuple[int, str], ...] = ()
    file: str | None = None
    spec: dict[str, Any] = field(default_factory=dict)
    alone: bool = False  # without a second, good file


def packed(name: str, content: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return data.getvalue()


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": ["1"], "amount": [1.0], "kind": ["a"], "y": [0.0]}), sink)
    return sink.getvalue()


def row(amount: str = "2.5", kind: str = "a", label: str = "0", key: str = "1") -> str:
    return HEADER + f"{key},{amount},{kind},{label}\n" + SECOND


def number(text: str, value: float | None = None, **spec: Any) -> Case:
    """A numeric value: what it means, or that it means nothing."""
    if value is None:
        return Case(f"the number {text!r}", row(text), TWO, ((1, "not-numeric"),), spec=spec)
    return Case(f"the number {text!r}", row(text), {"1": (value, "a", 0.0), **TWO}, spec=spec)


GOOD = HEADER + FIRST + SECOND
HANGUL = "구분"
KOREAN = f"id,amount,{HANGUL},y\n1,2.5,서울,0\n2,-3,부산,1\n"
KOREAN_SPEC = {"categorical": (HANGUL,)}
KOREAN_ROWS = {"1": (2.5, "서울", 0.0), "2": (-3.0, "부산", 1.0)}
NFD = unicodedata.normalize("NFD", HANGUL)
RANGE = {"ranges": {"amount": (-3.0, 9.0)}}
SEMICOLONS = {"delimiter": ";"}
NO_HEADER = {"columns": ("id", "amount", "kind", "y")}
WIDE = "id,amount,kind,y," + ",".join(f"c{n}" for n in range(4996))

FILES = [
    Case("no bytes", b"", file="empty"),
    Case("blanks only", b" \n\n\t \n", file="empty"),
    Case("a byte order mark only", b"\xef\xbb\xbf", file="empty"),
    Case("a header only", HEADER, file="no-rows"),
    Case("a header only, without line end", HEADER.strip(), file="no-rows"),
    Case("gzip", gzip.compress(GOOD.encode()), file="compressed"),
    Case("a gzip bomb", gzip.compress(b"0" * 50_000_000), file="compressed"),
    Case("a zip bomb", packed("a.csv", b"0" * 50_000_000), file="compressed"),
    Case("bzip2", bz2.compress(GOOD.encode()), file="compressed"),
    Case("xz", lzma.compress(GOOD.encode()), file="compressed"),
    Case("zstd", b"\x28\xb5\x2f\xfd\x24\x02\x11\x00\x00ab", file="compressed"),
    Case("an Excel workbook", packed("xl/workbook.xml", b"<workbook/>"), file="compressed"),
    Case("a pickle", pickle.dumps({"id": [1, 2]}), file="binary"),
    Case("parquet", parquet(), file="binary"),
    Case("an old Excel file", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), file="binary"),
    Case("a PDF document", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", file="binary"),
    Case("random bytes", bytes(range(256)) * 40, file="binary"),
    Case("zero bytes only", bytes(5000), file="binary"),
    Case("UTF-16 with a mark", GOOD.encode("utf-16"), file="encoding"),
    Case("UTF-16 without a mark", GOOD.encode("utf-16-le"), file="encoding"),
    Case("UTF-32", GOOD.encode("utf-32"), file="encoding"),
    Case("a header in CP949", KOREAN.encode("cp949"), file="encoding"),
    Case("an HTML error page", "<!DOCTYPE html>\n<html><body>403 Forbidden</body></html>\n", file="header-missing"),
    Case("an XML error", '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', file="header-missing"),
    Case("JSON", json.dumps([{"id": "1", "amount": 2.5}], indent=1), file="header-missing"),
    Case("JSON lines", '{"id": "1", "amount": 2.5}\n{"id": "2", "amount": 3}\n', file="header-missing"),
    Case("no header", FIRST + SECOND, file="header-missing"),
    Case("an empty first line", "\n" + GOOD, file="header-missing"),
    Case("a column without a name", "id,amount,kind,y,\n1,2.5,a,0,\n", file="header-missing"),
    Case("a header with an open quote", '"id,amount,kind,y\n1,2.5,a,0\n', file="header-missing"),
    Case("a header longer than a row may be", "id,amount,kind,y," + "x" * LONGEST_ROW, file="header-missing"),
    Case("a NUL in the header", "id,amount,ki\0nd,y\n1,2.5,a,0\n", file="binary"),
    Case("semicolons", GOOD.replace(",", ";"), file="delimiter"),
    Case("tabs", GOOD.replace(",", "\t"), file="delimiter"),
    Case("bars", GOOD.replace(",", "|"), file="delimiter"),
    Case("commas where semicolons are declared", GOOD, file="delimiter", spec=SEMICOLONS),
    Case("a feature is missing", "id,kind,y\n1,a,0\n", file="columns-missing"),
    Case("the key is missing", "amount,kind,y\n2.5,a,0\n", file="columns-missing"),
    Case("the label is missing", "id,amount,kind\n1,2.5,a\n", file="columns-missing"),
    Case("a column named twice", "id,amount,kind,y,kind\n1,2.5,a,0,b\n", file="columns-doubled"),
    Case("two columns that could be one", "id,Amount,AMOUNT,kind,y\n1,2.5,3,a,0\n", file="columns-doubled"),
    Case("5,000 columns", WIDE + "\n" + "1,2.5,a,0," + ",".join("0" * 4996) + "\n", file="columns-too-many"),
    Case("UTF-8 where UTF-16 is declared", GOOD, file="encoding", spec={"encoding": "utf-16"}),
    Case("gzip where UTF-16 is declared", gzip.compress(GOOD.encode()), file="compressed", spec={"encoding": "utf-16"}),
    Case("gzip without a header", gzip.compress(FIRST.encode()), file="compressed", spec=NO_HEADER),
    Case("HTML without a header", "<html><body>403</body></html>", file="header-missing", spec=NO_HEADER),
]

TAKEN = [
    Case("good rows", GOOD, ROWS),
    Case("a byte order mark", b"\xef\xbb\xbf" + GOOD.encode(), ROWS),
    Case("CRLF", GOOD.replace("\n", "\r\n"), ROWS),
    Case("CR", GOOD.replace("\n", "\r"), ROWS),
    Case("no line end at the end", GOOD.strip(), ROWS),
    Case("empty lines", GOOD.replace("\n", "\n\n"), ROWS),
    Case("everything in quotes", '"id","amount","kind","y"\n"1","2.5","a","0"\n"2","-3","b","1"\n', ROWS),
    Case("another order of columns", "y,kind,id,amount\n0,a,1,2.5\n1,b,2,-3\n", ROWS),
    Case("a header in capitals", GOOD.replace("amount", "AMOUNT").replace("id", "Id"), ROWS),
    Case("blanks around a name", GOOD.replace("id,amount", "id , amount"), ROWS),
    Case("a name in decomposed Hangul", KOREAN.replace(HANGUL, NFD), KOREAN_ROWS, spec=KOREAN_SPEC, alone=True),
    Case("Hangul", KOREAN, KOREAN_ROWS, spec=KOREAN_SPEC, alone=True),
    Case("CP949 declared", KOREAN.encode("cp949"), KOREAN_ROWS, spec={**KOREAN_SPEC, "encoding": "cp949"}, alone=True),
    Case("UTF-16 declared", GOOD.encode("utf-16"), ROWS, spec={"encoding": "utf-16"}, alone=True),
    Case(
        "windows-1252 declared",
        row(kind="café €").encode("cp1252"),
        {"1": (2.5, "café €", 0.0), **TWO},
        spec={"encoding": "windows-1252"},
    ),
    Case("semicolons declared", GOOD.replace(",", ";"), ROWS, spec=SEMICOLONS, alone=True),
    Case("tabs declared", GOOD.replace(",", "\t"), ROWS, spec={"delimiter": "\t"}, alone=True),
    Case("bars declared", GOOD.replace(",", "|"), ROWS, spec={"delimiter": "|"}, alone=True),
    Case("no header, as declared", FIRST + SECOND, ROWS, spec=NO_HEADER, alone=True),
    Case("a delimiter in quotes", row(kind='"Police, Fire"'), {"1": (2.5, "Police, Fire", 0.0), **TWO}),
    Case("a line break in quotes", row(kind='"two\nlines"'), {"1": (2.5, "two\nlines", 0.0), **TWO}),
    Case("doubled quotes", row(kind='"said ""no"""'), {"1": (2.5, 'said "no"', 0.0), **TWO}),
    Case("a quote in the middle of a value", row(kind='5" pipe'), {"1": (2.5, '5" pipe', 0.0), **TWO}),
    Case("the text None", row(kind="None"), {"1": (2.5, "None", 0.0), **TWO}),
    Case("leading zeros in a category", row(kind="007"), {"1": (2.5, "007", 0.0), **TWO}),
    Case("leading zeros in a key", row(key="001"), {"001": (2.5, "a", 0.0), **TWO}),
    Case("a missing marker in a category", row(kind="NA"), {"1": (2.5, "NA", 0.0), **TWO}),
    Case("an undeclared marker in a category", row(kind="NaN"), {"1": (2.5, "NaN", 0.0), **TWO}),
    Case("blanks in a category", row(kind="  "), {"1": (2.5, "  ", 0.0), **TWO}),
    Case("a tab in a category", row(kind="a\tb"), {"1": (2.5, "a\tb", 0.0), **TWO}),
    Case("emoji and odd line separators", row(kind="🚗\u2028\u0085"), {"1": (2.5, "🚗\u2028\u0085", 0.0), **TWO}),
    Case("a long number in a category", row(kind="9007199254740993"), {"1": (2.5, "9007199254740993", 0.0), **TWO}),
    Case("a large value", row(kind="x" * 500_000), {"1": (2.5, "x" * 500_000, 0.0), **TWO}),
    Case("a missing number", row(""), {"1": (None, "a", 0.0), **TWO}),
    Case("a missing number in quotes", row('"NA"'), {"1": (None, "a", 0.0), **TWO}),
    Case("nan as a declared marker", row("nan"), {"1": (None, "a", 0.0), **TWO}, spec={"missing": ("nan",)}),
    Case("-999 as a declared marker", row("-999"), {"1": (None, "a", 0.0), **TWO}, spec={"missing": ("-999",)}),
    Case("a label in other capitals", row(label="YES"), {"1": (2.5, "a", "YES"), "2": (-3.0, "b", "1")}, spec=BINARY),
    Case("the label false", row(label="False"), {"1": (2.5, "a", "False"), "2": (-3.0, "b", "1")}, spec=BINARY),
    number("007", 7.0),
    number(" 3 ", 3.0),
    number("+5", 5.0),
    number(".5", 0.5),
    number("1e3", 1000.0),
    number("1E-400", 0.0),
    number("-0", 0.0),
    number("9007199254740993", 9007199254740992.0),
    number("123456789012345678901234567890", 1.2345678901234568e29),
    number("3.4e38", 3.4e38),
]

BAD_ROWS = [
    number("1_000"),
    number("0x1f"),
    number("nan"),
    number("NaN"),
    number("inf"),
    number("-Infinity"),
    number("1e39"),
    number("1e400"),
    number("1.2.3"),
    number("1 000"),
    number("12%"),
    number("$5"),
    number("\uff11\uff12"),
    number("None"),
    number(" NA"),
    number("2026-11-29"),
    number("", missing=("NA",)),
    Case("thousands separators", row('"1,234"'), TWO, ((1, "not-numeric"),)),
    Case("thousands separators without quotes", row("1,234"), TWO, ((1, "ragged-rows"),)),
    Case("a decimal comma", row("2,5").replace(",", ";").replace("2;5", "2,5"), {"2": (-3.0, "b", 1.0)},
         ((1, "not-numeric"),), spec=SEMICOLONS, alone=True),
    Case("a row too short", HEADER + "1,2.5,a\n" + SECOND, TWO, ((1, "ragged-rows"),)),
    Case("a row too long", HEADER + "1,2.5,a,0,x\n" + SECOND, TWO, ((1, "ragged-rows"),)),
    Case("a row of blanks", HEADER + "   \n" + FIRST + SECOND, ROWS, ((1, "ragged-rows"),)),
    Case("a total at the end", GOOD + "2 rows\n", ROWS, ((3, "ragged-rows"),)),
    Case("an open quote", HEADER + '1,2.5,"a,0\n' + SECOND, TWO, ((1, "quotes"),)),
    Case("an open quote in the last row", GOOD + '3,1,"a,0', ROWS, ((3, "quotes"),)),
    Case("an open quote before good quotes", HEADER + '1,2.5,"a,0\n2,-3,"b",1\n', TWO, ((1, "quotes"),)),
    Case("text behind a closing quote", row(kind='"a"b'), TWO, ((1, "quotes"),)),
    Case("quotes that are not doubled", row(kind='"said "no""'), TWO, ((1, "quotes"),)),
    Case("a NUL", row(kind="a\0b"), TWO, ((1, "control-characters"),)),
    Case("an escape character", row(kind="\x1b[31ma"), TWO, ((1, "control-characters"),)),
    Case("a deleted character", row(kind="a\x7f"), TWO, ((1, "control-characters"),)),
    Case("a byte that is no UTF-8", row(kind="caf\xe9").encode("latin-1"), TWO, ((1, "encoding"),)),
    Case("a value in CP949", row(kind="서울").encode("cp949"), TWO, ((1, "encoding"),)),
    Case("a lone surrogate", row(kind="?").encode().replace(b"?", b"\xed\xa0\x80"), TWO, ((1, "encoding"),)),
    Case("an overlong NUL", row(kind="?").encode().replace(b"?", b"\xc0\x80"), TWO, ((1, "encoding"),)),
    Case("a byte that is no CP949", row(kind="?").encode().replace(b"?", b"\xff"), TWO, ((1, "encoding"),),
         spec={"encoding": "cp949"}),
    Case("half a surrogate pair in UTF-16", GOOD.encode("utf-16").replace(b"a\0,\0" b"0", b"\0\xd8,\0" b"0"), TWO,
         ((1, "encoding"),), spec={"encoding": "utf-16"}, alone=True),
    Case("an 8 MB value", row(kind="x" * 8_000_000), TWO, ((1, "row-too-long"),)),
    Case("an 8 MB value in quotes", row(kind='"' + "x" * 8_000_000 + '"'), TWO, ((1, "row-too-long"),)),
    Case("an 8 MB value in the last row", GOOD + "3,1," + "x" * 8_000_000 + ",0", ROWS, ((3, "row-too-long"),)),
    Case("an open quote before much text", HEADER + '1,2.5,"a,0\n' + SECOND * 200_000, TWO,
         ((1, "quotes"), *((n, "duplicate-row") for n in range(3, 10_003))), alone=True),
    Case("a second header", HEADER + FIRST + HEADER + SECOND, ROWS, ((2, "header-again"),)),
    Case("a header that is not declared", GOOD, ROWS, ((1, "header-again"),), spec=NO_HEADER, alone=True),
    Case("no key", row(key=""), TWO, ((1, "keys-missing"),)),
    Case("a key of blanks", row(key="  "), TWO, ((1, "keys-missing"),)),
    Case("a missing marker as key", row(key="NA"), TWO, ((1, "keys-missing"),)),
    Case("an equal row again", HEADER + FIRST + SECOND + FIRST, ROWS, ((3, "duplicate-row"),)),
    Case("an equal row, written otherwise", HEADER + FIRST + SECOND + '"1",2.50,a,0\n', ROWS, ((3, "duplicate-row"),)),
    Case("a key twice", HEADER + FIRST + SECOND + "1,9,a,0\n", TWO, ((1, "key-conflict"), (3, "key-conflict"))),
    Case("a key twice and an equal row", HEADER + FIRST + FIRST + "1,9,a,0\n" + SECOND, TWO,
         ((1, "key-conflict"), (2, "key-conflict"), (3, "key-conflict"))),
    Case("a key twice, once in a bad row", HEADER + FIRST + "1,x,a,0\n" + SECOND, ROWS, ((2, "not-numeric"),)),
    Case("below the range", row("-3.1"), TWO, ((1, "out-of-range"),), spec=RANGE, alone=True),
    Case("above the range", row("9.1"), TWO, ((1, "out-of-range"),), spec=RANGE, alone=True),
    Case("a missing number beside the range", row("NA"), {"1": (None, "a", 0.0), **TWO}, spec=RANGE, alone=True),
    Case("at the bounds of the range", row("9"), {"1": (9.0, "a", 0.0), **TWO}, spec=RANGE, alone=True),
    Case("a label outside of its range", row(label="7"), TWO, ((1, "out-of-range"),), spec={"ranges": {"y": (0, 1)}}),
    Case("a regression label that is no number", row(label="high"), TWO, ((1, "not-numeric"),)),
    Case("a regression label that is missing", row(label="NA"), TWO, ((1, "label-values"),)),
    Case("a label that is no class", row(label="maybe"), {"2": (-3.0, "b", "1")}, ((1, "label-values"),), spec=BINARY),
    Case("no label", row(label=""), {"2": (-3.0, "b", "1")}, ((1, "label-values"),), spec=BINARY),
    Case("a label with blanks", row(label=" 1"), {"2": (-3.0, "b", "1")}, ((1, "label-values"),), spec=BINARY),
    Case("the label 0.0", row(label="0.0"), {"2": (-3.0, "b", "1")}, ((1, "label-values"),), spec=BINARY),
]  # fmt: skip
CASES = [*FILES, *TAKEN, *BAD_ROWS]


def outcome(case: Case, folder: Path) -> Outcome:
    files: dict[str, str | bytes] = {"00000.csv": case.content}
    if not case.alone:
        filler = FILLER.replace(",", case.spec.get("delimiter", ","))
        if "columns" in case.spec:
            filler = filler.split("\n", 1)[1]
        files["99999.csv"] = filler.encode(case.spec.get("encoding", "utf-8"))
    return run(folder, {"main": files}, **case.spec)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_malformed_input_gives_the_stated_rows_or_the_stated_reason(case: Case, tmp_path: Path) -> None:
    result = outcome(case, tmp_path)
    assert not result.failure
    kind = "kind" if "categorical" not in case.spec else HANGUL
    found = {
        row["id"]: (row["amount"], row[kind], row["y"]) for row in result.rows if not row["id"].startswith("filler")
    }
    assert found == case.rows
    assert [(row, code) for _, row, code in result.codes()] == list(case.bad)
    assert result.bad_files() == ({"00000.csv": case.file} if case.file else {})
    if not case.alone:
        assert sum(row["id"].startswith("filler") for row in result.rows) == 200


def test_at_least_fifty_kinds_of_malformed_input_are_tried_each_once() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    assert len([case for case in CASES if case.file or case.bad]) >= 50


def test_every_code_is_tried_here_or_with_several_tables() -> None:
    tried = {case.file for case in CASES} | {code for case in CASES for _, code in case.bad}
    assert {*FILE_CODES, *ROW_CODES} - tried == {"columns-differ", "no-partner"}
