"""Reading an object by the number of its part: moto answers with the whole object, or without its metadata.

The request becomes one for the part's range. `mend` also reads ranges that are none as S3 does: as not given.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

from millrace.local.replacing import change
from millrace.local.service import ServiceError

RANGE = re.compile(r"bytes=\d*-\d*(?:,.*)?")
COUNT = "millrace.parts"


def by_range(found: Any, number: int, environ: dict[str, Any]) -> None:
    """Ask for the bytes of a part, from 1, of moto's object `found`; one that was put whole has a single part."""
    if "HTTP_RANGE" in environ:
        raise ServiceError("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
    parts = found.multipart.parts if found.multipart else {}
    numbers = sorted(parts) or [1]
    if not 1 <= number <= len(numbers):
        raise ServiceError("InvalidPartNumber", "The requested partnumber is not satisfiable", status=416)
    sizes = [parts[each].contentsize for each in numbers] if parts else [found.contentsize]
    begin = sum(sizes[: number - 1])
    environ["HTTP_RANGE"] = f"bytes={begin}-{begin + sizes[number - 1] - 1}"
    _without_number(environ)
    if parts:
        environ[COUNT] = str(len(numbers))


def _without_number(environ: dict[str, Any]) -> None:
    given = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    query = urlencode([each for each in given if each[0] != "partNumber"])
    environ["QUERY_STRING"] = query
    for name in ("RAW_URI", "REQUEST_URI"):
        if name in environ:
            environ[name] = f"{environ[name].partition('?')[0]}?{query}"


def mend() -> None:
    from moto.s3.responses import S3Response

    def ranged(self: Any, request: Any, headers: dict[str, Any], content: Any) -> Any:
        if not RANGE.fullmatch(request.headers.get("range", "")):
            return 200, headers, content
        status, headers, content = known(self, request, headers, content)
        if COUNT in request.environ:
            headers["x-amz-mp-parts-count"] = request.environ[COUNT]
        return status, headers, content

    known = change(S3Response, "_handle_range_header", ranged)
