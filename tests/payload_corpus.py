"""Bodies that are no rows of the claims model, each with the status and a piece of the message that it must get."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import zipfile
from collections.abc import Sequence
from typing import Any, NamedTuple

CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"
GOOD: dict[str, Any] = {
    "num_injuries": 1, "num_witnesses": 2, "vehicle_claim": 1000.5, "months_as_customer": 12,
    "num_claims_past_year": 0, "num_insurers_past_5_years": 1, "incident_type": "Collision",
    "incident_severity": "Minor", "authorities_contacted": "None", "police_report_available": "No",
    "customer_gender": "Male",
}  # fmt: skip
LARGEST = 100 << 20


class Case(NamedTuple):
    name: str
    body: bytes
    kind: str
    status: int
    message: str
    accept: str = "*/*"
    times: int = 1
    """How often the body is repeated, so that a large one needs no place here."""


def cases(names: Sequence[str]) -> list[Case]:
    """`names` are the model's columns in their order."""
    return [*_bytes(names), *_csv(names), *_json(), *_values(), *_lines(), *_types(names)]


def _row(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def _text(number: str) -> bytes:
    """A row with this text, as it is, for the number of injuries."""
    return _row(num_injuries="@").replace(b'"@"', number.encode())


def _line(names: Sequence[str], **changes: Any) -> str:
    return ",".join(str({**GOOD, **changes}[name]) for name in names)


def _bytes(names: Sequence[str]) -> list[Case]:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("rows.csv", _line(names))
    bomb = gzip.compress(bytes(50 << 20))
    utf16 = _line(names).encode("utf-16")
    return [
        *(Case(f"empty {kind}", b"", kind, 400, "the body is empty; send at least one row")
          for kind in (CSV, JSON, LINES)),
        *(Case(f"blank {kind}", b" \r\n\t\n", kind, 400, "the body is empty") for kind in (CSV, JSON, LINES)),
        Case("nothing but a BOM", b"\xef\xbb\xbf", CSV, 400, "the body is empty"),
        Case("two BOMs", b"\xef\xbb\xbf" * 2 + _line(names).encode(), CSV, 400, "two byte order marks"),
        Case("a BOM within", b"[" + b"\xef\xbb\xbf" + _row() + b"]", JSON, 400, "the body is no JSON"),
        Case("a BOM of another kind", b"\xfe\xff" + _row(), JSON, 400, "the body is not UTF-8"),
        Case("UTF-16", utf16, CSV, 400, "the body is not UTF-8"),
        Case("UTF-16 without a BOM", _line(names).encode("utf-16-le"), CSV, 400, "it holds the character NUL"),
        Case("UTF-16 JSON", _row().decode().encode("utf-16-le"), JSON, 400, "the body is no JSON"),
        Case("UTF-32 lines", _row().decode().encode("utf-32"), LINES, 400, "the body is not UTF-8"),
        Case("Latin-1", _row(incident_type="@").replace(b"@", b"\xe9t\xe9"), JSON, 400, "the body is not UTF-8"),
        Case("half a character", _row()[:-2] + "é".encode()[:1], JSON, 400, "the body is not UTF-8"),
        Case("a surrogate in UTF-8", b"\xed\xa0\x80" + _line(names).encode(), CSV, 400, "the body is not UTF-8"),
        Case("the replacement character", _row(incident_type="@").replace(b"@", b"\xef\xbf\xbd"), LINES, 400,
             "a replacement character at position"),
        Case("NUL bytes", bytes(1000), CSV, 400, "it holds the character NUL at position 0"),
        Case("NUL bytes as JSON", bytes(1000), JSON, 400, "the body is no JSON"),
        Case("NUL in a field", _line(names, incident_type="a\0b").encode(), CSV, 400, "the character NUL"),
        Case("NUL in a text", _row().replace(b"Collision", b"Coll\0ision"), JSON, 400, "Invalid control character"),
        Case("a pickle", pickle.dumps([GOOD]), CSV, 400, "the body is not UTF-8"),
        Case("an old pickle", pickle.dumps(GOOD, protocol=0), JSON, 400, "the body is no JSON"),
        Case("a pickle that runs code", b"cos\nsystem\n(S'true'\ntR.", CSV, 400, "1 fields given, 11 needed"),
        Case("gzip", gzip.compress(_row()), JSON, 400, "the body is not UTF-8"),
        Case("a gzip bomb", bomb, JSON, 400, "the body is not UTF-8"),
        Case("a gzip bomb in a gzip bomb", gzip.compress(bomb), CSV, 400, "the body is not UTF-8"),
        Case("a zip", zipped.getvalue(), LINES, 400, "the body is no"),
        Case("Parquet", b"PAR1" + b"\x15\x04\x15\x80" * 20 + b"PAR1", CSV, 400, "the body is not UTF-8"),
        Case("a NumPy array", b"\x93NUMPY\x01\x00" + bytes(100), JSON, 400, "the body is not UTF-8"),
        Case("protobuf", b"\x0a\x05\xff\xfe\x80\x81", LINES, 400, "the body is not UTF-8"),
        Case("XML", b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'b'>]><a>&b;</a>", JSON, 400, "the body is no JSON"),
        Case("HTML", b"<html><body>Service Unavailable</body></html>", CSV, 400, "1 fields given, 11 needed"),
        Case("more than 100 MB", b"x" * (1 << 20), LINES, 413, "the body is larger than 104,857,600 bytes", times=101),
    ]  # fmt: skip


def _csv(names: Sequence[str]) -> list[Case]:
    line, header = _line(names), ",".join(names)
    first, rest = names[0], ",".join(names[1:])
    return [
        Case("a header and no rows", header.encode(), CSV, 400, "a header but no rows"),
        Case("a header and blank lines", f"{header}\n\r\n\n".encode(), CSV, 400, "a header but no rows"),
        Case("a field too few", line.rpartition(",")[0].encode(), CSV, 400, "10 fields given, 11 needed"),
        Case("a field too many", f"{line},1".encode(), CSV, 400, "12 fields given, 11 needed"),
        Case("a comma at the end", f"{header}\n{line},".encode(), CSV, 400, "12 fields given, 11 needed"),
        Case("a short row later", f"{line}\n1,2".encode(), CSV, 400, "2 fields given, 11 needed"),
        Case("semicolons", line.replace(",", ";").encode(), CSV, 400, "1 fields given, 11 needed"),
        Case("tabs", line.replace(",", "\t").encode(), CSV, 400, "1 fields given, 11 needed"),
        Case("an unknown column", f"{header},extra\n{line},1".encode(), CSV, 400, "unknown column 'extra'"),
        Case("a missing column", f"{rest}\n{line.partition(',')[2]}".encode(), CSV, 400,
             f"column '{first}' is missing"),
        Case("a column twice", f"{header},{first}\n{line},1".encode(), CSV, 400, f"column '{first}' is given twice"),
        Case("a column in capitals", f"{header.upper()}\n{line}".encode(), CSV, 400, "only capitals, blanks or"),
        Case("two headers", f"{header}\n{header}\n{line}".encode(), CSV, 400, "is no number"),
        Case("an open quote", f'{line}\n"1'.encode(), CSV, 400, "the body is no CSV"),
        Case("a quote within", f'{header}\n"1"2{line[1:]}'.encode(), CSV, 400, "the body is no CSV"),
        Case("a field of a megabyte", f"{'9' * (1 << 20)}{line}".encode(), CSV, 400, "field larger than field limit"),
        Case("a million columns", b"1," * 1_000_000, CSV, 400, "1000001 fields given, 11 needed"),
        Case("a million lines", b"1\n" * 1_000_000, CSV, 400, "1 fields given, 11 needed"),
        Case("a formula", _line(names, num_injuries="=1+1").encode(), CSV, 400, "'=1+1' is no number"),
        Case("many rows, the last number bad", f"{line}\n".encode() * 2000 + _line(names, num_injuries="nan").encode(),
             CSV, 400, "'nan' is no number"),
        Case("many rows, the last one short", f"{line}\n".encode() * 2000 + b"1,2", CSV, 400,
             "2 fields given, 11 needed"),
        Case("JSON called CSV", _row(), CSV, 400, " is no number"),
    ]  # fmt: skip


def _json() -> list[Case]:
    deep = 10_000
    return [
        Case("an empty list", b"[]", JSON, 400, "the list of rows is empty"),
        Case("no instances", b'{"instances": []}', JSON, 400, "the list of rows is empty"),
        Case("an empty object", b"{}", JSON, 400, "is missing; needed: "),
        Case("instances that are none", b'{"instances": 3}', JSON, 400, "this one is a int"),
        Case("instances and more", b'{"instances": [], "x": 1}', JSON, 400, "unknown column 'instances'"),
        Case("instances in instances", b'{"instances": {"instances": []}}', JSON, 400, "unknown column 'instances'"),
        *(Case(f"{text} alone", text.encode(), JSON, 400, "a row is a JSON object of column and value")
          for text in ("null", "true", "7", '"text"', "[[1, 2]]", "[null]")),
        *(Case(f"{text} as JSON", text.encode(), JSON, 400, "NaN is not allowed" if "NaN" in text else "not allowed")
          for text in ("NaN", "[NaN]", "Infinity", "-Infinity")),
        Case("deep lists", b"[" * deep + b"]" * deep, JSON, 400, "the body is no JSON"),
        Case("deep objects", b'{"a":' * deep + b"1" + b"}" * deep, JSON, 400, "the body is no JSON"),
        Case("a deep value", _text("[" * deep + "]" * deep), JSON, 400, "the body is no JSON"),
        Case("deep lists without an end", b"[" * 1_000_000, JSON, 400, "the body is no JSON"),
        Case("a lost bracket", b"[" + _row(), JSON, 400, "the body is no JSON"),
        Case("a bracket too many", _row() + b"}", JSON, 400, "the body is no JSON"),
        Case("two rows without a list", _row() + b"\n" + _row(), JSON, 400, "the body is no JSON"),
        Case("a comma at the end of a list", b"[" + _row() + b",]", JSON, 400, "the body is no JSON"),
        Case("single quotes", b"{'a': 1}", JSON, 400, "the body is no JSON"),
        Case("a comment", b"[1] // one", JSON, 400, "the body is no JSON"),
        Case("half an escape", b'{"num_injuries": "\\u12"}', JSON, 400, "the body is no JSON"),
        Case("a column twice in an object", _row()[:-1] + b', "num_injuries": 1}', JSON, 400,
             "column 'num_injuries' is given twice"),
        Case("an unknown name", _row(extra=1), JSON, 400, "unknown column 'extra'"),
        Case("an unknown name of a megabyte", _row(**{"x" * (1 << 20): 1}), JSON, 400, "unknown column 'xxxx"),
        Case("a name that no text can be", _row(**{"\ud800": 1}), JSON, 400, "unknown column"),
        Case("CSV called JSON", b"1,2,3", JSON, 400, "the body is no JSON"),
        Case("a query", b"Body=1&x=2", JSON, 400, "the body is no JSON"),
        Case("a prototype", b'{"__proto__": {"admin": true}}', JSON, 400, "unknown column '__proto__'"),
        Case("another service's rows", b'{"dataframe_split": {"columns": [], "data": []}}', JSON, 400,
             "unknown column 'dataframe_split'"),
        Case("many rows, the last one bad", b"[" + (_row() + b",") * 2000 + b"7]", JSON, 400, "this one is a int"),
    ]  # fmt: skip


def _values() -> list[Case]:
    numbers = {
        "1e400": "'inf' is no number", "-1e400": "'-inf' is no number", "1e39": "'1e+39' is no number",
        "9" * 400: "'99999", '"1e400"': "'1e400' is no number", '"NaN"': "'NaN' is no number",
        '"inf"': "'inf' is no number", '"1_000"': "'1_000' is no number", '"\\uff11"': "is no number",
        '"0x10"': "'0x10' is no number", '"1,5"': "'1,5' is no number", '"two"': "'two' is no number",
        '"1; DROP TABLE claims"': "is no number", '"%s%n"': "is no number", '"1\\u0000"': "is no number",
    }  # fmt: skip
    kinds = {"true": "true given", "[1]": "[1] given", "{}": "{} given", '{"a": 1}': "given", "[]": "[] given"}
    return [
        *(Case(f"the number {text[:12]}", _text(text), JSON, 400, message) for text, message in numbers.items()),
        *(Case(f"the value {text}", _text(text), JSON, 400, message) for text, message in kinds.items()),
        Case("the value NaN", _text("NaN"), JSON, 400, "NaN is not allowed; send null for a missing value"),
        Case("a number of 5,000 digits", _text("9" * 5000), JSON, 400, "the body is no JSON"),
        Case("a text of a megabyte", _row(num_injuries="9" * (1 << 20) + "x"), JSON, 400, "is no number"),
        Case("a truth for a category", _row(incident_type=False), JSON, 400, "false given"),
    ]  # fmt: skip


def _lines() -> list[Case]:
    good = _row() + b"\n"
    return [
        Case("a bad line", good + b"{\n", LINES, 400, "the line is no JSON"),
        Case("a line that is a list", good + b"[1]\n", LINES, 400, "a row is a JSON object"),
        Case("a line that lacks a column", good + b'{"num_injuries": 1}\n', LINES, 400, "is missing"),
        Case("a list over several lines", b"[\n" + good + b"]\n", LINES, 400, "the line is no JSON"),
        Case("two rows in a line", _row() + _row(), LINES, 400, "the line is no JSON"),
        Case("a line that is deep", good + b"[" * 10_000, LINES, 400, "the line is no JSON"),
        Case("CSV called lines", b"1,2,3\n", LINES, 400, "the line is no JSON"),
    ]


def _types(names: Sequence[str]) -> list[Case]:
    line = _line(names).encode()
    return [
        *(Case(f"{kind} as a type", line, kind, 415, "given; allowed: ")
          for kind in ("image/png", "text/plain", "application/x-npy", "application/x-recordio-protobuf", "csv", ";",
                       "text/csv, application/json", "multipart/form-data; boundary=x", "application/octet-stream",
                       "application/x-www-form-urlencoded", "application/vnd.ms-excel", "x" * 5000)),
        Case("another charset", line, "text/csv; charset=utf-16", 415, "charset 'utf-16' given"),
        Case("an odd header parameter", line, "text/csv; header=perhaps", 415, "header=perhaps given"),
        *(Case(f"{accept} accepted", line, CSV, 406, message, accept) for accept, message in (
            ("image/png", "allowed: text/csv"), ("text/csv;q=0", "allowed: text/csv"), ("text/csv;q=two", "q='two'"),
            ("text/html, image/*;q=0.5", "allowed: text/csv"), ("application/json;explain=1", "explain=1 given"))),
    ]  # fmt: skip
