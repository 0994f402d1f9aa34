"""Where a request's template comes from: its body, a place in S3, or the stack's previous one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.exceptions import ClientError

from millrace.local.cloudformation.errors import TemplateError
from millrace.local.cloudformation.records import Stack
from millrace.local.service import Caller
from millrace.local.world import World

LONGEST_BODY = 51_200
LONGEST_OBJECT = 1_048_576
# bucket.s3.amazonaws.com, bucket.s3.eu-west-1.amazonaws.com, bucket.s3.localhost and the like
VIRTUAL_HOST = re.compile(r"^(?P<bucket>.+?)\.(?:s3[.-]|localhost)", re.IGNORECASE)


def template_body(world: World, caller: Caller, params: Mapping[str, Any], previous: Stack | None) -> str:
    """The template's text; exactly one source must be given."""
    if params.get("UsePreviousTemplate"):
        if previous is None or not previous.request.template_body:
            raise TemplateError("UsePreviousTemplate needs a stack that has a template")
        return previous.request.template_body
    body, url = params.get("TemplateBody"), params.get("TemplateURL")
    if (body is None) == (url is None):
        raise TemplateError("Either Template URL or Template Body must be specified.")
    if body is not None:
        if len(body.encode()) > LONGEST_BODY:
            raise TemplateError(
                f"1 validation error detected: Value at 'templateBody' failed to satisfy constraint: "
                f"Member must have length less than or equal to {LONGEST_BODY}"
            )
        return str(body)
    return _fetch(world, caller, str(url))


def bucket_and_key(url: str) -> tuple[str, str]:
    """The bucket and key of an S3 URL of any host style."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path.lstrip("/"))
    virtual = VIRTUAL_HOST.match(host)
    bucket, key = (virtual["bucket"], path) if virtual else path.partition("/")[::2]
    if parts.scheme not in ("http", "https") or not bucket or not key:
        raise TemplateError(f"TemplateURL must be a supported URL: {url}")
    return bucket, key


def _fetch(world: World, caller: Caller, url: str) -> str:
    bucket, key = bucket_and_key(url)
    version = parse_qs(urlsplit(url).query).get("versionId")
    try:
        found = world.aws.caller_client(caller, "s3").get_object(
            Bucket=bucket, Key=key, **({"VersionId": version[0]} if version else {})
        )
    except ClientError as error:
        raise TemplateError(f"S3 error: {error.response['Error']['Message']} ({url})") from error
    if found["ContentLength"] > LONGEST_OBJECT:
        raise TemplateError(f"Template may not exceed {LONGEST_OBJECT} bytes in size.")
    return str(found["Body"].read().decode())
