from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from millrace.demo_data import generate, sample_rows
from millrace.demo_data.generator import best_auc
from millrace.demo_data.rows import CLAIM_COLUMNS, CUSTOMER_COLUMNS
from millrace.errors import MillraceError


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    data = generate(tmp_path_factory.mktemp("demo"), rows=4000)
    return read(data.claims), read(data.customers)


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    first, same, other = (
        generate(tmp_path / name, rows=50, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first.claims.read_bytes() == same.claims.read_bytes()
    assert first.customers.read_bytes() == same.customers.read_bytes()
    assert first.claims.read_bytes() != other.claims.read_bytes()


def test_both_files_have_the_columns_of_the_public_set_and_the_same_keys(
    rows: tuple[list[dict[str, str]], list[dict[str, str]]],
) -> None:
    claims, customers = rows
    assert tuple(claims[0]) == CLAIM_COLUMNS
    assert tuple(customers[0]) == CUSTOMER_COLUMNS
    assert len(CLAIM_COLUMNS) == 18
    assert len(CUSTOMER_COLUMNS) == 13
    assert {row["policy_id"] for row in claims} == {row["policy_id"] for row in customers}
    assert len(claims) == len({row["policy_id"] for row in claims}) == 4000


def test_a_few_claims_in_a_hundred_are_fraud(rows: tuple[list[dict[str, str]], list[dict[str, str]]]) -> None:
    frauds = Counter(row["fraud"] for row in rows[0])
    assert set(frauds) == {"0", "1"}
    assert 0.03 < frauds["1"] / 4000 < 0.08


def test_the_rows_are_as_dirty_as_real_ones(rows: tuple[list[dict[str, str]], list[dict[str, str]]]) -> None:
    claims, customers = rows
    assert Counter(row["authorities_contacted"] for row in claims)["None"] > 400
    assert Counter(row["customer_gender"] for row in customers)["Unkown"] > 100
    for part, column in ((claims, "num_witnesses"), (customers, "customer_education")):
        assert 0.005 < sum(row[column] == "" for row in part) / 4000 < 0.05
    assert not any(row["fraud"] == "" or row["policy_id"] == "" for row in claims)


def test_amounts_and_dates_agree_with_each_other(rows: tuple[list[dict[str, str]], list[dict[str, str]]]) -> None:
    for row in rows[0]:
        assert float(row["total_claim_amount"]) == pytest.approx(
            float(row["injury_claim"]) + float(row["vehicle_claim"]), abs=0.02
        )
        assert 1 <= int(row["incident_month"]) <= 12
        assert (row["collision_type"] == "N/A") == (row["incident_type"] != "Collision")


def test_the_best_auc_is_that_of_the_true_probabilities() -> None:
    assert best_auc([0.5, 0.5]) == pytest.approx(0.5)
    assert best_auc([0.0, 0.0, 1.0]) == pytest.approx(1.0)
    low, high = 0.1, 0.4
    pairs = {(p, n): p * (1 - n) for p in (low, high) for n in (low, high)}
    wins = pairs[high, low] + (pairs[low, low] + pairs[high, high]) / 2
    assert best_auc([low, high]) == pytest.approx(wins / sum(pairs.values()))


def test_the_best_auc_is_about_as_stated(tmp_path: Path) -> None:
    assert 0.83 < generate(tmp_path, rows=5000).best_auc < 0.89


def test_sample_rows_are_raw_rows_without_key_and_label() -> None:
    found = sample_rows(3, seed=5)
    assert len(found) == 3
    assert found == sample_rows(3, seed=5)
    assert set(found[0]) == {*CLAIM_COLUMNS, *CUSTOMER_COLUMNS} - {"policy_id", "fraud"}


@pytest.mark.parametrize("count", [0, -5, 10**9])
def test_an_impossible_number_of_rows_is_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(MillraceError, match=f"rows is {count}; it must be from 1 to 10,000,000"):
        generate(tmp_path, rows=count)


def test_the_command_writes_the_files_and_tells_the_best_auc(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "millrace.demo_data", "--rows", "40", "--out", str(tmp_path)]
    log = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "frauds in 40 rows, best reachable AUC 0." in log
    assert {path.name for path in tmp_path.iterdir()} == {"claims.csv", "customers.csv"}
