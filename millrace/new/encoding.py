"""Which encoding is a file in, and is it a text at all? Called by `reading.py`."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from millrace.errors import MillraceError

HEAD = 1 << 20
UTF_8, CP949, UTF_16, WINDOWS_1252 = "utf-8", "cp949", "utf-16", "windows-1252"
WRONG = "\ufffd"
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
NO_TABLE = (
    (b"\x1f\x8b", "is compressed (gzip): unpack it first"),
    (b"BZh", "is compressed (bzip2): unpack it first"),
    (b"\xfd7zXZ\x00", "is compressed (xz): unpack it first"),
    (b"\x28\xb5\x2f\xfd", "is compressed (zstd): unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive: unpack it first"),
    (b"PK\x03\x04", "is a zip archive or an Excel workbook: unpack it, or save the sheet as CSV"),
    (b"PAR1", "is a Parquet file: write it as CSV"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Excel file: save the sheet as CSV"),
    (b"%PDF-", "is a PDF document: it needs a CSV file"),
    (b"SQLite format 3\x00", "is a SQLite database: export the table as CSV"),
)


def of(path: Path, *, whole: bool = False) -> str:
    """The encoding by the beginning of the file; `whole` looks further, when the beginning has misled."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        _refuse_what_is_no_text(path, head)
        if head.startswith(UTF_16_MARKS):
            return UTF_16
        blocks = _blocks(head, file if whole else None)
        foreign = _not_utf_8(blocks)
    if foreign is None:
        return UTF_8
    for encoding in (CP949, WINDOWS_1252):
        if _is_probably(foreign, encoding):
            return encoding
    raise MillraceError(
        _few_mistakes(path, foreign)
        or f"{path} is in an encoding that was not recognised (known are UTF-8, CP949, UTF-16 and windows-1252): save "
        "it as UTF-8 (in Excel: CSV UTF-8)"
    )


def _refuse_what_is_no_text(path: Path, head: bytes) -> None:
    if not head.strip():
        raise MillraceError(f"{path} is empty: a table needs column names and rows")
    for signature, what in NO_TABLE:  # a text may begin with the same letters
        if head.startswith(signature) and (_controls(head) or 0 in head or _not_utf_8(iter([head])) is not None):
            raise MillraceError(f"{path} {what}")
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise MillraceError(f"{path} is in UTF-32: save it as UTF-8")
    if head.startswith(UTF_16_MARKS):
        return
    if _is_utf_16_without_mark(head):
        raise MillraceError(f"{path} is in UTF-16 without a byte order mark: save it as UTF-8")
    if head.count(0) * 10 >= len(head) or _controls(head) * 50 > len(head):
        raise MillraceError(f"{path} is a binary file, not text: it needs a CSV file")


def _controls(head: bytes) -> int:
    return len(head) - len(head.translate(None, bytes(range(1, 32)).translate(None, b"\t\r\n\x1a")))


def _is_utf_16_without_mark(head: bytes) -> bool:
    """Every second byte of text that is mostly ASCII is zero."""
    zeros = [head[start::2].count(0) for start in (0, 1)]
    return len(head) >= 4 and min(zeros) == 0 and max(zeros) * 4 > len(head)


def _blocks(head: bytes, file: object) -> Iterator[bytes]:
    yield head
    while file is not None and (block := file.read(HEAD)):  # type: ignore[attr-defined]
        yield block


def _not_utf_8(blocks: Iterator[bytes]) -> bytes | None:
    """The first block that is not UTF-8, from the line of the mistake on; None if there is none."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    for block in blocks:
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            return block
    return None


def _few_mistakes(path: Path, block: bytes) -> str:
    """What to say of UTF-8 with some bytes that are none; empty if there is more of them."""
    text = block.decode("utf-8", "replace")
    wrong = text.count(WRONG)
    if wrong * 10 > sum(not character.isascii() for character in text):
        return ""
    line = next(line for line in text.split("\n") if WRONG in line)
    start = max(line.index(WRONG) - 20, 0)
    return (
        f"{path} is UTF-8, but for {wrong} bytes or more that are no text, the first ones in {line[start:][:40]!r}: "
        f"correct what stands at {WRONG}"
    )


def _is_probably(block: bytes, encoding: str) -> bool:
    """CP949 if what is not ASCII is mostly common Hangul or signs; windows-1252 if most of the text is ASCII."""
    start = block.find(b"\n") + 1 if len(block) == HEAD else 0
    try:
        text = codecs.getincrementaldecoder(encoding)("strict").decode(block[start:])
    except UnicodeDecodeError:
        return False
    foreign = [character for character in text if not character.isascii()]
    if encoding == CP949:
        return sum(map(_is_common_in_korean, foreign)) * 2 > len(foreign)
    return len(foreign) * 3 < len(text)


def _is_common_in_korean(character: str) -> bool:
    """Hangul or a sign of KS X 1001, such as ℃: what CP949 has beyond it are syllables that hardly any text holds.

    Their second byte may be an ASCII letter, so the °C of a text in windows-1252 would be one of them.
    """
    first, second = character.encode(CP949)
    return 0xA1 <= first <= 0xC8 and second >= 0xA1
