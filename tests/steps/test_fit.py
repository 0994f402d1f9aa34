from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from features import MAX_CATEGORIES, DataError
from fit import Fit, merge, read_fit
from hypothesis import given
from hypothesis import strategies as st


def fit(categories: dict[str, dict[str, int]] | None = None, **changes: Any) -> Fit:
    values: dict[str, Any] = {
        "model": "m",
        "problem": "binary",
        "label": "fraud",
        "classes": (),
        "missing": ("",),
        "order": ("amount", "city"),
        "numeric": ("amount",),
        "ignored": ("id", "fraud"),
        "segments": ("city",),
        "rows": {"train": 3, "validation": 1, "test": 1},
        "labels": {"train": {"0": 2, "1": 1}},
        "categories": {"city": {"부산": 1, "서울": 2}} if categories is None else categories,
    }
    return Fit(**{**values, **changes})


def test_the_transform_has_the_columns_in_their_order_with_sorted_categories() -> None:
    transform = fit().transform()
    assert transform.feature_names == ("amount", "city=부산", "city=서울")
    assert transform.segments == ("city",)


def test_the_json_gives_the_same_fit_back() -> None:
    assert Fit.from_json(fit().to_json()) == fit()


@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers(1, 9), max_size=5), min_size=1, max_size=4))
def test_the_fits_of_several_instances_add_up_in_any_order(counts: list[dict[str, int]]) -> None:
    fits = [fit({"city": each}) for each in counts]
    merged = merge(fits)
    assert merged.transform() == merge(reversed(fits)).transform()
    assert sum(merged.categories["city"].values()) == sum(sum(each.values()) for each in counts)
    assert merged.rows["train"] == 3 * len(fits)


def test_an_instance_without_rows_does_not_tell_the_columns() -> None:
    empty = fit({}, order=(), rows={"train": 0})
    assert merge([empty, fit()]) == fit()


def test_instances_that_disagree_are_refused() -> None:
    with pytest.raises(DataError, match="disagree about the features; run Preprocess again"):
        merge([fit(), fit(order=("amount",))])


def test_only_the_most_frequent_categories_get_a_column() -> None:
    counts = {"common": 5, **{f"rare{number:03}": 1 for number in range(MAX_CATEGORIES + 10)}}
    [column] = [column for column in fit({"city": counts}).transform().columns if column.kind == "categorical"]
    assert len(column.categories) == MAX_CATEGORIES
    assert "common" in column.categories
    assert f"rare{MAX_CATEGORIES + 9:03}" not in column.categories


def test_a_folder_of_fits_becomes_one(tmp_path: Path) -> None:
    for host in range(2):
        (tmp_path / f"fit-{host:05}.json").write_text(fit().to_json(), encoding="utf-8")
    assert read_fit(tmp_path).rows == {"test": 2, "train": 6, "validation": 2}
    with pytest.raises(DataError, match=r"holds no fit-\*\.json"):
        read_fit(tmp_path / "nowhere")
