"""What a message of the queue asks for. Pure; called by `batch.py`.

Five kinds: EventBridge's "Object Created" and the end of an execution, the schedule's input, and our own: a look
that is due, a file to take again, a start that somebody wants.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from start_pipeline.errors import DeadLetter
from start_pipeline.settings import StarterSettings

RUN_ENDED = "SageMaker Model Building Pipeline Execution Status Change"
MALFORMED = "malformed"


@dataclass(frozen=True)
class Upload:
    bucket: str
    key: str
    version_id: str
    etag: str
    size: int
    time: float
    event_id: str


@dataclass(frozen=True)
class RunEnded:
    model: str
    arn: str
    status: str
    time: float


@dataclass(frozen=True)
class Schedule:
    """`time` is 0 if the message does not say for when it was scheduled."""

    models: tuple[str, ...]
    time: float


@dataclass(frozen=True)
class LookDue:
    """`plain` looks at once, whatever was uploaded meanwhile."""

    model: str
    due: float
    correlation: str = ""
    cause: str = "upload"
    plain: bool = False
    request: str = ""


@dataclass(frozen=True)
class Replay:
    model: str
    bucket: str
    key: str
    version_id: str


@dataclass(frozen=True)
class Start:
    """`run` is a run whose data set to take again, else the data set of today; `request` is asked for only once."""

    model: str
    cause: str
    run: str
    reason: str
    request: str


Request = Upload | RunEnded | Schedule | LookDue | Replay | Start


def parse(body: str, settings: StarterSettings) -> Request:
    """Read one message; raises DeadLetter if it is none of ours or makes no sense."""
    try:
        message = json.loads(body)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DeadLetter(MALFORMED, f"the message is not JSON ({error})") from error
    if not isinstance(message, dict):
        raise DeadLetter(MALFORMED, f"the message is a JSON {type(message).__name__}, not an object")
    try:
        return _read(message, settings)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else f"holds a wrong value ({error})"
        raise DeadLetter(MALFORMED, f"the message {what}") from error


def _read(message: Mapping[str, Any], settings: StarterSettings) -> Request:
    kind = message.get("detail-type")
    if kind == "Object Created":
        return _upload(message)
    if kind == RUN_ENDED:
        detail = message["detail"]
        model = _text(detail["pipelineArn"]).rpartition("/")[2]
        status = _text(detail["currentPipelineExecutionStatus"])
        return RunEnded(model, _text(detail["pipelineExecutionArn"]), status, _time(message.get("time")))
    if "models" in message:
        models = message["models"]
        if not isinstance(models, list) or not all(isinstance(model, str) for model in models):
            raise TypeError(f"'models' must be a list of names, not {models!r}")
        return Schedule(tuple(models), _time(message.get("scheduled_time")))
    if "look" in message:
        return LookDue(
            _model(message["look"], settings),
            float(message["due"]),
            _text(message.get("correlation", "")),
            _text(message.get("cause", "upload")),
            bool(message.get("plain", False)),
            _text(message.get("request", "")),
        )
    if "replay" in message:
        replay = message["replay"]
        texts = [_text(replay[name]) for name in ("bucket", "key", "version_id")]
        return Replay(_model(replay["model"], settings), *texts)
    if "start" in message:
        start = message["start"]
        texts = [_text(start.get(name) or "") for name in ("run", "reason", "request")]
        return Start(_model(start["model"], settings), _text(start["cause"]), *texts)
    raise DeadLetter(
        MALFORMED, "the message is no 'Object Created' event, no end of a run, no schedule, look, replay or start"
    )


def _upload(event: Mapping[str, Any]) -> Upload:
    detail = event["detail"]
    item = detail["object"]
    key, version_id = _text(item["key"]), _text(item["version-id"])
    if not key or not version_id:
        raise ValueError("an empty key or version-id")
    return Upload(
        bucket=_text(detail["bucket"]["name"]),
        key=key,
        version_id=version_id,
        etag=str(item.get("etag", "")),
        size=int(item.get("size", 0)),
        time=_time(event.get("time")),
        event_id=_text(event["id"]),
    )


def _model(name: Any, settings: StarterSettings) -> str:
    if name not in settings.models:
        raise DeadLetter("unknown-model", f"there is no model {name!r}; known: {', '.join(settings.models)}")
    return str(name)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _time(value: Any) -> float:
    """Epoch seconds of an ISO time; 0 if there is none. The schedule's placeholder stays when it is sent by hand."""
    if not isinstance(value, str) or not value or value.startswith("<"):
        return 0.0
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(f"the time {value!r} has no zone")
    return moment.timestamp()
