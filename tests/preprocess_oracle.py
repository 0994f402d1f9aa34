"""Tells which files Preprocess takes, as a process of the image's environment; `test_check_against_preprocess.py`.

A line of JSON in, a line of JSON out: the file, its table and the model in; what is wrong with it or null out. The
other table is made to fit: it has a row for each key of the file (or for every second one) and the features the file
lacks.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from features import DataError
from instance import Instance
from preprocess import preprocess
from spec import Limits, ModelSpec, Split

LENIENT = Limits(min_rows=0, largest_bad_share=1, largest_unmatched_share=1)
ONE_OF_TWO = Instance(0, 2)
"""One instance of several does not ask for rows of every class."""


def refusal(question: dict[str, Any], folder: Path) -> str | None:
    """Why Preprocess fails on this file or puts it or a row of it aside, or None."""
    model = {name: tuple(v) if isinstance(v, list) else v for name, v in question["model"].items()}
    spec = ModelSpec(**model, split=Split(0.7, 0.15, 0.15, 20), limits=LENIENT)
    content, table = base64.b64decode(question["file"]), question["table"]
    (folder / table).mkdir()
    (folder / table / "00000.csv").write_bytes(content)
    for name in spec.tables:
        if name != table:
            write_partner(folder / name, name, content, spec, every=question["partner_every"])
    try:
        preprocess(folder, folder / "out", spec, ONE_OF_TWO)
    except DataError as error:
        return f"DataError: {error}"
    return put_aside(folder / "out" / "quarantine" / table)


def put_aside(folder: Path) -> str | None:
    """The first file or row that is in quarantine; a row without partner is none that is wrong."""
    report = json.loads((folder / "report-00000.json").read_text(encoding="utf-8"))
    found = [f"{file['code']}: {file['reason']}" for file in report["files"]]
    found += [f"{code}: {first}" for code, first in report["first"].items() if code != "no-partner"]
    return found[0] if found else None


def write_partner(folder: Path, name: str, content: bytes, spec: ModelSpec, *, every: int) -> None:
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig", "replace"), newline=""))
    keys = list(dict.fromkeys(row.get(spec.join_key) or "" for row in rows))[::every]
    labels = [spec.label] if name == spec.tables[0] else []
    absent = [column for column in spec.features if column not in (rows.fieldnames or ())]
    folder.mkdir()
    with (folder / "00000.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([spec.join_key, *labels, *absent])
        writer.writerows([key, *("1" for _ in labels + absent)] for key in keys)


def main() -> None:
    answers = sys.stdout
    for line in sys.stdin:
        with TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
            answer = refusal(json.loads(line), Path(folder))
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
