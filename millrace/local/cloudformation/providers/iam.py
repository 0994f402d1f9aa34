"""AWS::IAM types: roles and users with what hangs on them, managed and inline policies, instance profiles."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.cloudformation.errors import ResourceError
from millrace.local.cloudformation.providers.base import Base, Context, Made, Properties, is_missing
from millrace.local.cloudformation.providers.tags import retag, tags_of
from millrace.local.cloudformation.schema import changed

KEPT_VERSIONS = 5  # IAM keeps that many versions of a managed policy


def text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def gone(call: Any, **arguments: Any) -> None:
    """Call a deleting operation; what is already gone is as good as deleted."""
    try:
        call(**arguments)
    except ClientError as error:
        if not is_missing(error):
            raise


class _Principal(Base):
    """A role or a user: managed policies attached, inline policies, a boundary and tags."""

    kind: str  # "role" or "user", as the API's methods call it
    argument: str  # "RoleName" or "UserName"

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        iam, who = ctx.client("iam"), {self.argument: made.physical_id}
        before, after = old.get("ManagedPolicyArns", []), new.get("ManagedPolicyArns", [])
        for arn in [arn for arn in after if arn not in before]:
            self._call(iam, "attach_{}_policy")(**who, PolicyArn=arn)
        for arn in [arn for arn in before if arn not in after]:
            gone(self._call(iam, "detach_{}_policy"), **who, PolicyArn=arn)
        inline = {policy["PolicyName"]: policy["PolicyDocument"] for policy in new.get("Policies", [])}
        known = {policy["PolicyName"]: policy["PolicyDocument"] for policy in old.get("Policies", [])}
        for name, document in inline.items():
            if known.get(name) != document:
                self._call(iam, "put_{}_policy")(**who, PolicyName=name, PolicyDocument=text(document))
        for name in known.keys() - inline.keys():
            gone(self._call(iam, "delete_{}_policy"), **who, PolicyName=name)
        self._boundary(iam, who, old, new)
        if old and "Tags" in changed(old, new):
            retag(iam, old, new, tag=f"tag_{self.kind}", untag=f"untag_{self.kind}", **who)
        return made

    def _boundary(self, iam: Any, who: dict[str, str], old: Properties, new: Properties) -> None:
        if not old or "PermissionsBoundary" not in changed(old, new):
            return
        if "PermissionsBoundary" in new:
            self._call(iam, "put_{}_permissions_boundary")(**who, PermissionsBoundary=new["PermissionsBoundary"])
        else:
            self._call(iam, "delete_{}_permissions_boundary")(**who)

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        iam, who = ctx.client("iam"), {self.argument: made.physical_id}
        for arn in properties.get("ManagedPolicyArns", []):
            gone(self._call(iam, "detach_{}_policy"), **who, PolicyArn=arn)
        for policy in properties.get("Policies", []):
            gone(self._call(iam, "delete_{}_policy"), **who, PolicyName=policy["PolicyName"])
        gone(self._call(iam, "delete_{}"), **who)

    def _call(self, iam: Any, method: str) -> Any:
        return getattr(iam, method.format(self.kind))

    def _arguments(self, properties: Properties, names: tuple[str, ...]) -> dict[str, Any]:
        chosen = {name: properties[name] for name in names if name in properties}
        tags = [{"Key": key, "Value": value} for key, value in tags_of(properties).items()]
        return chosen | ({"Tags": tags} if tags else {})


class Role(_Principal):
    """Ref is the role's name."""

    kind, argument = "role", "RoleName"
    attributes = frozenset({"Arn", "RoleId"})
    name_property = "RoleName"
    handled = frozenset(
        {
            "AssumeRolePolicyDocument",
            "Description",
            "ManagedPolicyArns",
            "MaxSessionDuration",
            "Path",
            "PermissionsBoundary",
            "Policies",
            "RoleName",
            "Tags",
        }
    )

    def create(self, ctx: Context, properties: Properties) -> Made:
        arguments = self._arguments(properties, ("Path", "Description", "PermissionsBoundary"))
        if "MaxSessionDuration" in properties:
            arguments["MaxSessionDuration"] = int(properties["MaxSessionDuration"])
        role = ctx.client("iam").create_role(
            RoleName=properties.get("RoleName") or ctx.name(limit=64),
            AssumeRolePolicyDocument=_trust(properties),
            **arguments,
        )["Role"]
        return Made(role["RoleName"], {"Arn": role["Arn"], "RoleId": role["RoleId"]})

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        iam, differing = ctx.client("iam"), changed(old, new)
        if old and "AssumeRolePolicyDocument" in differing:
            iam.update_assume_role_policy(RoleName=made.physical_id, PolicyDocument=_trust(new))
        if old and {"Description", "MaxSessionDuration"} & set(differing):
            iam.update_role(
                RoleName=made.physical_id,
                Description=new.get("Description", ""),
                MaxSessionDuration=int(new.get("MaxSessionDuration", 3600)),
            )
        return super().apply(ctx, made, old, new)


def _trust(properties: Properties) -> str:
    """The trust policy; IAM takes one without a Version, moto only the newest language."""
    document = properties["AssumeRolePolicyDocument"]
    return text({"Version": "2012-10-17", **document} if isinstance(document, dict) else document)


class User(_Principal):
    """Ref is the user's name. Groups and login profiles are not served."""

    kind, argument = "user", "UserName"
    attributes = frozenset({"Arn"})
    name_property = "UserName"
    handled = frozenset({"ManagedPolicyArns", "Path", "PermissionsBoundary", "Policies", "Tags", "UserName"})

    def create(self, ctx: Context, properties: Properties) -> Made:
        user = ctx.client("iam").create_user(
            UserName=properties.get("UserName") or ctx.name(limit=64),
            **self._arguments(properties, ("Path", "PermissionsBoundary")),
        )["User"]
        return Made(user["UserName"], {"Arn": user["Arn"]})


HOLDERS = {"Roles": ("role", "RoleName"), "Users": ("user", "UserName"), "Groups": ("group", "GroupName")}


class Policy(Base):
    """An inline policy put on several roles, users or groups."""

    attributes = frozenset({"Id"})
    handled = frozenset({"Groups", "PolicyDocument", "PolicyName", "Roles", "Users"})

    def create(self, ctx: Context, properties: Properties) -> Made:
        if not any(properties.get(kind) for kind in HOLDERS):
            raise ResourceError("At least one of [Groups,Roles,Users] must be non-empty.")
        name = ctx.name(limit=64)
        return Made(name, {"Id": name})

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        iam = ctx.client("iam")
        for method, argument, holder in _holders(new):
            getattr(iam, f"put_{method}_policy")(
                **{argument: holder}, PolicyName=new["PolicyName"], PolicyDocument=text(new["PolicyDocument"])
            )
        kept = set(_holders(new)) if old.get("PolicyName") == new["PolicyName"] else set()
        self._take_away(iam, [holder for holder in _holders(old) if holder not in kept], old)
        return made

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        self._take_away(ctx.client("iam"), _holders(properties), properties)

    def _take_away(self, iam: Any, holders: list[tuple[str, str, str]], properties: Properties) -> None:
        for method, argument, holder in holders:
            gone(getattr(iam, f"delete_{method}_policy"), **{argument: holder}, PolicyName=properties["PolicyName"])


def _holders(properties: Properties) -> list[tuple[str, str, str]]:
    return [
        (method, argument, holder)
        for kind, (method, argument) in HOLDERS.items()
        for holder in properties.get(kind, [])
    ]


class ManagedPolicy(Base):
    """Ref is the policy's ARN; a new document becomes the default version."""

    attributes = frozenset({"DefaultVersionId", "PolicyArn", "PolicyId"})
    name_property = "ManagedPolicyName"
    handled = frozenset({"Description", "Groups", "ManagedPolicyName", "Path", "PolicyDocument", "Roles", "Users"})

    def create(self, ctx: Context, properties: Properties) -> Made:
        chosen = {name: properties[name] for name in ("Path", "Description") if name in properties}
        policy = ctx.client("iam").create_policy(
            PolicyName=properties.get("ManagedPolicyName") or ctx.name(limit=128),
            PolicyDocument=text(properties["PolicyDocument"]),
            **chosen,
        )["Policy"]
        attributes = {"PolicyArn": policy["Arn"], "PolicyId": policy["PolicyId"]}
        return Made(policy["Arn"], attributes | {"DefaultVersionId": policy["DefaultVersionId"]})

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        iam, before, after = ctx.client("iam"), _holders(old), _holders(new)
        if old and "PolicyDocument" in changed(old, new):
            made = made.adding(DefaultVersionId=_new_version(iam, made.physical_id, text(new["PolicyDocument"])))
        for method, argument, holder in [entry for entry in after if entry not in before]:
            getattr(iam, f"attach_{method}_policy")(**{argument: holder}, PolicyArn=made.physical_id)
        self._detach(iam, made, [entry for entry in before if entry not in after])
        return made

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        iam = ctx.client("iam")
        self._detach(iam, made, _holders(properties))
        try:
            for version in iam.list_policy_versions(PolicyArn=made.physical_id)["Versions"]:
                if not version["IsDefaultVersion"]:
                    iam.delete_policy_version(PolicyArn=made.physical_id, VersionId=version["VersionId"])
        except ClientError as error:
            if not is_missing(error):
                raise
        gone(iam.delete_policy, PolicyArn=made.physical_id)

    def _detach(self, iam: Any, made: Made, holders: list[tuple[str, str, str]]) -> None:
        for method, argument, holder in holders:
            gone(getattr(iam, f"detach_{method}_policy"), **{argument: holder}, PolicyArn=made.physical_id)


def _new_version(iam: Any, arn: str, document: str) -> str:
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    if len(versions) >= KEPT_VERSIONS:
        oldest = min((one for one in versions if not one["IsDefaultVersion"]), key=lambda one: one["CreateDate"])
        iam.delete_policy_version(PolicyArn=arn, VersionId=oldest["VersionId"])
    version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)["PolicyVersion"]
    return str(version["VersionId"])


class InstanceProfile(Base):
    """Ref is the profile's name."""

    attributes = frozenset({"Arn"})
    name_property = "InstanceProfileName"
    handled = frozenset({"InstanceProfileName", "Path", "Roles"})

    def create(self, ctx: Context, properties: Properties) -> Made:
        path = {"Path": properties["Path"]} if "Path" in properties else {}
        profile = ctx.client("iam").create_instance_profile(
            InstanceProfileName=properties.get("InstanceProfileName") or ctx.name(limit=128), **path
        )["InstanceProfile"]
        return Made(profile["InstanceProfileName"], {"Arn": profile["Arn"]})

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        iam, before, after = ctx.client("iam"), old.get("Roles", []), new.get("Roles", [])
        for role in [role for role in before if role not in after]:
            gone(iam.remove_role_from_instance_profile, InstanceProfileName=made.physical_id, RoleName=role)
        for role in [role for role in after if role not in before]:
            iam.add_role_to_instance_profile(InstanceProfileName=made.physical_id, RoleName=role)
        return made

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        self.apply(ctx, made, properties, {})
        gone(ctx.client("iam").delete_instance_profile, InstanceProfileName=made.physical_id)


PROVIDERS = {
    "AWS::IAM::Role": Role(),
    "AWS::IAM::User": User(),
    "AWS::IAM::Policy": Policy(),
    "AWS::IAM::ManagedPolicy": ManagedPolicy(),
    "AWS::IAM::InstanceProfile": InstanceProfile(),
}
