"""The [data.split] table of `models/<name>.toml`: the parts Preprocess divides the rows into."""

from __future__ import annotations

from dataclasses import dataclass

from settings.reader import Reader


@dataclass(frozen=True)
class SplitSettings:
    """The parts the rows are divided into; they sum to 1."""

    train: float
    validation: float
    test: float
    seed: int


def read_split(reader: Reader) -> SplitSettings:
    parts = ("train", "validation", "test")
    train, validation, test = (reader.number(part, low=0, high=1, above=True, below=True) for part in parts)
    total = train + validation + test
    if reader.good(*parts) and abs(total - 1) > 1e-9:
        reader.problem("train", f"+ validation + test is {total:g}; the three must sum to 1")
    split = SplitSettings(train, validation, test, seed=reader.integer("seed", low=0, high=2**31 - 1))
    reader.close()
    return split
