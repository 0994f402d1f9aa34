"""AWS::KMS::Key and Alias. Deleting a key schedules its deletion, as on AWS."""

from __future__ import annotations

from typing import Any

from millrace.local.cloudformation.providers.api import Api
from millrace.local.cloudformation.providers.base import Base, Context, Made, Properties
from millrace.local.cloudformation.providers.coerce import call_input
from millrace.local.cloudformation.providers.iam import gone, text
from millrace.local.cloudformation.providers.tags import retag
from millrace.local.cloudformation.schema import changed

AT_CREATION = ("Description", "KeyUsage", "KeySpec", "MultiRegion", "Origin", "BypassPolicyLockoutSafetyCheck", "Tags")


class Key(Base):
    """Ref is the key's id."""

    attributes = frozenset({"Arn", "KeyId"})
    handled = frozenset(AT_CREATION) | {
        "EnableKeyRotation",
        "Enabled",
        "KeyPolicy",
        "PendingWindowInDays",
        "RotationPeriodInDays",
    }

    def create(self, ctx: Context, properties: Properties) -> Made:
        kms = ctx.client("kms")
        values = {name: properties[name] for name in AT_CREATION if name in properties}
        if "KeyPolicy" in properties:
            values["Policy"] = text(properties["KeyPolicy"])
        metadata = kms.create_key(**call_input(kms, "create_key", values))["KeyMetadata"]
        return Made(metadata["KeyId"], {"Arn": metadata["Arn"], "KeyId": metadata["KeyId"]})

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        kms, key = ctx.client("kms"), {"KeyId": made.physical_id}
        differing = set(changed(old, new))
        if differing & {"EnableKeyRotation", "RotationPeriodInDays"}:
            _rotate(kms, key, new)
        if "Enabled" in differing:
            (kms.enable_key if _true(new.get("Enabled", True)) else kms.disable_key)(**key)
        if not old:
            return made
        if "KeyPolicy" in differing and "KeyPolicy" in new:
            kms.put_key_policy(**key, PolicyName="default", Policy=text(new["KeyPolicy"]))
        if "Description" in differing:
            kms.update_key_description(**key, Description=new.get("Description", ""))
        if "Tags" in differing:
            retag(kms, old, new, **key)
        return made

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        window = int(properties.get("PendingWindowInDays", 30))
        gone(ctx.client("kms").schedule_key_deletion, KeyId=made.physical_id, PendingWindowInDays=window)


def _true(value: Any) -> bool:
    return str(value).lower() == "true"


def _rotate(kms: Any, key: dict[str, str], properties: Properties) -> None:
    if not _true(properties.get("EnableKeyRotation", False)):
        kms.disable_key_rotation(**key)
    elif "RotationPeriodInDays" in properties:
        kms.enable_key_rotation(**key, RotationPeriodInDays=int(properties["RotationPeriodInDays"]))
    else:
        kms.enable_key_rotation(**key)


PROVIDERS = {
    "AWS::KMS::Key": Key(),
    "AWS::KMS::Alias": Api("kms", "create_alias", "update_alias", "delete_alias", ref="AliasName"),
}
