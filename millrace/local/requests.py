"""Requests in the one form that the rest of the embedded AWS reads: bucket in the path, signed by a header.

Called by the gateway: `by_path` before a request is read, `check_presigned` when it is decided, `sign_for_moto`
before moto serves it (moto takes account and public access from the header alone).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from millrace.local.iam import moto_s3
from millrace.local.service import ServiceError

Environ = dict[str, Any]

# Hosts that name a bucket: <bucket>.localhost and S3's own.
BUCKET_HOST = re.compile(r"(?P<bucket>.+?)\.(?:localhost|s3[.-][a-z0-9.-]*amazonaws\.com)(?::\d+)?")
OWN_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?")
LONGEST_PRESIGNED_SECONDS = 604800
NO_ACCOUNT = "000000000000"
# What an S3 request is about is said by one of these in its query.
SUBRESOURCES = frozenset(
    [
        "accelerate",
        "acl",
        "analytics",
        "attributes",
        "cors",
        "delete",
        "encryption",
        "intelligent-tiering",
        "inventory",
        "legal-hold",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "ownershipControls",
        "policy",
        "policyStatus",
        "publicAccessBlock",
        "replication",
        "requestPayment",
        "restore",
        "retention",
        "select",
        "tagging",
        "torrent",
        "uploads",
        "versioning",
        "versions",
        "website",
    ]
)


def is_of_a_page(environ: Environ) -> bool:
    """Whether a web page of another site makes the request: a browser says so, and everybody knows the root's key."""
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None:
        return not OWN_HOST.fullmatch(origin.removeprefix("http://"))
    return environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("none", "same-origin")


def by_path(environ: Environ) -> None:
    """Move the bucket from the host's name to the path; whatever else the host says has no meaning."""
    host = environ.get("HTTP_HOST", "")
    if not OWN_HOST.fullmatch(host):
        environ["HTTP_HOST"] = f"127.0.0.1:{environ.get('SERVER_PORT', '80')}"
    found = BUCKET_HOST.fullmatch(host)
    bucket = f"/{found['bucket']}" if found else ""
    for name in ("PATH_INFO", "RAW_URI", "REQUEST_URI"):
        path = environ.get(name, "")
        if path.startswith("//") or (bucket and path.startswith("/")):
            environ[name] = f"{bucket}/{path.lstrip('/')}"


def check_unambiguous(environ: Environ, service: str) -> None:
    """Refuse what could be read in two ways: the gate and moto must see the same request."""
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    if service == "s3":
        if environ["REQUEST_METHOD"] == "POST" and environ.get("CONTENT_TYPE", "").startswith("multipart/form-data"):
            told = "The embedded AWS takes no uploads by a form (presigned POST): presign a PUT instead"
            raise ServiceError("NotImplemented", told, status=501)
        named = sorted(SUBRESOURCES & query.keys())
        if len(named) > 1:
            raise ServiceError("InvalidArgument", f"Conflicting query string parameters: {', '.join(named)}")
    elif environ.get("HTTP_X_AMZ_TARGET") and query:
        raise ServiceError("ValidationException", f"Unexpected query string: {', '.join(sorted(query))}")
    elif environ["REQUEST_METHOD"] == "POST" and "Action" in query and int(environ.get("CONTENT_LENGTH") or 0):
        raise ServiceError("InvalidParameterCombination", "Parameters belong into the query or into the body, not both")


def check_presigned(environ: Environ, now: float) -> None:
    """Refuse a presigned URL whose time is over; `now` by the clock of who signed it."""
    text = environ.get("QUERY_STRING", "")
    if "X-Amz-Expires=" not in text and not ("AWSAccessKeyId=" in text and "Expires=" in text):
        return
    query = {name: values[0] for name, values in parse_qs(text).items()}
    try:
        ends = _ends(query)
    except (KeyError, ValueError) as error:
        raise ServiceError("AuthorizationQueryParametersError", f"Presigned URL: {error}") from error
    if int(query.get("X-Amz-Expires", "0")) > LONGEST_PRESIGNED_SECONDS:
        raise ServiceError(
            "AuthorizationQueryParametersError",
            f"X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
            f"{LONGEST_PRESIGNED_SECONDS} seconds",
        )
    if ends < now:
        raise ServiceError("AccessDenied", "Request has expired", status=403)


def _ends(query: Mapping[str, str]) -> float:
    if "X-Amz-Expires" not in query:
        return float(query["Expires"])
    begun = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return begun.timestamp() + int(query["X-Amz-Expires"])


def sign_for_moto(environ: Environ, access_key: str, region: str, signing_name: str) -> None:
    """The one header from which moto takes the service, the region and the account of a request."""
    scope = f"{access_key}/20000101/{region}/{signing_name}/aws4_request"
    environ["HTTP_AUTHORIZATION"] = (
        f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=checked-by-the-gate"
    )


def bucket_account(params: Mapping[str, Any]) -> str:
    """Whose bucket an anonymous request is about."""
    return moto_s3.bucket_owner(params.get("Bucket") or "") or NO_ACCOUNT
