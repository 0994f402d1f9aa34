"""What all roles share, deployed before any of them: their permissions boundary, and three policies."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.account_stack import AccountStack
from stacks.boundary import Boundary, Uses
from stacks.naming import Naming
from stacks.permissions import allow, pull_images, report_metrics
from stacks.registry import Registry


class AccessStack(AccountStack):
    """The shared policies hold the grants that cannot be limited to resources: each is written once."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        naming: Naming,
        registry: Registry,
        uses: Uses,
        image_repositories: Sequence[str],
    ) -> None:
        super().__init__(scope, id_, description="Millrace: what all roles share")
        self.boundary = Boundary(self, "Boundary", naming=naming, registry=registry, uses=uses).policy
        self.pull_images = iam.ManagedPolicy(
            self,
            "PullImages",
            managed_policy_name=naming.of("pull-images"),
            description="Pull the container images that the pipelines and endpoints use",
            statements=pull_images(image_repositories),
        )
        self.report_metrics = iam.ManagedPolicy(
            self,
            "ReportMetrics",
            managed_policy_name=naming.of("report-metrics"),
            description="Report the metrics of SageMaker's containers",
            statements=[report_metrics()],
        )
        self.list_versions = iam.ManagedPolicy(
            self,
            "ListVersions",
            managed_policy_name=naming.of("list-versions"),
            description="List the versions of models and their states",
            statements=[allow("sagemaker:ListModelPackages", on=["*"])],  # the action knows no resources
        )
