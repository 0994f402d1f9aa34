"""An uploaded file of JSON Lines as rows of texts; called by prepare_batch.py.

A value becomes the text that the endpoint would make of it (payload.py).
"""

from __future__ import annotations

import codecs
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from batch_row import Row, known_names
from contract import BadFile, Fault, listed, shown
from contract_files import head_of
from contract_records import LONGEST_ROW
from features import FeatureTransform, number_of
from spec import ModelSpec

MOST_UNUSED = 100
ENCODING = "utf-8"


class _Wrong(Exception):
    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        super().__init__(reason)


@dataclass
class JsonFile:
    """One file for one model: an object of column and value in each line, in UTF-8."""

    path: Path
    transform: FeatureTransform
    spec: ModelSpec
    unused: list[str] = field(default_factory=list)
    """The names that the model does not know, the first of them."""

    def rows(self) -> Iterator[Row | Fault]:
        """Good and bad rows; raises BadFile if there is none."""
        head_of(self.path, encoding=ENCODING)
        self._known = frozenset(known_names(self.transform, self.spec))
        self._numeric = frozenset(column.name for column in self.transform.columns if column.kind == "numeric")
        number = 0
        with self.path.open("rb") as file:
            for line in _lines(file):
                number += 1
                try:
                    yield self._row(number, line)
                except _Wrong as error:
                    yield Fault(number, error.code, str(error), line)
        if not number:
            raise BadFile("no-rows", "the file holds empty lines only")

    def _row(self, number: int, line: bytes) -> Row:
        if len(line) > LONGEST_ROW:
            raise _Wrong("row-too-long", f"the row has more than {LONGEST_ROW} bytes; shorten its values")
        given = _object(line)
        if absent := [name for name in self.transform.names if name not in given]:
            raise _Wrong("columns-missing", f"the row lacks {listed(absent)}")
        for name in given:
            if name not in self._known and name not in self.unused and len(self.unused) < MOST_UNUSED:
                self.unused.append(name)
        key = given.get(self.spec.join_key) if self.spec.join_key else None
        features = {name: self._text(name, given[name]) for name in self.transform.names}
        return Row(number, _key_text(key), features, line)

    def _text(self, name: str, value: Any) -> str:
        missing = self.transform.missing
        if value is None and missing:
            return missing[0]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise _Wrong(
                "value-type", f"column {name!r}: {shown(json.dumps(value))} given; allowed: a number, a text or null"
            )
        text = value if isinstance(value, str) else repr(value)
        if name in self._numeric and text not in missing and number_of(text) is None:
            markers = ", ".join(map(repr, missing)) or "none"
            raise _Wrong(
                "not-numeric",
                f"column {name!r}: {shown(text)} is no number; allowed: finite decimal numbers such as 1234.5 that a "
                f"32-bit float holds, and the missing markers ({markers})",
            )
        return text


def _key_text(key: Any) -> str:
    if key is None or isinstance(key, str):
        return key or ""
    return json.dumps(key, ensure_ascii=False)


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_unique)
    except UnicodeDecodeError:
        raise _Wrong("encoding", "the row holds bytes that are no UTF-8; save the file as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise _Wrong("json", f"the row is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise _Wrong("json", f"a row is an object of column and value, this one is a {type(value).__name__}")
    return value


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines that hold something; of one that is too long only the beginning, so that memory stays bounded."""
    first = True
    while line := file.readline(LONGEST_ROW + 2):
        text = line
        while not line.endswith(b"\n") and len(line) == LONGEST_ROW + 2:
            line = file.readline(LONGEST_ROW + 2)
        if first:
            text, first = text.removeprefix(codecs.BOM_UTF8), False
        if text.strip():
            yield text.rstrip(b"\r\n")


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not allowed; write null for a missing value")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        doubled, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise _Wrong("columns-doubled", f"the row names {shown(doubled)} more than once")
    return found
