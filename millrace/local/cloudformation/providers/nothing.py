"""Types that exist only in the stack: CDK's metadata and the handle of a wait condition."""

from __future__ import annotations

from millrace.local.cloudformation.providers.base import Base, Context, Made, Properties


class Nothing(Base):
    """Ref is a generated name; there is nothing behind it."""

    def refused(self, properties: Properties) -> list[str]:
        return []

    def create(self, ctx: Context, properties: Properties) -> Made:
        return Made(ctx.name(limit=255))

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        return


PROVIDERS = {"AWS::CDK::Metadata": Nothing(), "AWS::CloudFormation::WaitConditionHandle": Nothing()}
