"""The step Prepare of batch scoring: an uploaded file in, rows for the transform job out, and what cannot be scored.

Started by the pipeline as `python3 code.zip prepare-batch`. Every row ends in rows/ or in quarantine/, where
report.json counts and rows.csv tells why; nothing is corrected, and a value is the text that stood in the file.

batch_model.py   what the live model wants to know
batch_csv.py     rows of a CSV file, batch_json.py of JSON Lines; batch_row.py what both hand on
batch_lines.py   the lines that the transform job reads
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from batch_csv import CsvFile
from batch_json import JsonFile
from batch_lines import LineWriter, Unsendable
from batch_model import read_transform
from batch_row import Row
from contract import BadFile, Fault, listed
from failure import telling_failures
from features import DataError, FeatureTransform
from quarantine import FileFault, Quarantine
from spec import ModelSpec, read_spec

INPUT = Path("/opt/ml/processing/input")
JSON_LINES = (".jsonl", ".ndjson")
MEGABYTE = 1024 * 1024
MOST_PAYLOAD_MB = 100
WORST = 3


@telling_failures
def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="prepare-batch", description="Check rows and write what can be scored.")
    parser.add_argument("--data", type=Path, default=INPUT / "data")
    parser.add_argument("--model", type=Path, default=INPUT / "model", help="the folder of model.tar.gz")
    parser.add_argument("--output", type=Path, default=Path("/opt/ml/processing/output"))
    parser.add_argument("--max-payload-mb", type=_megabytes, default=6, help="of a request to the model; 0: any")
    parser.add_argument("--spec", type=Path, help="model_spec.json; default: the one beside the code")
    args = parser.parse_args(argv)
    prepare(
        args.data,
        read_transform(args.model),
        args.output,
        read_spec(args.spec),
        most_bytes=args.max_payload_mb * MEGABYTE,
    )


def prepare(data: Path, transform: FeatureTransform, output: Path, spec: ModelSpec, *, most_bytes: int) -> int:
    """How many rows can be scored; raises DataError, with the quarantine written, if there is none."""
    paths = sorted(path for path in data.rglob("*") if path.is_file())
    if not paths:
        raise DataError(f"there is no file in {data}; upload one below batch/{spec.model}/")
    preparation = _Preparation(transform, spec, LineWriter(output / "rows", most_bytes=most_bytes))
    quarantine = Quarantine(output / "quarantine", spec.model)
    for path in paths:
        preparation.take(path, quarantine)
    return preparation.finish(quarantine)


@dataclass
class _Preparation:
    """The rows of all files, numbered through in the order of the files' names."""

    transform: FeatureTransform
    spec: ModelSpec
    lines: LineWriter
    read: int = 0
    unused: tuple[str, ...] = ()

    def take(self, path: Path, quarantine: Quarantine) -> None:
        kind = JsonFile if path.name.lower().endswith(JSON_LINES) else CsvFile
        file = kind(path, self.transform, self.spec)
        before = self.read
        try:
            for row in file.rows():
                self.read += 1
                if fault := row if isinstance(row, Fault) else self._write(row, before):
                    moved = Fault(before + fault.row, fault.code, fault.reason, fault.text)
                    quarantine.row(path.name, moved)
        except BadFile as error:
            quarantine.file(FileFault(path.name, error.code, error.reason, path.stat().st_size))
        self.unused = tuple(dict.fromkeys([*self.unused, *file.unused]))

    def _write(self, row: Row, before: int) -> Fault | None:
        try:
            self.lines.write(before + row.number, row.key, row.features)
        except Unsendable as error:
            return Fault(row.number, error.code, str(error), row.text)
        return None

    def finish(self, quarantine: Quarantine) -> int:
        self.lines.close()
        good, sentence = self.lines.rows, self._sentence(quarantine)
        quarantine.report(
            rows_read=self.read,
            rows_good=good,
            bad_rows=quarantine.bad_rows,
            unused_columns=list(self.unused),
            sentence=sentence,
        )
        if not good:
            raise DataError(f"no row can be scored: {sentence}")
        print(sentence)
        if self.unused:
            print(f"the model does not use {listed(list(self.unused))}")
        return good

    def _sentence(self, quarantine: Quarantine) -> str:
        told = [f"{count} {code} ({quarantine.first[code]})" for code, count in quarantine.counts.most_common(WORST)]
        told += [f"{fault.file}: {fault.code}: {fault.reason}" for fault in quarantine.files[:WORST]]
        return "; ".join([f"{self.lines.rows} of {self.read} rows are ready, {quarantine.bad_rows} are bad", *told])


def _megabytes(text: str) -> int:
    value = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= value <= MOST_PAYLOAD_MB:
        raise argparse.ArgumentTypeError(f"{text!r} given; allowed: whole numbers from 0 to {MOST_PAYLOAD_MB}")
    return value


if __name__ == "__main__":
    main()
