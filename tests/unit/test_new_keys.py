"""By which column several tables are joined, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from millrace.errors import MillraceError
from millrace.new import Proposal, Wishes, infer, read
from millrace.new.naming import is_model_name, model_name, table_name
from millrace.new.uses import UNUSED
from tests.new_lab import ROWS, amounts, colours, labels, write

Columns = Mapping[str, Sequence[object]]
CLAIMS: Columns = {"policy_id": range(ROWS), "sum": amounts(), "fraud": labels()}
PEOPLE: Columns = {"policy_id": range(ROWS), "age": amounts(seed=4)}


def propose(folder: Path, one: Columns, other: Columns, **wishes: str) -> Proposal:
    paths = [write(folder / "claims.csv", one), write(folder / "people.csv", other)]
    return infer([read(path) for path in paths], Wishes(**wishes))


def test_the_column_that_is_unique_in_both_is_the_key(tmp_path: Path) -> None:
    one, other = {**CLAIMS, "colour": colours()}, {**PEOPLE, "shape": colours()}

    proposal = propose(tmp_path, one, other)

    assert proposal.key == "policy_id"
    assert "policy_id" not in [use.column for use in proposal.uses]


def test_tables_without_a_common_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MillraceError, match=r"no column in common.*claims\.csv: policy_id, sum.*people\.csv: id, age"):
        propose(tmp_path, CLAIMS, {"id": range(ROWS), "age": amounts()})


def test_a_common_column_that_is_not_unique_is_told(tmp_path: Path) -> None:
    several = [number // 2 for number in range(ROWS)]

    with pytest.raises(MillraceError, match=r"policy_id has 150 values in the 300 rows of people\.csv"):
        propose(tmp_path, CLAIMS, {**PEOPLE, "policy_id": several})


def test_rows_without_a_key_are_told(tmp_path: Path) -> None:
    gaps = [*["", "NA"], *range(2, ROWS)]

    with pytest.raises(MillraceError, match=r"has 298 values in the 300 rows of people\.csv, and 2 have none"):
        propose(tmp_path, CLAIMS, {**PEOPLE, "policy_id": gaps})
    with pytest.raises(MillraceError, match=r"300 rows of people\.csv have 298 values of it, and 2 have none"):
        propose(tmp_path, CLAIMS, {**PEOPLE, "policy_id": gaps}, key="policy_id")


def test_several_possible_keys_are_asked_about(tmp_path: Path) -> None:
    one = {"a": range(ROWS), "b": range(ROWS), **CLAIMS}
    other = {"a": range(ROWS), "b": range(ROWS), "age": amounts(seed=4)}

    with pytest.raises(MillraceError, match="joined by any of a, b: choose one with --key NAME"):
        propose(tmp_path, one, other)
    assert propose(tmp_path, one, other, key="b").key == "b"


def test_keys_that_never_meet_are_told(tmp_path: Path) -> None:
    padded = [f"{number:06d}" for number in range(ROWS)]

    with pytest.raises(
        MillraceError, match=r"only 0% of the keys of the first .such as '0'. are in .*such as '000000'"
    ):
        propose(tmp_path, CLAIMS, {**PEOPLE, "policy_id": padded})


def test_rows_that_find_no_partner_are_told(tmp_path: Path) -> None:
    some = {name: list(column)[30:] for name, column in PEOPLE.items()}

    assert not any("has no row for" in line for line in propose(tmp_path, CLAIMS, PEOPLE).watch)
    assert (
        "people.csv has no row for 30 of the 300 rows of claims.csv (10.0%): they are not used, and more than 50 % of "
        "them end a run"
    ) in propose(tmp_path, CLAIMS, some).watch


@pytest.mark.parametrize(
    ("key", "reason"),
    [("age", r"claims\.csv has no such column"), ("sum", r"people\.csv has no such column")],
)
def test_a_key_that_is_named_must_be_in_every_table(tmp_path: Path, key: str, reason: str) -> None:
    with pytest.raises(MillraceError, match=f"--key {key}: {reason}"):
        propose(tmp_path, CLAIMS, PEOPLE, key=key)


def test_a_name_that_two_tables_have_is_not_used(tmp_path: Path) -> None:
    proposal = propose(tmp_path, {**CLAIMS, "shade": colours()}, {**PEOPLE, "shade": colours(seed=6)})

    assert [(use.table, use.column) for use in proposal.of_role(UNUSED)] == [("claims", "shade"), ("people", "shade")]
    assert "claims and people have a column of this name: rename it" in proposal.of_role(UNUSED)[0].why


def test_a_label_in_two_tables_is_refused(tmp_path: Path) -> None:
    one, other = {**PEOPLE, "outcome_text": labels()}, {**CLAIMS, "outcome_text": labels()}

    with pytest.raises(MillraceError, match=r"--label outcome_text: claims\.csv and people\.csv both have it"):
        propose(tmp_path, one, other, label="outcome_text")
    with pytest.raises(MillraceError, match=r"claims\.csv and people\.csv have the label last"):
        propose(tmp_path, {"policy_id": range(ROWS), "last": colours()}, {**PEOPLE, "last": colours(), "x": amounts()})


def test_files_written_differently_are_refused(tmp_path: Path) -> None:
    one = read(write(tmp_path / "claims.csv", CLAIMS))
    other = read(write(tmp_path / "people.csv", PEOPLE, delimiter=";"))

    with pytest.raises(MillraceError, match="the files differ in their delimiter"):
        infer([one, other], Wishes())


def test_two_parts_of_one_table_are_told(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"claims-{month}.csv", CLAIMS) for month in ("2026-01", "2026-02")]

    with pytest.raises(MillraceError, match="would both be the table claims"):
        infer([read(path) for path in paths], Wishes())


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("claims", "claims"),
        ("Claims 2026-03", "claims"),
        ("claims_v2", "claims"),
        ("claims (1)", "claims"),
        ("Kunden Übersicht", "kunden_ubersicht"),
        ("고객이탈", "gogaekital"),
        ("고객_2026", "gogaek"),
        ("2026", "table_2026"),
        ("顧客", "table"),
        ("7days", "table_7days"),
        ("a__b--c", "a_b-c"),
        ("x" * 80, "x" * 64),
    ],
)
def test_a_table_is_named_after_its_file(stem: str, name: str) -> None:
    assert table_name(stem) == name
    assert is_model_name(model_name(name))


@pytest.mark.parametrize("name", ["_claims.csv", ".claims.csv", "claims", "claims.tmp", "claims.데이터"])
def test_a_file_that_would_be_ignored_once_uploaded_is_refused(tmp_path: Path, name: str) -> None:
    table = read(write(tmp_path / name, CLAIMS))

    with pytest.raises(MillraceError, match="rename it"):
        infer([table], Wishes())


@pytest.mark.parametrize("name", ["Claims", "a_b", "-a", "a--b", "a" * 33, "1a"])
def test_a_model_cannot_be_called_anything(tmp_path: Path, name: str) -> None:
    with pytest.raises(MillraceError, match="--name is"):
        propose(tmp_path, CLAIMS, PEOPLE, name=name)
