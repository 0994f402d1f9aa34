"""Works off a batch of SQS records; what fails comes back alone. Called by `handler.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from shared import log
from shared.dead_letters import put_aside

from start_batch.bucket import size_of
from start_batch.errors import BUSY, OutOfTime, Unusable, code_of
from start_batch.inputs import Input, input_of, is_ignored, model_of, refusal, spellings
from start_batch.messages import Sweep, Upload, parse
from start_batch.services import Services
from start_batch.start import start
from start_batch.sweep import strangers, sweep

SOON = (5, 10, 20, 40)
LATER = (60, 120, 300, 600)
"""Seconds until a message comes back: after an error, and when AWS has no room for another execution."""

RECEIVES = 5
"""After as many the queue gives a message up."""

Record = Mapping[str, Any]


def handle(records: Sequence[Record], services: Services, *, deadline: float) -> dict[str, list[dict[str, str]]]:
    """The records that failed, as Lambda wants to be told."""
    failed = [record["messageId"] for record in records if not _Task(services, record, deadline).done()]
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in dict.fromkeys(failed)]}


@dataclass(frozen=True)
class _Task:
    """One message's trouble is no other's."""

    services: Services
    record: Record
    deadline: float

    def done(self) -> bool:
        try:
            request = parse(self.record["body"])
            if isinstance(request, Upload):
                self._upload(request)
            else:
                self._sweep(request)
        except Unusable as error:
            return self._put_aside(error)
        except Exception as error:  # noqa: BLE001 - the message comes back; the queue gives it up in the end
            return self._failed(error)
        return True

    def _failed(self, error: Exception) -> bool:
        text = f"message {self.record['messageId']}: {type(error).__name__}: {error}"
        if code_of(error) not in BUSY:
            log.error("message-failed", text, trace=not isinstance(error, OutOfTime))
            return self._come_back(SOON)
        if self._receives < RECEIVES:
            log.warning("batch-busy", f"{text}; it comes back")
            return self._come_back(LATER)
        log.warning("batch-busy", f"{text}; the hourly look will start it")
        return True

    def _upload(self, upload: Upload) -> None:
        found = self._found(upload)
        if found is None:
            return
        wanted, size = found
        why = refusal(self.services.settings.models[wanted.model], size)
        if why:
            log.warning("batch-refused", f"{wanted.key} is not scored: {why}", model=wanted.model, key=wanted.key)
            return
        start(self.services, wanted, size=size)

    def _found(self, upload: Upload) -> tuple[Input, int] | None:
        """The version that the event means, and its size; None, told in the log, if there is nothing to score."""
        settings = self.services.settings
        where = f"s3://{upload.bucket}/{upload.key}"
        if upload.bucket != settings.raw_bucket:
            raise Unusable("foreign-bucket", f"{where} is not in the raw bucket {settings.raw_bucket}")
        if is_ignored(upload.key):
            log.info("batch-ignored", f"{where}: a folder marker, hidden or half-written file", key=upload.key)
            return None
        problem = ""
        for key in spellings(upload.key):
            model = settings.models.get(model_of(key))
            if model is None:
                problem = problem or f"no batch/<model>/<file>; models: {', '.join(settings.models)}"
                continue
            wanted = input_of(model, bucket=upload.bucket, key=key, version_id=upload.version_id)
            if wanted is None:
                problem = f"it ends in none of {', '.join(model.suffixes)}"
                continue
            size = size_of(self.services.s3, bucket=upload.bucket, key=key, version_id=upload.version_id)
            if size is not None:
                return wanted, size
            problem = f"it has no version {upload.version_id} (any more)"
        log.warning("batch-refused", f"{where} is not scored: {problem}", key=upload.key)
        return None

    def _sweep(self, wanted: Sweep) -> None:
        """Each model's trouble is its own; the message comes back if one had any."""
        for name in strangers(self.services):
            log.warning("unknown-model", f"there is no model {name!r}, but files lie below batch/{name}/", model=name)
        troubles: list[Exception] = []
        for name in wanted.models:
            model = self.services.settings.models.get(name)
            if model is None:
                log.warning("unknown-model", f"the schedule names {name!r}, which is no model", model=name)
                continue
            try:
                sweep(self.services, model, deadline=self.deadline)
            except Exception as error:  # noqa: BLE001 - raised again when every model had its turn
                log.error("sweep-failed", f"{name}: {error}", trace=code_of(error) not in BUSY, model=name)
                troubles.append(error)
        if troubles:
            raise troubles[0]

    def _put_aside(self, error: Unusable) -> bool:
        try:
            put_aside(self.services, self.record, code=error.code, explanation=str(error))
        except (BotoCoreError, ClientError) as trouble:
            log.error("dead-letter-failed", f"message {self.record['messageId']}: {trouble}", trace=True)
            return False
        return True

    @property
    def _receives(self) -> int:
        return max(1, int(self.record.get("attributes", {}).get("ApproximateReceiveCount", 1)))

    def _come_back(self, pauses: Sequence[int]) -> bool:
        """The queue's own visibility timeout is made for a function that died."""
        try:
            self.services.sqs.change_message_visibility(
                QueueUrl=self.services.settings.queue_url,
                ReceiptHandle=self.record["receiptHandle"],
                VisibilityTimeout=pauses[min(self._receives, len(pauses)) - 1],
            )
        except (BotoCoreError, ClientError) as error:
            log.info("backoff-failed", f"message {self.record['messageId']} comes back in its own time: {error}")
        return False
