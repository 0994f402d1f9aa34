"""What becomes of a column."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from features import MAX_CATEGORIES

from millrace.new.uses import CATEGORICAL, NUMERIC, UNUSED
from tests.new_lab import ROWS, amounts, colours, labels, propose, use

DRAW = random.Random(5)
NUMBERS = range(ROWS)


def some(*values: object) -> list[object]:
    return [values[number % len(values)] for number in NUMBERS]


@pytest.mark.parametrize(
    ("name", "values", "role", "why"),
    [
        ("weight", amounts(seed=9), NUMERIC, ""),
        ("count", some(1, 2, 3), NUMERIC, ""),
        ("flag", some(0, 1), NUMERIC, ""),
        ("with gaps", some("1.5", "", "NA", "2"), NUMERIC, ""),
        ("colour", colours(seed=8), CATEGORICAL, ""),
        ("zip", some("01234", "02345", "12345"), CATEGORICAL, "codes, not numbers: '01234'"),
        ("branch code", some(11, 12, 40), CATEGORICAL, "a code by its name"),
        ("share", some("5%", "10%"), CATEGORICAL, r"numbers written for people \('5%'\)"),
        ("pain index", some(1, 2, 3), NUMERIC, ""),
        ("지점코드", some(11, 12, 40), CATEGORICAL, "a code by its name"),
        ("customer_id", range(ROWS), UNUSED, "an id"),
        ("row", range(1, ROWS + 1), UNUSED, "an id: nearly every row has another number"),
        ("ticket", [f"T{number:05d}" for number in NUMBERS], UNUSED, "an id or free text"),
        ("account", DRAW.sample(range(100_000, 999_999), ROWS), UNUSED, "an id"),
        ("city", [f"city {number % 120}" for number in NUMBERS], UNUSED, "120 different values, more than 100"),
        ("street", [f"s{number % 80}" for number in NUMBERS], UNUSED, "80 different values in 300 rows: too few rows"),
        ("day", some("2026-03-01", "2026-03-02"), UNUSED, r"a date \(2026-03-01\): make numbers of it"),
        ("compact", some(20260301, 20260302, 20251231), UNUSED, "a date"),
        ("가입일", some("2026년 3월 1일", "2026년 12월 31일"), UNUSED, "a date"),
        ("same", some("A"), UNUSED, r"every row has the same value \('A'\)"),
        ("기준년월", some(202401, 202402, 202412), UNUSED, r"a date \(202401\)"),
        ("timestamp", some("2026. 3. 1. 오후 3:20:11", "2026. 3. 2. 오전 3:20:11"), UNUSED, "a date"),
        ("count of rooms", some(202401, 202413), NUMERIC, ""),
        ("age", some("34세", "35세", "61세"), CATEGORICAL, r"numbers with a unit \('34세'\)"),
        ("profit", some("(1,234)", "5,100"), CATEGORICAL, "numbers written for people"),
        ("휴대폰", some(1012345678, 1022345678, 1032345678), CATEGORICAL, "a code by its name"),
        ("전화 횟수", some(1, 2, 3), NUMERIC, ""),
        ("gone", some(""), UNUSED, "no values at all"),
        ("won", [f"{number},{number % 10}00원" for number in range(1, ROWS + 1)], UNUSED, "written for people"),
        ("a,b", colours(), UNUSED, "a comma"),
        ("x" * 129, colours(), UNUSED, "has 129 characters"),
    ],
)
def test_a_column_is_used_by_what_it_holds(
    tmp_path: Path, name: str, values: Sequence[object], role: str, why: str
) -> None:
    import re

    found = use(tmp_path, name, values)

    assert found.role == role
    assert re.search(why, found.why) if why else not found.why


def test_measured_whole_numbers_that_are_mostly_different_stay_numbers(tmp_path: Path) -> None:
    draw = random.Random(1)

    assert use(tmp_path, "income", [draw.randint(800, 90_000) for _ in NUMBERS]).role == NUMERIC


def test_few_texts_among_numbers_are_told_and_the_column_stays_a_number(tmp_path: Path) -> None:
    values = ["5.5"] * 4 + ["broken"] + amounts(ROWS - 5)
    columns = {"weight": values, "label": labels()}

    proposal = propose(tmp_path, columns)

    assert proposal.uses[0].role == NUMERIC
    assert any("weight: 1 rows hold no number (such as 'broken')" in line for line in proposal.watch)


def test_a_copy_of_the_label_is_left_out(tmp_path: Path) -> None:
    label = labels()
    copy = [{"yes": "Y", "no": "N"}[value] for value in label]

    proposal = propose(tmp_path, {"weight": amounts(), "status_text": copy, "label": label})

    assert proposal.of_role(UNUSED)[0].column == "status_text"
    assert "it determines the label" in proposal.of_role(UNUSED)[0].why


def test_a_column_filled_in_for_one_class_alone_is_left_out(tmp_path: Path) -> None:
    label = labels()
    reasons = ["x" if value == "yes" else "" for value in label]

    proposal = propose(tmp_path, {"weight": amounts(), "refund_reason": reasons, "label": label})

    assert "it is filled in exactly where label is yes" in proposal.of_role(UNUSED)[0].why


def test_a_number_that_parts_the_classes_is_left_out(tmp_path: Path) -> None:
    label = labels()
    draw = random.Random(4)
    score = [f"{draw.random() + (value == 'yes'):.4f}" for value in label]

    proposal = propose(tmp_path, {"weight": amounts(), "risk": score, "label": label})

    assert "one point on its scale parts the classes" in proposal.of_role(UNUSED)[0].why


def test_the_label_on_another_scale_is_left_out(tmp_path: Path) -> None:
    price = amounts()

    proposal = propose(
        tmp_path, {"size": amounts(seed=7), "won": [f"{float(each) * 1400:.1f}" for each in price], "price": price}
    )

    assert "it is price on another scale" in proposal.of_role(UNUSED)[0].why


def test_what_nearly_tells_the_label_stays_and_is_told(tmp_path: Path) -> None:
    label = labels(2000)
    nearly = [value if number != 700 else "maybe" for number, value in enumerate(label)]
    nearly[0] = "no" if label[0] == "yes" else "yes"

    proposal = propose(tmp_path, {"weight": amounts(2000), "verdict": nearly, "label": label})

    assert [use.column for use in proposal.of_role(CATEGORICAL)] == ["verdict"]
    assert any(line.startswith("verdict: its value alone tells label") for line in proposal.watch)


def test_a_good_feature_is_no_leak(tmp_path: Path) -> None:
    label = labels()
    draw = random.Random(4)
    score = [f"{draw.gauss(value == 'yes', 0.7):.4f}" for value in label]

    proposal = propose(tmp_path, {"risk": score, "label": label})

    assert [use.column for use in proposal.of_role(NUMERIC)] == ["risk"]
    assert not proposal.watch


def test_categories_that_differ_only_in_how_they_are_written_are_told(tmp_path: Path) -> None:
    columns = {"width": amounts(), "city": ["부산", "부산 ", "서울"] * 100, "label": labels()}

    told, blanks = propose(tmp_path, columns).watch

    assert blanks.startswith("values of city have blanks around them, such as '부산 '; blanks count, so requests need")
    assert told == "city: '부산' and '부산 ' are different categories; write them alike if they mean the same"


def test_categories_that_the_model_does_not_tell_apart_are_told(tmp_path: Path) -> None:
    at_most = use(tmp_path, "area", [f"area {number % MAX_CATEGORIES}" for number in range(600)])
    more = use(tmp_path, "area", [f"area {number % (MAX_CATEGORIES + 20)}" for number in range(600)])

    assert (at_most.role, at_most.why) == ("categorical", "")
    assert more.role == "categorical"
    assert more.why == "of its 70 values the model tells the 50 most frequent apart, no others"
