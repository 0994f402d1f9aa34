"""Preprocess beside plain pandas, pyarrow and polars that do the same without a check: rows per second, peak memory.

    python benchmarks/preprocess.py [--rows 100000,1000000,10000000] [--repeat 3] [--python PYTHON]

The same means: read claims and customers, join them by key, divide the rows by a hash of the key, write three Parquet
parts. Every measurement is a process of its own in the image's environment (or of PYTHON, if polars is to be tried:
no image has it); contenders take turns. The rows are those of the demo, repeated under new keys.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.by_hand import IMAGE_PYTHON
from benchmarks.embedded import ROOT
from millrace.demo_data import generate
from settings import load

CODE = ROOT / "pipeline_code"
CONTENDER = Path(__file__).with_name("preprocess_contenders.py")
MODEL = "claims-fraud"
CONTENDERS = ("millrace", "pandas", "pyarrow", "polars")
TEMPLATE_ROWS = 20_000
MOST_MEBIBYTES = 4096


@dataclass(frozen=True)
class Measurement:
    seconds: float
    cpu_seconds: float
    mebibytes: float


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="preprocess", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", default="100000,1000000,10000000", help="numbers of claims, separated by commas")
    parser.add_argument("--repeat", type=int, default=3, help="measurements of each contender")
    parser.add_argument("--python", type=Path, default=IMAGE_PYTHON, help="default: that of the image's environment")
    options = parser.parse_args(arguments)
    contenders = [name for name in CONTENDERS if name == "millrace" or installed(options.python, name)]
    met = True
    with tempfile.TemporaryDirectory(prefix="millrace-benchmark-") as folder:
        for count in map(int, options.rows.split(",")):
            make(Path(folder), count)
            found = measure(Path(folder), contenders, options.repeat, options.python)
            show(count, found)
            met = met and max(each.mebibytes for each in found["millrace"]) < MOST_MEBIBYTES
            shutil.rmtree(Path(folder, "data"))
    return 0 if met else 1


def installed(python: Path, name: str) -> bool:
    found = subprocess.run([str(python), "-c", f"import {name}"], capture_output=True, check=False).returncode == 0
    if not found:
        print(f"{name} is not installed in {python}, so it is left out")
    return found


def make(folder: Path, count: int) -> None:
    """Both tables of the demo with `count` rows each, in the same order."""
    made = generate(folder / "made", rows=TEMPLATE_ROWS, seed=3)
    for table, source in (("claims", made.claims), ("customers", made.customers)):
        (folder / "data" / table).mkdir(parents=True)
        with (folder / "data" / table / "00000.csv").open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines(source, count))
    spec = {**asdict(load().model(MODEL).data), "model": MODEL, "problem": "binary"}
    wanted = ("model", "problem", "label", "join_key", "tables", "numeric", "categorical", "missing", "split")
    (folder / "model_spec.json").write_text(json.dumps({name: spec[name] for name in wanted}))


def lines(source: Path, count: int) -> Iterator[str]:
    header, *rows = source.read_text(encoding="utf-8").splitlines(keepends=True)
    assert header.startswith("policy_id,"), header
    tails = [row.partition(",")[2] for row in rows]
    yield header
    for start in range(0, count, TEMPLATE_ROWS):
        some = tails[: count - start]
        yield "".join(f"{100_000 + (start + place) * 7919},{tail}" for place, tail in enumerate(some))


def measure(folder: Path, contenders: list[str], repeat: int, python: Path) -> dict[str, list[Measurement]]:
    found: dict[str, list[Measurement]] = {name: [] for name in contenders}
    for _ in range(repeat):
        for name in contenders:
            shutil.rmtree(folder / "out", ignore_errors=True)
            (folder / "out").mkdir()
            result = subprocess.run(
                [str(python), str(CONTENDER), name, str(folder), str(CODE)],
                env={"PATH": os.environ["PATH"]}, cwd=folder, stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
            found[name].append(Measurement(*json.loads(result.stdout.splitlines()[-1])))
    return found


def show(count: int, found: dict[str, list[Measurement]]) -> None:
    print(f"{count:,} rows of claims and of customers; medians of {len(found['millrace'])}")
    print(f"  {'':<10}{'seconds':>10}{'rows/s':>12}{'CPU s':>10}{'MiB':>8}")
    for name, all_of in found.items():
        seconds, cpu, memory = (
            median(getattr(each, field) for each in all_of) for field in ("seconds", "cpu_seconds", "mebibytes")
        )
        print(f"  {name:<10}{seconds:>10.2f}{count / seconds:>12,.0f}{cpu:>10.2f}{memory:>8,.0f}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
