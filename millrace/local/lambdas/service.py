"""AWS Lambda: Invoke is ours, the configuration of functions and event source mappings is moto's.

Invocations run in worker processes (`pool`), asynchronous ones wait in `asynchronous`, queues are polled in `queues`.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from typing import Any

from millrace.local.events.timer import Timer
from millrace.local.lambdas import measures
from millrace.local.lambdas.asynchronous import AsyncInvoker
from millrace.local.lambdas.functions import Functions, Reference
from millrace.local.lambdas.pool import Pool
from millrace.local.lambdas.process import Invocation, Outcome
from millrace.local.lambdas.queues import Queues
from millrace.local.service import Caller, Handler, ServiceError
from millrace.local.world import World

MOST_SYNC_BYTES = 6 * 1024 * 1024
MOST_ASYNC_BYTES = 1024 * 1024
CHANGES = ("UpdateFunctionCode", "UpdateFunctionConfiguration", "DeleteFunction", "PublishVersion", "UpdateAlias")


class Lambda:
    """The part of Lambda that runs functions."""

    name = "lambda"
    complete = False

    def __init__(self, world: World) -> None:
        self._world = world
        timer = Timer(world, name="lambda timer")
        self._functions = Functions(world)
        self._pool = Pool(world, self._functions, timer)
        self._async = AsyncInvoker(world, self._functions, timer, self.run)
        self.queues = Queues(world, self._functions, timer, self.run)
        world.on_change("lambda", self._changed)

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {"Invoke": self.invoke, "InvokeAsync": self.invoke_async}

    @property
    def store(self) -> Queues:
        """What of Lambda must survive a restart: where there are queues to poll."""
        return self.queues

    def describe(self, _method: str, _params: dict[str, Any]) -> dict[str, Any]:
        """The internal route `lambda`: who reads the queues and who runs functions, now."""
        return {"pollers": self.queues.describe(), "workers": self._pool.describe()}

    def start(self) -> None:
        self.queues.start()

    def stop(self) -> None:
        self._pool.retire()

    def run(
        self, reference: Reference, event: str, request_id: str, client_context: dict[str, Any] | None = None
    ) -> Outcome:
        """Run a function now and wait for what it answers."""
        function = self._functions.get(reference)
        try:
            outcome = self._pool.run(function, Invocation(request_id, event, reference.arn, client_context))
        except ServiceError as error:
            measures.refused(self._world, reference, error.code)
            raise
        measures.ran(self._world, reference, outcome)
        return outcome

    def invoke(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        reference = Reference.parse(
            params["FunctionName"],
            account=caller.account,
            region=caller.region,
            qualifier=params.get("Qualifier"),
        )
        function = self._functions.get(reference)
        kind = params.get("InvocationType") or "RequestResponse"
        event = _event(_bytes(params.get("Payload")), MOST_ASYNC_BYTES if kind == "Event" else MOST_SYNC_BYTES)
        if kind == "DryRun":
            return {"StatusCode": 204, "Payload": b""}
        request_id = str(uuid.uuid4())
        if kind == "Event":
            self._async.submit(reference, event, request_id)
            return {"StatusCode": 202, "Payload": b""}
        outcome = self.run(reference, event, request_id, _client_context(params.get("ClientContext")))
        answer: dict[str, Any] = {
            "StatusCode": 200,
            "Payload": outcome.payload,
            "ExecutedVersion": function.version,
        }
        if outcome.failed:
            answer["FunctionError"] = "Unhandled"
        if params.get("LogType") == "Tail":
            answer["LogResult"] = base64.b64encode(outcome.tail).decode()
        return answer

    def invoke_async(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        reference = Reference.parse(params["FunctionName"], account=caller.account, region=caller.region)
        self._functions.get(reference)
        self._async.submit(reference, _event(_bytes(params["InvokeArgs"]), MOST_ASYNC_BYTES), str(uuid.uuid4()))
        return {"Status": 202}

    def _changed(self, caller: Caller, operation: str, params: dict[str, Any]) -> None:
        if operation in CHANGES:
            named = Reference.parse(params["FunctionName"], account=caller.account, region=caller.region)
            self._pool.retire(Reference(named.account, named.region, named.name).arn)


def _bytes(payload: Any) -> bytes:
    if payload is None:
        return b""
    if hasattr(payload, "read"):
        payload = payload.read()
    return payload.encode() if isinstance(payload, str) else bytes(payload)


def _event(payload: bytes, most: int) -> str:
    """The event's JSON text; no payload is an empty object."""
    if len(payload) > most:
        raise ServiceError(
            "RequestTooLargeException",
            f"{len(payload)} byte payload is too large for the invocation (limit {most} bytes)",
            status=413,
            Type="User",
        )
    try:
        text = payload.decode() or "{}"
        json.loads(text)
    except ValueError as error:
        raise ServiceError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}", Type="User"
        ) from error
    return text


def _client_context(encoded: str | None) -> dict[str, Any] | None:
    if not encoded:
        return None
    try:
        return dict(json.loads(base64.b64decode(encoded)))
    except (ValueError, TypeError) as error:
        raise ServiceError(
            "InvalidRequestContentException", f"Client context must be a valid Base64-encoded JSON object: {error}"
        ) from error
