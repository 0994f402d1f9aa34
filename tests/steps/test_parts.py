from __future__ import annotations

from pathlib import Path

import numpy as np
import parts
import pyarrow as pa
import pytest
from features import DataError, Distinct
from hypothesis import given, settings
from hypothesis import strategies as st

SCHEMA = pa.schema([("amount", pa.float64()), ("city", pa.string())])


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same code on small numbers: a test need not write 65,536 rows to see two row groups."""
    monkeypatch.setattr(parts, "ROWS_PER_GROUP", 8)
    monkeypatch.setattr(parts, "GROUPS_PER_FILE", 2)


def rows(count: int) -> pa.Table:
    numbers = [None if n % 5 == 4 else n / 2 for n in range(count)]
    return pa.table({"city": [f"서울{n % 3}" for n in range(count)], "amount": pa.array(numbers, pa.float64())})


def write(folder: Path, table: pa.Table, *, step: int) -> list[bytes]:
    writer = parts.PartWriter(folder, schema=SCHEMA, host=2)
    for start in range(0, table.num_rows, step):
        writer.write(table.slice(start, step))
    writer.close()
    return [path.read_bytes() for path in parts.part_files(folder)]


def test_rows_come_back_as_numbers_and_texts(tmp_path: Path) -> None:
    write(tmp_path, rows(30), step=7)
    found = parts.read(tmp_path, ["city", "amount", "unknown"])
    city = found["city"]
    assert isinstance(city, Distinct)
    assert [city.values[code] for code in city.codes] == [f"서울{n % 3}" for n in range(30)]
    np.testing.assert_array_equal(np.asarray(found["amount"]), [np.nan if n % 5 == 4 else n / 2 for n in range(30)])
    assert set(found) == {"city", "amount"}
    assert parts.count_rows(tmp_path) == 30


def test_a_file_is_named_after_its_host_and_its_number(tmp_path: Path) -> None:
    write(tmp_path, rows(30), step=30)
    assert [path.name for path in parts.part_files(tmp_path)] == [
        "part-00002-00000.parquet",
        "part-00002-00001.parquet",
    ]


@settings(max_examples=20)
@given(first=st.integers(1, 40), second=st.integers(1, 40), count=st.integers(1, 60))
def test_the_bytes_do_not_depend_on_how_the_rows_arrived(
    tmp_path_factory: pytest.TempPathFactory, first: int, second: int, count: int
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    assert write(folder / "a", rows(count), step=first) == write(folder / "b", rows(count), step=second)


def test_shares_are_disjoint_and_together_everything(tmp_path: Path) -> None:
    write(tmp_path, rows(50), step=11)
    shares = [
        [value for batch in parts.batches(tmp_path, ["amount"], share=(k, 3)) for value in np.asarray(batch["amount"])]
        for k in range(3)
    ]
    every = np.sort(np.concatenate([np.asarray(share) for share in shares]))
    np.testing.assert_array_equal(every, np.sort(np.asarray(parts.read(tmp_path, ["amount"])["amount"])))
    assert [len(share) for share in shares] == [18, 16, 16]


def test_a_folder_without_parts_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no \.parquet file; it must come from the Preprocess step"):
        parts.read(tmp_path, ["amount"])
