"""What a single text is taken for."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.new import values
from millrace.new.values import CODE, DATE, NUMBER, TEXT, WRITTEN, compact_date, kind_of


@pytest.mark.parametrize("text", ["0", "-1", "+3.5", ".5", "7.", "1e-3", "1234567.25", "0.5", "20260301"])
def test_plain_numbers_are_numbers(text: str) -> None:
    assert kind_of(text) == NUMBER


@pytest.mark.parametrize("text", ["007", "01234", "0000", "1234567890123456"])
def test_leading_zeros_and_very_long_digit_strings_are_codes(text: str) -> None:
    assert kind_of(text) == CODE


@pytest.mark.parametrize(
    "text",
    [
        "1,234",
        "1,234,567.5",
        "12%",
        "12.5 %",
        "$1,000",
        "₩45,000",
        "45,000원",
        "1.234,56",
        "7,5",
        "€ 12",
        "12만원",
        "-$5",
        "(1,234)",
        "△5.1",
        "▲1,200",
        "12 345",
        "1'234'567.5",
    ],
)
def test_numbers_written_for_people_are_told_apart(text: str) -> None:
    assert kind_of(text) == WRITTEN


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01",
        "2026-3-1",
        "2026/03/01",
        "2026.03.01",
        "2026. 3. 1.",
        "2026년 3월 1일",
        "2026년3월1일",
        "2026-03-01T12:30:00Z",
        "2026-03-01 12:30",
        "2026-03-01 12:30:45.123+09:00",
        "31/12/2025",
        "12/31/2025",
        "2026. 3. 1. 오후 3:20:11",
        "2026-03-01 오전 9:05",
        "26-03-01",
        "26.3.1",
        "01.03.26",
        "12/31/25",
        "2026-03",
        "2026년 3월",
        "13-Jan-24",
        "13 January 2024",
        "Jan 5, 2024",
        "January 5th 2024",
    ],
)
def test_dates_are_dates(text: str) -> None:
    assert kind_of(text) == DATE


@pytest.mark.parametrize(
    "text",
    [
        "2026-13-01",
        "2026-02-30",
        "abc",
        "25/50",
        "1_000",
        "nan",
        "inf",
        "1e999",
        "A1",
        "서울",
        "1.2.3",
        "2026-13",
        "32-Jan-24",
        "-",
        "3F",
    ],
)
def test_everything_else_is_text(text: str) -> None:
    assert kind_of(text) == TEXT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20260301", True),
        ("20261301", False),
        ("2026031", False),
        ("202603", True),
        ("202613", False),
        ("20260301235959", True),
        ("20260301246060", False),
    ],
)
def test_digits_may_be_a_day_a_month_or_a_time(text: str, expected: bool) -> None:
    assert compact_date(text) is expected


@given(st.text(max_size=40))
def test_any_text_has_a_kind(text: str) -> None:
    assert kind_of(text) in (NUMBER, CODE, DATE, WRITTEN, TEXT)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_numbers_as_python_writes_them_are_numbers_or_codes(number: float) -> None:
    assert kind_of(repr(number)) == NUMBER


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2100, 12, 31)))
def test_every_day_is_a_date_in_each_form(day: date) -> None:
    forms = (f"{day:%Y-%m-%d}", f"{day:%Y.%m.%d}", f"{day.year}년 {day.month}월 {day.day}일", f"{day:%d/%m/%Y}")

    assert {kind_of(form) for form in forms} == {DATE}
    assert compact_date(f"{day:%Y%m%d}")


@pytest.mark.parametrize(
    ("text", "unit"), [("34세", "세"), ("2.5 kg", "kg"), ("1,200명", "명"), ("12", ""), ("A12", ""), ("12 monkeys", "")]
)
def test_a_number_may_have_a_unit(text: str, unit: str) -> None:
    assert values.unit_of(text) == unit


@pytest.mark.parametrize(
    ("texts", "groups"),
    [
        (["Yes", "yes", "no"], [("Yes", "yes")]),
        (["a", "a ", " A"], [(" A", "a", "a ")]),
        (["1", "1.0", "01", "2"], [("1", "1.0")]),
        (["12345678901234567", "12345678901234568"], []),
        (["가", unicodedata.normalize("NFD", "가")], [(unicodedata.normalize("NFD", "가"), "가")]),
    ],
)
def test_texts_may_differ_only_in_how_they_are_written(texts: list[str], groups: list[tuple[str, ...]]) -> None:
    assert values.alike(texts) == groups


@pytest.mark.parametrize("text", ["", "NA", "?", "-", "없음", "미상", "None", "  ", " NA "])
def test_the_usual_markers_are_known(text: str) -> None:
    assert values.is_marker(text)
