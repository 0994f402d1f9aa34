"""What a request body means: CSV, JSON or JSON lines into raw rows for the transform; called by inference.py.

Everything a client can get wrong becomes a PayloadError with the HTTP status and, where there is one, the column.
Standard library only.
"""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, NoReturn

from media import CSV, JSON_LINES, PayloadError, given

MOST_BYTES = 100 << 20
"""The longest request of a batch transform; an endpoint takes less."""
OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}
LONGEST_SHOWN, LONGEST_NAME, MOST_LISTED = 40, 200, 50
"""What an answer tells of values and names: it is no mirror of the request."""


def parse(
    body: str | bytes,
    content_type: str | None,
    *,
    names: Sequence[str],
    ignored: Sequence[str] = (),
    null: str | None = "",
) -> dict[str, list[str]]:
    """One list of texts per feature column; `null` is the text that stands for JSON's null."""
    kind, header = given(content_type)
    text = _text(body)
    if kind == CSV:
        return _parse_csv(text, names, ignored, header)
    rows = _json_lines(text) if kind == JSON_LINES else _json_rows(text)
    return _columns(rows, names, ignored, null)


def _text(body: str | bytes) -> str:
    """The toolkit's server decodes some bodies itself and puts U+FFFD where the bytes were no UTF-8."""
    if len(body) > MOST_BYTES:
        raise PayloadError(f"the body is larger than {MOST_BYTES:,} bytes; send the rows in parts", status=413)
    try:
        text = body if isinstance(body, str) else bytes(body).decode("utf-8")
    except UnicodeDecodeError as error:
        raise PayloadError(f"the body is not UTF-8: {error.reason} at byte {error.start}") from error
    if "\ufffd" in text:
        raise PayloadError(f"the body is not UTF-8: a replacement character at position {text.index(chr(0xFFFD))}")
    text = text.removeprefix("\ufeff")
    if text.startswith("\ufeff"):
        raise PayloadError("the body begins with two byte order marks; send at most one")
    if not text.strip():
        raise PayloadError("the body is empty; send at least one row")
    return text


def _parse_csv(
    text: str, names: Sequence[str], ignored: Sequence[str], has_header: bool | None
) -> dict[str, list[str]]:
    """The first line is a header if one of its fields is a column's name, unless the content type tells."""
    if "\0" in text:
        raise PayloadError(f"the body is no CSV: it holds the character NUL at position {text.index(chr(0))}")
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except csv.Error as error:
        raise PayloadError(f"the body is no CSV: {error}") from error
    if has_header is None:
        known = {*names, *ignored}
        has_header = any(field in known for field in lines[0]) or _names_otherwise(lines[0], known)
    header = lines.pop(0) if has_header else list(names)
    if has_header:
        _check_columns(header, names, ignored)
    if not lines:
        raise PayloadError("the body has a header but no rows; send at least one")
    for number, line in enumerate(lines, 1):
        if len(line) < len(header):
            told = f"{len(line)} fields given, {len(header)} needed{_between(line)}"
            raise PayloadError(told, column=header[len(line)], row=number)
        if len(line) > len(header):
            raise PayloadError(f"{len(line)} fields given, {len(header)} needed: {_listed(header)}", row=number)
    by_name = dict(zip(header, zip(*lines, strict=True), strict=True))
    return {name: list(by_name[name]) for name in names}


def _between(line: Sequence[str]) -> str:
    """A hint for a line in which something else than commas stands between the fields."""
    found = next((name for each, name in OTHER_DELIMITERS.items() if len(line) == 1 and each in line[0]), "")
    return f"; commas stand between them, not {found}" if found else ""


def folded(name: str) -> str:
    """What is alike for names that a reader takes for the same."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def _names_otherwise(line: Sequence[str], known: Collection[str]) -> bool:
    """Whether all fields are names of columns, though not as the model has them: such a line is no row."""
    return {folded(field) for field in line} <= {folded(name) for name in known}


def _json_rows(text: str) -> list[Any]:
    value = _json(text)
    if isinstance(value, dict) and set(value) == {"instances"}:
        value = value["instances"]
    rows: list[Any] = value if isinstance(value, list) else [value]
    if not rows:
        raise PayloadError("the list of rows is empty; send at least one")
    return rows


def _json_lines(text: str) -> list[Any]:
    lines = [line for line in text.split("\n") if line.strip()]
    return [_json(line, row=number) for number, line in enumerate(lines, 1)]


def _json(text: str, *, row: int | None = None) -> Any:
    try:
        return DECODER(text)
    except (ValueError, RecursionError) as error:
        what = "the body is no JSON" if row is None else "the line is no JSON"
        raise PayloadError(f"{what}: {error}", row=row) from error


def _columns(
    rows: Sequence[Any], names: Sequence[str], ignored: Sequence[str], null: str | None
) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {name: [] for name in names}
    expected, known = frozenset(names), frozenset((*names, *ignored))
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            kind = type(row).__name__
            raise PayloadError(f"a row is a JSON object of column and value, this one is a {kind}", row=number)
        if not expected <= row.keys() <= known:
            _check_columns(list(row), names, ignored, row=number)
        for name in names:
            columns[name].append(_json_text(row[name], name, number, null))
    return columns


def _check_columns(
    given: Sequence[str], names: Sequence[str], ignored: Sequence[str], *, row: int | None = None
) -> None:
    seen: set[str] = set()
    for name in given:
        if name not in names and name not in ignored:
            alike = next((each for each in names if folded(each) == folded(name)), "")
            hint = f" (only capitals, blanks or Unicode form differ from {_shown(alike)})" if alike else ""
            raise PayloadError(
                f"unknown column {_shown(name)}{hint}; allowed: {_listed(names)}", column=name[:LONGEST_NAME], row=row
            )
        if name in seen:
            raise PayloadError(f"column {_shown(name)} is given twice", column=name, row=row)
        seen.add(name)
    absent = [name for name in names if name not in seen]
    if absent:
        raise PayloadError(
            f"column {_shown(absent[0])} is missing; needed: {_listed(names)}", column=absent[0], row=row
        )


def _json_text(value: Any, column: str, row: int, null: str | None) -> str:
    if isinstance(value, str):
        return value
    if value is None and null is not None:
        return null
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    allowed = "a number or a text" if null is None else "a number, a text or null"
    raise PayloadError(f"{_shown(json.dumps(value), quote=False)} given; allowed: {allowed}", column=column, row=row)


def _shown(text: str, *, quote: bool = True) -> str:
    cut = text[:LONGEST_SHOWN]
    return (repr(cut) if quote else cut) + ("..." if cut != text else "")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_LISTED:,} more" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not allowed; send null for a missing value")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        doubled, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise PayloadError(f"column {_shown(doubled)} is given twice", column=doubled)
    return result


CONSTANTS = _no_constant
DECODER = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_unique).decode
"""JSON in which no number is NaN and no object names a column twice."""
