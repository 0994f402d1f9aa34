"""Which models the messages of the queue are about: events name the stack. Pure."""

from __future__ import annotations

import json

from smoke_test.errors import MessageError
from smoke_test.settings import SmokeSettings

DEPLOYED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


def model_of(body: str, settings: SmokeSettings) -> str | None:
    """The model whose stack was deployed; None if the message is about another one, or another state."""
    try:
        event = json.loads(body)
        detail = event["detail"]
        name, status = detail["stack-id"].split("/")[1], detail["status-details"]["status"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise MessageError(f"the message is not an event as expected ({error!r}): {body[:300]!r}") from error
    found = next((model for model, stack in settings.stacks.items() if stack == name), None)
    return found if status in DEPLOYED else None
