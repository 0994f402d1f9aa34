"""Works off a batch of SQS records; what fails comes back alone. Called by `handler.py`.

Uploads come first and wake once for each model, then the ends of runs, then who wants to look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from shared import log
from shared.dead_letters import put_aside

from start_pipeline import uploads, wake
from start_pipeline.errors import DeadLetter, code_of
from start_pipeline.finish import describe, finish
from start_pipeline.look import RUN_ENDED, Look, look
from start_pipeline.messages import LookDue, Replay, Request, RunEnded, Schedule, Start, Upload, parse
from start_pipeline.rows import UPLOAD
from start_pipeline.schedule import reconcile
from start_pipeline.services import Services
from start_pipeline.uploads import Landing

RECEIVES = 5
"""After as many the queue gives a message up; the last time we put it aside ourselves, with the reason."""
BACKOFF_SECONDS = (5, 10, 20, 40)

Record = Mapping[str, Any]


def handle(records: Sequence[Record], services: Services, *, deadline: float) -> dict[str, list[dict[str, str]]]:
    """The records that failed, as Lambda wants to be told."""
    batch = _Batch(services, deadline)
    batch.work(records)
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in dict.fromkeys(batch.failed)]}


@dataclass(frozen=True)
class _Task:
    record: Record
    request: Request

    @property
    def identifier(self) -> str:
        return str(self.record["messageId"])

    @property
    def receives(self) -> int:
        return _receives(self.record)


@dataclass(frozen=True)
class _Batch:
    services: Services
    deadline: float
    failed: list[str] = field(default_factory=list)
    correlations: dict[str, str] = field(default_factory=dict)

    def work(self, records: Iterable[Record]) -> None:
        tasks: list[_Task] = []
        for record in records:
            self._try([record], self._read, record, tasks)
        self._arrivals([task for task in tasks if isinstance(task.request, Upload | Replay)])
        self._looks([task for task in tasks if isinstance(task.request, LookDue)])
        for task in tasks:
            self._try([task.record], self._other, task)

    @property
    def _settings(self) -> Any:
        return self.services.settings

    def _read(self, record: Record, tasks: list[_Task]) -> None:
        tasks.append(_Task(record, parse(record["body"], self._settings)))

    def _arrivals(self, tasks: Iterable[_Task]) -> None:
        landed: dict[str, list[tuple[Record, Landing]]] = {}
        for task in tasks:
            self._try([task.record], self._land, task, landed)
        for model, landings in landed.items():
            self._try([record for record, _ in landings], self._wake, model, [landing for _, landing in landings])

    def _land(self, task: _Task, landed: dict[str, list[tuple[Record, Landing]]]) -> None:
        if landing := self._arrive(task):
            landed.setdefault(landing.model, []).append((task.record, landing))

    def _arrive(self, task: _Task) -> Landing | None:
        if isinstance(task.request, Upload):
            return uploads.receive(self.services, task.request, self._correlation)
        if isinstance(task.request, Replay):
            return uploads.replay(self.services, task.request, request=task.identifier, correlation=task.identifier)
        return None

    def _correlation(self, model: str, event_id: str) -> str:
        """The id of the burst, which is its first event's."""
        if model not in self.correlations:
            pending = wake.read(self.services.ledger(model))
            self.correlations[model] = (pending.correlation if pending else "") or event_id
        return self.correlations[model]

    def _wake(self, model: str, landings: list[Landing]) -> None:
        now, correlation = max(landing.now for landing in landings), landings[0].correlation
        if self._settings.models[model].trigger.debounce_seconds:
            wake.ask(self.services, model, now=now, correlation=correlation)
        else:
            self._look(Look(model, UPLOAD, now, correlation))

    def _looks(self, tasks: Iterable[_Task]) -> None:
        """One look for all messages that want the same."""
        wanted: dict[tuple[str, bool], list[tuple[_Task, LookDue]]] = {}
        for task in tasks:
            if isinstance(task.request, LookDue):
                wanted.setdefault((task.request.model, task.request.plain), []).append((task, task.request))
        for same in wanted.values():
            self._try([task.record for task, _ in same], self._look_if_due, same)

    def _look_if_due(self, same: list[tuple[_Task, LookDue]]) -> None:
        last, message = max(same, key=lambda pair: pair[1].due)
        now = max(self.services.clock(), message.due)
        receives = max(task.receives for task, _ in same)
        if message.plain or wake.is_time(self.services, message, now=now, receives=receives):
            correlation = message.correlation or last.identifier
            self._look(Look(message.model, message.cause, now, correlation, request=message.request))

    def _other(self, task: _Task) -> None:
        request = task.request
        if isinstance(request, RunEnded):
            self._run_ended(request, task.identifier)
        elif isinstance(request, Start):
            run, asked = request.run, request.request or task.identifier
            now = self.services.clock()
            log.info("start-asked", f"{request.model}: {request.reason or request.cause}", model=request.model, run=run)
            self._look(Look(request.model, request.cause, now, asked, request=asked, forced=True, run=run))
        elif isinstance(request, Schedule):
            self._schedule(request, task.identifier)

    def _run_ended(self, message: RunEnded, identifier: str) -> None:
        if message.model not in self._settings.models:
            log.warning("run-foreign", f"{message.arn} is a run of no model of ours", arn=message.arn)
            return
        ledger, now = self.services.ledger(message.model), max(self.services.clock(), message.time)
        execution = describe(self.services, message.arn)
        if execution and finish(ledger, execution, now=now):
            self._look(Look(message.model, RUN_ENDED, now, identifier))

    def _schedule(self, message: Schedule, identifier: str) -> None:
        """Each model's trouble is its own; the message comes back if one had any."""
        troubles: list[Exception] = []
        for model in message.models:
            if model not in self._settings.models:
                log.warning("unknown-model", f"the schedule names {model!r}, which is no model", model=model)
                continue
            try:
                reconcile(self.services, model, scheduled=message.time, correlation=identifier, deadline=self.deadline)
            except Exception as error:  # noqa: BLE001 - raised again when every model had its turn
                log.error("schedule-failed", f"{model}: the scheduled look failed: {error}", trace=True, model=model)
                troubles.append(error)
        if troubles:
            raise troubles[0]

    def _look(self, wanted: Look) -> None:
        look(self.services, wanted, deadline=self.deadline)

    def _try(self, records: list[Record], work: Callable[..., object], *arguments: object) -> None:
        """One message's trouble is no other's."""
        try:
            work(*arguments)
        except DeadLetter as error:
            for record in records:
                self._put_aside(record, error.code, str(error))
        except Exception as error:  # noqa: BLE001 - the message comes back, or is put aside with the error
            log.error("message-failed", f"{_names(records)}: {type(error).__name__}: {error}", trace=True)
            for record in records:
                self._fail(record, error)

    def _fail(self, record: Record, error: Exception) -> None:
        if _receives(record) >= RECEIVES:
            self._put_aside(record, code_of(error), f"failed {RECEIVES} times, at last with: {error}")
        else:
            self._come_back(record)

    def _put_aside(self, record: Record, code: str, explanation: str) -> None:
        try:
            put_aside(self.services, record, code=code, explanation=explanation)
        except (BotoCoreError, ClientError) as error:
            log.error("dead-letter-failed", f"{_names([record])}: {error}", trace=True)
            self._come_back(record)

    def _come_back(self, record: Record) -> None:
        """Soon: the queue's own visibility timeout is made for a function that died."""
        self.failed.append(record["messageId"])
        try:
            self.services.sqs.change_message_visibility(
                QueueUrl=self._settings.queue_url,
                ReceiptHandle=record["receiptHandle"],
                VisibilityTimeout=BACKOFF_SECONDS[min(_receives(record), len(BACKOFF_SECONDS)) - 1],
            )
        except (BotoCoreError, ClientError) as error:
            log.info("backoff-failed", f"{_names([record])} comes back in its own time: {error}")


def _receives(record: Record) -> int:
    return max(1, int(record.get("attributes", {}).get("ApproximateReceiveCount", 1)))


def _names(records: Iterable[Record]) -> str:
    return "message " + ", ".join(str(record["messageId"]) for record in records)
