"""Preprocess on one and several tables: what is joined, what is too much, what does not matter."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import contract_records
import contract_table
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instance import Instance
from spec import Limits

from tests.contract_lab import PARTS, Outcome, run

TWO: dict[str, Any] = {"tables": ("main", "other"), "numeric": ("amount", "age")}
STRICT = Limits(min_rows=50, largest_bad_share=0.05, largest_unmatched_share=0.5)


def main_table(keys: Sequence[object], label: str = "{n}") -> str:
    rows = (f"{key},{n / 2},{'ab'[n % 2]},{label.format(n=n % 3)}\n" for n, key in enumerate(keys))
    return "id,amount,kind,y\n" + "".join(rows)


def other_table(keys: Sequence[object]) -> str:
    return "id,age,zip\n" + "".join(f"{key},{20 + n},0{n}\n" for n, key in enumerate(keys))


def by_key(outcome: Outcome) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in outcome.rows}


def test_rows_are_joined_by_key_whatever_their_order(tmp_path: Path) -> None:
    keys = list(range(500))
    shuffled = random.Random(1).sample(keys, 500)
    result = run(tmp_path, {"main": {"a": main_table(keys)}, "other": {"b": other_table(shuffled)}}, **TWO)
    rows = by_key(result)
    assert len(rows) == 500
    assert all(row["age"] == 20 + shuffled.index(int(key)) for key, row in rows.items())
    assert {row["zip"] for row in result.parts["test"]} == {
        f"0{shuffled.index(int(row['id']))}" for row in result.parts["test"]
    }


def test_three_tables_are_joined(tmp_path: Path) -> None:
    third = "id,colour\n" + "".join(f"{n},{'rgb'[n % 3]}\n" for n in range(100))
    files = {"main": {"a": main_table(range(100))}, "other": {"b": other_table(range(100))}, "third": {"c": third}}
    result = run(tmp_path, files, **{**TWO, "tables": tuple(files), "categorical": ("kind", "colour")})
    assert {row["id"]: row["colour"] for row in result.rows} == {str(n): "rgb"[n % 3] for n in range(100)}


def test_rows_without_partner_are_told_and_have_a_limit_of_their_own(tmp_path: Path) -> None:
    files = {"main": {"a": main_table(range(100))}, "other": {"b": other_table(range(40, 150))}}
    few = run(tmp_path / "few", files, **TWO, limits=replace(STRICT, min_rows=0))
    assert not few.failure
    assert set(by_key(few)) == {str(n) for n in range(40, 100)}
    assert few.codes() == [("a", n + 1, "no-partner") for n in range(40)]
    assert few.report()["unmatched"] == {"other": 40}
    assert few.report()["unused"] == {"other": 50}, "rows of the other table that no row asked for"
    assert few.report()["bad_rows"] == 0
    many = run(tmp_path / "many", files, **TWO, limits=replace(STRICT, largest_unmatched_share=0.3))
    assert many.failure.startswith(
        "40 of 100 rows of main (40.0%) have no partner in other, more than largest_unmatched_share = 0.3 allows"
    )
    assert many.report()["sentence"] == many.failure


def test_repeated_keys_of_a_joined_table_are_settled_before_the_join(tmp_path: Path) -> None:
    other = "id,age,zip\n1,30,x\n2,40,y\n1,30,x\n2,41,y\n3,50,z\n"
    result = run(tmp_path, {"main": {"a": main_table([1, 2, 3])}, "other": {"b": other}}, **TWO)
    assert {key: row["age"] for key, row in by_key(result).items()} == {"1": 30, "3": 50}
    assert result.codes("other") == [("b", 2, "key-conflict"), ("b", 3, "duplicate-row"), ("b", 4, "key-conflict")]
    assert result.codes() == [("a", 2, "no-partner")]
    for table, rows_out in (("main", 2), ("other", 2)):
        report = result.report(table)
        assert report["rows_read"] == report["rows_out"] + sum(report["counts"].values())
        assert report["rows_out"] == rows_out


def test_an_equal_row_in_another_file_and_another_order_of_columns_is_a_duplicate(tmp_path: Path) -> None:
    other = "y,kind,amount,id\n0,a,0,k0\n1,b,9,k9\n"
    result = run(tmp_path, {"main": {"1": main_table(["k0"]), "2": other}})
    assert set(by_key(result)) == {"k0", "k9"}
    assert result.codes() == [("2", 1, "duplicate-row")]


def test_a_file_with_other_columns_than_the_first_is_put_aside(tmp_path: Path) -> None:
    result = run(tmp_path, {"main": {"1": main_table(range(90)), "2": "id,amount,kind,y,more\nx,1,a,0,1\n"}})
    assert result.bad_files() == {"2": "columns-differ"}
    assert len(result.rows) == 90


def test_without_a_key_equal_rows_stay_and_land_in_one_part(tmp_path: Path) -> None:
    content = "amount,kind,y\n" + "".join(f"{n % 50},a,1\n" for n in range(200))
    result = run(tmp_path, {"main": {"a": content}}, join_key="")
    counts = {part: Counter(row["amount"] for row in result.parts[part]) for part in PARTS}
    assert len(result.rows) == 200
    assert all(set(part.values()) <= {4} for part in counts.values())
    assert counts["test"]


def test_the_label_of_regression_is_a_number_and_of_classes_a_text(tmp_path: Path) -> None:
    classes = main_table(range(300), label="c{n}")
    multi = run(tmp_path / "multi", {"main": {"a": classes}}, problem="multiclass", classes=("c0", "c1", "c2"))
    assert {row["y"] for row in multi.rows} == {"c0", "c1", "c2"}
    number = run(tmp_path / "number", {"main": {"a": main_table(range(300))}})
    assert {row["y"] for row in number.rows} == {0.0, 1.0, 2.0}


def test_declared_classes_are_exact(tmp_path: Path) -> None:
    content = main_table(range(300), label="c{n}") + "x,1,a,C1\ny,1,a,1\n"
    result = run(tmp_path, {"main": {"a": content}}, problem="multiclass", classes=("c0", "c1", "c2"))
    assert result.codes() == [("a", 301, "label-values"), ("a", 302, "label-values")]
    assert "allowed: c0, c1, c2" in result.bad_rows()[0]["reason"]


FAILURES: dict[str, tuple[dict[str, dict[str, str]], dict[str, Any], str]] = {
    "no file": ({"main": {}}, {}, "table main: there is no file in"),
    "no file of a joined table": (
        {"main": {"a": main_table([1])}, "other": {}}, TWO, "table other: there is no file in"),
    "no good file": ({"main": {"a": "<html>"}}, {"limits": STRICT},
        "table main: 1 of 1 files (100.0% of the bytes) cannot be read, more than largest_bad_share = 0.05 allows: "
        "a: header-missing: the file looks like HTML or XML"),
    "too few rows": ({"main": {"a": main_table(range(49))}}, {"limits": STRICT},
        "49 good rows are left, fewer than min_rows = 50"),
    "too many bad rows": ({"main": {"a": main_table(range(90)) + "x,1,a\n" * 10}}, {"limits": STRICT},
        "table main: 10 of 100 rows (10.0%) are bad, more than largest_bad_share = 0.05 allows: 10 ragged-rows "
        "(a row 91: the row has 3 values, but there are 4 columns"),
    "one class": ({"main": {"a": main_table(range(90), label="0")}}, {"problem": "binary"},
        "column 'y': class 1 has 0 rows (train 0, validation 0, test 0), but each part needs some"),
    "a class that a part lacks": (
        {"main": {"a": main_table(range(90), label="0") + "x,1,a,1\n"}}, {"problem": "binary"},
        "column 'y': class 1 has 1 rows (train "),
    "equal rows of a class": (
        {"main": {"a": main_table(range(90), label="0") + "id,1,a,1\n" * 100}}, {"problem": "binary", "join_key": ""},
        "column 'y': class 1 has 100 rows (train 100, validation 0, test 0), but each part needs some; without a "
        "join_key equal rows all go into one part"),
    "a feature in no table": ({"main": {"a": main_table([1])}, "other": {"b": "id,zip\n1,2\n"}}, TWO,
        "column 'age': is in none of the tables main, other; they have id, amount, kind, y, zip"),
    "a feature in two tables": (
        {"main": {"a": main_table([1])}, "other": {"b": "id,age,kind\n1,2,a\n"}}, TWO,
        "column 'kind': stands in main and other; rename it in one of them"),
    "the label in another table": (
        {"main": {"a": main_table([1])}, "other": {"b": "id,age,y\n1,2,a\n"}}, {**TWO, "limits": STRICT},
        "table other: 1 of 1 files (100.0% of the bytes) cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_data_that_are_no_data_set_end_the_step_with_a_sentence_and_no_part(name: str, tmp_path: Path) -> None:
    files, changes, sentence = FAILURES[name]
    result = run(tmp_path, files, **changes)
    assert result.failure.startswith(sentence)
    assert "\n" not in result.failure
    assert not list(result.folder.rglob("*.parquet"))
    assert result.report()["sentence"] == result.failure


def test_an_unused_column_may_stand_in_two_tables_and_the_first_counts(tmp_path: Path) -> None:
    main = "id,amount,kind,y,zip\n" + "".join(f"{n},1,a,0,main\n" for n in range(100))
    result = run(tmp_path, {"main": {"a": main}, "other": {"b": other_table(range(100))}}, **TWO)
    assert {row["zip"] for row in result.parts["test"]} == {"main"}


def test_a_class_or_a_few_rows_are_no_matter_for_one_of_several_instances(tmp_path: Path) -> None:
    content = {"main": {"a": main_table(range(20), label="0")}}
    changes: dict[str, Any] = {"problem": "binary", "limits": STRICT}
    assert run(tmp_path / "one", content, **changes).failure
    assert not run(tmp_path / "two", content, instance=Instance(1, 2), **changes).failure


def test_a_part_without_rows_ends_the_run_before_train_looks_for_them(tmp_path: Path) -> None:
    files = {"main": {"a": main_table(range(3))}}
    found = run(tmp_path / "few", files, limits=replace(STRICT, min_rows=3))
    assert found.failure.startswith("no row fell into the part ")
    assert not run(tmp_path / "asked", files, limits=replace(STRICT, min_rows=0)).failure


def test_features_that_are_missing_everywhere_end_the_run(tmp_path: Path) -> None:
    content = "id,amount,kind,y\n" + "".join(f"{n},1,NA,{n}\n" for n in range(100))
    found = run(tmp_path, {"main": {"a": content}}, numeric=())
    assert found.failure == "no feature has a value in the part train; all rows lack kind"


def test_files_in_another_order_change_no_rows_part(tmp_path: Path) -> None:
    keys = list(range(400))
    one = run(tmp_path / "one", {"main": {"a": main_table(keys)}})
    header, *rows = main_table(keys).splitlines(keepends=True)
    files = {"a": header + "".join(reversed(rows[100:])), "b": header + "".join(rows[:100])}
    other = run(tmp_path / "other", {"main": files})
    for part in PARTS:
        assert sorted(row["id"] for row in one.parts[part]) == sorted(row["id"] for row in other.parts[part])


VALUES = {
    "id": st.sampled_from(["1", "2", "3", "4", "5", "6", "7", "8", "", "NA", "가"]),
    "amount": st.sampled_from(["1", "-2.5", " 3", "", "NA", "x", "1,5", "nan", "1e99", '"4"', '"1\n"']),
    "kind": st.sampled_from(["a", "b", '"c,d"', '"e\nf"', '5" pipe', '"open', 'x"y', "\0", "\x7f", "\udcff", "NA", ""]),
    "y": st.sampled_from(["0", "1", "2", "", "no"]),
}


@st.composite
def lines(draw: st.DrawFn) -> str:
    values = [draw(value) for value in VALUES.values()]
    values += draw(st.sampled_from([[], [], [], [], ["more"]]))
    return ",".join(values[draw(st.sampled_from([0, 0, 0, 0, 1])) :])


@given(st.lists(lines(), max_size=25), st.sampled_from(["\n", "\r\n", "\r"]), st.sets(st.integers(1, 8)))
@settings(max_examples=150)
def test_every_row_read_comes_out_or_is_told_in_blocks_of_any_size(rows: list[str], end: str, keys: set[int]) -> None:
    content = end.join(["id,amount,kind,y", *rows, ""]).encode("utf-8", "surrogateescape")
    files: dict[str, dict[str, Any]] = {"main": {"a": content}, "other": {"b": other_table(sorted(keys) or [99])}}
    outcomes = []
    with pytest.MonkeyPatch.context() as patch:
        for longest, block in ((1 << 20, 1 << 20), (150, 1), (150, 777)):
            for module in (contract_records, contract_table):
                patch.setattr(module, "LONGEST_ROW", longest)
            patch.setattr(contract_table, "BLOCK_BYTES", block)
            with TemporaryDirectory() as folder:
                result = run(Path(folder), files, **TWO)
                bad = sorted(result.bad_rows(), key=lambda row: int(row["row"]))
                outcomes.append((result.rows, bad, {**result.report(), "first": None}))
    found, bad, report = outcomes[0]
    assert outcomes[1:] == [outcomes[0]] * 2
    assert report["rows_read"] == len(found) + len(bad) == report["rows_out"] + sum(report["counts"].values())
    assert [int(row["row"]) for row in bad] == sorted({int(row["row"]) for row in bad})
