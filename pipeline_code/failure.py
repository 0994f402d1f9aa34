"""How a step fails on what it was given: one sentence on stderr and as the job's exit message, no traceback.

Used by the steps' mains. Anything that is no DataError is a defect and keeps its traceback.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from features import DataError

LONGEST_MESSAGE = 1024
"""Bytes; SageMaker takes a kilobyte."""


class Main(Protocol):
    def __call__(self, argv: Sequence[str] | None = None) -> None: ...


def telling_failures(main: Main) -> Main:
    """A step's main that ends with 1 and the sentence of a DataError instead of raising it."""

    @functools.wraps(main)
    def told(argv: Sequence[str] | None = None) -> None:
        try:
            main(argv)
        except DataError as error:
            tell(str(error))
            raise SystemExit(1) from None

    return told


def tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
    base = base_folder()
    if base.is_dir():  # run by hand there is none
        (base / "output").mkdir(exist_ok=True)
        cut = sentence.encode()[:LONGEST_MESSAGE].decode("utf-8", "ignore")
        (base / "output" / "message").write_text(cut, encoding="utf-8")


def base_folder() -> Path:
    """Where SageMaker puts what a job needs to know of itself; the variable is the image's own toolkit's."""
    return Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
