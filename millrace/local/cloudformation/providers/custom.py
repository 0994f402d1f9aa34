"""Custom resources: a Lambda function is invoked and answers by a PUT to a presigned S3 URL, as on AWS."""

from __future__ import annotations

import json
import uuid
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.cloudformation.errors import ResourceError
from millrace.local.cloudformation.providers.base import Context, Made, Properties

ANSWER_SECONDS = 3600.0


class CustomResource:
    """What the function answers as Data are the attributes; a new physical id replaces the resource."""

    attributes: frozenset[str] = frozenset()  # not known before the function has answered: none is refused early
    name_property: str | None = None

    def __init__(self, type_: str) -> None:
        self._type = type_

    def refused(self, properties: Properties) -> list[str]:
        return []

    def create(self, ctx: Context, properties: Properties) -> Made:
        return self._ask(ctx, "Create", properties)

    def complete(self, ctx: Context, made: Made, properties: Properties) -> Made:
        return made

    def update(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        further = {"PhysicalResourceId": made.physical_id, "OldResourceProperties": _as_text(old)}
        return self._ask(ctx, "Update", new, **further)

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        self._ask(ctx, "Delete", properties, PhysicalResourceId=made.physical_id)

    def _ask(self, ctx: Context, kind: str, properties: Properties, **further: Any) -> Made:
        if not str(properties["ServiceToken"]).startswith("arn:aws:lambda:"):
            raise ResourceError(f"ServiceToken {properties['ServiceToken']}: only a Lambda function is supported")
        s3, where = ctx.own_client("s3"), _answer_place(ctx)
        url = s3.generate_presigned_url("put_object", Params=where, ExpiresIn=int(ANSWER_SECONDS))
        event = {
            "RequestType": kind,
            "RequestId": str(uuid.uuid4()),
            "ResponseURL": url,
            "ResourceType": self._type,
            "LogicalResourceId": ctx.logical_id,
            "StackId": ctx.stack_id,
            "ServiceToken": properties["ServiceToken"],
            "ResourceProperties": _as_text(properties),
            **further,
        }
        ctx.client("lambda").invoke(
            FunctionName=properties["ServiceToken"], InvocationType="Event", Payload=json.dumps(event)
        )
        return _made(self._wait(ctx, s3, where), ctx)

    def _wait(self, ctx: Context, s3: Any, where: dict[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def answered() -> bool:
            try:
                found.update(json.loads(s3.get_object(**where)["Body"].read()))
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("NoSuchKey", "404"):
                    raise
            return bool(found)

        ctx.wait(answered, what="Custom Resource", seconds=ANSWER_SECONDS)
        s3.delete_object(**where)
        return found


def _answer_place(ctx: Context) -> dict[str, str]:
    """AWS keeps the answers in a bucket of its own; here it is one in the stack's account."""
    bucket = f"custom-resource-response-{ctx.account}-{ctx.region}"
    s3 = ctx.own_client("s3")
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError:
        where = {} if ctx.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": ctx.region}}
        s3.create_bucket(Bucket=bucket, **where)
    return {"Bucket": bucket, "Key": f"{ctx.stack_name}/{ctx.logical_id}/{uuid.uuid4()}"}


def _made(answer: dict[str, Any], ctx: Context) -> Made:
    if answer.get("Status") != "SUCCESS":
        reason = answer.get("Reason") or "no reason given"
        raise ResourceError(f"Received response status [FAILED] from custom resource. Message returned: {reason}")
    return Made(str(answer.get("PhysicalResourceId") or ctx.logical_id), dict(answer.get("Data") or {}))


def _as_text(value: Any) -> Any:
    """CloudFormation hands every scalar to a custom resource as text."""
    if isinstance(value, dict):
        return {key: _as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
