"""The deployer against a running server: bootstraps, publishes, creates, updates, and says what went wrong."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from millrace.deploy.deployer import Deployer
from millrace.deploy.progress import Progress
from millrace.errors import MillraceError
from tests.assembly_lab import ACCOUNT, BUCKET, REGION, AssemblyWriter, parameter

BAD_QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "not a name"}}


class Site:
    """A server, an assembly and what was reported."""

    def __init__(self, embedded: Any, folder: Path) -> None:
        self._embedded = embedded
        self.reports: list[Progress] = []
        self.assembly = AssemblyWriter(folder / "cdk.out")

    def client(self, service: str) -> Any:
        return self._embedded.client(service, account=ACCOUNT, region=REGION)

    def deployer(self) -> Deployer:
        session = boto3.session.Session(
            aws_access_key_id=f"AKIA0LOC{ACCOUNT}", aws_secret_access_key="x", region_name=REGION
        )
        return Deployer(session, endpoint_url=self._embedded.url, report=self.reports.append)

    def deploy(self) -> dict[str, str]:
        """Deploy what is written; what happened to each stack."""
        plan = self.deployer().deploy(self.assembly.write())
        return {step.stack.name: step.action for step in plan.steps}

    def status(self, stack: str) -> str:
        return str(self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])

    def value(self, name: str) -> str:
        return str(self.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])


@pytest.fixture
def site(embedded: Any, tmp_path: Path) -> Site:
    return Site(embedded, tmp_path)


def test_an_empty_account_gets_bootstrap_assets_and_stacks_in_order(
    embedded_factory: Callable[..., Any], tmp_path: Path
) -> None:
    site = Site(embedded_factory(), tmp_path)
    code = tmp_path / "asset.code"
    code.mkdir()
    (code / "handler.py").write_text("x = 1")
    shared = {"Value": {"Value": "shared", "Export": {"Name": "deploy-shared"}}}
    site.assembly.stack("Data", {"A": parameter("/deploy/a", "x")}, assets=(code,), Outputs=shared)
    imported = {"Fn::ImportValue": "deploy-shared"}
    site.assembly.stack("Build", {"B": parameter("/deploy/b", imported)}, needs=("Data",))
    assert site.deploy() == {"Dev-Data": "create", "Dev-Build": "create"}
    assert site.value("/deploy/b") == "shared"
    body = site.client("s3").get_object(Bucket=BUCKET, Key="asset.code.zip")["Body"].read()
    assert zipfile.ZipFile(io.BytesIO(body)).namelist() == ["handler.py"]
    assert int(site.value("/cdk-bootstrap/hnb659fds/version")) >= 6
    role = site.client("cloudformation").describe_stacks(StackName="Dev-Data")["Stacks"][0]["RoleARN"]
    assert role.startswith(f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-cfn-exec-role")
    seen = [(report.stack, report.subject, report.status) for report in site.reports if report.stack != "CDKToolkit"]
    assert ("Dev-Data", "Dev/Data/A", "CREATE_COMPLETE") in seen
    assert seen.index(("Dev-Data", "Dev-Data", "CREATE_COMPLETE")) < seen.index(
        ("Dev-Build", "Dev-Build", "CREATE_IN_PROGRESS")
    )
    assert ("", "asset.code", "PUBLISHED") in seen
    site.reports.clear()
    assert site.deploy() == {"Dev-Data": "unchanged", "Dev-Build": "unchanged"}
    assert {report.status for report in site.reports} == {"UNCHANGED"}


def test_a_changed_template_is_an_update_that_keeps_the_stacks_own_parameter_values(site: Site) -> None:
    declared = {"Version": {"Type": "String", "Default": "none"}}

    def write(note: str) -> None:
        resources = {"A": parameter("/keeps/a", {"Ref": "Version"}), "N": parameter("/keeps/n", note)}
        site.assembly.stack("Keeps", resources, Parameters=declared)

    write("one")
    site.deploy()
    site.client("cloudformation").update_stack(
        StackName="Dev-Keeps",
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": "Version", "ParameterValue": "the live one"}],
    )
    assert site.deploy() == {"Dev-Keeps": "unchanged"}
    write("two")
    assert site.deploy() == {"Dev-Keeps": "update"}
    assert (site.value("/keeps/a"), site.value("/keeps/n")) == ("the live one", "two")


def test_a_failing_creation_names_the_resource_the_reason_and_the_rollback_and_can_be_tried_again(site: Site) -> None:
    site.assembly.stack("Bad", {"Queue": BAD_QUEUE})
    site.assembly.stack("Follower", {"A": parameter("/bad/follower", "x")}, needs=("Bad",))
    with pytest.raises(MillraceError) as caught:
        site.deploy()
    message = str(caught.value)
    assert message.startswith("Dev-Bad: Dev/Bad/Queue (AWS::SQS::Queue) failed: ")
    assert message.endswith("The stack was rolled back: nothing of it is left.")
    assert not [report for report in site.reports if report.stack == "Dev-Follower"]
    site.assembly.stack("Bad", {"A": parameter("/bad/good", "x")})
    assert site.deploy() == {"Dev-Bad": "recreate", "Dev-Follower": "create"}
    assert site.status("Dev-Bad") == "CREATE_COMPLETE"


def test_a_failing_update_says_that_all_is_as_before(site: Site) -> None:
    site.assembly.stack("Fragile", {"A": parameter("/fragile/a", "before")})
    site.deploy()
    site.assembly.stack("Fragile", {"A": parameter("/fragile/a", "after"), "B": {**BAD_QUEUE, "DependsOn": "A"}})
    with pytest.raises(MillraceError, match=r"Dev/Fragile/B .* it is as it was before"):
        site.deploy()
    assert (site.status("Dev-Fragile"), site.value("/fragile/a")) == ("UPDATE_ROLLBACK_COMPLETE", "before")


def test_a_template_that_is_refused_is_named_with_its_stack(site: Site) -> None:
    site.assembly.stack("Refused", {"Job": {"Type": "AWS::Glue::Job"}})
    with pytest.raises(MillraceError, match=r"Dev-Refused was refused: .*AWS::Glue::Job \(Job\)"):
        site.deploy()


def test_an_assembly_for_another_account_is_refused(site: Site) -> None:
    site.assembly.stack("There", {"A": parameter("/a", "x")}, environment=f"555555555555/{REGION}")
    with pytest.raises(MillraceError, match="no stack for 444444444444"):
        site.deploy()


def test_a_missing_asset_file_is_named(site: Site, tmp_path: Path) -> None:
    site.assembly.stack("Assets", {"A": parameter("/assets", "x")}, assets=(tmp_path / "gone.zip",))
    with pytest.raises(MillraceError, match=r"asset gone.zip: .* is missing"):
        site.deploy()


def test_termination_protection_follows_the_assembly(site: Site) -> None:
    site.assembly.stack("Safe", {"A": parameter("/safe", "x")}, terminationProtection=True)
    site.deploy()
    described = site.client("cloudformation").describe_stacks(StackName="Dev-Safe")["Stacks"][0]
    assert described["EnableTerminationProtection"] is True
