"""Names that the settings allow, made from file names; Hangul is written in Latin letters."""

from __future__ import annotations

import re
import unicodedata

LONGEST_TABLE, LONGEST_MODEL, LONGEST_COLUMN = 64, 32, 128
FALLBACK = "table"
NO_SUFFIXES = ("tmp", "gz", "zip", "bz2", "xz", "zst", "7z", "parquet", "xls", "xlsx")

_INITIALS = "g kk n d tt r m b pp s ss _ j jj ch k t p h"
_VOWELS = "a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i"
_FINALS = "_ k k k n n n t l k m l l l p l m p p t t ng t t k t p t"
_FIRST_SYLLABLE, _LAST_SYLLABLE = 0xAC00, 0xD7A3
_ENDING = re.compile(r"(?:[-_ .(]+v?\d+\)?)+$")


def table_name(stem: str) -> str:
    """A table's name from a file's: `Claims 2026-03` is `claims`, `고객` is `gogaek`."""
    stem = unicodedata.normalize("NFC", stem)
    text = _ascii(_ENDING.sub("", stem))
    name = re.sub(r"[^a-z0-9_-]+", "_", text)
    name = re.sub(r"[_-]*_[_-]*", "_", re.sub(r"-{2,}", "-", name)).strip("_-")
    if not re.search(r"[a-z]", name):
        name = f"{FALLBACK}_{name}".strip("_")
    if not name[0].isalpha():
        name = f"{FALLBACK}_{name}"
    return name[:LONGEST_TABLE].strip("_-")


def model_name(table: str) -> str:
    return re.sub(r"-{2,}", "-", table.replace("_", "-"))[:LONGEST_MODEL].strip("-")


def is_model_name(text: str) -> bool:
    return len(text) <= LONGEST_MODEL and bool(re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", text))


def wrong_file(name: str) -> str | None:
    """Why an upload of this name would not be taken for data, if it would not."""
    if name.startswith(("_", ".")):
        return "begins with _ or a dot, and uploads of such a name are ignored: rename it"
    suffix = name.rpartition(".")[2] if "." in name else ""
    if not re.fullmatch(r"[A-Za-z0-9]{1,15}", suffix) or suffix.lower() in NO_SUFFIXES:
        return "has no ending such as .csv, by which uploads are known: rename it"
    return None


def wrong_column(name: str, delimiter: str = ",") -> str | None:
    """Why the settings refuse a column's name, if they do."""
    if set(name) & set(f',"\n\r\t{delimiter}'):
        return (
            "its name holds a comma, a quote, a tab, a line break or the delimiter: the settings refuse it, rename it"
        )
    if any(unicodedata.category(character) in ("Cc", "Cs", "Cn", "Zl", "Zp") for character in name):
        return "its name holds a control character: the settings refuse it, rename it"
    if len(name) > LONGEST_COLUMN:
        return f"its name has {len(name)} characters, the settings allow {LONGEST_COLUMN}: rename it"
    return None


def _ascii(text: str) -> str:
    """Small Latin letters for Hangul and for letters with accents; all else as it is, to be replaced."""
    latin = "".join(_syllable(character) for character in text)
    return "".join(each for each in unicodedata.normalize("NFKD", latin) if not unicodedata.combining(each)).lower()


def _syllable(character: str) -> str:
    code = ord(character)
    if not _FIRST_SYLLABLE <= code <= _LAST_SYLLABLE:
        return character
    initial, rest = divmod(code - _FIRST_SYLLABLE, 21 * 28)
    vowel, final = divmod(rest, 28)
    parts = zip((_INITIALS, _VOWELS, _FINALS), (initial, vowel, final), strict=True)
    return "".join(letters.split()[place] for letters, place in parts).replace("_", "")
