"""Is the beginning of a file UTF-8 text, and if not, what is it? Pure; called by `check.py`.

Preprocess takes whatever is UTF-8. So a signature or many zero bytes prove nothing by themselves: they only name
what a file is that has already failed.
"""

from __future__ import annotations

import codecs

from start_pipeline.check_records import Finding

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
COMPRESSED = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
)
BINARY = (
    (b"PAR1", "a Parquet file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or other Office file"),
    (b"%PDF-", "a PDF document"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"Obj\x01", "an Avro file"),
    (b"ARROW1", "an Arrow file"),
    (b"ORC", "an ORC file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)
CONTROL = bytes(range(32)).translate(None, b"\t\r\n")


def decode(head: bytes, *, complete: bool) -> str | Finding:
    """The text without its byte order mark; a character that the end of the head cuts in two is left out."""
    try:
        text, _ = codecs.utf_8_decode(head, "strict", complete)
    except UnicodeDecodeError as error:
        return not_csv(head) or _wrong_encoding(head, error.start)
    return text.removeprefix("\ufeff")


def not_csv(head: bytes) -> Finding | None:
    """What a file is that cannot be a table: known by its first bytes, or by the zero bytes of UTF-16."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return _save_as_utf_8(encoding)
    for signature, name in COMPRESSED:
        if head.startswith(signature):
            reason = f"the file is compressed ({name}); upload the plain CSV file that is inside"
            return Finding("compressed", reason, {"format": name})
    for signature, name in BINARY:
        if head.startswith(signature):
            return Finding("binary", f"the file is {name}, not text; export it as CSV in UTF-8", {"format": name})
    return _zero_bytes(head)


def _zero_bytes(head: bytes) -> Finding | None:
    zeros = head.count(0)
    if zeros * 10 < len(head):
        return None
    odd = head[1::2].count(0)
    if max(odd, zeros - odd) >= 0.9 * zeros and zeros * 5 > len(head):
        return _save_as_utf_8("UTF-16")
    reason = f"{zeros} of the first {len(head)} bytes are zero, so this is no text; upload a CSV file in UTF-8"
    return Finding("binary", reason, {"zero_bytes": zeros})


def _wrong_encoding(head: bytes, position: int) -> Finding:
    if len(head.translate(None, CONTROL)) < 0.98 * len(head):
        return Finding("binary", "the file is not text; upload a CSV file in UTF-8", {"position": position})
    where = {"position": position, "byte": f"0x{head[position]:02x}"}
    for encoding in ("CP949", "windows-1252"):
        if _is_probably(head, encoding):
            finding = _save_as_utf_8(encoding)
            return Finding(finding.code, finding.reason, {**finding.details, **where})
    reason = f"byte {where['byte']} at position {position} is not UTF-8; save the file as UTF-8 (in Excel: CSV UTF-8)"
    return Finding("encoding", reason, where)


def _save_as_utf_8(encoding: str) -> Finding:
    name = "CP949 (EUC-KR)" if encoding == "CP949" else encoding
    reason = (
        f"the file is not UTF-8, it looks like {name}; save it as UTF-8 (in Excel: CSV UTF-8), "
        f"or: iconv -f {encoding} -t UTF-8 old.csv > new.csv"
    )
    return Finding("encoding", reason, {"encoding": encoding})


def _is_probably(head: bytes, encoding: str) -> bool:
    """CP949 if what is not ASCII is mostly Hangul; windows-1252 if most of the text is ASCII."""
    try:
        text = codecs.getincrementaldecoder(encoding)("strict").decode(head)
    except UnicodeDecodeError:
        return False
    foreign = [character for character in text if not character.isascii()]
    if encoding == "CP949":
        return sum("가" <= character <= "힣" for character in foreign) * 2 > len(foreign)
    return len(foreign) * 3 < len(text)
