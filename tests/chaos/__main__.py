"""`python tests/chaos`: plays histories and says what was lost, doubled or stuck. `make chaos` calls it."""

from __future__ import annotations

import argparse
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "lambda")]
# A package of the environment brings a top-level `tests` of its own, which would win over this folder.
sys.modules["tests"] = types.ModuleType("tests")
sys.modules["tests"].__path__ = [str(ROOT / "tests")]
SHOWN = 20

if TYPE_CHECKING:
    from tests.chaos.campaign import Outcome


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tests/chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many histories")
    parser.add_argument("--first", type=int, default=1, help="the seed of the first one")
    parser.add_argument(
        "--where",
        choices=("handler", "deployed", "both"),
        default="handler",
        help="against the function alone, the deployed stacks, or both (every twentieth history deployed)",
    )
    options = parser.parse_args()
    from tests.chaos.campaign import Outcome, against_the_deployment, campaign

    seeds = {"handler": options.seeds, "deployed": options.seeds, "both": max(1, options.seeds // 20)}
    total = Outcome()
    if options.where != "deployed":
        for outcome in campaign(first=options.first, seeds=options.seeds):
            _add(total, outcome)
    if options.where != "handler":
        for outcome in against_the_deployment(first=options.first, seeds=seeds[options.where]):
            _add(total, outcome)
    for line in total.lines():
        print(line)
    return 1 if total.failures or total.missed else 0


def _add(total: Outcome, outcome: Outcome) -> None:
    for failure in outcome.failures[: max(0, SHOWN - len(total.failures))]:
        print(failure, flush=True)
    total.add(outcome)


if __name__ == "__main__":
    sys.exit(main())
