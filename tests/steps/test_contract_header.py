"""Column names: which of a file's are taken for which of the settings'."""

from __future__ import annotations

import time

import pytest
from contract import BadFile
from contract_files import guessed_encoding
from contract_header import column_names


def test_a_name_is_fitted_only_if_one_column_and_one_setting_could_be_meant() -> None:
    def fitted(*found: str, known: tuple[str, ...]) -> list[str]:
        return column_names(found, ",".join(found), known=known, needed=(), delimiter=",")[0]

    assert fitted(" AGE", "Zip", known=("age", "zip")) == ["age", "zip"]
    assert fitted("Age", "age", known=("age",)) == ["Age", "age"], "the exact name is there"
    assert fitted("AGE", known=("age", "Age")) == ["AGE"], "nobody knows which of the two is meant"
    with pytest.raises(BadFile, match="'AGE', 'Age' could all be 'age'"):
        fitted("AGE", "Age", known=("age",))


def test_thousands_of_columns_are_fitted_quickly() -> None:
    names = [f"column {number}" for number in range(2000)]
    began = time.process_time()
    found, changed = column_names([name.upper() for name in names], "", known=names, needed=names, delimiter=",")
    assert found == names
    assert len(changed) == 2000
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("text", "encoding", "told"),
    [("연락", "cp949", "CP949"), ("21℃", "cp949", "CP949"), ("21°C", "cp1252", "windows-1252"),
     ("café", "cp1252", "windows-1252")],
)  # fmt: skip
def test_the_hint_names_the_encoding_that_a_line_is_in(text: str, encoding: str, told: str) -> None:
    assert guessed_encoding(text.encode(encoding)) == told
