"""How fast a Lambda function is reached: by a file's arrival in S3, and by Invoke."""

from __future__ import annotations

import re
import time
import uuid

from benchmarks.embedded import Embedded, eventually
from benchmarks.runs import MODEL, RAW, STARTER

LOG_GROUP = f"/aws/lambda/{STARTER}"
STARTED = re.compile(r"START RequestId: (\S+)")


def warm_invokes(embedded: Embedded, count: int) -> list[float]:
    """Seconds per Invoke of the deployed starter with nothing to do, seen by the client."""
    client, seconds = embedded.client("lambda"), []
    for _ in range(count):
        began = time.perf_counter()
        answer = client.invoke(FunctionName=STARTER, Payload=b'{"Records": []}')
        answer["Payload"].read()
        seconds.append(time.perf_counter() - began)
        if "FunctionError" in answer:
            raise SystemExit(f"{STARTER} failed")
    return seconds


def uploads_to_lambda(embedded: Embedded, count: int) -> list[float]:
    """Seconds from the begin of PutObject of a small file to the function's START line, through rule and queue."""
    s3, seconds = embedded.client("s3"), []
    for _ in range(count):
        before = _starts(embedded)
        began = time.time()
        s3.put_object(Bucket=RAW, Key=f"raw/{MODEL}/no-such-table/{uuid.uuid4().hex}.csv", Body=b"x\n")
        started = eventually(lambda known=before: _starts(embedded) - known, what="the function's start")
        seconds.append(min(moment for _, moment in started) / 1000 - began)
    return seconds


def _starts(embedded: Embedded) -> set[tuple[str, int]]:
    """Request id and moment (in ms) of every invocation so far."""
    logs = embedded.client("logs")
    try:
        found = logs.filter_log_events(logGroupName=LOG_GROUP, filterPattern="START")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return set()
    named = [(STARTED.match(event["message"]), event["timestamp"]) for event in found]
    return {(match[1], moment) for match, moment in named if match}
