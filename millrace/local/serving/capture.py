"""Data capture: a sample of what goes through a variant, as JSON Lines in S3, in the layout of the developer guide.

A request only leaves its record in a queue that may be full; a thread writes with the model's role. What cannot be
written is lost and said in the log, never to whoever invoked the endpoint.
"""

from __future__ import annotations

import base64
import json
import logging
import random
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from millrace.local.iam.services import RoleSession
from millrace.local.world import World

log = logging.getLogger("millrace")

MOST_BYTES = 64 * 1024 * 1024
BATCH_SECONDS = 1.0
INPUT, OUTPUT, BOTH = "Input", "Output", "InputAndOutput"
HEADERS = {"CsvContentTypes": "CSV", "JsonContentTypes": "JSON"}


@dataclass(frozen=True)
class Seen:
    """One answered request."""

    body: bytes
    content_type: str
    answer: bytes
    answer_type: str
    inference_id: str = ""
    custom_attributes: str = ""


class Capture:
    """Of one variant; `seen` never waits and never raises."""

    def __init__(
        self,
        world: World,
        config: Mapping[str, Any],
        *,
        endpoint: str,
        variant: str,
        role: Callable[[], RoleSession],
    ) -> None:
        self._world = world
        self._config = config
        self._endpoint, self._variant = endpoint, variant
        self._role = role
        modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
        self._input, self._output = bool(modes & {INPUT, BOTH}), bool(modes & {OUTPUT, BOTH})
        self._share = config["InitialSamplingPercentage"] / 100 if config.get("EnableCapture", True) else 0.0
        self._changed = threading.Condition()
        self._waiting: deque[tuple[datetime, Seen]] = deque()
        self._bytes = 0
        self._ended = False
        self._writer: threading.Thread | None = None

    def seen(self, seen: Seen) -> None:
        if random.random() >= self._share:
            return
        size = len(seen.body) + len(seen.answer)
        with self._changed:
            if self._ended or self._bytes + size > MOST_BYTES:
                return
            self._waiting.append((self._world.clock.datetime(), seen))
            self._bytes += size
            if self._writer is None:
                self._writer = self._world.spawn(self._write, name=f"capture {self._endpoint} {self._variant}")
            self._changed.notify_all()

    def end(self, *, wait: bool) -> None:
        """Write what is there, unless the server goes down."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
            writer = self._writer
        if wait and writer is not None:
            writer.join(BATCH_SECONDS * 10)

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                self._changed.wait_for(lambda: self._ended, BATCH_SECONDS)
                batch, self._waiting, self._bytes = list(self._waiting), deque(), 0
                ended = self._ended
            if self._world.stopping.is_set():
                return
            for _, records in groupby(batch, key=lambda each: each[0].strftime("%Y/%m/%d/%H")):
                self._put(list(records))
            if ended:
                return

    def _put(self, records: Sequence[tuple[datetime, Seen]]) -> None:
        bucket, _, prefix = self._config["DestinationS3Uri"].removeprefix("s3://").partition("/")
        first = records[0][0]
        name = f"{first:%M-%S}-{first.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
        key = "/".join(
            [*filter(None, [prefix.rstrip("/")]), self._endpoint, self._variant, f"{first:%Y/%m/%d/%H}", name]
        )
        encrypted = self._config.get("KmsKeyId")
        options = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": encrypted} if encrypted else {}
        try:
            body = b"".join(self._lines(records))
            self._role().client("s3").put_object(Bucket=bucket, Key=key, Body=body, **options)
        except (ClientError, BotoCoreError) as error:
            log.warning("endpoint %s, variant %s captured nothing: %s", self._endpoint, self._variant, error)

    def _lines(self, records: Iterable[tuple[datetime, Seen]]) -> Iterable[bytes]:
        for moment, seen in records:
            data: dict[str, Any] = {}
            if self._input:
                data["endpointInput"] = self._part("INPUT", seen.content_type, seen.body)
            if self._output:
                data["endpointOutput"] = self._part("OUTPUT", seen.answer_type, seen.answer)
            about: dict[str, Any] = {
                "eventId": str(uuid.uuid4()),
                "inferenceTime": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            if seen.inference_id:
                about["inferenceId"] = seen.inference_id
            if seen.custom_attributes:
                about["customAttributes"] = [seen.custom_attributes]
            record = {"captureData": data, "eventMetadata": about, "eventVersion": "0"}
            yield json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    def _part(self, mode: str, content_type: str, body: bytes) -> dict[str, str]:
        """As text where the content type is one that is listed as text, else as base64."""
        known = self._config.get("CaptureContentTypeHeader") or {}
        bare = content_type.partition(";")[0].strip()
        encoding = next((name for header, name in HEADERS.items() if bare in (known.get(header) or ())), "BASE64")
        text = base64.b64encode(body).decode() if encoding == "BASE64" else body.decode("utf-8", "replace")
        return {"observedContentType": content_type, "mode": mode, "data": text, "encoding": encoding}


def summary(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """DataCaptureConfig as DescribeEndpoint shows it."""
    if not config:
        return None
    on = config.get("EnableCapture", True)
    return {
        "EnableCapture": on,
        "CaptureStatus": "Started" if on else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId") or "",
    }
