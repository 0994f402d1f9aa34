"""Puts a message that nobody can act on aside, with its reason.

The function does it itself: a message the queue gives up on carries no reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from shared import log

LONGEST = 1_000
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What SQS takes neither in a body nor in an attribute."""


class Settings(Protocol):
    @property
    def dead_letters_url(self) -> str: ...


class Services(Protocol):
    @property
    def sqs(self) -> Any: ...
    @property
    def settings(self) -> Settings: ...


def put_aside(services: Services, record: Mapping[str, Any], *, code: str, explanation: str) -> None:
    """Send the message to the queue of dead letters; it counts as done then."""
    texts = {"Reason": code, "Explanation": explanation, "MessageId": record["messageId"]}
    services.sqs.send_message(
        QueueUrl=services.settings.dead_letters_url,
        MessageBody=FORBIDDEN.sub("\ufffd", record["body"]) or "(empty)",
        MessageAttributes={
            name: {"DataType": "String", "StringValue": FORBIDDEN.sub("\ufffd", text)[:LONGEST] or "unknown"}
            for name, text in texts.items()
        },
    )
    log.error("dead-letter", f"message {record['messageId']}: {explanation}", reason_code=code)
