"""Answers in pages: a token is the place of the next item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from millrace.local.service import ServiceError

T = TypeVar("T")


def page(items: Sequence[T], params: Mapping[str, Any], *, most: int) -> tuple[Sequence[T], dict[str, str]]:
    """The page that the request asks for, and the answer's NextToken if there is another one."""
    token = params.get("NextToken") or "0"
    if not token.isdigit():
        raise ServiceError("InvalidNextToken", f"{token} is no token of a page")
    start, size = int(token), min(params.get("MaxRecords") or most, most)
    end = start + size
    return items[start:end], {"NextToken": str(end)} if end < len(items) else {}
