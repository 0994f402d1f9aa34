"""The made-up data of the regression and the multiclass model."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest

from millrace.demo_data import generate_abalone, generate_penguins
from millrace.demo_data.abalone import COLUMNS, expected_rings
from millrace.errors import MillraceError

MAKERS = {"abalone": lambda *a, **k: generate_abalone(*a, **k).file, "penguins": generate_penguins}


@pytest.mark.parametrize("name", MAKERS)
def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path, name: str) -> None:
    first, same, other = (
        MAKERS[name](tmp_path / folder, rows=50, seed=seed).read_bytes()
        for folder, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == same != other


@pytest.fixture(scope="module")
def abalones(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    with generate_abalone(tmp_path_factory.mktemp("abalone")).file.open(newline="") as file:
        return list(csv.DictReader(file, COLUMNS))


def test_abalones_have_no_header_line_and_numbers_like_the_public_ones(abalones: list[dict[str, str]]) -> None:
    assert len(abalones) == 4000
    assert set(abalones[0].values()) & set(COLUMNS) == set()
    assert {row["sex"] for row in abalones} == {"M", "F", "I"}
    measured = {name: [float(row[name]) for row in abalones] for name in COLUMNS[1:]}
    public = {"length": (0.52, 0.12), "whole_weight": (0.83, 0.49), "shell_weight": (0.24, 0.14), "rings": (9.9, 3.2)}
    for name, (centre, spread) in public.items():
        assert mean(measured[name]) == pytest.approx(centre, rel=0.1), name
        assert stdev(measured[name]) == pytest.approx(spread, rel=0.2), name


def test_an_abalones_parts_are_smaller_than_the_whole(abalones: list[dict[str, str]]) -> None:
    for row in abalones:
        assert float(row["height"]) < float(row["diameter"]) < float(row["length"])
        parts = sum(float(row[name]) for name in ("shucked_weight", "viscera_weight", "shell_weight"))
        assert parts < 1.3 * float(row["whole_weight"])


def test_the_best_rmse_is_that_of_the_expected_rings(tmp_path: Path) -> None:
    made = generate_abalone(tmp_path, rows=300, seed=2)
    with made.file.open(newline="") as file:
        rows: list[dict[str, Any]] = [
            {name: text if name == "sex" else float(text) for name, text in row.items()}
            for row in csv.DictReader(file, COLUMNS)
        ]
    squares = [(row["rings"] - expected_rings(row)) ** 2 for row in rows]
    assert made.best_rmse == pytest.approx(mean(squares) ** 0.5)
    assert 1.6 < made.best_rmse < 2.4


def test_penguins_are_of_three_species_with_a_value_missing_here_and_there(tmp_path: Path) -> None:
    with generate_penguins(tmp_path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    counts = Counter(row["species"] for row in rows)
    assert set(counts) == {"Adelie", "Chinstrap", "Gentoo"}
    assert min(counts.values()) > 100
    assert 5 < sum(row["sex"] == "" for row in rows) < 100
    assert {row["island"] for row in rows if row["species"] == "Gentoo"} == {"Biscoe"}


@pytest.mark.parametrize("name", MAKERS)
def test_an_impossible_number_of_rows_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MillraceError, match="rows is 0; it must be from 1 to 10,000,000"):
        MAKERS[name](tmp_path, rows=0)


@pytest.mark.parametrize(("name", "file"), [("abalone", "abalone.data"), ("penguins", "penguins.csv")])
def test_the_command_writes_the_data_it_is_asked_for(tmp_path: Path, name: str, file: str) -> None:
    command = [sys.executable, "-m", "millrace.demo_data", "--data", name, "--rows", "40", "--out", str(tmp_path)]
    log = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert log.splitlines()[0] == str(tmp_path / file)
    assert [path.name for path in tmp_path.iterdir()] == [file]
