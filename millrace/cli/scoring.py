"""Batches of rows through an endpoint over several connections; what it refuses is narrowed down to single rows.

For analyze.py. At most two batches per connection are in memory, and answers come in the order of the batches.
"""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from millrace.cli.connect import Connection
from millrace.cli.labelled import Batch, Unreadable
from millrace.errors import MillraceError

CSV, JSON = "text/csv", "application/json"
TRIES = 3
HOPELESS = 300
"""After so many refused rows and not one answer the endpoint is given up on."""
QUOTED = re.compile(r"^(?:'.*?'|\".*?\")(?:\.\.\.)? ")
BUSY = ("ThrottlingException", "ServiceUnavailable", "ModelNotReadyException", "InternalDependencyException")


@dataclass(frozen=True)
class Refusal:
    line: int
    why: str
    kind: str
    """The reason without what is of this row alone, so that alike reasons can be counted together."""
    fields: Sequence[str]


@dataclass
class Answered:
    """What came back for one batch: the rows with their answers, those refused, and the times of all requests."""

    batch: Batch = field(default_factory=Batch)
    predictions: list[dict[str, Any]] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    requests: list[tuple[float, int]] = field(default_factory=list)
    """Milliseconds and rows of each request that was answered."""
    versions: list[str] = field(default_factory=list)

    def add(self, batch: Batch, predictions: list[dict[str, Any]], version: str, milliseconds: float) -> None:
        self.batch.lines += batch.lines
        self.batch.features += batch.features
        self.batch.labels += batch.labels
        self.batch.others += batch.others
        self.predictions += predictions
        self.versions += [version] * len(batch)
        self.requests.append((milliseconds, len(batch)))


class Scorer:
    def __init__(self, connection: Connection, endpoint: str, features: Sequence[str], *, connections: int) -> None:
        self._runtime = connection.client("sagemaker-runtime", connections=connections)
        self.features = list(features)
        self._endpoint = endpoint
        self._connections = connections

    def score(self, batches: Iterable[Batch | Unreadable]) -> Iterator[Answered]:
        waiting: deque[Future[Answered]] = deque()
        answered = refused = 0
        with ThreadPoolExecutor(self._connections) as pool:
            try:
                for batch in batches:
                    waiting.append(pool.submit(self._answer, batch))
                    while len(waiting) >= 2 * self._connections:
                        done = waiting.popleft().result()
                        answered, refused = answered + len(done.batch), refused + len(done.refused)
                        if not answered and refused >= HOPELESS:
                            raise MillraceError(
                                f"the endpoint {self._endpoint} refuses every row, {refused:,} so far: "
                                f"{done.refused[0].why if done.refused else ''}"
                            )
                        yield done
                while waiting:
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _answer(self, batch: Batch | Unreadable) -> Answered:
        found = Answered()
        if isinstance(batch, Unreadable):
            found.refused.append(Refusal(batch.line, batch.why, "not sent: no row of this table", batch.fields))
            return found
        todo = [batch]
        while todo:
            part = todo.pop()
            refusal = self._send(part, found)
            if refusal is None:
                continue
            why, kind, row = refusal
            if len(part) == 1:
                found.refused.append(Refusal(part.lines[0], why, kind, part.features[0]))
            else:
                todo += [each for each in reversed(_split(part, row)) if len(each)]
        return found

    def _send(self, batch: Batch, found: Answered) -> tuple[str, str, int | None] | None:
        """Send one request; why it was refused, if it was: the reason, its kind, and the row that it names."""
        body = _body(self.features, batch)
        for attempt in range(TRIES):
            began = time.perf_counter()
            try:
                answer = self._runtime.invoke_endpoint(
                    EndpointName=self._endpoint, ContentType=CSV, Accept=JSON, Body=body
                )
                told = json.loads(answer["Body"].read())
            except self._runtime.exceptions.ModelError as error:
                status = int(error.response.get("OriginalStatusCode", 0))
                if status >= 500 and attempt + 1 < TRIES and len(batch) == 1:
                    continue
                return _reason(str(error.response.get("OriginalMessage") or error), status)
            except self._runtime.exceptions.ClientError as error:
                if error.response["Error"]["Code"] in BUSY and attempt + 1 < TRIES:
                    time.sleep(0.5 * 2**attempt)
                    continue
                raise
            except ValueError as error:
                raise MillraceError(f"the answer of the endpoint is no JSON ({error}): is it Millrace's?") from error
            milliseconds = (time.perf_counter() - began) * 1000
            predictions = told.get("predictions") if isinstance(told, dict) else None
            if not isinstance(predictions, list) or len(predictions) != len(batch):
                answered = len(predictions) if isinstance(predictions, list) else "none"
                raise MillraceError(f"the endpoint answered {answered} of {len(batch)} rows: is it Millrace's?")
            found.add(batch, predictions, str(told.get("model_version", "")), milliseconds)
            return None
        raise AssertionError("every try ends the loop")


def _split(batch: Batch, row: int | None) -> list[Batch]:
    """Around the row that the endpoint named, or in halves if it named none of them."""
    if row is not None and 1 <= row <= len(batch):
        return [batch.part(0, row - 1), batch.part(row - 1, row), batch.part(row, len(batch))]
    middle = len(batch) // 2
    return [batch.part(0, middle), batch.part(middle, len(batch))]


def _body(features: Sequence[str], batch: Batch) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(features)
    writer.writerows(batch.features)
    return text.getvalue().encode()


def _reason(message: str, status: int) -> tuple[str, str, int | None]:
    try:
        error = json.loads(message)["error"]
        column, row, said = error.get("column"), error.get("row"), str(error["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{status}: {message[:200]}", f"{status}", None
    where = f"{column}: " if column else ""
    kind = QUOTED.sub("", said).partition(";")[0]
    return f"{where}{said}", f"{status} {where}{kind}"[:120], row if isinstance(row, int) else None
