"""One contender of `preprocess.py` in a process of its own: `python preprocess_contenders.py NAME FOLDER CODE`.

Prints seconds, CPU seconds and the peak memory in MiB; imports are not in the time, but in the memory. Runs in the
image's environment, so it imports only what is there.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[[], None]


class Contender:
    """What all of them need to know."""

    def __init__(self, folder: Path, code: str) -> None:
        self.folder, self.code = folder, code
        self.spec: dict[str, Any] = json.loads((folder / "model_spec.json").read_text(encoding="utf-8"))
        self.paths = [folder / "data" / table / "00000.csv" for table in self.spec["tables"]]
        self.key, self.label = self.spec["join_key"], self.spec["label"]
        self.numeric, self.categorical = self.spec["numeric"], self.spec["categorical"]

    def millrace(self) -> Run:
        sys.path.insert(0, self.code)
        import preprocess

        spec = str(self.folder / "model_spec.json")
        output = str(self.folder / "out")
        return lambda: preprocess.main(["--data", str(self.folder / "data"), "--output", output, "--spec", spec])

    def pandas(self) -> Run:
        import pandas as pd

        def run() -> None:
            types: dict[str, Any] = {**dict.fromkeys([*self.categorical, self.label], "category"), self.key: str}
            absent = dict.fromkeys(self.numeric, self.spec["missing"])
            read = [pd.read_csv(path, dtype=types, keep_default_na=False, na_values=absent) for path in self.paths]
            rows = read[0].merge(read[1], on=self.key, validate="one_to_one")
            for part, mask in self._parts(pd.util.hash_array(rows[self.key].to_numpy(), categorize=False)).items():
                chosen = rows.loc[mask, self._kept(part, rows.columns)]
                chosen.to_parquet(self.folder / "out" / f"{part}.parquet", index=False)

        return run

    def pyarrow(self) -> Run:
        import pandas as pd
        import pyarrow as pa
        from pyarrow import csv
        from pyarrow import parquet as pq

        def run() -> None:
            types = {**dict.fromkeys(self.numeric, pa.float64()), self.key: pa.string()}
            types |= dict.fromkeys([*self.categorical, self.label], pa.string())
            options = csv.ConvertOptions(
                column_types=types, null_values=self.spec["missing"], strings_can_be_null=False
            )
            read = [csv.read_csv(path, convert_options=options) for path in self.paths]
            rows = read[0].join(read[1], self.key, join_type="inner")
            for part, mask in self._parts(pd.util.hash_array(rows[self.key].to_numpy(), categorize=False)).items():
                chosen = rows.select(self._kept(part, rows.column_names)).filter(pa.array(mask))
                pq.write_table(chosen, self.folder / "out" / f"{part}.parquet")

        return run

    def polars(self) -> Run:
        pl: Any = importlib.import_module("polars")  # in no image, so no type checker finds it

        def run() -> None:
            types = {**dict.fromkeys(self.numeric, pl.Float64), **dict.fromkeys(self.categorical, pl.String)}
            types |= {self.key: pl.String, self.label: pl.String}
            read = []
            for path in self.paths:
                with path.open(encoding="utf-8") as file:
                    names = file.readline().strip().split(",")
                some = {name: types[name] for name in names if name in types}
                absent = {name: "" for name in names if name in self.numeric}
                read.append(pl.scan_csv(path, schema_overrides=some, null_values=absent, empty_string_is_null=False))
            rows = read[0].join(read[1], on=self.key, how="inner").collect()
            for part, mask in self._parts(rows[self.key].hash().to_numpy()).items():
                chosen = rows.select(self._kept(part, rows.columns)).filter(pl.Series(mask))
                chosen.write_parquet(self.folder / "out" / f"{part}.parquet")

        return run

    def _parts(self, hashes: Any) -> dict[str, Any]:
        split = self.spec["split"]
        first = int(split["test"] * 2**64)
        second = first + int(split["validation"] * 2**64)
        return {"test": hashes < first, "validation": (hashes >= first) & (hashes < second), "train": hashes >= second}

    def _kept(self, part: str, names: Any) -> list[str]:
        """Unused columns are in the test part alone, as Preprocess has it."""
        wanted = {*self.numeric, *self.categorical, self.label, self.key}
        return [name for name in names if part == "test" or name in wanted]


def main() -> None:
    name, folder, code = sys.argv[1:]
    run: Run = getattr(Contender(Path(folder), code), name)()
    began = time.perf_counter()
    run()
    seconds = time.perf_counter() - began
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]))


if __name__ == "__main__":
    main()
