"""The step scripts run by hand, one process after the other: what a run is compared with.

Same archives, same data, same arguments as a given run had, the image environment's own Python, no embedded AWS.
Packing model.tar.gz and unpacking the code are not counted, in favour of the hand.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.runs import Arguments

IMAGE_PYTHON = Path(sys.prefix) / "environments" / "sagemaker-xgboost-3.2-0" / "bin" / "python"


@dataclass(frozen=True)
class ByHand:
    """Seconds per script."""

    preprocess: float
    train: float
    evaluate: float

    @property
    def total(self) -> float:
        return self.preprocess + self.train + self.evaluate


def run(folder: Path, *, claims: Path, customers: Path, assembly: Path, arguments: Arguments) -> ByHand:
    shutil.rmtree(folder, ignore_errors=True)
    data, parts, model, code = folder / "data", folder / "parts", folder / "model", folder / "code"
    for table, path in (("claims", claims), ("customers", customers)):
        (data / table).mkdir(parents=True)
        shutil.copyfile(path, data / table / "00000.csv")
    archive = assembly_file(assembly, arguments.code_zip)
    with tarfile.open(assembly_file(assembly, arguments.code_tar)) as packed:
        packed.extractall(code, filter="data")
    for made in (model, folder / "packed", folder / "champion"):
        made.mkdir()
    (folder / "champion" / "no-champion.json").write_text("{}")
    preprocess = _timed(folder, str(archive), "preprocess", "--data", data, "--output", parts)
    channels = {f"SM_CHANNEL_{part.upper()}": str(parts / part) for part in ("train", "validation", "features")}
    train = _timed(code, "-m", "train", *arguments.train, SM_MODEL_DIR=str(model), **channels)
    with tarfile.open(folder / "packed" / "model.tar.gz", "w:gz") as target:
        target.add(model, arcname=".")
    where = {"model": "packed", "champion": "champion", "test": "parts/test", "output": "evaluation"}
    folders = [word for name, path in where.items() for word in (f"--{name}", folder / path)]
    evaluate = _timed(folder, str(archive), "evaluate", *folders, *arguments.evaluate)
    shutil.rmtree(folder)
    return ByHand(preprocess, train, evaluate)


def assembly_file(assembly: Path, key: str) -> Path:
    """The asset that was published under `<hash>.<extension>`; the file in the assembly may end in .tar.gz."""
    [found] = assembly.rglob(f"asset.{key.partition('.')[0]}.*")
    return found


def _timed(cwd: Path, *argv: object, **env: str) -> float:
    command = [str(IMAGE_PYTHON), *map(str, argv)]
    began = time.perf_counter()
    ended = subprocess.run(
        command,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), "MPLBACKEND": "agg", "LANG": "C.UTF-8", **env},
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - began
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{ended.stdout}\n{ended.stderr}")
    return seconds
