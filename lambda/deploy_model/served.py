"""A pipeline's callback step waits until a version is served: its message comes through the queue like all others.

    {"token": "...", "pipelineExecutionArn": "...", "arguments": {"model": "...", "version": "..."}, "status": "..."}

As long as there is no answer the message is sent again, later each time, instead of being failed: five failures would
make it a dead letter, and a canary of an hour is no failure. `batch.py` calls `Callbacks.take` first.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from shared.records import utc

from deploy_model.deploy import Deployer
from deploy_model.direct import asked_for, why_not
from deploy_model.errors import GrantError, MessageError, RefusedError
from deploy_model.messages import Request
from deploy_model.plan import SERVED, Action, short

SHORTEST_WAIT, LONGEST_WAIT = 5, 900
"""Seconds; SQS delays a message by 900 at most."""
PATIENCE = timedelta(hours=24)
"""Longer than any roll-out that the settings allow, shorter than SQS keeps a message."""
LONGEST_REASON = 256
ANSWERED = ("ResourceNotFound", "ConflictException")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What the step is told."""

    succeeded: bool
    reason: str


@dataclass(frozen=True)
class Callbacks:
    """Answers the steps that wait; the queue is the function's own."""

    deployer: Deployer
    sqs: Any
    queue_url: str

    def take(self, body: str) -> bool:
        """Answer the step of this message, or look again later; False if it is another kind of message."""
        message = _read(body)
        if message is None:
            return False
        now = self.deployer.now()
        since = datetime.fromisoformat(message["since"]) if "since" in message else now
        answer = self._answer(message, waited=now - since)
        if answer is None:
            self._look_again(message, since, now)
        else:
            self._tell(message["token"], answer)
        return True

    def _answer(self, message: Mapping[str, Any], *, waited: timedelta) -> Answer | None:
        if message.get("status", message.get("Status")) == "Stopping":
            return Answer(False, "the run was stopped; the deployment goes on without it")
        try:
            model, version = message["arguments"]["model"], message["arguments"]["version"]
        except (KeyError, TypeError) as error:
            raise MessageError(f"the message of a step names no model and version ({error!r})") from error
        try:
            answer = outcome(model, version, self.deployer)
        except (GrantError, RefusedError) as error:
            answer = Answer(False, str(error))
        if answer is None and waited > PATIENCE:
            hours = int(PATIENCE.total_seconds() // 3600)
            return Answer(False, f"after {hours} hours {short(version)} is neither served and tested nor taken back")
        return answer

    def _look_again(self, message: Mapping[str, Any], since: datetime, now: datetime) -> None:
        """Later by a quarter of the time that it has taken: what takes long may be noticed later."""
        quarter = int((now - since).total_seconds() / 4)
        self.sqs.send_message(
            QueueUrl=self.queue_url,
            MessageBody=json.dumps({**message, "since": since.isoformat()}),
            DelaySeconds=min(max(quarter, SHORTEST_WAIT), LONGEST_WAIT),
        )

    def _tell(self, token: str, answer: Answer) -> None:
        """A message may come twice: a step that was answered, or that is gone, needs no answer."""
        sagemaker = self.deployer.sagemaker
        log.info("a pipeline is told: %s", answer.reason)
        try:
            if answer.succeeded:
                outputs = [{"Name": "reason", "Value": answer.reason}]
                sagemaker.send_pipeline_execution_step_success(CallbackToken=token, OutputParameters=outputs)
            else:
                reason = answer.reason[:LONGEST_REASON]
                sagemaker.send_pipeline_execution_step_failure(CallbackToken=token, FailureReason=reason)
        except ClientError as error:
            if error.response["Error"].get("Code") not in ANSWERED:
                raise
            log.info("its step does not wait any more: %s", error)


def outcome(model: str, version: str, deployer: Deployer) -> Answer | None:
    """What became of the version; None as long as its deployment, or the test after it, goes on."""
    deployment = asked_for(model, version, deployer)
    if why := why_not(version, deployment):
        return Answer(False, why)
    decided = deployer.reconcile(Request(model))
    if decided.action in (Action.BLOCKED, Action.REFUSED) and decided.version in ("", version):
        return Answer(False, decided.reason)
    stack, known = deployment.stack.read(), deployment.registry.version(version)
    if decided.action is not Action.NOTHING or stack is None or known is None or stack.version != version:
        return None
    told = known.records.get(f"{deployer.settings.account}_smoke", "")
    # Each deployment of a version is tested on its own. A stack that went back to it was not deployed anew.
    of_this = stack.status not in SERVED or f"deployment of {utc(stack.changed)}" in told
    return Answer(True, told) if told.startswith("passed ") and of_this else None


def _read(body: str) -> dict[str, Any] | None:
    try:
        message = json.loads(body)
    except ValueError:
        return None
    ours = isinstance(message, dict) and {"token", "pipelineExecutionArn"} <= message.keys()
    return message if ours else None
