"""Is the beginning of a file text in the encoding the settings declare, and if not, what is it? Called by `check.py`.

Preprocess takes whatever can be decoded. So a signature or many zero bytes prove nothing by themselves: they only
name what a file is that has already failed.
"""

from __future__ import annotations

import codecs

from start_pipeline.check_records import Finding

UTF_8 = "utf-8"
NAMES = {"utf-8": "UTF-8", "cp949": "CP949 (EUC-KR)", "utf-16": "UTF-16", "windows-1252": "windows-1252"}
"""The encodings that may be declared. UTF-32 can only be recognised."""

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
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
MARK = "\udcff"
"""Stands in a text for bytes that are none: no text in any encoding holds it."""
CONTROL = bytes(range(32)).translate(None, b"\t\r\n")
_HANDLER = "start-pipeline-mark"
codecs.register_error(_HANDLER, lambda error: (MARK, error.end))  # type: ignore[attr-defined]


def decode(head: bytes, encoding: str, *, complete: bool) -> str | Finding:
    """The text without its byte order mark, `MARK` for what is none; what the end of the head cuts is left out."""
    try:
        text = codecs.getincrementaldecoder(encoding)(_HANDLER).decode(head, complete)
    except UnicodeError:  # of UTF-16 without a byte order mark
        return wrong_encoding(head, encoding)
    return text.removeprefix("\ufeff")


def wrong_encoding(head: bytes, encoding: str) -> Finding:
    """What to say of a file that holds bytes which are no text in its encoding."""
    return no_table(head, encoding) or _unknown_encoding(head, encoding)


def no_table(head: bytes, encoding: str) -> Finding | None:
    """What a file is that cannot be a table as declared: packed, binary, or text in another encoding."""
    if any(head.startswith(mark) for mark, _ in BYTE_ORDER_MARKS):
        return _other_encoding(head, encoding)
    for signature, name in COMPRESSED:
        if head.startswith(signature):
            reason = f"the file is compressed ({name}); upload the plain CSV file that is inside"
            return Finding("compressed", reason, {"format": name})
    for signature, name in BINARY:
        if head.startswith(signature):
            reason = f"the file is {name}, not text; export it as CSV in {NAMES[encoding]}"
            return Finding("binary", reason, {"format": name})
    return _zero_bytes(head, encoding) or _other_encoding(head, encoding) or _control(head, encoding)


def is_utf_8_instead(head: bytes, encoding: str) -> Finding | None:
    """Other encodings read UTF-8 without complaint, but spell it differently."""
    return _other_encoding(head, encoding) if _recognised(head) == UTF_8 else None


def is_text(head: bytes, encoding: str) -> bool:
    """Whether the bytes look like text; zero bytes are half of UTF-16 and no part of any other text."""
    if encoding == "utf-16":
        return b"\0" in head
    return b"\0" not in head and not _many_control(head)


def _first_error(head: bytes, encoding: str) -> int:
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(head)
    except UnicodeError as error:
        return getattr(error, "start", 0)
    return len(head) - 1  # the end of the file cuts a character in two


def _zero_bytes(head: bytes, encoding: str) -> Finding | None:
    zeros = head.count(0)
    if zeros * 10 < len(head) or _is_utf_16(head):
        return None
    reason = f"{zeros} of the first {len(head)} bytes are zero, so this is no text; upload a CSV file in "
    return Finding("binary", reason + NAMES[encoding], {"zero_bytes": zeros})


def _control(head: bytes, encoding: str) -> Finding | None:
    if encoding == "utf-16" or not _many_control(head):
        return None
    return Finding("binary", f"the file is not text; upload a CSV file in {NAMES[encoding]}")


def _many_control(head: bytes) -> bool:
    return len(head.translate(None, CONTROL)) < 0.98 * len(head)


def _unknown_encoding(head: bytes, encoding: str) -> Finding:
    if encoding == "utf-16" and _is_utf_16(head):
        reason = "the file has no byte order mark, which UTF-16 needs; save it with one (in Excel: Unicode Text)"
        return Finding("encoding", reason, {"position": 0})
    position = _first_error(head, encoding)
    where = {"position": position, "byte": f"0x{head[position]:02x}"}
    name = NAMES[encoding]
    excel = " (in Excel: CSV UTF-8)" if encoding == UTF_8 else ""
    reason = f"byte {where['byte']} at position {position} is not {name}; save the file as {name}{excel}"
    return Finding("encoding", reason, where)


def _other_encoding(head: bytes, encoding: str) -> Finding | None:
    found = _recognised(head)
    if found is None and encoding == "utf-16" and head.isascii():
        found = UTF_8
    if found is None or found == encoding:
        return None
    looks_like, declared = NAMES.get(found, found), NAMES[encoding]
    excel = " (in Excel: CSV UTF-8)" if encoding == UTF_8 else ""
    settings = f', or set encoding = "{found}" under [data] in the settings' if found in NAMES else ""
    source, target = (name.upper() if name != "windows-1252" else name for name in (found, encoding))
    reason = (
        f"the file is not {declared}, it looks like {looks_like}; save it as {declared}{excel}, "
        f"or: iconv -f {source} -t {target} old.csv > new.csv{settings}"
    )
    return Finding("encoding", reason, {"encoding": found, "declared": encoding})


def _recognised(head: bytes) -> str | None:
    """The likely encoding of a text: by its mark or zero bytes, else by what its bytes spell."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding
    if _is_utf_16(head):
        return "utf-16"
    if not is_text(head, UTF_8) or head.isascii():
        return None
    return next((encoding for encoding in (UTF_8, "cp949", "windows-1252") if _spells(head, encoding)), None)


def _is_utf_16(head: bytes) -> bool:
    """Text of mostly Latin letters has its zero bytes at every other place."""
    zeros, odd = head.count(0), head[1::2].count(0)
    return zeros * 5 > len(head) and max(odd, zeros - odd) >= 0.9 * zeros


def _spells(head: bytes, encoding: str) -> bool:
    """CP949 if what is not ASCII is mostly common Hangul or signs; windows-1252 if most of the text is ASCII."""
    try:
        text = codecs.getincrementaldecoder(encoding)("strict").decode(head)
    except UnicodeDecodeError:
        return False
    foreign = [character for character in text if not character.isascii()]
    if encoding == "cp949":
        return sum(map(_is_common_in_korean, foreign)) * 2 > len(foreign)
    return encoding == UTF_8 or len(foreign) * 3 < len(text)


def _is_common_in_korean(character: str) -> bool:
    """Hangul or a sign of KS X 1001; what CP949 has beyond it is hardly ever used, and what windows-1252 spells °C."""
    first, second = character.encode("cp949")
    return 0xA1 <= first <= 0xC8 and second >= 0xA1
