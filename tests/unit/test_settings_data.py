"""The table [data]: tables, columns and how files are written, and what cannot be true of them together."""

from __future__ import annotations

from typing import Any

import pytest

from settings.data import ColumnRange, DataSettings, read_data
from settings.errors import Problem
from settings.problem_types import BINARY, MULTICLASS, REGRESSION
from settings.reader import Reader

Values = dict[str, Any]
ONE_TABLE: Values = {
    "tables": ["abalone"],
    "label": "rings",
    "numeric": ["length", "height"],
    "categorical": ["sex"],
    "missing": [""],
    "split": {"train": 0.7, "validation": 0.15, "test": 0.15, "seed": 1},
}
TWO_TABLES: Values = {**ONE_TABLE, "tables": ["claims", "customers"], "join_key": "policy"}


def read(problem: str, values: Values, **changes: Any) -> tuple[DataSettings, list[str]]:
    problems: list[Problem] = []
    given = {key: value for key, value in {**values, **changes}.items() if value is not None}
    data = read_data(Reader(given, file="models/a.toml", problems=problems), problem)
    return data, [f"{problem.key}: {problem.message}" for problem in problems]


def test_one_table_needs_no_join_key_and_the_rest_has_defaults() -> None:
    data, problems = read(REGRESSION, ONE_TABLE)
    assert problems == []
    assert (data.join_key, data.classes, data.segments, data.columns, data.ranges) == ("", (), (), (), ())
    assert (data.encoding, data.delimiter) == ("utf-8", ",")
    assert (data.limits.min_rows, data.limits.largest_bad_share, data.limits.largest_unmatched_share) == (50, 0.05, 0.5)


def test_everything_may_be_said() -> None:
    data, problems = read(
        REGRESSION,
        ONE_TABLE,
        join_key="id",
        segments=["sex", "beach"],
        encoding="cp949",
        delimiter="\t",
        columns=["id", "beach", "sex", "length", "height", "rings"],
        ranges={"height": [0, 2.5], "rings": [1, 40]},
        limits={"min_rows": 1000},
    )
    assert problems == []
    assert data.ranges == (ColumnRange("height", 0.0, 2.5), ColumnRange("rings", 1.0, 40.0))
    assert (data.limits.min_rows, data.limits.largest_bad_share) == (1000, 0.05)


def test_several_tables_are_joined_by_a_key() -> None:
    assert read(BINARY, TWO_TABLES)[1] == []
    assert read(BINARY, TWO_TABLES, join_key=None)[1] == ["join_key: is missing; add it (a text in quotes)"]


def test_the_classes_of_a_binary_label_may_be_left_out_and_those_of_many_may_not() -> None:
    assert read(BINARY, ONE_TABLE)[1] == []
    assert read(BINARY, ONE_TABLE, classes=["good", "bad"])[0].classes == ("good", "bad")
    assert read(MULTICLASS, ONE_TABLE, classes=["F", "I", "M"])[0].classes == ("F", "I", "M")
    assert read(MULTICLASS, ONE_TABLE)[1] == ["classes: is missing; add it (a list)"]


def test_a_class_is_taken_as_it_stands() -> None:
    classes = [" <=50K", ">50K", "모름", "a, b"]
    data, problems = read(MULTICLASS, ONE_TABLE, classes=classes)
    assert (list(data.classes), problems) == (classes, [])


@pytest.mark.parametrize(
    ("problem", "changes", "message"),
    [
        (BINARY, {"classes": ["0", "1", "2"]}, "classes: names 3; name two: first the negative one"),
        (BINARY, {"classes": ["0", "0"]}, 'classes: names "0" 2 times'),
        (BINARY, {"classes": ["0", "\n"]}, 'classes: holds "\\n"; a class is the label\'s text exactly'),
        (BINARY, {"classes": ["", "1"]}, 'classes: holds ""; a class is'),
        (BINARY, {"classes": ["1", "NA"], "missing": ["NA"]}, 'classes: holds "NA", which missing takes for not known'),
        (BINARY, {"classes": [0, 1]}, "classes: is [0, 1]; write a list of texts"),
        (MULTICLASS, {"classes": ["F"]}, "classes: names 1; name all classes, from 2 to 100"),
        (MULTICLASS, {"classes": [str(n) for n in range(101)]}, "classes: names 101; allowed: at most 100"),
        (REGRESSION, {"classes": ["0", "1"]}, "classes: is for models that tell classes apart"),
        (REGRESSION, {"tables": [f"t{n}" for n in range(9)], "join_key": "id"}, "tables: names 9; allowed: at most 8"),
        (REGRESSION, {"segments": ["rings"]}, "segments: holds 'rings', which is the label; take it out of the segm"),
        (REGRESSION, {"segments": ["id"], "join_key": "id"}, "segments: holds 'id', which is the join_key"),
        (REGRESSION, {"segments": list("abcdef")}, "segments: names 6; allowed: at most 5"),
        (REGRESSION, {"segments": ["sex", "sex"]}, 'segments: names "sex" 2 times'),
        (REGRESSION, {"encoding": "UTF8"}, 'encoding: is "UTF8"; allowed: cp949, utf-16, utf-8, windows-1252'),
        (REGRESSION, {"encoding": ""}, 'encoding: is ""; allowed: '),
        (REGRESSION, {"delimiter": " "}, 'delimiter: is " "; allowed: '),
        (REGRESSION, {"delimiter": "|", "label": "a|b"}, 'label: holds "a|b", which the delimiter "|" would cut'),
        (REGRESSION, {"delimiter": ";", "numeric": ["a;b"]}, 'numeric: holds "a;b", which the delimiter ";" would cut'),
        (REGRESSION, {"columns": ["sex", "length", "height"]}, 'label: "rings" is not among columns; allowed: height'),
        (REGRESSION, {"columns": ["sex", "length", "rings"]}, 'numeric: "height" is not among columns'),
        (REGRESSION, {"columns": ["sex", "sex"]}, 'columns: names "sex" 2 times'),
        (REGRESSION, {"ranges": {"sex": [0, 1]}}, "ranges.sex: is no numeric column; allowed: height, length, rings"),
        (BINARY, {"ranges": {"rings": [0, 1]}}, "ranges.rings: is no numeric column (the label is none of a regr"),
        (REGRESSION, {"ranges": {"height": [1, 1]}}, "ranges.height: is [1, 1]; write [low, high], two numbers"),
        (REGRESSION, {"ranges": {"height": [2, 1]}}, "ranges.height: is [2, 1]; write [low, high]"),
        (REGRESSION, {"ranges": {"height": [0]}}, "ranges.height: is [0]; write [low, high]"),
        (REGRESSION, {"ranges": {"height": [0, float("inf")]}}, "ranges.height: is [0, Infinity]; write a list of num"),
        (REGRESSION, {"ranges": {"height": [0, 10**400]}}, "ranges.height: is [0, 1000"),
        (REGRESSION, {"ranges": {"height": [False, True]}}, "ranges.height: is [false, true]; write a list of num"),
        (REGRESSION, {"ranges": {"height": 3}}, "ranges.height: is 3; write a list"),
        (REGRESSION, {"ranges": [1, 2]}, "ranges: is [1, 2]; write a table"),
        (REGRESSION, {"limits": {"min_rows": 2}}, "limits.min_rows: is 2; allowed: from 3 to"),
        (REGRESSION, {"limits": {"largest_bad_share": 1.5}}, "limits.largest_bad_share: is 1.5; allowed: from 0 to 1"),
        (REGRESSION, {"limits": {"bad_share": 0.1}}, "limits.bad_share: is not a setting; known here: "),
    ],
)
def test_what_cannot_be_is_told(problem: str, changes: Values, message: str) -> None:
    found = read(problem, ONE_TABLE, **changes)[1]
    assert any(line.startswith(message) for line in found), found


def test_files_without_a_header_line_are_for_one_table() -> None:
    columns = ["policy", "sex", "length", "height", "rings"]
    (told,) = read(BINARY, TWO_TABLES, columns=columns)[1]
    assert told == "columns: is for one table, and tables names 2; give their files a header line instead"


def test_every_mistake_is_told_at_once() -> None:
    found = read(REGRESSION, ONE_TABLE, encoding="latin", delimiter="x", segments=["rings"], limits={"min_rows": 0})[1]
    assert [line.split(":")[0] for line in found] == ["encoding", "delimiter", "limits.min_rows", "segments"]
