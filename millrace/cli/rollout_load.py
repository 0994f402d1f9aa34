"""The load of a rollout: single rows at an endpoint, from a second process, each answer written down as it comes.

`python -m millrace.cli.rollout_load` is that process; rollout.py starts it and reads what it wrote. Nothing is tried
again: what fails has failed, and what gets no answer is lost.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from millrace.cli import project
from millrace.cli.connect import Connection
from millrace.cli.places import Place
from millrace.errors import MillraceError

LOST = 0
START_SECONDS = 60.0
STOP_SECONDS = 90.0
RATE_SECONDS = 1.0


@dataclass(frozen=True)
class Answer:
    """One request: when it was sent, how it was answered (`LOST`: not at all), by which version."""

    sent: float
    milliseconds: float
    status: int
    version: str
    reason: str = ""


class Load:
    def __init__(self, process: subprocess.Popen[bytes], file: Path) -> None:
        self._process, self._file = process, file

    def wait_for(self, count: int) -> None:
        """Until so many requests were answered."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._count() >= count:
                return
            time.sleep(0.1)
        raise MillraceError(f"the load did not begin in {START_SECONDS:.0f} s: see {self._file.with_suffix('.log')}")

    def rate(self) -> float:
        """How many requests a second are answered now."""
        before, began = self._count(), time.monotonic()
        time.sleep(RATE_SECONDS)
        return (self._count() - before) / (time.monotonic() - began)

    def stop(self) -> None:
        """A load that has ended before, or without one of its connections, shows nothing: MillraceError."""
        log = self._file.with_suffix(".log")
        if self._process.poll() is not None:
            raise MillraceError(f"the load ended before its time ({self._process.returncode}): see {log}")
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise MillraceError(f"the load has requests without an answer for {STOP_SECONDS:.0f} s") from error
        if code:
            raise MillraceError(f"a connection of the load died ({code}): see {log}")

    def answers(self) -> list[Answer]:
        """One for every request that was sent; what was not noted is lost. After `stop`."""
        found = [Answer(**json.loads(line)) for line in self._file.read_text("utf-8").splitlines()]
        asked = int(self._file.with_suffix(".asked").read_text("utf-8"))
        last = max((each.sent for each in found), default=0.0)
        return found + [Answer(last, 0.0, LOST, "", "never noted")] * (asked - len(found))

    def _count(self) -> int:
        return self._file.read_bytes().count(b"\n") if self._file.is_file() else 0


@contextmanager
def start(place: Place, rows: Path, folder: Path, *, threads: int) -> Iterator[Load]:
    """The load, for as long as the context is entered."""
    assert place.connection
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "answers.jsonl"
    command = [sys.executable, "-m", "millrace.cli.rollout_load", "--url", str(place.connection.url)]
    command += ["--account", place.account.id, "--region", place.account.region, "--rows", str(rows)]
    command += ["--threads", str(threads), "--output", str(file)]
    with file.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(command, cwd=project.ROOT, stdout=log, stderr=log)
    load = Load(process, file)
    try:
        yield load
        load.stop()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def write_rows(claims: Path, customers: Path, target: Path) -> None:
    """The endpoint's rows of a data set: each claim with its customer."""
    with customers.open(encoding="utf-8", newline="") as file:
        known = {row["policy_id"]: row for row in csv.DictReader(file)}
    with claims.open(encoding="utf-8", newline="") as file:
        rows = [{**row, **known[row["policy_id"]]} for row in csv.DictReader(file) if row["policy_id"] in known]
    target.write_text(json.dumps(rows), encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> None:
    args = _arguments(argv)
    rows = json.loads(args.rows.read_text("utf-8"))
    connection = Connection(url=args.url, account=args.account, region=args.region)
    runtime = connection.client("sagemaker-runtime", connections=args.threads, attempts=1)
    done, lock = threading.Event(), threading.Lock()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    numbers, broken = itertools.count(), threading.Event()
    with args.output.open("w", encoding="utf-8") as output:

        def work() -> None:
            try:
                while not done.is_set():
                    _note(_ask(runtime, args.endpoint, rows[next(numbers) % len(rows)]), output, lock)
            except BaseException:
                broken.set()
                raise

        threads = [threading.Thread(target=work) for _ in range(args.threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    args.output.with_suffix(".asked").write_text(str(next(numbers)), encoding="utf-8")
    if broken.is_set():
        sys.exit(1)


def _ask(runtime: Any, endpoint: str, row: dict[str, str]) -> Answer:
    from botocore.exceptions import BotoCoreError

    body = json.dumps(row).encode()
    sent, began = time.time(), time.perf_counter()
    status, version, reason = 200, "", ""
    try:
        answer = runtime.invoke_endpoint(
            EndpointName=endpoint, ContentType="application/json", Accept="application/json", Body=body
        )
        version = str(json.loads(answer["Body"].read()).get("model_version", ""))
    except runtime.exceptions.ClientError as error:
        told = error.response
        status = int(told.get("OriginalStatusCode") or told.get("ResponseMetadata", {}).get("HTTPStatusCode") or 500)
        reason = str(told.get("OriginalMessage") or error)[:300]
    except (BotoCoreError, OSError, ValueError) as error:
        status, reason = LOST, str(error)[:300]
    return Answer(sent, (time.perf_counter() - began) * 1000, status, version, reason)


def _note(answer: Answer, output: TextIO, lock: threading.Lock) -> None:
    with lock:
        output.write(json.dumps(asdict(answer)) + "\n")
        output.flush()


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="rollout_load", description="Single rows at an endpoint until SIGTERM.")
    for name in ("url", "account", "region"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--endpoint", default="claims-fraud")
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True)
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
