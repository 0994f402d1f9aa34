from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from data_profile import Profile, profile_of
from features import Column, FeatureTransform

TRANSFORM = FeatureTransform(
    "m", "binary", "y", ("", "NA"), (Column("x", "numeric"), Column("지역", "categorical", ("a", "b")))
)


def rows(count: int, *, seed: int, shift: float = 0.0, share: float = 0.5, positives: float = 0.2) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    return {
        "x": generator.normal(shift, 1, count),
        "지역": ["서울" if draw < share else "부산" for draw in generator.random(count)],
        "y": [str(int(draw < positives)) for draw in generator.random(count)],
    }


def profile(count: int = 1000, **changes: Any) -> Profile:
    return profile_of(rows(count, seed=1, **changes), TRANSFORM)


def test_numbers_are_told_by_deciles_and_categories_by_their_shares() -> None:
    found = {column.name: column for column in profile().columns}
    assert len(found["x"].edges) == 9
    assert found["x"].shares == pytest.approx([0.1] * 10, abs=0.002)
    assert set(found["지역"].values) == {"서울", "부산"}
    assert sum(found["지역"].shares) == pytest.approx(1)
    assert found["y"].kind == "categorical"


def test_missing_values_are_counted_apart() -> None:
    given = {"x": np.array([1, np.nan, 3, np.nan]), "지역": ["a", "", "NA", "b"], "y": ["0", "0", "1", "1"]}
    found = {column.name: column.missing for column in profile_of(given, TRANSFORM).columns}
    assert found == {"x": 0.5, "지역": 0.5, "y": 0}


def test_it_survives_json() -> None:
    text = profile().to_json()
    assert Profile.from_json(text) == profile()
    assert "서울" in text
    with pytest.raises(ValueError, match=r"profile\.json has version 9, this code reads 1"):
        Profile.from_json(json.dumps({"version": 9}))


def test_other_rows_of_the_same_kind_have_not_drifted() -> None:
    for seed in range(2, 12):
        found = profile().drift(rows(300, seed=seed))
        assert [each.sentence for each in found] == ["", "", ""]


def test_few_rows_that_differ_by_chance_have_not_drifted() -> None:
    for seed in range(2, 12):
        assert [each.sentence for each in profile(60).drift(rows(40, seed=seed))] == ["", "", ""]


def test_a_column_that_moved_comes_first_with_what_became_more_or_less() -> None:
    first, *others = profile().drift(rows(1000, seed=2, share=0.85))
    assert (first.column, [each.sentence for each in others]) == ("지역", ["", ""])
    assert first.psi > 0.25
    assert first.sentence.startswith("지역 has drifted far (stability index 0.")
    assert "in 85" in first.sentence or "in 14" in first.sentence or "in 15" in first.sentence


def test_numbers_and_the_label_drift_too() -> None:
    found = {each.column: each for each in profile().drift(rows(1000, seed=2, shift=1.0, positives=0.4))}
    assert "x has drifted far" in found["x"].sentence
    assert found["y"].sentence.startswith("y has drifted (stability index 0.")
    assert found["지역"].sentence == ""


def test_what_was_never_missing_and_is_now_is_told() -> None:
    now = rows(1000, seed=2)
    now["x"][:400] = np.nan
    assert "missing in 40.0% of the rows, 0.0% before" in profile().drift(now)[0].sentence


def test_columns_that_are_gone_are_left_out_and_numbers_that_became_texts_are_told() -> None:
    now = rows(100, seed=2)
    del now["지역"]
    now["x"] = ["many"] * 100
    found = profile().drift(now)
    assert {each.column for each in found} == {"x", "y"}
    assert found[0].sentence == "x was numeric before and holds other values now."


def test_a_column_of_one_value_or_none_at_all_has_a_profile() -> None:
    given = {"x": np.full(50, np.nan), "지역": [""] * 50, "y": ["0"] * 50}
    found = profile_of(given, TRANSFORM)
    assert [each.sentence for each in found.drift(given)] == ["", "", ""]
    constant = {**given, "x": np.zeros(50)}
    assert profile_of(constant, TRANSFORM).drift(constant)[0].psi == 0
