"""What a message of the queue asks for. Pure; called by `work.py`.

Two kinds: EventBridge's "Object Created", and the schedule's input, which names the models to sweep.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from start_batch.errors import Unusable

MALFORMED = "malformed"


@dataclass(frozen=True)
class Upload:
    """One version of one object, as its event names it: the key may be encoded."""

    bucket: str
    key: str
    version_id: str


@dataclass(frozen=True)
class Sweep:
    """The models whose uploads are to be compared with what was started."""

    models: tuple[str, ...]


def parse(body: str) -> Upload | Sweep:
    """Read one message; raises Unusable if it is none of ours or makes no sense."""
    try:
        message = json.loads(body)
    except (json.JSONDecodeError, RecursionError) as error:
        raise Unusable(MALFORMED, f"the message is not JSON ({error})") from error
    if not isinstance(message, dict):
        raise Unusable(MALFORMED, f"the message is a JSON {type(message).__name__}, not an object")
    try:
        return _read(message)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else f"holds a wrong value ({error})"
        raise Unusable(MALFORMED, f"the message {what}") from error


def _read(message: Mapping[str, Any]) -> Upload | Sweep:
    if message.get("detail-type") == "Object Created":
        detail = message["detail"]
        item = detail["object"]
        return Upload(_text(detail["bucket"]["name"]), _text(item["key"]), _text(item["version-id"]))
    if "sweep" in message:
        models = message["sweep"]
        if not isinstance(models, list) or not all(isinstance(model, str) for model in models):
            raise TypeError(f"'sweep' must be a list of models, not {models!r}")
        return Sweep(tuple(models))
    raise Unusable(MALFORMED, "the message is neither an 'Object Created' event nor a sweep")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{value!r} is no text")
    return value
