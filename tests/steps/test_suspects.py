from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from data_profile import profile_of
from features import Column, Distinct, FeatureTransform
from suspects import Suspect, suspects_of

EVEN = {"a": 0.4, "b": 0.35, "c": 0.25}


def found(columns: dict[str, Any], labels: Any, *, problem: str = "binary", gains: Any = EVEN) -> list[Suspect]:
    rows = {name: _distinct(values) if isinstance(values, list) else values for name, values in columns.items()}
    kinds = tuple(
        Column(name, "categorical" if isinstance(values, list) else "numeric") for name, values in columns.items()
    )
    return suspects_of(FeatureTransform("m", problem, "y", ("",), kinds), rows, np.asarray(labels), gains=gains)


def _distinct(values: list[str]) -> Distinct:
    names = sorted(set(values))
    return Distinct(names, np.array([names.index(value) for value in values], dtype=np.int32))


def labels(count: int = 400, share: float = 0.2, seed: int = 1) -> Any:
    return (np.random.default_rng(seed).random(count) < share).astype(np.int8)


def noise(count: int = 400, seed: int = 2) -> Any:
    return np.random.default_rng(seed).normal(size=count)


def test_honest_columns_are_no_suspects() -> None:
    truth = labels()
    assert found({"x": truth + noise(), "c": [str(n % 7) for n in range(400)]}, truth) == []


@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_that_alone_explains_a_binary_label_is_one(sign: int) -> None:
    truth = labels()
    suspect = found({"x": sign * (truth + noise() / 10)}, truth)[0]
    assert (suspect.code, suspect.column) == ("explains-label", "x")
    assert suspect.sentence.startswith("x alone explains the label (AUC ")


def test_what_is_missing_does_not_hide_it() -> None:
    truth = labels()
    values = truth + noise() / 10
    values[:200] = np.nan
    assert [suspect.code for suspect in found({"x": values}, truth)] == ["explains-label"]


def test_a_number_that_alone_explains_a_regression_label_is_one() -> None:
    truth = noise()
    assert [suspect.code for suspect in found({"x": 3 * truth + noise(seed=4) / 20}, truth, problem="regression")] == [
        "explains-label"
    ]
    assert found({"x": truth + noise(seed=4)}, truth, problem="regression") == []


def test_a_number_or_category_that_tells_every_class_is_one() -> None:
    truth: Any = np.arange(400) % 4
    assert [each.code for each in found({"x": truth + noise() / 50}, truth, problem="multiclass")] == ["explains-label"]
    texts = [f"class {code}" for code in truth]
    assert [each.code for each in found({"c": texts}, truth, problem="multiclass")] == ["explains-label"]


def test_a_category_that_explains_a_number_is_one() -> None:
    truth = np.arange(400) % 4 + noise() / 100
    codes = [str(number % 4) for number in range(400)]
    assert [suspect.code for suspect in found({"c": codes}, truth, problem="regression")] == ["explains-label"]


def test_a_value_whose_rows_are_all_of_one_class_is_one() -> None:
    truth = labels()
    texts = ["paid out" if one and n % 4 else "open" for n, one in enumerate(truth)]
    suspect = found({"state": texts}, truth)[0]
    assert (suspect.code, suspect.column) == ("value-implies-class", "state")
    assert "rows with state 'paid out' have the label '1'" in suspect.sentence


def test_a_value_without_positives_is_none_if_chance_would_do_that() -> None:
    truth = labels(share=0.02)
    assert found({"c": ["rare" if n < 40 else "usual" for n in range(400)]}, truth) == []


def test_columns_that_only_number_the_rows_are_told() -> None:
    truth = labels()
    keys = np.random.default_rng(3).permutation(2000)[:400]
    named = found({"number": keys.astype(float), "name": [f"row {key}" for key in keys]}, truth)
    assert [(suspect.code, suspect.column) for suspect in named] == [("id-like", "number"), ("id-like", "name")]


def test_amounts_that_happen_to_differ_are_no_ids() -> None:
    generator = np.random.default_rng(3)
    amounts = generator.permutation(1_000_000)[:400].astype(float)
    assert found({"amount": amounts, "share": generator.random(400)}, labels()) == []


def test_one_column_that_all_is_learned_from_is_told() -> None:
    suspect = found({"x": noise()}, labels(), gains={"x": 0.9, "z": 0.07, "c": 0.03})[0]
    assert (suspect.code, suspect.column) == ("dominant", "x")
    assert suspect.sentence.startswith("90% of what the model learned comes from x alone")


def test_a_handful_of_rows_or_one_class_raises_no_suspicion() -> None:
    assert found({"x": np.arange(10.0)}, np.arange(10) % 2) == []
    assert found({"x": np.zeros(100), "c": ["one"] * 100}, np.zeros(100)) == []


def rows_of(numbers: Any) -> dict[str, Any]:
    return {"x": np.asarray(numbers), "y": _distinct([str(number % 2) for number in range(len(numbers))])}


def twice(validation: dict[str, Any], test: dict[str, Any]) -> list[Suspect]:
    transform = FeatureTransform("m", "binary", "y", ("",), (Column("x", "numeric"),))
    labels: Any = np.arange(len(test["x"])) % 2
    return suspects_of(transform, test, labels, gains=EVEN, validation=profile_of(validation, transform))


def test_rows_that_stand_in_the_validation_part_too_are_told() -> None:
    old, new = noise(seed=5), noise(seed=6)
    new[:30] = old[:30]
    suspect = twice(rows_of(old), rows_of(new))[0]
    assert (suspect.code, suspect.column) == ("duplicates", "")
    assert suspect.sentence.startswith("30 of 400 test rows that were compared stand in the validation part too")
    assert twice(rows_of(old), rows_of(noise(seed=6))) == []


def test_of_large_parts_a_sample_is_compared() -> None:
    old, new = noise(20_000, seed=5), noise(20_000, seed=6)
    new[:10_000] = old[:10_000]
    found, compared = (
        int(word.replace(",", "")) for word in twice(rows_of(old), rows_of(new))[0].sentence.split()[:3:2]
    )
    assert 800 < compared < 1200
    assert found / compared == pytest.approx(0.5, abs=0.05)


def test_rows_that_are_often_alike_anyway_are_no_surprise() -> None:
    assert twice(rows_of(np.arange(400.0) % 5), rows_of(np.arange(400.0) % 5)) == []
