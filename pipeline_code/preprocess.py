"""The Preprocess step: raw tables in, joined and split rows as Parquet and what the fit needs out.

Started by the pipeline as `python3 code.zip preprocess`, or by hand as `python preprocess.py`. The base table is
read in blocks (again only if keys come twice), the others are held in memory. Bad rows and files go to quarantine.

contract.py      what the files and rows must be; it lists the modules that look at them
joining.py       the other tables; duplicates.py keys that come twice
base_table.py    the base table's way into the parts: split.py which part, building.py and parts.py the writing
fit.py           what is learnt of the rows for features.json; shortage.py whether they are enough
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from base_table import BaseTable
from building import discard
from contract_table import TableReader
from failure import base_folder, telling_failures
from fit import Fit
from instance import ALONE, Instance, this_instance
from joining import load
from spec import ModelSpec, read_spec


@telling_failures
def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="preprocess", description="Check, join and split the rows.")
    parser.add_argument("--data", type=Path, default=Path("/opt/ml/processing/input/data"))
    parser.add_argument("--output", type=Path, default=Path("/opt/ml/processing/output"))
    parser.add_argument("--spec", type=Path, help="model_spec.json; default: the one beside the code")
    args = parser.parse_args(argv)
    preprocess(args.data, args.output, read_spec(args.spec), this_instance(base_folder()))


def preprocess(data: Path, output: Path, spec: ModelSpec, instance: Instance = ALONE) -> Fit:
    """All of the step on one instance; raises DataError, with the quarantine written, if the data are too bad."""
    suffix = f"-{instance.number:05}" if instance.count > 1 else ""
    with ExitStack() as opened:
        readers = {
            name: opened.enter_context(TableReader(name, data / name, spec, output / "quarantine", suffix))
            for name in spec.tables
        }
        try:
            partners = [load(readers[name]) for name in spec.tables[1:]]
            return BaseTable(readers[spec.tables[0]], partners, output, spec, instance).run()
        except BaseException:
            discard(output, instance.number)
            raise


if __name__ == "__main__":
    main()
