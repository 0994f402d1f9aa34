"""An archive that was changed after its registration is not deployed, and whoever approves it is told why."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import ARTIFACTS, MODEL, RAW, Deployed


@pytest.fixture(scope="module")
def package(deployed: Deployed, tables: Path) -> str:
    """The version that the first run registers."""
    for table in ("claims", "customers"):
        body = (tables / f"{table}.csv").read_bytes()
        deployed.client("s3").put_object(Bucket=RAW, Key=f"raw/{MODEL}/{table}/{table}.csv", Body=body)
    [execution] = deployed.until("the start of a run", deployed.executions)
    assert deployed.finished(execution["PipelineExecutionArn"])["PipelineExecutionStatus"] == "Succeeded"
    [summary] = deployed.client("sagemaker").list_model_packages(ModelPackageGroupName=MODEL)["ModelPackageSummaryList"]
    return str(summary["ModelPackageArn"])


def test_a_changed_archive_is_refused_and_the_restored_one_served(deployed: Deployed, package: str) -> None:
    key = describe(deployed, package)["InferenceSpecification"]["Containers"][0]["ModelDataUrl"].split("/", 3)[3]
    registered = deployed.client("s3").get_object(Bucket=ARTIFACTS, Key=key)["Body"].read()
    deployed.client("s3").put_object(Bucket=ARTIFACTS, Key=key, Body=with_other_code(registered))

    refused = deployed.millrace("approve", check=False)

    assert refused.returncode == 1
    told = " ".join((refused.stdout + refused.stderr).split())
    assert f"{MODEL}/1 is not deployed: s3://{ARTIFACTS}/{key}: its sha256 is " in told
    assert "the archive was changed; restore it, or approve another version, or train again" in told
    assert describe(deployed, package)["ModelApprovalStatus"] == "Rejected"
    assert "is not deployed" in deployed.millrace("logs", "deploy-model").stdout
    with pytest.raises(ClientError, match="Could not find endpoint"):
        deployed.client("sagemaker").describe_endpoint(EndpointName=MODEL)

    deployed.client("s3").put_object(Bucket=ARTIFACTS, Key=key, Body=registered)
    deployed.millrace("approve", "1")

    assert deployed.client("sagemaker").describe_endpoint(EndpointName=MODEL)["EndpointStatus"] == "InService"
    assert describe(deployed, package)["ModelApprovalStatus"] == "Approved"
    smoke = deployed.until("the smoke test", lambda: told_of(deployed, package).get("dev_smoke"))
    assert smoke.startswith("passed "), smoke
    story = told_of(deployed, package)
    assert story["dev_deployed"].startswith("deployed ")
    assert story["dev_blocked"].startswith("refused ")
    assert story["approved_by"].startswith("approved ")


def test_an_archive_changed_after_the_deployment_gives_no_further_instance(deployed: Deployed, package: str) -> None:
    key = describe(deployed, package)["InferenceSpecification"]["Containers"][0]["ModelDataUrl"].split("/", 3)[3]
    registered = deployed.client("s3").get_object(Bucket=ARTIFACTS, Key=key)["Body"].read()
    deployed.client("s3").put_object(Bucket=ARTIFACTS, Key=key, Body=with_other_code(registered))

    refused = scaled(deployed, 2)
    deployed.client("s3").put_object(Bucket=ARTIFACTS, Key=key, Body=registered)
    allowed = scaled(deployed, 2)

    assert "code/inference.py is not the file that digests.json names" in refused["FailureReason"]
    assert refused["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    assert allowed["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    scaled(deployed, 1)


def test_a_version_registered_by_hand_is_refused_and_the_endpoint_stays(deployed: Deployed, package: str) -> None:
    specification = describe(deployed, package)["InferenceSpecification"]
    by_hand = deployed.client("sagemaker").create_model_package(
        ModelPackageGroupName=MODEL, InferenceSpecification=specification
    )["ModelPackageArn"]

    refused = deployed.millrace("approve", "2", check=False)

    assert refused.returncode == 1
    assert "the registry holds no model_sha256" in " ".join((refused.stdout + refused.stderr).split())
    assert describe(deployed, by_hand)["ModelApprovalStatus"] == "Rejected"
    assert deployed.client("sagemaker").describe_endpoint(EndpointName=MODEL)["EndpointStatus"] == "InService"


def test_a_version_whose_container_does_not_start_is_rejected_with_the_reason_and_the_endpoint_stays(
    deployed: Deployed, package: str
) -> None:
    known = describe(deployed, package)
    key = known["InferenceSpecification"]["Containers"][0]["ModelDataUrl"].split("/", 3)[3]
    other = with_other_code(deployed.client("s3").get_object(Bucket=ARTIFACTS, Key=key)["Body"].read())
    deployed.client("s3").put_object(Bucket=ARTIFACTS, Key="runs/other/model.tar.gz", Body=other)
    [container] = known["InferenceSpecification"]["Containers"]
    container["ModelDataUrl"] = f"s3://{ARTIFACTS}/runs/other/model.tar.gz"
    written = {
        key: text for key, text in told_of(deployed, package).items() if not key.startswith(("dev_", "approved"))
    }
    bad = deployed.client("sagemaker").create_model_package(
        ModelPackageGroupName=MODEL,
        InferenceSpecification=known["InferenceSpecification"],
        ModelMetrics=known["ModelMetrics"],
        CustomerMetadataProperties={**written, "model_sha256": hashlib.sha256(other).hexdigest()},
        ModelApprovalStatus="PendingManualApproval",
    )["ModelPackageArn"]

    deployed.client("sagemaker").update_model_package(ModelPackageArn=bad, ModelApprovalStatus="Approved")

    deployed.until("the way back", lambda: describe(deployed, bad)["ModelApprovalStatus"] == "Rejected")
    number = bad.rpartition("/")[2]
    assert describe(deployed, bad)["ApprovalDescription"].startswith(f"{MODEL}/{number} was rolled back: Endpoint")
    assert "ping health check" in describe(deployed, bad)["ApprovalDescription"]
    assert told_of(deployed, bad)["dev_back"].startswith("rolled back ")
    assert deployed.client("sagemaker").describe_endpoint(EndpointName=MODEL)["EndpointStatus"] == "InService"
    [stack] = deployed.client("cloudformation").describe_stacks(StackName=f"Dev-Serving-{MODEL}")["Stacks"]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert {"ParameterKey": "ModelPackageArn", "ParameterValue": package} in stack["Parameters"]


def scaled(deployed: Deployed, count: int) -> dict[str, Any]:
    """The endpoint, once it has tried to have so many instances."""
    sagemaker = deployed.client("sagemaker")
    wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": count}]
    sagemaker.update_endpoint_weights_and_capacities(EndpointName=MODEL, DesiredWeightsAndCapacities=wanted)

    def settled() -> dict[str, Any] | None:
        found = dict(sagemaker.describe_endpoint(EndpointName=MODEL))
        return found if found["EndpointStatus"] == "InService" else None

    return dict(deployed.until("the end of scaling", settled))


def describe(deployed: Deployed, package: str) -> dict[str, Any]:
    return dict(deployed.client("sagemaker").describe_model_package(ModelPackageName=package))


def told_of(deployed: Deployed, package: str) -> dict[str, str]:
    return dict(describe(deployed, package)["CustomerMetadataProperties"])


def with_other_code(archive: bytes) -> bytes:
    """The same model with code that somebody has slipped in."""
    buffer = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as old,
        tarfile.open(fileobj=buffer, mode="w:gz") as new,
    ):
        for member in old:
            content = old.extractfile(member).read() if member.isfile() else b""  # type: ignore[union-attr]
            if member.name.endswith("code/inference.py"):
                content += b"\nprint('hello')\n"
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
