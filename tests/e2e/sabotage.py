"""Step code that goes wrong on purpose; packed into the code archives by `test_step_faults.py`, never deployed.

`step` and `fault` are set in the copy that goes into the archive. The real step runs wherever a fault lets it.
"""

from __future__ import annotations

import importlib
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

STEP = "@step@"
FAULT = "@fault@"
LOST = {"preprocess": "train/*.parquet", "train": "model.json", "evaluate": "verdict.json"}
FREE_BYTES = 4096
MEMORY_BYTES = 160_000_000


def run(step: str, real: Callable[[], None]) -> None:
    """The real step, or what the fault makes of it."""
    if step != STEP:
        real()
    elif FAULT == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif FAULT == "hangs":
        time.sleep(600)
    elif FAULT == "disk-full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (FREE_BYTES, FREE_BYTES))
        real()
    elif FAULT == "memory":
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used, used))
        bytearray(MEMORY_BYTES)
        real()
    else:
        real()
        for path in list(_output().glob(LOST[step])):
            path.unlink()


def _output() -> Path:
    if "SM_MODEL_DIR" in os.environ:
        return Path(os.environ["SM_MODEL_DIR"])
    return Path(sys.argv[sys.argv.index("--output") + 1])


def main() -> None:
    """The archive's entry point: `__main__` of the zip, or `train` in script mode."""
    if "SM_MODEL_DIR" in os.environ:
        run("train", importlib.import_module("honest_train").main)
    else:
        honest = importlib.import_module("honest_main")
        run(sys.argv[1], lambda: honest.main(sys.argv[1:]))
