"""Made-up abalones for the regression model: rings follow from size and weights, so the best RMSE is known.

The columns are those of the public abalone set, in its order and, as there, without a header line.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from math import exp, sqrt
from pathlib import Path
from random import Random

from millrace.demo_data.rows import Row
from millrace.errors import MillraceError

COLUMNS = (
    "sex", "length", "diameter", "height", "whole_weight", "shucked_weight", "viscera_weight", "shell_weight", "rings",
)  # fmt: skip
MOST_ROWS = 10_000_000


@dataclass(frozen=True)
class AbaloneData:
    file: Path
    best_rmse: float  # what a model that knew how rings follow would reach on these rows


def generate_abalone(folder: Path | str, *, rows: int = 4000, seed: int = 7) -> AbaloneData:
    """Writes abalone.data, the same bytes for the same seed."""
    if not 1 <= rows <= MOST_ROWS:
        raise MillraceError(f"rows is {rows}; it must be from 1 to {MOST_ROWS:,}")
    random, squares = Random(seed), 0.0
    path = Path(folder) / "abalone.data"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for _ in range(rows):
            row = draw_abalone(random)
            expected = expected_rings(row)
            row["rings"] = max(1, round(random.gauss(expected, 0.2 + 0.16 * expected)))
            squares += (row["rings"] - expected) ** 2
            writer.writerow(row[name] for name in COLUMNS)
    return AbaloneData(path, sqrt(squares / rows))


def draw_abalone(random: Random) -> Row:
    """Everything but the rings."""
    length = min(0.8, max(0.08, random.gauss(0.53, 0.115)))
    diameter = length * random.gauss(0.785, 0.025)
    height = length * random.gauss(0.266, 0.025)
    whole = 24.5 * length * diameter * height * random.lognormvariate(-0.06, 0.1)
    shucked = whole * random.gauss(0.43, 0.045)
    viscera = whole * random.gauss(0.218, 0.025)
    shell = whole * random.gauss(0.288, 0.035)
    grown = 1 / (1 + exp(-(length - 0.46) / 0.05))
    sex = random.choices(("M", "F"), (54, 46))[0] if random.random() < grown else "I"
    sizes = {"length": length, "diameter": diameter, "height": height}
    weights = {
        "whole_weight": whole, "shucked_weight": shucked, "viscera_weight": viscera, "shell_weight": shell,
    }  # fmt: skip
    return {
        "sex": sex,
        **{name: round(200 * value) / 200 for name, value in sizes.items()},
        **{name: round(2000 * value) / 2000 for name, value in weights.items()},
    }


def expected_rings(row: Row) -> float:
    """Old ones have thick shells and little meat for their weight."""
    value = 3.4 + 8.0 * row["length"] + 25.0 * row["shell_weight"] - 26.0 * row["shucked_weight"]
    value += 7.0 * row["whole_weight"] - (1.0 if row["sex"] == "I" else 0.0)
    return float(max(1.5, value))
