"""Whether an upload arrived as its checksums say; moto takes any body with any digest.

Checksums come as headers, or after the body (trailers) when it was sent in chunks. Called by `checks`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from millrace.local.service import ServiceError

MD5 = "Content-MD5"
# The others (CRC32C, CRC64NVME) need libraries that are not installed with Millrace: they are stored as they come.
DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    MD5: lambda body: hashlib.md5(body, usedforsecurity=False).digest(),
    "x-amz-checksum-crc32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "x-amz-checksum-sha1": lambda body: hashlib.sha1(body, usedforsecurity=False).digest(),
    "x-amz-checksum-sha256": lambda body: hashlib.sha256(body).digest(),
}


def check(environ: Mapping[str, Any]) -> None:
    """Raise ServiceError unless the body has each digest that the request gives; the body can be read again."""
    given = {name: environ.get(f"HTTP_{name.upper().replace('-', '_')}") for name in DIGESTS}
    chunked = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "").startswith("STREAMING-")
    if not any(given.values()) and not (chunked and environ.get("HTTP_X_AMZ_TRAILER")):
        return
    stream = environ["wsgi.input"]
    body = stream.read()
    stream.seek(0)
    if chunked:
        body, trailers = unchunked(body)
        given |= {name: trailers[name] for name in DIGESTS if name in trailers}
    for name, value in given.items():
        if value is not None:
            _compare(name, value, DIGESTS[name](body))


def unchunked(sent: bytes) -> tuple[bytes, dict[str, str]]:
    """The body of a request in AWS's chunks, and its trailers by lower-case name."""
    stream, body = io.BytesIO(sent), bytearray()
    try:
        while size := int(stream.readline().partition(b";")[0], 16):
            body += stream.read(size)
            stream.readline()
    except ValueError as error:
        raise ServiceError("IncompleteBody", "The request body terminated unexpectedly") from error
    lines = (line.decode("latin-1").strip().partition(":") for line in stream)
    return bytes(body), {name.lower(): value.strip() for name, colon, value in lines if colon}


def _compare(name: str, value: str, real: bytes) -> None:
    try:
        given = base64.b64decode(value, validate=True)
    except binascii.Error:
        given = b""
    if len(given) != len(real):
        if name == MD5:
            raise ServiceError("InvalidDigest", "The Content-MD5 you specified was invalid.")
        raise ServiceError("InvalidRequest", f"Value for {name} header is invalid.")
    if given != real:
        what = name if name == MD5 else name.rpartition("-")[2].upper()
        told = "what we received" if name == MD5 else "the calculated checksum"
        raise ServiceError("BadDigest", f"The {what} you specified did not match {told}.")
