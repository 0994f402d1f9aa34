"""Tells which files Preprocess takes, as a process of the image's environment; `test_check_against_preprocess.py`.

A line of JSON in, a line of JSON out: the file, its table and the model in; the error or null out. The other table
is made to fit: it has a row for each key of the file (or for every second one) and the features the file lacks.
"""

from __future__ import annotations

import base64
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import preprocess
import tables
from features import DataError, parse_labels
from spec import ModelSpec, Split


def refusal(question: dict[str, Any], folder: Path) -> str | None:
    """Why Preprocess fails on this file, or None."""
    spec = ModelSpec(**question["model"], split=Split(0.7, 0.15, 0.15, 20))
    file = folder / question["table"] / "00000.csv"
    file.parent.mkdir()
    file.write_bytes(base64.b64decode(question["file"]))
    try:
        rows = tables.read_csv(file)
        for name in spec.tables:
            if name != question["table"]:
                write_partner(folder / name, name, rows, spec, every=question["partner_every"])
        joined = preprocess.joined_rows(folder, spec)
        parse_labels(joined[spec.label].to_pylist(), column=spec.label)
    except (DataError, KeyError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def write_partner(folder: Path, name: str, rows: Any, spec: ModelSpec, *, every: int) -> None:
    keys = rows[spec.join_key].to_pylist()[::every]
    labels = [spec.label] if name == spec.tables[0] else []
    absent = [column for column in spec.features if column not in rows.schema.names]
    columns = {spec.join_key: keys, **{column: ["1"] * len(keys) for column in labels + absent}}
    folder.mkdir()
    tables.write_csv(tables.pa.table(columns), folder / "00000.csv")


def main() -> None:
    answers = sys.stdout
    for line in sys.stdin:
        with TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
            answer = refusal(json.loads(line), Path(folder))
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
