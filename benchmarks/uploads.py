"""What a flood of uploads costs the trigger, and what an hour with nothing new does, on the deployed stacks.

    python benchmarks/uploads.py [--files 10000]

A fresh embedded AWS gets the app, then all files at once: claims of one row each and one table of customers. Then the
clock is moved by an hour. Exits with 1 if an aim is missed.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.embedded import ROOT, Embedded, clean_environment, eventually, timed
from benchmarks.runs import MODEL, RAW, STARTER
from millrace.demo_data import generate

LEDGER = "millrace-dev-ledger"
MOST_RUNS, LEAST_SECONDS_BETWEEN_STARTS, MOST_MEMORY_MB = 2, 1.0, 256
UPLOADERS = 8
PATIENCE_SECONDS = 1800.0
HOUR = 3600
MEMORY = re.compile(r"Max Memory Used: (\d+) MB")
WAITING = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True)
class Line:
    """A figure and, if there is one, whether it meets its aim."""

    name: str
    value: str
    aim: str = ""
    met: bool = True

    def __str__(self) -> str:
        verdict = f"   aim {self.aim}: {'met' if self.met else 'MISSED'}" if self.aim else ""
        return f"  {self.name:44}{self.value:>16}{verdict}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000, help="how many files are dropped at once")
    count = parser.parse_args().files
    missed = 0
    with tempfile.TemporaryDirectory(prefix="millrace-benchmark-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        assembly = folder / "cdk.out"
        environment = clean_environment() | {"CDK_OUTDIR": str(assembly), "CDK_VALIDATION": "false"}
        timed([sys.executable, "app.py"], env=environment, cwd=ROOT)
        embedded = Embedded(folder / "embedded")
        try:
            embedded.deploy(assembly)
            for line in chain(flood(embedded, folder / "data", count), quiet_hour(embedded, count)):
                print(line, flush=True)
                missed += not line.met
        finally:
            embedded.stop()
    return 1 if missed else 0


def flood(embedded: Embedded, folder: Path, count: int) -> Iterator[Line]:
    """Drop all files at once and wait until everything is worked off."""
    uploads = list(files(folder, count))
    began = time.monotonic()
    with ThreadPoolExecutor(UPLOADERS) as pool:
        list(pool.map(lambda upload: put(embedded, *upload), uploads))
    dropped = time.monotonic()
    yield Line(f"{count} files dropped", f"{dropped - began:.1f} s")
    eventually(lambda: not busy(embedded), what="the end of the drain", seconds=PATIENCE_SECONDS, pause=0.5)
    yield Line("drain, from the last put to the last run's end", f"{time.monotonic() - dropped:.1f} s")
    states = Counter(row["state"]["S"] for row in file_rows(embedded))
    told = ", ".join(f"{number} {state}" for state, number in states.items())
    yield Line("file rows in the ledger", str(states.total()), f"{count}, all trained", states["trained"] == count)
    if set(states) != {"trained"}:
        yield Line("their states", told)
    starts = sorted(run["StartTime"].timestamp() for run in executions(embedded))
    yield Line("runs", str(len(starts)), f"<= {MOST_RUNS}", len(starts) <= MOST_RUNS)
    between = min((after - before for before, after in pairwise(starts)), default=float("inf"))
    told = f"{between:.1f} s" if len(starts) > 1 else "one start"
    aim = f">= {LEAST_SECONDS_BETWEEN_STARTS:.0f} s"
    yield Line("shortest time between two starts", told, aim, between >= LEAST_SECONDS_BETWEEN_STARTS)
    reports = reported(embedded)
    peak = max((int(found[1]) for report in reports if (found := MEMORY.search(report))), default=0)
    yield Line("function: invocations", str(len(reports)))
    yield Line("function: peak memory", f"{peak} MB", f"< {MOST_MEMORY_MB} MB", 0 < peak < MOST_MEMORY_MB)


def quiet_hour(embedded: Embedded, count: int) -> Iterator[Line]:
    """Let the schedule look twice at the same files; the second look is the quiet one."""
    an_hour(embedded)
    internal(embedded, "faults", {"seed": 1, "faults": []})
    invocations = len(reported(embedded))
    an_hour(embedded)
    calls = internal(embedded, "faults")["calls"].get(STARTER, {})
    pages = calls.get("s3:ListObjectVersions", 0)
    yield Line("an hour with nothing new: invocations", str(len(reported(embedded)) - invocations))
    for operation, number in sorted(calls.items()):
        yield Line(f"  {operation}", str(number))
    yield Line("  LIST pages per 1,000 objects", f"{pages * 1000 / (count + 1):.2f}")


def files(folder: Path, count: int) -> Iterator[tuple[str, bytes]]:
    """All customers in one file, and each claim in its own."""
    generate(folder, rows=count - 1)
    yield f"raw/{MODEL}/customers/customers.csv", (folder / "customers.csv").read_bytes()
    with (folder / "claims.csv").open(newline="", encoding="utf-8") as claims:
        header, *rows = csv.reader(claims)
    for number, row in enumerate(rows):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, row])
        yield f"raw/{MODEL}/claims/claim {number:05}.csv", text.getvalue().encode()


def put(embedded: Embedded, key: str, body: bytes) -> None:
    embedded.client("s3").put_object(Bucket=RAW, Key=key, Body=body)


def busy(embedded: Embedded) -> bool:
    """Whether a message waits or the run lock is held."""
    sqs = embedded.client("sqs")
    url = sqs.get_queue_url(QueueName=STARTER)["QueueUrl"]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(WAITING))["Attributes"]
    return any(int(number) for number in counts.values()) or "holder" in lock(embedded)


def lock(embedded: Embedded) -> dict[str, Any]:
    key = {"model": {"S": MODEL}, "item": {"S": "lock"}}
    found = embedded.client("dynamodb").get_item(TableName=LEDGER, Key=key, ConsistentRead=True)
    return dict(found.get("Item", {}))


def file_rows(embedded: Embedded) -> Iterator[dict[str, Any]]:
    pages = (
        embedded.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=LEDGER,
            KeyConditionExpression="model = :m AND begins_with(#i, :f)",
            ExpressionAttributeNames={"#i": "item"},
            ExpressionAttributeValues={":m": {"S": MODEL}, ":f": {"S": "file#"}},
        )
    )
    for page in pages:
        yield from page["Items"]


def executions(embedded: Embedded) -> list[dict[str, Any]]:
    listed = embedded.client("sagemaker").list_pipeline_executions(PipelineName=MODEL)
    return list(listed["PipelineExecutionSummaries"])


def reported(embedded: Embedded) -> list[str]:
    """Lambda's REPORT line of each invocation."""
    pages = (
        embedded.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=f"/aws/lambda/{STARTER}", filterPattern="REPORT")
    )
    return [event["message"] for page in pages for event in page["events"] if "REPORT" in event["message"]]


def an_hour(embedded: Embedded) -> None:
    before = lock(embedded).get("last_scheduled")
    internal(embedded, "clock", {"advance": HOUR})
    eventually(lambda: lock(embedded).get("last_scheduled") != before, what="the scheduled look")
    eventually(lambda: not busy(embedded), what="the end of the scheduled look")


def internal(embedded: Embedded, route: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{embedded.url}/_millrace/{route}", data=data) as answer:
        return dict(json.loads(answer.read()))


if __name__ == "__main__":
    sys.exit(main())
