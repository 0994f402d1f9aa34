"""What tests of `millrace new` share: files of made-up columns, and the proposal for them."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from millrace.new import Proposal, Wishes, infer, read
from millrace.new.records import Use

ROWS = 300


def labels(count: int = ROWS, *, names: Sequence[str] = ("no", "yes"), seed: int = 1) -> list[str]:
    """Classes at random, the first one more often."""
    draw = random.Random(seed)
    return [draw.choice([names[0], *names]) for _ in range(count)]


def amounts(count: int = ROWS, *, seed: int = 2) -> list[str]:
    draw = random.Random(seed)
    return [f"{draw.gauss(50, 10):.3f}" for _ in range(count)]


def colours(count: int = ROWS, *, seed: int = 3) -> list[str]:
    draw = random.Random(seed)
    return [draw.choice(["red", "green", "blue"]) for _ in range(count)]


def write(
    path: Path,
    columns: Mapping[str, Sequence[object]],
    *,
    encoding: str = "utf-8",
    delimiter: str = ",",
    header: bool = True,
) -> Path:
    """A CSV file of these columns."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    if header:
        writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def propose(folder: Path, columns: Mapping[str, Sequence[object]], **wishes: Any) -> Proposal:
    """The proposal for one table of these columns."""
    return infer([read(write(folder / "table.csv", columns))], Wishes(**wishes))


def use(folder: Path, name: str, values: Sequence[object]) -> Use:
    """What becomes of one column beside a number and a label."""
    filler = {"amount_of_it": amounts(len(values)), name: values, "label": labels(len(values))}
    return next(use for use in propose(folder, filler).uses if use.column == name)
