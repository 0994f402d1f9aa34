"""The command line reads the ledger's rows as the function writes them."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from start_pipeline import rows

from millrace.cli import ledger_rows
from millrace.cli.executions import is_named

DIGEST = "ab12cd34ef56" + "0" * 52


@given(table=st.text("abc-", min_size=1), bucket=st.text(), key=st.text(), version=st.text())
def test_a_file_has_the_sort_key_that_the_function_gives_it(table: str, bucket: str, key: str, version: str) -> None:
    written = rows.file_item(table, bucket=bucket, key=key, version_id=version)

    assert ledger_rows.file_item(table, bucket, key, version) == written


@given(attempt=st.integers(1, 99_999))
def test_a_run_has_the_sort_key_and_the_short_name_that_the_function_gives_it(attempt: int) -> None:
    run = rows.run_id(DIGEST, attempt)

    assert ledger_rows.run_item(run) == rows.run_item(DIGEST, attempt)
    assert ledger_rows.short(run) == rows.short(run)
    assert ledger_rows.is_run_name(run)


def test_the_states_are_the_functions_states_in_its_order() -> None:
    assert ledger_rows.STATES == rows.STATES


@given(size=st.integers(0, 10**12), at=st.floats(0, 4e9).map(lambda value: round(value, 3)), reason=st.text())
def test_a_file_row_is_read_as_it_was_written(size: int, at: float, reason: str) -> None:
    row = rows.FileRow(
        "m", "claims", "raw", "raw/m/claims/a.csv", "v1", rows.SEEN, size=size, seen_at=at, reason=reason
    )

    read = ledger_rows.FileRow.of(rows.to_item(row))

    assert all(getattr(read, each.name) == getattr(row, each.name) for each in fields(read))


def test_attributes_that_are_not_known_are_left_out() -> None:
    lock = ledger_rows.Lock.of({"model": {"S": "m"}, "revision": {"N": "3"}, "later": {"S": "x"}})

    assert lock == ledger_rows.Lock("m")


@pytest.mark.parametrize("wanted", ["ab12", "ab12cd34ef56", "ab12cd34ef56-1", "ab12-1", f"{DIGEST}-1"])
def test_a_run_is_named_by_the_beginning_of_its_digest_and_its_attempt(wanted: str) -> None:
    assert is_named(f"{DIGEST}-1", wanted)


@pytest.mark.parametrize(("name", "wanted"), [(f"{DIGEST}-1", "ab12-2"), (f"{DIGEST}-12", "b12"), ("", "ab"), ("", "")])
def test_other_names_are_not_taken_for_a_run(name: str, wanted: str) -> None:
    assert not is_named(name, wanted)
