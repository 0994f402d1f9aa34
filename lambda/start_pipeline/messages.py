"""What a message of the queue asks for: an S3 event names one file, a schedule names models. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from start_pipeline.settings import StarterSettings


class MessageError(ValueError):
    """A message nobody can act on, however often it is delivered."""


@dataclass(frozen=True)
class Request:
    """The models to look at, and why the message asks for no (other) one."""

    models: tuple[str, ...]
    ignored: str = ""


def parse(body: str, settings: StarterSettings) -> Request:
    """Read one message; raises MessageError if it is neither an S3 event nor a schedule's input."""
    try:
        message = json.loads(body)
    except json.JSONDecodeError as error:
        raise MessageError(f"the message is not JSON ({error}): {body[:200]!r}") from error
    if not isinstance(message, dict):
        raise MessageError(f"the message is not an object: {body[:200]!r}")
    if message.get("detail-type") == "Object Created":
        return _from_upload(message, settings)
    if "models" in message:
        return _from_schedule(message["models"], settings)
    raise MessageError(f"the message is neither an 'Object Created' event nor names models: {body[:200]!r}")


def _from_upload(event: dict[str, Any], settings: StarterSettings) -> Request:
    try:
        bucket, key = event["detail"]["bucket"]["name"], event["detail"]["object"]["key"]
    except (KeyError, TypeError) as error:
        raise MessageError(f"the event lacks detail.bucket.name or detail.object.key: {event}") from error
    uri = f"s3://{bucket}/{key}"
    if bucket != settings.raw_bucket:
        return Request((), f"{uri} is not in the raw bucket {settings.raw_bucket}")
    parts = str(key).split("/", 3)
    if len(parts) < 4 or parts[0] != "raw":
        return Request((), f"{uri} is not raw/<model>/<table>/<file>")
    _, model, table, _ = parts
    if model not in settings.models:
        return Request((), f"{uri}: there is no model {model!r}; known: {', '.join(settings.models)}")
    tables = settings.models[model]
    if table not in tables:
        return Request((), f"{uri}: model {model} has no table {table!r}; known: {', '.join(tables)}")
    return Request((model,))


def _from_schedule(models: Any, settings: StarterSettings) -> Request:
    if not isinstance(models, list) or not all(isinstance(model, str) for model in models):
        raise MessageError(f"'models' must be a list of names, not {models!r}")
    unknown = [model for model in models if model not in settings.models]
    ignored = f"there is no model {', '.join(map(repr, unknown))}" if unknown else ""
    return Request(tuple(model for model in models if model in settings.models), ignored)
