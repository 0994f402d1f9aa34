"""AWS::S3::Bucket and BucketPolicy: the bucket's configuration is some dozen separate calls of the S3 API."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.cloudformation.providers.base import Base, Context, Made, Properties, is_missing
from millrace.local.cloudformation.providers.coerce import call_input
from millrace.local.cloudformation.providers.s3_shapes import (
    access_control,
    encryption,
    lifecycle,
    logging_status,
    notifications,
    same,
    tag_set,
    versioning,
)
from millrace.local.cloudformation.schema import changed

Shape = Callable[[Any], Any]

# property -> the call that sets it, the call's argument, how the value is written, the call that removes it
SETTINGS: Mapping[str, tuple[str, str, Shape, str | None]] = {
    "OwnershipControls": (
        "put_bucket_ownership_controls",
        "OwnershipControls",
        same,
        "delete_bucket_ownership_controls",
    ),
    "AccessControl": ("put_bucket_acl", "ACL", access_control, None),
    "PublicAccessBlockConfiguration": (
        "put_public_access_block",
        "PublicAccessBlockConfiguration",
        same,
        "delete_public_access_block",
    ),
    "BucketEncryption": (
        "put_bucket_encryption",
        "ServerSideEncryptionConfiguration",
        encryption,
        "delete_bucket_encryption",
    ),
    "VersioningConfiguration": ("put_bucket_versioning", "VersioningConfiguration", versioning, None),
    "LifecycleConfiguration": (
        "put_bucket_lifecycle_configuration",
        "LifecycleConfiguration",
        lifecycle,
        "delete_bucket_lifecycle",
    ),
    "LoggingConfiguration": ("put_bucket_logging", "BucketLoggingStatus", logging_status, None),
    "NotificationConfiguration": (
        "put_bucket_notification_configuration",
        "NotificationConfiguration",
        notifications,
        None,
    ),
    "ObjectLockConfiguration": ("put_object_lock_configuration", "ObjectLockConfiguration", same, None),
    "Tags": ("put_bucket_tagging", "Tagging", tag_set, "delete_bucket_tagging"),
}
# What a setting becomes when the property is taken away and no call removes it.
WITHOUT: Mapping[str, Any] = {
    "AccessControl": "Private",
    "VersioningConfiguration": {"Status": "Suspended"},
    "LoggingConfiguration": None,
    "NotificationConfiguration": {},
}


class Bucket(Base):
    """Ref is the bucket's name; a bucket that still holds objects cannot be deleted."""

    attributes = frozenset({"Arn", "DomainName", "DualStackDomainName", "RegionalDomainName", "WebsiteURL"})
    name_property = "BucketName"
    handled = frozenset(SETTINGS) | {"BucketName", "ObjectLockEnabled"}

    def create(self, ctx: Context, properties: Properties) -> Made:
        name = properties.get("BucketName") or ctx.name(limit=63, lower=True)
        wanted: dict[str, Any] = {"Bucket": name}
        if ctx.region != "us-east-1":
            wanted["CreateBucketConfiguration"] = {"LocationConstraint": ctx.region}
        if str(properties.get("ObjectLockEnabled", "")).lower() == "true":
            wanted["ObjectLockEnabledForBucket"] = True
        if "OwnershipControls" in properties:
            wanted["ObjectOwnership"] = properties["OwnershipControls"]["Rules"][0]["ObjectOwnership"]
        s3 = ctx.client("s3")
        if ctx.region == "us-east-1" and _owned(s3, name):
            # There S3 answers a second create of one's own bucket with success; CloudFormation refuses it.
            raise ClientError(
                {"Error": {"Code": "BucketAlreadyOwnedByYou", "Message": f"{name} already exists"}}, "CreateBucket"
            )
        s3.create_bucket(**wanted)
        return Made(
            name,
            {
                "Arn": f"arn:aws:s3:::{name}",
                "DomainName": f"{name}.s3.amazonaws.com",
                "DualStackDomainName": f"{name}.s3.dualstack.{ctx.region}.amazonaws.com",
                "RegionalDomainName": f"{name}.s3.{ctx.region}.amazonaws.com",
                "WebsiteURL": f"http://{name}.s3-website-{ctx.region}.amazonaws.com",
            },
        )

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        s3 = ctx.client("s3")
        differing = changed(old, new)
        for name, (put, argument, shape, remove) in SETTINGS.items():
            if name not in differing:
                continue
            if name not in new and remove:
                getattr(s3, remove)(Bucket=made.physical_id)
                continue
            value = shape(new[name] if name in new else WITHOUT[name])
            getattr(s3, put)(**call_input(s3, put, {"Bucket": made.physical_id, argument: value}))
        return made

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        try:
            ctx.client("s3").delete_bucket(Bucket=made.physical_id)
        except ClientError as error:
            if not is_missing(error):
                raise


class BucketPolicy(Base):
    """Ref is the bucket's name."""

    handled = frozenset({"Bucket", "PolicyDocument"})

    def create(self, ctx: Context, properties: Properties) -> Made:
        return Made(str(properties["Bucket"]))

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        document = new["PolicyDocument"]
        text = document if isinstance(document, str) else json.dumps(document)
        ctx.client("s3").put_bucket_policy(Bucket=made.physical_id, Policy=text)
        return made

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        try:
            ctx.client("s3").delete_bucket_policy(Bucket=made.physical_id)
        except ClientError as error:
            if not is_missing(error):
                raise


def _owned(s3: Any, name: str) -> bool:
    try:
        s3.head_bucket(Bucket=name)
    except ClientError:
        return False
    return True


PROVIDERS = {"AWS::S3::Bucket": Bucket(), "AWS::S3::BucketPolicy": BucketPolicy()}
