"""Planted bugs: ways in which published samples of such triggers go wrong. The checker must find every one.

Most change what the function asks of AWS or what it gets as answer, so that they do not depend on how it is written.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

from botocore.exceptions import ClientError

from tests.chaos.calls import Crash, twin
from tests.chaos.history import History
from tests.chaos.play import Played, play
from tests.chaos.starter import start_pipeline
from tests.chaos.world import Function, Place

Records = list[dict[str, Any]]
Request = dict[str, Any]
Send = Callable[[Request], Request]


@dataclass(frozen=True)
class Mutation:
    """A planted bug: the function with it, or a part of the code to be replaced while a history is played."""

    name: str
    function: Function = start_pipeline
    target: str = ""
    new: Callable[..., Any] | None = None

    def play(self, history: History, crashes: Iterable[Crash] = ()) -> Played:
        with mock.patch(self.target, self.new) if self.target else nullcontext():
            return play(history, crashes, function=self.function)


def _calls(name: str, service: str, operation: str, mutate: Callable[[Request, Send], Request]) -> Mutation:
    """The function, whose calls of one operation go through `mutate`."""

    def function(records: Records, place: Place) -> dict[str, Any]:
        client = twin(place.clients[service])
        call = client._make_api_call

        def changed(name: str, request: Request) -> Request:
            if name != operation:
                return dict(call(name, request))
            return mutate(copy.deepcopy(request), lambda sent: call(name, sent))

        client._make_api_call = changed
        return start_pipeline(records, replace(place, clients={**place.clients, service: client}))

    return Mutation(name, function)


def _code(name: str, target: str, new: Callable[..., Any]) -> Mutation:
    return Mutation(name, target=f"start_pipeline.{target}", new=new)


def _first_record_only(records: Records, place: Place) -> dict[str, Any]:
    return start_pipeline(records[:1], place)


def _failures_swallowed(records: Records, place: Place) -> dict[str, Any]:
    start_pipeline(records, place)
    return {"batchItemFailures": []}


def _schedule_ignored(records: Records, place: Place) -> dict[str, Any]:
    rest = [record for record in records if '"scheduled_time"' not in record["body"]]
    return start_pipeline(rest, place) if rest else {"batchItemFailures": []}


def _token_without_attempt(request: Request, send: Send) -> Request:
    return send({**request, "ClientRequestToken": request["ClientRequestToken"].rpartition("-")[0]})


def _newest_instead_of_version(request: Request, send: Send) -> Request:
    request["CopySource"].pop("VersionId", None)
    return send(request)


def _unconditional(kinds: tuple[str, ...]) -> Callable[[Request, Send], Request]:
    def mutate(request: Request, send: Send) -> Request:
        key = request.get("Key") or request["Item"]
        if key["item"]["S"].split("#")[0] in kinds:
            text = json.dumps(request)
            request.pop("ConditionExpression", None)
            used = [name for name in request.get("ExpressionAttributeValues", {}) if name in text]
            request["ExpressionAttributeValues"] = {name: request["ExpressionAttributeValues"][name] for name in used}
            if not used:
                del request["ExpressionAttributeValues"]
        return send(request)

    return mutate


def _one_page(request: Request, send: Send) -> Request:
    return {**send(request), "IsTruncated": False}


def _no_markers(request: Request, send: Send) -> Request:
    """Takes the newest version of a deleted key for the current one."""
    answer = send(request)
    hidden = {marker["Key"] for marker in answer.pop("DeleteMarkers", []) if marker["IsLatest"]}
    for version in answer.get("Versions", []):
        if version["Key"] in hidden:
            hidden.discard(version["Key"])
            version["IsLatest"] = True
    return answer


def _everything_current(request: Request, send: Send) -> Request:
    answer = send(request)
    for version in answer.get("Versions", []):
        version["IsLatest"] = True
    return answer


def _always_succeeded(request: Request, send: Send) -> Request:
    answer = send(request)
    ended = answer["PipelineExecutionStatus"] == "Failed"
    return {**answer, "PipelineExecutionStatus": "Succeeded"} if ended else answer


def _nothing_found(request: Request, send: Send) -> Request:
    return {**send(request), "PipelineExecutionSummaries": []}


def _copies_lost(request: Request, send: Send) -> Request:
    """Takes a throttled copy for a done one."""
    if request["Key"].endswith("/00001.csv"):
        return {}
    try:
        return send(request)
    except ClientError:
        return {}


def _nothing_wrong(*_: object, **__: object) -> None:
    return None


def _lock_first(close: Callable[..., None]) -> Callable[..., None]:
    """The end of a run frees the lock and forgets to come back when the files could not be noted."""

    def closed(ledger: Any, run: Any, **about: Any) -> None:
        from start_pipeline import finish

        finish._release(ledger, run.run, state=about["state"], now=about["now"])
        close(ledger, run, **about)

    return closed


def _mutations() -> tuple[Mutation, ...]:
    from start_pipeline import finish

    return (
        Mutation("only the first record of a batch is read", _first_record_only),
        Mutation("failures are swallowed", _failures_swallowed),
        Mutation("the schedule is ignored", _schedule_ignored),
        _calls("the request token has no attempt", "sagemaker", "StartPipelineExecution", _token_without_attempt),
        _calls("the newest version is copied", "s3", "CopyObject", _newest_instead_of_version),
        _calls("a copy that failed counts as done", "s3", "CopyObject", _copies_lost),
        _calls("the lock is taken without a condition", "dynamodb", "UpdateItem", _unconditional(("lock",))),
        _calls("rows are written over", "dynamodb", "PutItem", _unconditional(("file",))),
        _calls("only the first page is listed", "s3", "ListObjectVersions", _one_page),
        _calls("delete markers are not seen", "s3", "ListObjectVersions", _no_markers),
        _calls("old versions count as current", "s3", "ListObjectVersions", _everything_current),
        _calls("every end is a success", "sagemaker", "DescribePipelineExecution", _always_succeeded),
        _code("bad files are let through", "admit.check_head", _nothing_wrong),
        _code("the lock is released before the rows", "finish.close", _lock_first(finish.close)),
        _code("the end of a run leaves the lock", "finish._release", _nothing_wrong),
        _code("the end of a run leaves the files", "finish._move_files", _nothing_wrong),
    )


MUTATIONS: Mapping[str, Mutation] = {mutation.name: mutation for mutation in _mutations()}

BLIND_RESUME = _calls(
    "a start that goes on after a crash does not look for its execution",
    "sagemaker",
    "ListPipelineExecutions",
    _nothing_found,
)
"""A bug that shows only if the function dies between the start and its note of it."""
