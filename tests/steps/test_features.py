from __future__ import annotations

import json

import numpy as np
import pytest
from features import MAX_CATEGORIES, Column, DataError, Distinct, FeatureTransform, parse_classes, parse_numbers
from hypothesis import given
from hypothesis import strategies as st

MISSING = ("", "NA")


def transform(*columns: Column, problem: str = "binary", classes: tuple[str, ...] = ()) -> FeatureTransform:
    return FeatureTransform("m", problem, "fraud", MISSING, columns, ignored=("policy_id", "fraud"), classes=classes)


@pytest.fixture
def fitted() -> FeatureTransform:
    return transform(Column("injuries", "numeric"), Column("authority", "categorical", ("None", "Police")))


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
    with pytest.raises(ValueError, match="version 99, this code reads 2: train again"):
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


def test_a_numeric_column_may_come_as_numbers_with_nan_for_what_is_missing(fitted: FeatureTransform) -> None:
    matrix = fitted.encode({"injuries": np.array([2.5, np.nan]), "authority": ["Police", "Police"]})
    np.testing.assert_array_equal(matrix, np.array([[2.5, 0, 1], [np.nan, 0, 1]], dtype=np.float32))


def test_numbers_where_the_model_knows_categories_are_an_error(fitted: FeatureTransform) -> None:
    with pytest.raises(DataError, match="column 'authority': holds numbers here, but the model takes it as a category"):
        fitted.encode({"injuries": ["1"], "authority": np.array([1.0])})


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


@given(st.lists(st.text(max_size=5), min_size=1))
def test_any_text_can_be_a_category(texts: list[str]) -> None:
    seen = sorted(set(texts) - set(MISSING))[:MAX_CATEGORIES]
    fitted = transform(Column("c", "categorical", tuple(seen)), Column("n", "numeric"))
    matrix = fitted.encode({"c": texts, "n": ["0"] * len(texts)})
    for text, row in zip(texts, matrix[:, :-1], strict=True):
        assert np.isnan(row).all() if text in MISSING else row.sum() == (text in seen)


def test_classes_may_be_written_as_digits_or_words_if_the_settings_name_none() -> None:
    texts = ["0", "1", "No", "YES", "false", "True"]
    assert parse_classes(texts, classes=(), column="fraud").tolist() == [0, 1, 0, 1, 0, 1]


def test_named_classes_are_taken_exactly_as_written() -> None:
    assert parse_classes(["정상", "사기"], classes=("정상", "사기"), column="결과").tolist() == [0, 1]
    with pytest.raises(DataError, match="column '결과', row 1: 'Good' is no class; allowed: good, bad"):
        parse_classes(["Good"], classes=("good", "bad"), column="결과")


def test_a_label_that_is_no_class_is_an_error_that_tells_the_allowed_ones() -> None:
    with pytest.raises(DataError, match="row 2: '' is no class; allowed: 0, 1, false, true, no, yes"):
        parse_classes(["0", ""], classes=(), column="fraud")


def test_the_label_of_a_regression_is_a_number() -> None:
    fitted = transform(Column("injuries", "numeric"), problem="regression")
    assert fitted.labels({"fraud": ["1.5", "-2"]}).tolist() == [1.5, -2.0]
    assert fitted.labels({"fraud": np.array([1.5, -2.0])}).tolist() == [1.5, -2.0]
    with pytest.raises(DataError, match="row 2: the label is missing"):
        fitted.labels({"fraud": np.array([1.5, np.nan])})
