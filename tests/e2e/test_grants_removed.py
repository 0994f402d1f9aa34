"""Without any one of the grants between accounts nothing is deployed, and the registry or the log names the grant.

One version serves in staging; for each grant another one, of the same bytes, is approved while the grant is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import ARTIFACTS, MODEL, RAW, Deployed

STAGING = "222222222222"
STACK = f"Staging-Serving-{MODEL}"
Policy = dict[str, Any]


@dataclass(frozen=True)
class Grants:
    """The three policies of the training account that hold grants, each read and written in its own way."""

    world: Deployed

    def get(self, where: str) -> Policy:
        if where == "group":
            found = self.world.client("sagemaker").get_model_package_group_policy(ModelPackageGroupName=MODEL)
            return dict(json.loads(found["ResourcePolicy"]))
        if where == "bucket":
            return dict(json.loads(self.world.client("s3").get_bucket_policy(Bucket=ARTIFACTS)["Policy"]))
        return dict(
            json.loads(self.world.client("kms").get_key_policy(KeyId=self._key(), PolicyName="default")["Policy"])
        )

    def put(self, where: str, policy: Policy) -> None:
        text = json.dumps(policy)
        if where == "group":
            sagemaker = self.world.client("sagemaker")
            sagemaker.put_model_package_group_policy(ModelPackageGroupName=MODEL, ResourcePolicy=text)
        elif where == "bucket":
            self.world.client("s3").put_bucket_policy(Bucket=ARTIFACTS, Policy=text)
        else:
            self.world.client("kms").put_key_policy(KeyId=self._key(), PolicyName="default", Policy=text)

    @contextmanager
    def without(self, sid: str, where: str, roles: str) -> Iterator[None]:
        """The grant is gone for the roles whose name ends so; `` stands for all of them."""
        before = self.get(where)
        self.put(where, {**before, "Statement": [*without(before, sid, roles)]})
        try:
            yield
        finally:
            self.put(where, before)

    def _key(self) -> str:
        rules = self.world.client("s3").get_bucket_encryption(Bucket=ARTIFACTS)["ServerSideEncryptionConfiguration"]
        return str(rules["Rules"][0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"])


def without(policy: Policy, sid: str, roles: str) -> Iterator[Policy]:
    named = [statement for statement in policy["Statement"] if statement.get("Sid") == sid]
    assert named, f"no statement {sid} in {policy}"
    for statement in policy["Statement"]:
        if statement.get("Sid") != sid:
            yield statement
        elif roles:
            condition = statement["Condition"]["ArnEquals"]["aws:PrincipalArn"]
            arns = [
                arn for arn in ([condition] if isinstance(condition, str) else condition) if not arn.endswith(roles)
            ]
            assert len(arns) < len(condition)
            if arns:
                conditions = {**statement["Condition"], "ArnEquals": {"aws:PrincipalArn": arns}}
                yield {**statement, "Condition": conditions}


@pytest.fixture(scope="module")
def served(deployed: Deployed, assembly: Path, tables: Path) -> str:
    """The first version, which serves in staging."""
    deployed.millrace("deploy", "Staging/*", "--assembly", str(assembly), "--no-synth")
    for table in ("claims", "customers"):
        body = (tables / f"{table}.csv").read_bytes()
        deployed.client("s3").put_object(Bucket=RAW, Key=f"raw/{MODEL}/{table}/{table}.csv", Body=body)
    [execution] = deployed.until("the start of a run", deployed.executions)
    assert deployed.finished(execution["PipelineExecutionArn"])["PipelineExecutionStatus"] == "Succeeded"
    deployed.millrace("approve", "1")
    [summary] = deployed.client("sagemaker").list_model_packages(ModelPackageGroupName=MODEL)["ModelPackageSummaryList"]
    version = str(summary["ModelPackageArn"])
    deployed.until("the first version in staging", lambda: in_staging(deployed) == (version, "UPDATE_COMPLETE"))
    deployed.until("its smoke test", lambda: "passed" in records(deployed, version).get("staging_smoke", ""))
    return version


def in_staging(world: Deployed) -> tuple[str, str]:
    """The version that the stack names, and the state of the stack."""
    stack = world.embedded.client("cloudformation", account=STAGING).describe_stacks(StackName=STACK)["Stacks"][0]
    named = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    return named["ModelPackageArn"], stack["StackStatus"]


def configuration(world: Deployed) -> str:
    sagemaker = world.embedded.client("sagemaker", account=STAGING)
    return str(sagemaker.describe_endpoint(EndpointName=MODEL)["EndpointConfigName"])


def records(world: Deployed, version: str) -> Mapping[str, str]:
    found = world.client("sagemaker").describe_model_package(ModelPackageName=version)
    return dict(found.get("CustomerMetadataProperties", {}))


def another(world: Deployed, version: str) -> str:
    """A version of the same bytes, registered as a run registers one."""
    sagemaker = world.client("sagemaker")
    known = sagemaker.describe_model_package(ModelPackageName=version)
    ours = {
        name: value
        for name, value in known["CustomerMetadataProperties"].items()
        if not name.startswith(("dev_", "staging_", "approved"))
    }
    made = sagemaker.create_model_package(
        ModelPackageGroupName=MODEL,
        InferenceSpecification=known["InferenceSpecification"],
        ModelMetrics=known["ModelMetrics"],
        CustomerMetadataProperties=ours,
        ModelApprovalStatus="PendingManualApproval",
    )
    return str(made["ModelPackageArn"])


def told_in_staging(world: Deployed) -> str:
    logs = world.embedded.client("logs", account=STAGING)
    found = logs.filter_log_events(logGroupName="/aws/lambda/millrace-staging-deploy-model")["events"]
    return "\n".join(event["message"] for event in found)


@pytest.mark.parametrize(
    ("sid", "where", "roles"),
    [
        ("DeployersMayReadVersions", "group", ""),
        ("DeployersMayMakeModels", "group", ""),
        ("DeployersMayRecordAndReject", "group", ""),
        ("DeployersMayReadModels", "bucket", ""),
        ("DeployersMayReadModels", "bucket", "endpoint"),
        ("DeployersMayDecryptModels", "key", ""),
        ("DeployersMayDecryptModels", "key", "endpoint"),
    ],
)
def test_without_a_grant_nothing_is_deployed_and_the_grant_is_named(
    deployed: Deployed, served: str, sid: str, where: str, roles: str
) -> None:
    version = another(deployed, served)
    serving, said = configuration(deployed), len(told_in_staging(deployed))

    with Grants(deployed).without(sid, where, roles):
        deployed.client("sagemaker").update_model_package(ModelPackageArn=version, ModelApprovalStatus="Approved")
        deployed.until(f"a word about {sid}", lambda: sid in told_in_staging(deployed)[said:] and settled(deployed))

        assert configuration(deployed) == serving
        assert in_staging(deployed)[0] == served

    told = told_in_staging(deployed)[said:]
    assert "in account 111111111111" in told
    deployed.client("sagemaker").update_model_package(ModelPackageArn=version, ModelApprovalStatus="Rejected")


def settled(world: Deployed) -> bool:
    return not in_staging(world)[1].endswith("_IN_PROGRESS")
