"""Dispatch of the code archive: `python3 code.zip preprocess --data ...` runs preprocess.main."""

from __future__ import annotations

import importlib
import sys

STEPS = ("preprocess", "train", "evaluate", "prepare-batch")


def main(argv: list[str]) -> None:
    if not argv or argv[0] not in STEPS:
        given = repr(argv[0]) if argv else "nothing"
        raise SystemExit(f"step: {given} given; allowed: {', '.join(STEPS)}")
    importlib.import_module(argv[0].replace("-", "_")).main(argv[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
