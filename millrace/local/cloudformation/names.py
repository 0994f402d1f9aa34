"""Physical names as CloudFormation generates them: stack, logical id and a suffix, cut to the service's limit."""

from __future__ import annotations

import base64
import hashlib

SUFFIX = 12


def generated_name(
    stack: str, logical_id: str, seed: str, *, limit: int, lower: bool = False, separator: str = "-"
) -> str:
    """The same stack, logical id and seed always give the same name; another seed gives another."""
    digest = hashlib.sha256(f"{stack}/{logical_id}/{seed}".encode()).digest()
    suffix = base64.b32encode(digest).decode()[:SUFFIX]
    room = limit - SUFFIX - len(separator)
    first = f"{stack}{separator}{logical_id}"
    if len(first) > room:
        # AWS shortens both parts so that each stays recognisable.
        half = (room - len(separator)) // 2
        first = f"{stack[:half]}{separator}{logical_id[:half]}"
    name = f"{first}{separator}{suffix}"
    return name.lower() if lower else name
