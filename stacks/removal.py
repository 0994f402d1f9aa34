"""What happens to data when their stack ends. Buckets, keys and log groups ask."""

from __future__ import annotations

from aws_cdk import RemovalPolicy

from stacks.naming import Naming


def removal_policy(naming: Naming) -> RemovalPolicy:
    """What a stack's end means for what holds data; a failed first deployment always clears up after itself."""
    if naming.account.removal == "destroy":
        return RemovalPolicy.DESTROY
    return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
