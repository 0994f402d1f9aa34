"""How a file is written is found out; what is no table is refused with a reason."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.errors import MillraceError
from millrace.new import read
from millrace.new.column_reader import ColumnReader
from tests.new_lab import ROWS, amounts, colours, labels, write

KOREAN: dict[str, Sequence[object]] = {
    "성별": ["남", "여"] * 150,
    "나이": range(ROWS),
    "이탈여부": labels(names=("아니오", "예")),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_found(tmp_path: Path, encoding: str, delimiter: str) -> None:
    table = read(write(tmp_path / "t.csv", KOREAN, encoding=encoding, delimiter=delimiter))

    assert table.dialect.encoding == encoding.removesuffix("-sig")
    assert table.dialect.delimiter == delimiter
    assert (table.names, table.rows) == (tuple(KOREAN), ROWS)


def test_windows_1252_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", {"name": ["café"] * 60, "n": range(60)}, encoding="cp1252")

    assert read(path).dialect.encoding == "windows-1252"


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("windows-1252", "Temp (°C)"),
        ("windows-1252", "Größe (µm)"),
        ("windows-1252", "Fläche m²"),
        ("cp949", "Temp(℃)"),
        ("cp949", "Size(㎡)"),
        ("cp949", "㈜ABC ±0.1㎛"),
    ],
)
def test_signs_of_units_alone_tell_the_encoding_too(tmp_path: Path, encoding: str, name: str) -> None:
    table = read(write(tmp_path / "t.csv", {name: amounts(), "n": colours()}, encoding=encoding))

    assert (table.dialect.encoding, table.names) == (encoding, (name, "n"))


def test_an_encoding_that_shows_late_is_found_too(tmp_path: Path) -> None:
    rows = 120_000
    columns = {"n": [f"{number:08d}" for number in range(rows)], "x": ["a" * 10] * (rows - 1) + ["서울특별시"]}

    table = read(write(tmp_path / "t.csv", columns, encoding="cp949"))

    assert table.dialect.encoding == "cp949"
    assert table.rows == rows


def test_decimal_commas_do_not_hide_the_semicolons(tmp_path: Path) -> None:
    numbers = [f"{n},{n % 10}" for n in range(100)]

    table = read(write(tmp_path / "t.csv", {"a": numbers, "b": numbers, "c": numbers}, delimiter=";"))

    assert (table.dialect.delimiter, table.names) == (";", ("a", "b", "c"))


def test_a_file_of_values_alone_gets_made_up_names(tmp_path: Path) -> None:
    table = read(write(tmp_path / "t.data", {"a": colours(), "b": amounts()}, header=False))

    assert not table.dialect.header
    assert (table.names, table.rows) == (("column_1", "column_2"), ROWS)


def test_a_file_of_texts_alone_has_no_names_if_the_first_line_comes_again(tmp_path: Path) -> None:
    table = read(write(tmp_path / "t.csv", {"a": colours(seed=1), "b": colours(seed=2)}, header=False))

    assert not table.dialect.header


def test_years_may_be_names(tmp_path: Path) -> None:
    table = read(write(tmp_path / "t.csv", {"city": colours(), "2019": amounts(), "2020": amounts()}))

    assert table.names == ("city", "2019", "2020")


def test_names_that_are_given_are_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", {"a": colours(), "b": colours()}, header=False)

    assert read(path, names=("sex", "shape")).names == ("sex", "shape")


def test_values_that_hold_delimiters_quotes_and_line_breaks_stay_whole(tmp_path: Path) -> None:
    odd = ['a,b "c"\nd', "plain"] * 50

    table = read(write(tmp_path / "t.csv", {"x": odd, "y": range(100)}))

    assert table.rows == 100
    assert dict(table.column("x").values or {}) == {'a,b "c"\nd': 50, "plain": 50}


def test_spaces_around_names_and_numbers_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("name, age\n" + "x, 12\ny, 7.5\n" * 30)

    table = read(path)

    assert table.names == ("name", "age")
    assert table.column("age").kinds == {"number": 60}


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(",".join(f"c{number}" for number in range(2001)) + "\n")

    with pytest.raises(MillraceError, match=r"has 2,001 columns; a table has 2,000 at most"):
        read(path)


def test_names_that_differ_by_capitals_alone_are_kept_apart_as_long_as_no_blank_hides_which_is_meant(
    tmp_path: Path,
) -> None:
    exact = {"Age": amounts(), "age": amounts(seed=4)}
    assert read(write(tmp_path / "t.csv", exact)).names == ("Age", "age")

    with pytest.raises(MillraceError, match="the columns 'AGE' and 'Age' and 'age' differ only by capitals or blanks"):
        read(write(tmp_path / "t.csv", {**exact, "AGE ": amounts(seed=5)}))


def test_rows_of_another_length_are_counted_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", {"a": colours(), "b": amounts()})
    path.write_text(path.read_text() + "red\nred,1,2\n\n")

    table = read(path)

    assert (table.rows, table.ragged) == (ROWS, 2)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"a,b\n", "has column names but no rows: at least 50"),
        (b"a,b\n1,2\n", "has only 1 row"),
        (b"a\n" + b"1\n" * 60, r"has only one column \(a\)"),
        (b"a,a\n" + b"x,y\n" * 60, "several columns are called a"),
        (b",a\n" + b"x,y\n" * 60, "column 1 has no name.*index=False"),
        (gzip.compress(b"a,b\n1,2\n"), r"is compressed \(gzip\)"),
        (b"PK\x03\x04rest", "is a zip archive or an Excel workbook"),
        (b"PAR1\x15\x04rest", "is a Parquet file"),
        (bytes(range(256)) * 40, "is a binary file"),
        (b"\x00\x01\x00\x00" * 400, "is a binary file"),
        ("a,b\n".encode("utf-32"), "is in UTF-32"),
        ("a,b\n1,2\n".encode("utf-16-le") * 60, "is in UTF-16 without a byte order mark"),
        (b"a\xff,b\x81\n" * 60, "encoding that was not recognised"),
        ("이름,값\n".encode() + "가나,1\n".encode() * 30 + b"\xff\xfe,2\n" * 2, "is UTF-8, but for 4 bytes or more"),
        (b'[{"a": 1, "b": 2}]', "is JSON, not CSV"),
        (b'{"a": 1, "b": 2}\n' * 60, "is JSON, not CSV"),
        (b"<table>\n<tr><td>1</td></tr>\n" * 60, "is HTML or XML, not CSV"),
        ("2025년 매출,,\na,b,c\n".encode() + b"1,2,3\n" * 60, "first line .'2025년 매출,,'. does not name the columns"),
        (b"# exported 2025\na,b,c\n" + b"1,2,3\n" * 60, "first line .'# exported 2025'. does not name the columns"),
        (b"sep=;\na;b;c\n" + b"1;2;3\n" * 60, "first line .'sep=;'. does not name the columns"),
    ],
)
def test_what_is_no_table_is_refused_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)

    with pytest.raises(MillraceError, match=reason):
        read(path)


def test_a_text_may_begin_like_another_kind_of_file(tmp_path: Path) -> None:
    assert read(write(tmp_path / "t.csv", {"PAR1": colours(), "BZh": amounts()})).names == ("PAR1", "BZh")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(MillraceError, match="there is no file"):
        read(tmp_path / "none.csv")


@settings(max_examples=60)
@given(
    numbers=st.lists(st.floats(-1e6, 1e6).map(lambda number: round(number, 3)), min_size=1, max_size=60),
    gaps=st.integers(0, 5),
)
def test_numbers_are_counted_and_measured_whatever_the_blocks(numbers: list[float], gaps: int) -> None:
    import numpy

    texts = [str(number) for number in numbers]
    whole, parts = ColumnReader("x"), ColumnReader("x")
    whole.add([*texts, *[""] * gaps])
    for text in [*texts, *[""] * gaps]:
        parts.add([text])

    for column in (whole.column(), parts.column()):
        assert (column.rows, column.known, column.distinct) == (len(texts) + gaps, len(texts), len(set(texts)))
        assert column.kinds == {"number": len(texts)}
        assert (column.low, column.high) == (min(numbers), max(numbers))
        assert column.mean == pytest.approx(numpy.mean(numbers), abs=1e-6)
        assert column.deviation == pytest.approx(numpy.std(numbers), rel=1e-6, abs=1e-3)


def test_ids_that_look_like_numbers_now_and_then_are_counted_too() -> None:
    reader = ColumnReader("id")
    for start in range(0, 20_000, 5_000):
        reader.add([f"{number:x}e{number % 10}" for number in range(start, start + 5_000)])

    assert reader.column().distinct == 20_000


def test_many_different_values_are_still_counted_exactly() -> None:
    reader = ColumnReader("id")
    for start in range(0, 50_000, 10_000):
        reader.add([f"u{number % 49_000}" for number in range(start, start + 10_000)])

    assert reader.column().values is None
    assert reader.column().distinct == 49_000
