"""The [costs] table of `models/<name>.toml`: what wrong decisions of a binary model cost. Train's threshold follows."""

from __future__ import annotations

from dataclasses import dataclass

from settings.problem_types import BINARY, PROBLEMS
from settings.reader import Reader


@dataclass(frozen=True)
class CostSettings:
    """What a wrong decision costs, in any one unit; only the ratio matters for the threshold."""

    false_negative: float
    false_positive: float


def read_costs(reader: Reader, problem: str) -> CostSettings | None:
    """Read the table out of the model's, which `reader` has; None if the model decides nothing."""
    if problem in PROBLEMS and problem != BINARY:
        reader.refuse("costs", f"is for {BINARY} models, which decide by a threshold; this one is {problem}: remove it")
        return None
    table = reader.table("costs", optional=problem != BINARY)
    if problem != BINARY and not reader.holds("costs"):
        return None
    costs = CostSettings(
        false_negative=table.number("false_negative", low=0, high=1e9, above=True),
        false_positive=table.number("false_positive", low=0, high=1e9, above=True),
    )
    table.close()
    return costs
