"""The rows and files that a run's Preprocess step put into quarantine: how many, why, and which. For `runs.py`."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from millrace.cli import screen
from millrace.cli.connect import Connection

if TYPE_CHECKING:
    from millrace.cli.executions import Step

STEP, OUTPUT = "Preprocess", "quarantine"
HEADER = ("table", "file", "row", "code", "reason", "text")
COPY = re.compile(r"\b(\d{5})\.csv\b")


@dataclass
class PutAside:
    """What one table lost; the reports of several instances are added up."""

    table: str
    rows_read: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    """A sentence for each file of which no row could be taken."""

    def add(self, report: dict[str, Any], names: dict[str, str]) -> None:
        self.rows_read += int(report.get("rows_read", 0))
        self.counts.update(report.get("counts", {}))
        for code, text in report.get("first", {}).items():
            self.first.setdefault(code, _named(text, names))
        for file in report.get("files", ()):
            self.files.append(f"{_named(file['file'], names)} ({file['code']}): {_named(file['reason'], names)}")

    def lines(self) -> Iterator[str]:
        if self.counts:
            yield f"{self.table}: {self.counts.total():,} of {self.rows_read:,} rows were put aside"
        for code, count in self.counts.most_common():
            yield f"  {count:,} {code}, the first: {self.first[code]}" if code in self.first else f"  {count:,} {code}"
        for sentence in self.files:
            yield f"{self.table}: all of {sentence}"


class Quarantine:
    """The quarantine of one run, cached Preprocess or not; empty where the pipeline has none."""

    def __init__(self, connection: Connection, steps: list[Step]) -> None:
        self._s3: Any = connection.client("s3")
        self._uri, self._inputs = "", {}
        jobs = [step.job for step in steps if step.name == STEP and ":processing-job/" in step.job]
        if jobs:
            name = jobs[0].rsplit("/", 1)[-1]
            job = connection.client("sagemaker").describe_processing_job(ProcessingJobName=name)
            outputs = job.get("ProcessingOutputConfig", {}).get("Outputs", ())
            found = (str(each["S3Output"]["S3Uri"]) for each in outputs if each["OutputName"] == OUTPUT)
            self._uri = next(found, "").rstrip("/")
            self._inputs = {
                str(each["InputName"]).removeprefix("table-"): str(each["S3Input"]["S3Uri"])
                for each in job.get("ProcessingInputs", ())
                if str(each["InputName"]).startswith("table-")
            }

    def tables(self) -> list[PutAside]:
        """The tables that lost something, in the order of their names."""
        found: dict[str, PutAside] = {}
        for key in self._keys("report", ".json"):
            report = json.loads(self._read(key))
            table = str(report["table"])
            found.setdefault(table, PutAside(table)).add(report, self._names(table))
        return [each for each in found.values() if each.counts or each.files]

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Every listed row, the header first."""
        yield HEADER
        for key in self._keys("rows", ".csv"):
            table = key.rsplit("/", 2)[-2]
            names = self._names(table)
            for row in csv.DictReader(io.StringIO(self._read(key), newline="")):
                yield (table, _named(row["file"], names), *(row[name] for name in HEADER[2:]))

    def _names(self, table: str) -> dict[str, str]:
        """What the copies that the job read are called in the raw bucket, where the manifest tells."""
        where = urlsplit(self._inputs.get(table, ""))
        key = f"{where.path.strip('/').rpartition('/')[0]}/manifest.json"
        if not where.netloc or not self._has(where.netloc, key):
            return {}
        body = self._s3.get_object(Bucket=where.netloc, Key=key)["Body"].read()
        files = json.loads(body)["tables"].get(table, ())
        return {f"{number:05}": str(file["key"]).rsplit("/", 1)[-1] for number, file in enumerate(files)}

    def _has(self, bucket: str, key: str) -> bool:
        return bool(self._s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents"))

    def _keys(self, start: str, end: str) -> list[str]:
        if not self._uri:
            return []
        where = urlsplit(self._uri)
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=where.netloc, Prefix=f"{where.path.strip('/')}/"
        )
        names = (str(entry["Key"]) for page in pages for entry in page.get("Contents", ()))
        return sorted(key for key in names if key.rsplit("/", 1)[-1].startswith(start) and key.endswith(end))

    def _read(self, key: str) -> str:
        body: bytes = self._s3.get_object(Bucket=urlsplit(self._uri).netloc, Key=key)["Body"].read()
        return body.decode("utf-8")


def say(connection: Connection, run: str, steps: list[Step]) -> None:
    """Lines for a run's end, none if nothing was put aside; who may see a run may not always read what it wrote."""
    from botocore.exceptions import ClientError

    try:
        found = Quarantine(connection, steps).tables()
    except ClientError as error:
        screen.say(f"  the quarantine cannot be read ({error.response['Error']['Code']})", screen.FAINT)
        return
    for table in found:
        for line in table.lines():
            screen.say(f"  {line}", screen.BUSY)
    if any(table.counts for table in found):
        screen.say(f"  `millrace runs {run} --put-aside` prints these rows", screen.FAINT)


def print_rows(connection: Connection, steps: list[Step]) -> None:
    """The listed rows as CSV on standard output."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(Quarantine(connection, steps).rows())
    print(text.getvalue(), end="")


def _named(text: str, names: dict[str, str]) -> str:
    return COPY.sub(lambda found: names.get(found[1], found[0]), text)
