"""The columns of one file, by its first line or as declared; called by contract_table.py."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from contract import BadFile, listed
from contract_files import guessed_encoding, refuse_other_formats, refuse_other_text, wrong_encoding
from contract_header import column_names
from contract_records import LONGEST_ROW, fields_of, first_record
from spec import ModelSpec


@dataclass(frozen=True)
class FileStart:
    """The columns by the names of the settings, which names were changed, and the first bytes behind the header."""

    names: list[str]
    rest: bytes
    changed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, first: bytes, head: bytes, *, spec: ModelSpec, table: str, others: Sequence[str]) -> FileStart:
        """`first` are the file's first bytes as UTF-8, `head` as they are, `others` the columns of the first file."""
        if spec.columns:
            _expect_rows(first, head, spec)
            return cls(list(spec.columns), first)
        start = _header(first, head, spec, table, others)
        if others and set(start.names) != set(others):
            differing = listed(sorted(set(start.names) ^ set(others)))
            raise BadFile(
                "columns-differ",
                f"the columns differ from those of the table's first file in {differing}; make them equal",
            )
        return start


def _header(first: bytes, head: bytes, spec: ModelSpec, table: str, others: Sequence[str]) -> FileStart:
    line = first_record(first, delimiter=spec.delimiter.encode())
    if line is None:
        refuse_other_formats(head, spec.encoding)
        raise BadFile("header-missing", f"the first line has open quotes or more than {LONGEST_ROW} bytes")
    text = _text(line[0], head, spec)
    if not text.strip():
        raise BadFile("header-missing", "the first line is empty; it names every column")
    is_base = table == spec.tables[0]
    try:
        names, changed = column_names(
            fields_of(text, delimiter=spec.delimiter),
            text,
            known=_known(spec, others),
            needed=[name for name in others if name in _known(spec, ())] or _needed(spec, is_base),
            banned=() if is_base else (spec.label,),
            delimiter=spec.delimiter,
        )
    except BadFile:
        refuse_other_formats(head, spec.encoding)
        raise
    return FileStart(names, first[line[1] :], changed)


def _expect_rows(first: bytes, head: bytes, spec: ModelSpec) -> None:
    """Without a header the first row tells whether the file is something else."""
    row = first_record(first.lstrip(b"\r\n"), delimiter=spec.delimiter.encode())
    text = _text(row[0], head, spec) if row else ""
    if not row or len(fields_of(text, delimiter=spec.delimiter)) != len(spec.columns):
        refuse_other_formats(head, spec.encoding)
        refuse_other_text(text, delimiter=spec.delimiter)


def _text(line: bytes, head: bytes, spec: ModelSpec) -> str:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        refuse_other_formats(head, spec.encoding)
        if any(byte < 9 for byte in line):
            raise BadFile("binary", "the file is no text; upload a CSV file") from None
        raise wrong_encoding(guessed_encoding(line)) from None
    if any(ord(character) < 32 and character not in "\t\r\n" for character in text):
        refuse_other_formats(head, spec.encoding)
        raise BadFile("binary", "the first line holds control characters; upload a CSV file")
    return text


def _known(spec: ModelSpec, others: Sequence[str]) -> Collection[str]:
    key = [spec.join_key] if spec.join_key else []
    return dict.fromkeys([*key, spec.label, *spec.features, *spec.segments, *others])


def _needed(spec: ModelSpec, is_base: bool) -> Collection[str]:
    """Which of several tables holds a feature is nowhere said, so each file needs key and label alone."""
    needed = [spec.join_key] if spec.join_key else []
    needed += [spec.label] if is_base else []
    return needed if len(spec.tables) > 1 else [*needed, *spec.features, *spec.segments]
