"""What a single text is: a number, a code, a date, a number written for people, a missing marker, or just text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date

NUMBER, CODE, DATE, WRITTEN, TEXT = "number", "code", "date", "written", "text"
LARGEST = 3.4028234663852886e38
"""The largest number that a 32-bit float holds; the steps refuse larger ones."""


def word_set(text: str) -> frozenset[str]:
    """The words between bars."""
    return frozenset(text.split("|"))


SURE = word_set("|NA|<NA>|#N/A|NaN|nan|NAN|null|NULL|Null|\\N|?|-|--|.|NaT|결측|N.A.")
"""Texts that mean "not known" in any column."""

DOUBTFUL = word_set(
    "None|none|NONE|N/A|n/a|없음|해당없음|해당 없음|미상|불명|모름|알수없음|알 수 없음|Unknown|unknown|UNKNOWN|missing"
    "|Missing"
)
"""Texts that mean "not known" among numbers, and may be a category of their own among texts."""

MARKERS = SURE | DOUBTFUL

_NUMBER = re.compile(r" *[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})? *", re.ASCII)
_CODE = re.compile(r"0\d+|\d{16,}", re.ASCII)
_CURRENCY = r"[$€£¥₩￦]|원|won|krw|usd|eur|달러|만원|천원|억원"
_WRITTEN = re.compile(
    rf"\(?[-+△▲]?\s?(?:{_CURRENCY})?\s?[+-]?"
    r"(?:\d{1,3}(?:[, ']\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d+|\d+,\d+|\d+(?:\.\d+)?)"
    rf"\s?(?:%|{_CURRENCY})?\)?",
    re.IGNORECASE | re.ASCII,
)
_TIME = r"(?:[T ](?:오전 |오후 )?\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s?(?:Z|UTC|[AaPp][Mm]|[+-]\d{2}:?\d{2})?)?"
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = rf"(?P<name>{'|'.join(_MONTHS)})[a-z]*"
_DATES = (
    re.compile(rf"(?P<y>\d{{4}})([-/.])(?P<m>\d{{1,2}})\2(?P<d>\d{{1,2}})\.?{_TIME}", re.ASCII),
    re.compile(rf"(?P<y>\d{{4}})\.\s?(?P<m>\d{{1,2}})\.\s?(?P<d>\d{{1,2}})\.?{_TIME}", re.ASCII),
    re.compile(r"(?P<y>\d{4})년\s?(?P<m>\d{1,2})월\s?(?P<d>\d{1,2})일(?:\s.*)?", re.ASCII),
    re.compile(rf"(?P<d>\d{{1,2}})([-/.])(?P<m>\d{{1,2}})\2(?P<y>\d{{4}}){_TIME}", re.ASCII),
    re.compile(rf"(?P<m>\d{{1,2}})([-/.])(?P<d>\d{{1,2}})\2(?P<y>\d{{4}}){_TIME}", re.ASCII),
    re.compile(rf"(?P<y>\d{{2}})([-/.])(?P<m>\d{{1,2}})\2(?P<d>\d{{1,2}}){_TIME}", re.ASCII),
    re.compile(rf"(?P<d>\d{{1,2}})([-/.])(?P<m>\d{{1,2}})\2(?P<y>\d{{2}}){_TIME}", re.ASCII),
    re.compile(rf"(?P<m>\d{{1,2}})([-/.])(?P<d>\d{{1,2}})\2(?P<y>\d{{2}}){_TIME}", re.ASCII),
    re.compile(r"(?P<y>\d{4})(?:[-/](?P<m>\d{1,2})|년\s?(?P<month>\d{1,2})월)", re.ASCII),
    re.compile(rf"(?P<d>\d{{1,2}})[- ]{_MONTH}[-, ]+(?P<y>\d{{4}}|\d{{2}}){_TIME}", re.ASCII | re.IGNORECASE),
    re.compile(rf"{_MONTH}\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y>\d{{4}}){_TIME}", re.ASCII | re.IGNORECASE),
)
_COMPACT = re.compile(r"(?P<y>\d{4})(?P<m>\d{2})(?:(?P<d>\d{2})(?:[01]\d|2[0-3])(?:[0-5]\d){1,2}|(?P<day>\d{2})|)")
_UNIT = re.compile(r"\s*[+-]?\d[\d,]*(?:\.\d+)?\s?([^\W\d_]{1,3}\.?)\s*")
YEARS = range(1900, 2101)


def kind_of(text: str) -> str:
    """The kind of a value that is no missing marker. A date such as 20260301 is a number here: see `compact_date`."""
    if _NUMBER.fullmatch(text):
        if _CODE.fullmatch(text.strip()):
            return CODE
        return NUMBER if abs(float(text)) <= LARGEST else TEXT
    if not any(map(str.isdigit, text)):
        return TEXT
    if any(_is_date(found) for pattern in _DATES if (found := pattern.fullmatch(text))):
        return DATE
    return WRITTEN if _WRITTEN.fullmatch(text.strip()) else TEXT


def is_marker(text: str) -> bool:
    return text in MARKERS or text.strip() in SURE


def alike(texts: Iterable[str]) -> list[tuple[str, ...]]:
    """Which of these texts differ only by capitals, blanks or Unicode form, or by how the same number is written."""
    groups: dict[object, list[str]] = {}
    for text in texts:
        meant = " ".join(unicodedata.normalize("NFC", text).casefold().split())
        groups.setdefault(
            float(meant) if _NUMBER.fullmatch(meant) and not _CODE.fullmatch(meant) else meant, []
        ).append(text)
    return [tuple(sorted(group)) for group in groups.values() if len(group) > 1]


def compact_date(text: str) -> bool:
    """Whether the digits are a day such as 20260301, a month such as 202603, or a day with its time."""
    return _is_date(_COMPACT.fullmatch(text))


def unit_of(text: str) -> str:
    """What follows the number in texts such as `34세` or `2.5 kg`; empty for other texts."""
    found = _UNIT.fullmatch(text)
    return found[1] if found else ""


def _is_date(found: re.Match[str] | None) -> bool:
    if found is None:
        return False
    parts = {name: part for name, part in found.groupdict().items() if part}
    year = int(parts["y"]) if len(parts["y"]) == 4 else 2000 + int(parts["y"])
    name = parts.get("name", "").lower()
    month = _MONTHS.index(name) + 1 if name else int(parts.get("m") or parts["month"])
    try:
        date(year, month, int(parts.get("d") or parts.get("day") or 1))
    except ValueError:
        return False
    return year in YEARS
