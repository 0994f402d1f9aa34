"""What a file is by its beginning, and its bytes as UTF-8; called by contract_start.py, contract_table.py and the
readers of batch files.

Nothing is unpacked or loaded: a compressed file or a pickle is known by its first bytes and left alone.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Generator, Iterator
from pathlib import Path

from contract import BadFile, shown

BLOCK_BYTES = 8 << 20
HEAD_BYTES = 1 << 16
SIGNATURES = (
    (b"\x1f\x8b", "compressed", "gzip"),
    (b"PK\x03\x04", "compressed", "a zip archive or an Excel workbook"),
    (b"PK\x05\x06", "compressed", "an empty zip archive"),
    (b"BZh", "compressed", "bzip2"),
    (b"\xfd7zXZ\x00", "compressed", "xz"),
    (b"\x28\xb5\x2f\xfd", "compressed", "zstd"),
    (b"7z\xbc\xaf\x27\x1c", "compressed", "a 7z archive"),
    (b"PAR1", "binary", "a Parquet file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "binary", "an old Excel or other Office file"),
    (b"%PDF-", "binary", "a PDF document"),
    (b"SQLite format 3\x00", "binary", "a SQLite database"),
    (b"Obj\x01", "binary", "an Avro file"),
    (b"ARROW1", "binary", "an Arrow file"),
    (b"ORC", "binary", "an ORC file"),
    (b"\x89PNG", "binary", "a picture"),
    (b"\xff\xd8\xff", "binary", "a picture"),
    (b"\x93NUMPY", "binary", "a NumPy file"),
    (b"\x7fELF", "binary", "a program"),
    *((b"\x80" + bytes([protocol]), "binary", "a Python pickle") for protocol in range(2, 6)),
)
MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
)
OTHER_FORMATS = ((re.compile(r"\s*[{\[]"), "JSON"), (re.compile(r"\s*<"), "HTML or XML"))
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def head_of(path: Path, encoding: str) -> bytes:
    """The beginning of the file; raises BadFile if there is nothing in it, or if UTF-16 lacks its mark."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head.removeprefix(codecs.BOM_UTF8).strip(b" \t\r\n") and len(head) < HEAD_BYTES:
        raise BadFile("empty", f"the file holds no text ({len(head)} bytes); upload it again")
    if encoding == "utf-16" and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        refuse_other_formats(head, encoding)
        raise BadFile("encoding", "the file has no byte order mark, so it is not the UTF-16 of the settings")
    return head


def utf8_chunks(path: Path, *, encoding: str, size: int = BLOCK_BYTES) -> Generator[bytes, None, None]:
    """The file's bytes as UTF-8 without byte order mark; bytes that are no text become 0xFF, which is none in UTF-8."""
    chunks = _chunks(path, size) if encoding == "utf-8" else _recoded(_chunks(path, size), encoding)
    first = next(chunks, b"")
    yield first.removeprefix(codecs.BOM_UTF8)
    yield from chunks


def refuse_other_formats(head: bytes, encoding: str) -> None:
    """Raises BadFile if the beginning is known to be something else than text in the encoding."""
    for mark, name in MARKS:
        if head.startswith(mark) and not (encoding == "utf-16" and name == "UTF-16"):
            raise wrong_encoding(name)
    for signature, code, name in SIGNATURES:
        if head.startswith(signature):
            raise BadFile(code, f"the file is {'compressed: ' * (code == 'compressed')}{name}; upload plain CSV text")
    if encoding != "utf-16" and head.count(0) * 10 >= len(head):
        if max(head[::2].count(0), head[1::2].count(0)) >= 0.9 * head.count(0) and head.count(0) * 5 > len(head):
            raise wrong_encoding("UTF-16")
        raise BadFile("binary", f"{head.count(0)} of the first {len(head)} bytes are zero: this is no text")


def refuse_other_text(line: str, *, delimiter: str) -> None:
    """Raises BadFile if the first line is that of another format or delimiter; the columns did not fit."""
    for pattern, name in OTHER_FORMATS:
        if pattern.match(line):
            raise BadFile("header-missing", f"the file looks like {name}, not CSV (it begins {shown(line)})")
    for other, plural in DELIMITERS.items():
        if other != delimiter and other in line and delimiter not in line:
            raise BadFile(
                "delimiter",
                f"the columns are separated by {plural}, not by {DELIMITERS.get(delimiter, shown(delimiter))}; "
                f"save the file anew or set delimiter = {json.dumps(other)} in [data]",
            )


def wrong_encoding(name: str) -> BadFile:
    return BadFile(
        "encoding", f"the file is in {name}, which is not the encoding of the settings; save it anew or set `encoding`"
    )


def guessed_encoding(line: bytes) -> str:
    """What the bytes of a line that is not UTF-8 may be in: a hint for a sentence, never used to read."""
    try:
        text = line.decode("cp949")
    except UnicodeDecodeError:
        return "windows-1252"
    foreign = [character.encode("cp949") for character in text if not character.isascii()]
    # Hangul or a sign of KS X 1001; what CP949 has beyond it is hardly ever used, and what windows-1252 spells °C
    common = sum(0xA1 <= first <= 0xC8 and second >= 0xA1 for first, second in foreign)
    return "CP949" if common * 2 > len(foreign) else "windows-1252"


def _chunks(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(size), b"")


def _recoded(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("millrace-mark")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "surrogateescape")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\udcff", error.end


codecs.register_error("millrace-mark", _mark)
