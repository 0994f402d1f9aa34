"""AWS::ECR::Repository; the CDK's bootstrap template has one."""

from __future__ import annotations

from millrace.local.cloudformation.providers.base import Base, Context, Made, Properties
from millrace.local.cloudformation.providers.coerce import call_input
from millrace.local.cloudformation.providers.iam import gone, text
from millrace.local.cloudformation.providers.tags import retag
from millrace.local.cloudformation.schema import changed

AT_CREATION = ("EncryptionConfiguration", "ImageScanningConfiguration", "ImageTagMutability", "Tags")


class Repository(Base):
    """Ref is the repository's name."""

    attributes = frozenset({"Arn", "RepositoryUri"})
    name_property = "RepositoryName"
    handled = frozenset({"EmptyOnDelete", "LifecyclePolicy", "RepositoryName", "RepositoryPolicyText", *AT_CREATION})

    def create(self, ctx: Context, properties: Properties) -> Made:
        ecr = ctx.client("ecr")
        values = {name: properties[name] for name in AT_CREATION if name in properties}
        values["RepositoryName"] = properties.get("RepositoryName") or ctx.name(limit=256, lower=True)
        made = ecr.create_repository(**call_input(ecr, "create_repository", values))["repository"]
        return Made(made["repositoryName"], {"Arn": made["repositoryArn"], "RepositoryUri": made["repositoryUri"]})

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        ecr, differing, who = ctx.client("ecr"), changed(old, new), {"repositoryName": made.physical_id}
        if "RepositoryPolicyText" in differing and "RepositoryPolicyText" in new:
            ecr.set_repository_policy(**who, policyText=text(new["RepositoryPolicyText"]))
        elif "RepositoryPolicyText" in differing:
            gone(ecr.delete_repository_policy, **who)
        if "LifecyclePolicy" in differing and "LifecyclePolicy" in new:
            ecr.put_lifecycle_policy(**who, lifecyclePolicyText=new["LifecyclePolicy"]["LifecyclePolicyText"])
        elif "LifecyclePolicy" in differing:
            gone(ecr.delete_lifecycle_policy, **who)
        if old and "ImageTagMutability" in differing:
            ecr.put_image_tag_mutability(**who, imageTagMutability=new.get("ImageTagMutability", "MUTABLE"))
        if old and "ImageScanningConfiguration" in differing:
            scanning = new.get("ImageScanningConfiguration", {"ScanOnPush": False})
            values = {**who, "imageScanningConfiguration": scanning}
            ecr.put_image_scanning_configuration(**call_input(ecr, "put_image_scanning_configuration", values))
        if old and "Tags" in differing:
            retag(ecr, old, new, resourceArn=made.attributes["Arn"])
        return made

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        force = str(properties.get("EmptyOnDelete", "false")).lower() == "true"
        gone(ctx.client("ecr").delete_repository, repositoryName=made.physical_id, force=force)


PROVIDERS = {"AWS::ECR::Repository": Repository()}
