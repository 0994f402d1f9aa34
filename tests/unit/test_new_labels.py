"""Which column is the label, and what problem it makes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from millrace.errors import MillraceError
from millrace.new import Wishes, infer, read
from millrace.new.hints import label_strength, positive
from tests.new_lab import ROWS, amounts, colours, labels, propose, write


@pytest.mark.parametrize(
    ("name", "strength"),
    [
        ("label", 3),
        ("Target", 3),
        ("정답", 3),
        ("is_fraud", 2),
        ("isFraud", 2),
        ("CHURN_YN", 2),
        ("customer churn flag", 2),
        ("고객이탈여부", 2),
        ("불량", 2),
        ("price", 1),
        ("rings", 1),
        ("등급", 1),
        ("fraud_reports", 0),
        ("연체횟수", 0),
        ("결혼여부", 0),
        ("unit_price", 0),
    ],
)
def test_names_sound_like_a_label_or_not(name: str, strength: int) -> None:
    assert label_strength(name) == strength


def test_the_column_with_the_name_of_a_label_is_it(tmp_path: Path) -> None:
    proposal = propose(tmp_path, {"fraud": labels(names=("0", "1")), "amount_paid": amounts(), "colour": colours()})

    assert (proposal.label.column, proposal.label.problem) == ("fraud", "binary")


def test_without_a_name_the_last_column_is_the_label_and_that_is_said(tmp_path: Path) -> None:
    proposal = propose(tmp_path, {"colour": colours(), "width": amounts(), "weight": amounts(seed=5)})

    assert (proposal.label.column, proposal.label.problem) == ("weight", "regression")
    assert "the last column" in proposal.label.why


def test_two_names_of_labels_are_asked_about(tmp_path: Path) -> None:
    with pytest.raises(MillraceError, match=r"several columns could be the label: fraud \(.*\), churn.*--label NAME"):
        propose(tmp_path, {"fraud": labels(), "churn": labels(seed=9), "width": amounts()})


def test_a_price_in_the_middle_is_asked_about_if_the_last_column_may_be_the_label(tmp_path: Path) -> None:
    with pytest.raises(MillraceError, match=r"price .*weight .*--label NAME"):
        propose(tmp_path, {"price": amounts(seed=4), "colour": colours(), "weight": amounts()})


def test_a_last_column_that_cannot_be_the_label_is_told_with_the_others(tmp_path: Path) -> None:
    with pytest.raises(MillraceError, match=r"day, cannot be: it holds dates; .*colour \(blue/green/red\)"):
        propose(tmp_path, {"colour": colours(), "width": amounts(), "day": ["2026-01-01", "2026-01-02"] * 150})


def test_the_label_that_is_named_is_taken(tmp_path: Path) -> None:
    proposal = propose(tmp_path, {"colour": colours(), "fraud": labels(), "width": amounts()}, label="colour")

    assert proposal.label.column == "colour"
    assert proposal.label.classes == ("blue", "green", "red")


@pytest.mark.parametrize(
    ("wishes", "reason"),
    [
        ({"label": "nope"}, "--label nope: no table has such a column .*colour, width, same, day"),
        ({"label": "same"}, "--label same: it has one value only"),
        ({"label": "day"}, "--label day: it holds dates"),
        ({"label": "won"}, r"--label won: it holds numbers written for people \('1,000'\)"),
        ({"label": "long"}, "--label long: a class has 128 characters at most"),
        ({"label": "text"}, "--label text: it has 300 different texts; 100 classes are possible"),
        ({"label": "colour", "problem": "binary"}, "--problem binary: the label colour has 3 values, not two"),
        ({"label": "colour", "problem": "regression"}, "--problem regression: the label colour is no number"),
        ({"label": "width", "problem": "multiclass"}, "--problem multiclass: the label width has"),
        ({"label": "width", "problem": "ranking"}, "--problem is 'ranking'; allowed: binary, multiclass, regression"),
    ],
)
def test_a_wish_that_cannot_be_is_refused(tmp_path: Path, wishes: dict[str, str], reason: str) -> None:
    columns: dict[str, Sequence[object]] = {
        "colour": colours(),
        "width": amounts(),
        "same": ["x"] * ROWS,
        "day": ["2026-01-01", "2026-01-02"] * 150,
        "long": ["x" * 200, "y"] * 150,
        "won": ["1,000", "2,000"] * 150,
        "text": [f"t{number}" for number in range(ROWS)],
    }

    with pytest.raises(MillraceError, match=reason):
        propose(tmp_path, columns, **wishes)


@pytest.mark.parametrize(
    ("name", "values", "problem"),
    [
        ("label", ["0", "1", "1"], "binary"),
        ("label", ["a", "b", "c"], "multiclass"),
        ("label", ["0", "1", "2"], "multiclass"),
        ("rings", ["4", "5", "9"], "regression"),
        ("불량수", ["0", "1", "2"], "regression"),
        ("목표 변수", ["0", "1", "2"], "multiclass"),
        ("label", [f"{number / 7:.3f}" for number in range(30)], "regression"),
        ("label", [str(number) for number in range(30)], "regression"),
        ("label", ["1.0", "2.0", "3.0"], "multiclass"),
        ("label", ["1.0", "0.0"], "binary"),
        ("class", [str(number) for number in range(30)], "multiclass"),
    ],
)
def test_the_problem_follows_from_the_values(tmp_path: Path, name: str, values: list[str], problem: str) -> None:
    draw = random.Random(2)
    column = [draw.choice(values) for _ in range(ROWS)]

    assert propose(tmp_path, {"width": amounts(), name: column}).label.problem == problem


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (("yes", "no"), ("no", "yes")),
        (("예", "아니오"), ("아니오", "예")),
        (("정상", "불량"), ("정상", "불량")),
        (("True", "False"), ("False", "True")),
        (("1", "-1"), ("-1", "1")),
        (("1.0", "0.0"), ("0.0", "1.0")),
        (("1", "2"), ("1", "2")),
        (("cat", "dog"), ("cat", "dog")),
    ],
)
def test_the_positive_class_is_found_by_its_word_else_the_rarer_one_is_it(
    tmp_path: Path, names: tuple[str, str], classes: tuple[str, str]
) -> None:
    proposal = propose(tmp_path, {"width": amounts(), "label": labels(names=names)})

    assert proposal.label.classes == classes


def test_a_class_called_none_is_a_class(tmp_path: Path) -> None:
    proposal = propose(tmp_path, {"width": amounts(), "불량유형": labels(names=("없음", "긁힘", "찍힘"))})

    assert proposal.label.classes == ("긁힘", "없음", "찍힘")
    assert any(line.startswith("'없음' (") and "take its rows out" in line for line in proposal.assumed)
    assert "없음" not in proposal.missing


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("No", "Yes", "yes", "YES"), "'YES' and 'Yes' and 'yes'"),
        (("Y", "N", "Y "), "'Y' and 'Y '"),
        (("0", "1", "1.0"), "'1' and '1.0'"),
        (("정상", "이상 있음", "이상  있음"), "'이상  있음' and '이상 있음'"),
    ],
)
def test_classes_that_differ_only_in_how_they_are_written_are_asked_about(
    tmp_path: Path, names: tuple[str, ...], told: str
) -> None:
    columns = {"width": amounts(), "churn": labels(names=names)}

    with pytest.raises(MillraceError, match=f"differ only in how they are written .{told}.: write them alike, or say"):
        propose(tmp_path, columns)

    assert set(propose(tmp_path, columns, problem="multiclass").label.classes) == set(names)


def test_rows_without_a_label_are_counted_and_told(tmp_path: Path) -> None:
    label = labels()
    label[:30] = [""] * 30

    proposal = propose(tmp_path, {"width": amounts(), "label": label})

    assert proposal.label.missing == 30
    assert any("label: 30 rows have no label" in line and "clean it first" in line for line in proposal.watch)


def test_a_label_that_is_mostly_missing_is_refused_because_the_gap_may_be_a_class(tmp_path: Path) -> None:
    label = ["belt", "bearing"] * 20 + [""] * (ROWS - 40)

    with pytest.raises(MillraceError, match=r"260 of the 300 rows have no failure, the label: .* such as none"):
        propose(tmp_path, {"width": amounts(), "failure": label})


def test_a_column_named_like_the_label_that_has_one_value_is_told(tmp_path: Path) -> None:
    with pytest.raises(MillraceError, match=r"fraud of table\.csv is named like the label, but it has one value only"):
        propose(tmp_path, {"fraud": ["0"] * ROWS, "width": amounts(), "colour": colours()})


@pytest.mark.parametrize(("rare", "common"), [("yes", "no"), ("no", "yes")])
def test_a_class_with_few_rows_is_told(tmp_path: Path, rare: str, common: str) -> None:
    label = [rare] * 12 + [common] * (ROWS - 12)

    watch = propose(tmp_path, {"w": amounts(), "label": label}).watch

    assert any(f"classes with few rows ('{rare}' 12)" in line for line in watch)


def test_of_many_classes_with_few_rows_those_with_the_fewest_are_told(tmp_path: Path) -> None:
    label = [f"c{max(number % 20, number % 7)}" for number in range(ROWS)]

    [told] = [line for line in propose(tmp_path, {"w": amounts(), "label": label}).watch if "few rows" in line]

    assert told.count("'c") == 6
    assert " and 14 more)" in told
    assert told.startswith("classes with few rows ('c0' 3, ")


def test_nothing_to_learn_from_is_told_with_the_reasons(tmp_path: Path) -> None:
    with pytest.raises(MillraceError, match=r"no column is left to learn label from \(id: an id"):
        propose(tmp_path, {"id": range(ROWS), "label": labels()})


def test_the_table_that_holds_the_label_becomes_the_base(tmp_path: Path) -> None:
    people = write(tmp_path / "people.csv", {"id": range(ROWS), "age": amounts()})
    claims = write(tmp_path / "claims.csv", {"id": range(ROWS), "sum": amounts(seed=6), "fraud": labels()})

    proposal = infer([read(people), read(claims)], Wishes())

    assert [table.name for table in proposal.tables] == ["claims", "people"]
    assert proposal.name == "claims"


@pytest.mark.parametrize(
    ("one", "other", "found"), [("1", "0", "1"), ("ok", "xyz", "xyz"), ("cat", "dog", None), ("1", "2", None)]
)
def test_words_tell_the_positive_class(one: str, other: str, found: str | None) -> None:
    assert positive(one, other) == positive(other, one) == found


def test_rows_that_come_often_are_told_unless_they_have_a_key(tmp_path: Path) -> None:
    columns = {"row": range(ROWS), "colour": colours(), "churn": labels()}
    few = {name: columns[name] for name in ("colour", "churn")}

    sparse = {"width": [*[""] * 10, *amounts(ROWS - 10)], "churn": ["yes"] * 10 + labels(ROWS - 10)}

    assert any(line.startswith("300 of 300 rows are equal to others, one of") for line in propose(tmp_path, few).watch)
    assert any("rows are equal to others, one of them 10 times" in line for line in propose(tmp_path, sparse).watch)
    assert not any("equal to others" in line for line in propose(tmp_path, columns, key="row").watch)
    assert not any("equal to others" in line for line in propose(tmp_path, {**few, "width": amounts()}).watch)


def test_blanks_around_classes_and_categories_are_told(tmp_path: Path) -> None:
    columns = {
        "width": amounts(),
        "colour": [f" {colour}" for colour in colours()],
        "churn": labels(names=(" N", " Y")),
    }

    proposal = propose(tmp_path, columns)

    assert proposal.label.classes == (" N", " Y")
    assert any(
        line.startswith("values of churn, colour have blanks around them, such as ' N'") for line in proposal.watch
    )


def test_a_file_with_too_many_rows_of_other_lengths_is_told_to_end_its_run(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", {"width": amounts(), "churn": labels()})
    path.write_text(path.read_text() + "1,2,3\n" * 20)

    assert "t.csv: 20 rows do not have 2 fields" in infer([read(path)], Wishes()).watch[0]
    assert "this file has more: clean it first" in infer([read(path)], Wishes()).watch[0]
