from __future__ import annotations

import json

import numpy as np
import pytest
from features import MAX_CATEGORIES, DataError, Distinct, FeatureTransform, fit_columns, parse_labels, parse_numbers
from hypothesis import given
from hypothesis import strategies as st

MISSING = ("", "NA")


def transform(rows: dict[str, list[str]], *, categorical: tuple[str, ...]) -> FeatureTransform:
    columns = fit_columns(rows, order=list(rows), categorical=categorical, missing=MISSING)
    return FeatureTransform("m", "binary", "fraud", MISSING, columns, ignored=("policy_id", "fraud"))


@pytest.fixture
def fitted() -> FeatureTransform:
    return transform(
        {"injuries": ["1", "2", "NA"], "authority": ["Police", "None", ""]},
        categorical=("authority",),
    )


def test_a_number_stays_a_number_and_a_category_becomes_a_column_each(fitted: FeatureTransform) -> None:
    assert fitted.feature_names == ("injuries", "authority=None", "authority=Police")
    matrix = fitted.encode({"injuries": ["2.5"], "authority": ["Police"]})
    assert matrix.tolist() == [[2.5, 0.0, 1.0]]
    assert matrix.dtype == np.float32


def test_the_literal_none_is_a_category(fitted: FeatureTransform) -> None:
    assert fitted.encode({"injuries": ["0"], "authority": ["None"]}).tolist() == [[0.0, 1.0, 0.0]]


@pytest.mark.parametrize("marker", MISSING)
def test_a_missing_value_is_nan_in_all_its_columns(fitted: FeatureTransform, marker: str) -> None:
    assert np.isnan(fitted.encode({"injuries": [marker], "authority": [marker]})).all()


def test_an_unknown_category_is_zero_in_all_its_columns(fitted: FeatureTransform) -> None:
    assert fitted.encode({"injuries": ["0"], "authority": ["Coast guard"]}).tolist() == [[0.0, 0.0, 0.0]]


def test_the_json_gives_the_same_transform_back(fitted: FeatureTransform) -> None:
    assert FeatureTransform.from_json(fitted.to_json()) == fitted


def test_a_file_of_another_version_is_refused(fitted: FeatureTransform) -> None:
    other = json.dumps({**json.loads(fitted.to_json()), "version": 99})
    with pytest.raises(ValueError, match="version 99, this code reads 1: train again"):
        FeatureTransform.from_json(other)


def test_a_column_that_is_not_there_is_named(fitted: FeatureTransform) -> None:
    with pytest.raises(DataError, match="column 'authority': is missing; needed: injuries, authority"):
        fitted.encode({"injuries": ["1"]})


def test_a_column_given_as_distinct_values_encodes_the_same(fitted: FeatureTransform) -> None:
    plain = fitted.encode({"injuries": ["1", "3", "1"], "authority": ["None", "", "None"]})
    codes = np.array([0, 1, 0], dtype=np.int32)
    coded = fitted.encode({"injuries": Distinct(["1", "3"], codes), "authority": Distinct(["None", ""], codes)})
    np.testing.assert_array_equal(plain, coded)


def test_an_error_in_distinct_values_tells_the_first_row(fitted: FeatureTransform) -> None:
    injuries = Distinct(["1", "two"], np.array([0, 0, 1, 1], dtype=np.int32))
    with pytest.raises(DataError, match="column 'injuries', row 3: 'two' is no number"):
        fitted.encode({"injuries": injuries, "authority": ["", "", "", ""]})


def test_only_the_most_frequent_categories_get_a_column() -> None:
    rows = ["common"] * 2 + [f"rare{number:03}" for number in range(MAX_CATEGORIES + 10)]
    column = transform({"zip": rows}, categorical=("zip",)).columns[0]
    assert len(column.categories) == MAX_CATEGORIES
    assert "common" in column.categories
    assert f"rare{MAX_CATEGORIES + 9:03}" not in column.categories


@pytest.mark.parametrize(
    "text", ["a lot", "1_000", "nan", "NaN", "inf", "-Infinity", "1e999", "4e38", "0x10", "1,5", "\u0661", "--1"]
)
def test_what_is_no_finite_decimal_number_is_an_error_with_column_row_and_value(text: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_numbers(["1", text, "2"], column="injuries", missing=frozenset(MISSING))
    assert (caught.value.column, caught.value.row) == ("injuries", 2)
    assert repr(text) in caught.value.message


@given(st.lists(st.one_of(st.floats(-1e30, 1e30), st.none())))
def test_numbers_and_missing_markers_are_read_as_written(values: list[float | None]) -> None:
    texts = ["NA" if value is None else repr(value) for value in values]
    found = parse_numbers(texts, column="x", missing=frozenset(MISSING))
    expected = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    np.testing.assert_array_equal(found, expected)


@given(st.lists(st.text(max_size=8), min_size=1))
def test_any_text_is_a_number_a_missing_marker_or_an_error(texts: list[str]) -> None:
    bad_row = None
    try:
        found = parse_numbers(texts, column="x", missing=frozenset(MISSING))
    except DataError as error:
        bad_row = error.row
    if bad_row is None:
        assert [bool(flag) for flag in np.isnan(found)] == [text in MISSING for text in texts]
    else:
        assert texts[bad_row - 1] not in MISSING


@given(st.lists(st.text(max_size=5)))
def test_any_text_can_be_a_category(texts: list[str]) -> None:
    fitted = transform({"c": texts}, categorical=("c",))
    seen = texts if len(set(texts)) <= MAX_CATEGORIES else []
    matrix = fitted.encode({"c": seen})
    for text, row in zip(seen, matrix, strict=True):
        assert np.isnan(row).all() if text in MISSING else row.sum() == 1


def test_labels_may_be_written_as_digits_or_words() -> None:
    assert parse_labels(["0", "1", "No", "YES", "false", "True"], column="fraud").tolist() == [0, 1, 0, 1, 0, 1]


def test_a_label_that_is_no_class_is_an_error_that_tells_the_allowed_ones() -> None:
    with pytest.raises(DataError, match="row 2: '' is no class; allowed: 0, 1, false, true, no, yes"):
        parse_labels(["0", ""], column="fraud")
