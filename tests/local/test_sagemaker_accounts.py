"""Models of one account deployed in another: each grant is there in full, or the deployment says what is missing."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.gate_lab import ACCOUNT, OTHER, REGION, Lab, allow, denied, document, to, trust
from tests.sagemaker_lab import ALLOW_ALL, OWN_IMAGE, SETTINGS, TRUST, EndpointLab, until

ROOT = {"AWS": f"arn:aws:iam::{OTHER}:root"}
READS = ("sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages", "sagemaker:CreateModel")


@pytest.fixture(scope="module")
def lab(embedded: Any) -> Lab:
    return Lab(embedded)


class Shared:
    """A package in the training account, and the grants that another account's roles need."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.owner = lab.client("sagemaker")
        self.group = f"shared-{uuid.uuid4().hex[:6]}"
        self.group_arn = self.owner.create_model_package_group(ModelPackageGroupName=self.group)["ModelPackageGroupArn"]
        self.versions = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{self.group}/*"
        endpoints = EndpointLab(lab.aws)
        self.bucket = endpoints.bucket
        self.key = lab.key()
        own = {"Containers": [{"Image": OWN_IMAGE, "ModelDataUrl": self.encrypted(endpoints), "Environment": SETTINGS}]}
        content = {"SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["application/json"]}
        self.package = self.owner.create_model_package(
            ModelPackageGroupName=self.group, InferenceSpecification=own | content, ModelApprovalStatus="Approved"
        )["ModelPackageArn"]

    def encrypted(self, endpoints: EndpointLab) -> str:
        url = endpoints.archive("shared")
        source = url.removeprefix("s3://").split("/", 1)
        copy = {"Bucket": source[0], "Key": source[1]}
        options = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.key}
        endpoints.s3.copy_object(Bucket=source[0], Key=source[1], CopySource=copy, **options)
        return url

    def grant_packages(self, *statements: Mapping[str, Any]) -> None:
        self.owner.put_model_package_group_policy(
            ModelPackageGroupName=self.group, ResourcePolicy=document(*(to(ROOT, each) for each in statements))
        )

    def grant_data(self, role: str) -> None:
        arns = [f"arn:aws:s3:::{self.bucket}", f"arn:aws:s3:::{self.bucket}/*"]
        policy = to(ROOT, allow("s3:ListBucket", "s3:GetObject", on=arns, when=only(role)))
        self.lab.client("s3").put_bucket_policy(Bucket=self.bucket, Policy=document(policy))

    def grant_key(self, role: str) -> None:
        own = to({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, allow("kms:*"))
        policy = document(own, to(ROOT, allow("kms:Decrypt", when=only(role))))
        self.lab.client("kms").put_key_policy(KeyId=self.key, PolicyName="default", Policy=policy)

    def grant_image(self, role: str) -> None:
        ecr, name = self.lab.client("ecr"), OWN_IMAGE.split("/")[1].split(":")[0]
        with contextlib.suppress(ecr.exceptions.RepositoryAlreadyExistsException):
            ecr.create_repository(repositoryName=name)
        actions = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability")
        statement = {**to(ROOT, allow(*actions, when=only(role)))}
        del statement["Resource"]
        ecr.set_repository_policy(repositoryName=name, policyText=document(statement))


def only(role: str) -> dict[str, Any]:
    return {"ArnEquals": {"aws:PrincipalArn": role}}


@pytest.fixture
def shared(lab: Lab) -> Shared:
    return Shared(lab)


def test_a_group_is_read_from_another_account_by_its_arn(lab: Lab, shared: Shared) -> None:
    role = lab.role(allow(*READS, "sagemaker:DescribeModelPackageGroup"), account=OTHER)
    reader = lab.acting(role, "sagemaker")
    denied(reader.list_model_packages, ModelPackageGroupName=shared.group_arn)
    shared.grant_packages(
        allow("sagemaker:DescribeModelPackageGroup", "sagemaker:ListModelPackages", on=shared.group_arn),
        allow("sagemaker:DescribeModelPackage", on=shared.versions, when=only(role)),
    )
    [listed] = reader.list_model_packages(ModelPackageGroupName=shared.group_arn)["ModelPackageSummaryList"]
    assert listed["ModelPackageArn"] == shared.package
    described = reader.describe_model_package_group(ModelPackageGroupName=shared.group_arn)
    assert described["ModelPackageGroupName"] == shared.group
    assert reader.describe_model_package(ModelPackageName=shared.package)["ModelPackageVersion"] == 1
    stranger = lab.as_role("sagemaker", allow("sagemaker:*"), account=OTHER)
    denied(stranger.describe_model_package, ModelPackageName=shared.package)
    unable = lab.as_role("sagemaker", allow("sagemaker:DescribeModelPackage"), account=OTHER)
    denied(unable.list_model_packages, ModelPackageGroupName=shared.group_arn)


def test_a_package_is_described_in_its_own_region_only(lab: Lab, shared: Shared) -> None:
    elsewhere = lab.aws.client("sagemaker", region="us-east-1")
    with pytest.raises(ClientError, match="is in region ap-northeast-2"):
        elsewhere.describe_model_package(ModelPackageName=shared.package)


def test_the_way_back_may_reject_and_record_and_nothing_else(lab: Lab, shared: Shared) -> None:
    role = lab.role(allow("sagemaker:UpdateModelPackage"), account=OTHER)
    prefix = "sagemaker:CustomerMetadataProperties"
    missing = {"Null": {"sagemaker:ModelApprovalStatus": "true", f"{prefix}/model_sha256": "true"}}
    rejects = {
        "StringEquals": {"sagemaker:ModelApprovalStatus": "Rejected"},
        "Null": {f"{prefix}/model_sha256": "true"},
    }
    shared.grant_packages(
        allow("sagemaker:UpdateModelPackage", on=shared.versions, when=only(role) | rejects),
        allow("sagemaker:UpdateModelPackage", on=shared.versions, when=only(role) | missing),
    )
    deployer = lab.acting(role, "sagemaker")
    deployer.update_model_package(ModelPackageArn=shared.package, CustomerMetadataProperties={"prod_back": "slow"})
    denied(deployer.update_model_package, ModelPackageArn=shared.package, ModelApprovalStatus="Approved")
    forged = {"model_sha256": "00"}
    denied(deployer.update_model_package, ModelPackageArn=shared.package, CustomerMetadataProperties=forged)
    deployer.update_model_package(ModelPackageArn=shared.package, ModelApprovalStatus="Rejected")
    package = shared.owner.describe_model_package(ModelPackageName=shared.package)
    assert package["ModelApprovalStatus"] == "Rejected"
    assert package["CustomerMetadataProperties"] == {"prod_back": "slow"}
    assert package["LastModifiedBy"]["IamIdentity"]["Arn"].startswith(f"arn:aws:sts::{OTHER}:assumed-role/")


def test_an_endpoint_serves_another_accounts_model_once_every_grant_is_there(lab: Lab, shared: Shared) -> None:
    iam, sagemaker = lab.client("iam", account=OTHER), lab.client("sagemaker", account=OTHER)
    name = f"foreign-{uuid.uuid4().hex[:6]}"
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(ALLOW_ALL))
    container = {"ModelPackageName": shared.package}
    model = {"ModelName": name, "PrimaryContainer": container, "ExecutionRoleArn": role}
    assert shared.package in denied(sagemaker.create_model, **model)
    shared.grant_packages(allow("sagemaker:CreateModel", on=shared.versions))
    sagemaker.create_model(**model)
    variant = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])

    def deploy() -> str:
        """Why it failed, or what it answers."""
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        found = until(
            lambda: sagemaker.describe_endpoint(EndpointName=name), lambda each: each["EndpointStatus"] != "Creating"
        )
        if found["EndpointStatus"] == "InService":
            runtime = lab.client("sagemaker-runtime", account=OTHER)
            return str(json.loads(runtime.invoke_endpoint(EndpointName=name, Body=b"x")["Body"].read())[0])
        sagemaker.delete_endpoint(EndpointName=name)
        sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 0.05})
        return str(found["FailureReason"])

    assert "ecr:" in deploy()
    shared.grant_image(role)
    assert "Failed to extract model data" in (refused := deploy())
    assert "s3:ListBucket" in refused
    shared.grant_data(role)
    assert "kms:Decrypt" in deploy()
    shared.grant_key(role)
    assert deploy() == "shared"


def test_a_stage_is_reserved_for_the_role_whose_policy_names_it(lab: Lab, shared: Shared) -> None:
    stage = {"sagemaker:ModelLifeCycle:stage": "Production", "sagemaker:ModelLifeCycle:stageStatus": "Approved"}
    may = allow("sagemaker:UpdateModelPackage", on=shared.versions, when={"StringEquals": stage})
    approver = lab.as_role("sagemaker", may)
    for cycle in ({"Stage": "Staging", "StageStatus": "Approved"}, {"Stage": "Production", "StageStatus": "Rejected"}):
        denied(approver.update_model_package, ModelPackageArn=shared.package, ModelLifeCycle=cycle)
    denied(approver.update_model_package, ModelPackageArn=shared.package, ApprovalDescription="no stage at all")
    wanted = {"Stage": "Production", "StageStatus": "Approved", "StageDescription": "by the owner"}
    approver.update_model_package(ModelPackageArn=shared.package, ModelLifeCycle=wanted)
    assert shared.owner.describe_model_package(ModelPackageName=shared.package)["ModelLifeCycle"] == wanted
    [listed] = shared.owner.list_model_packages(ModelPackageGroupName=shared.group)["ModelPackageSummaryList"]
    assert listed["ModelLifeCycle"]["Stage"] == "Production"


def test_a_policy_may_ask_what_a_package_is_now(lab: Lab, shared: Shared) -> None:
    current = {
        "sagemaker:CurrentModelLifeCycleStage": "Staging",
        "sagemaker:CurrentCustomerMetadataProperties/staging_smoke": "passed",
    }
    may = allow("sagemaker:UpdateModelPackage", on=shared.versions, when={"StringEquals": current})
    promoter = lab.as_role("sagemaker", may)
    wanted = {"Stage": "Production", "StageStatus": "Approved"}
    denied(promoter.update_model_package, ModelPackageArn=shared.package, ModelLifeCycle=wanted)
    shared.owner.update_model_package(
        ModelPackageArn=shared.package,
        ModelLifeCycle={"Stage": "Staging", "StageStatus": "Approved"},
        CustomerMetadataProperties={"staging_smoke": "passed"},
    )
    promoter.update_model_package(ModelPackageArn=shared.package, ModelLifeCycle=wanted)


def test_metadata_hold_letters_digits_and_a_few_signs(lab: Lab, shared: Shared) -> None:
    update = shared.owner.update_model_package
    update(ModelPackageArn=shared.package, CustomerMetadataProperties={"prod_deployed": "passed 2026-01-01 승인 a@b.c"})
    for value in ("rolled back: (slow)", "a,b", "line\nbreak"):
        with pytest.raises(ClientError, match="failed to satisfy constraint"):
            update(ModelPackageArn=shared.package, CustomerMetadataProperties={"prod_back": value})
    with pytest.raises(ClientError, match="at most 50"):
        update(ModelPackageArn=shared.package, CustomerMetadataProperties={f"key_{each}": "x" for each in range(50)})


class Forwarding:
    """Approvals of the training account on the way to a bus and a queue of another account."""

    def __init__(self, lab: Lab, shared: Shared) -> None:
        self.lab, self.shared, self.name = lab, shared, shared.group
        self.bus = f"arn:aws:events:{REGION}:{OTHER}:event-bus/{self.name}"
        self.role = lab.role(allow("events:PutEvents", on=self.bus), trusts=trust(Service="events.amazonaws.com"))
        self.dead = self.queue(ACCOUNT, f"{self.name}-dead")
        self.arrived = self.queue(OTHER, self.name)
        pattern = {"source": ["aws.sagemaker"], "detail": {"ModelPackageGroupName": [self.name]}}
        self.pattern = json.dumps(pattern)
        events = lab.client("events")
        events.put_rule(Name=self.name, EventPattern=self.pattern)
        target = {"Id": "bus", "Arn": self.bus, "RoleArn": self.role, "DeadLetterConfig": {"Arn": self.dead[1]}}
        events.put_targets(Rule=self.name, Targets=[target])

    def queue(self, account: str, name: str) -> tuple[str, str]:
        """URL and ARN of a queue that EventBridge may send to."""
        sqs = self.lab.client("sqs", account=account)
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{account}:{name}"
        policy = document(to({"Service": "events.amazonaws.com"}, allow("sqs:SendMessage", on=arn)))
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        return url, arn

    def make_bus(self, sender: str) -> None:
        """The other account's half: a bus that takes events from one role, and a rule to its queue."""
        events = self.lab.client("events", account=OTHER)
        events.create_event_bus(Name=self.name)
        statement = to({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, allow("events:PutEvents", on=self.bus))
        statement |= {
            "Sid": "forward",
            "Condition": {**only(sender), "StringEquals": {"events:source": "aws.sagemaker"}},
        }
        events.put_permission(EventBusName=self.name, Policy=document(statement))
        events.put_rule(Name=self.name, EventBusName=self.name, EventPattern=self.pattern)
        targets = [{"Id": "queue", "Arn": self.arrived[1]}]
        events.put_targets(Rule=self.name, EventBusName=self.name, Targets=targets)

    def approve(self) -> None:
        self.shared.owner.update_model_package(
            ModelPackageArn=self.shared.package,
            ModelLifeCycle={"Stage": "Production", "StageStatus": "Approved"},
        )

    def received(self, account: str, url: str) -> dict[str, Any]:
        sqs = self.lab.client("sqs", account=account)
        [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, MessageAttributeNames=["All"])["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return dict(message)


def test_a_stage_approved_here_is_an_event_on_another_accounts_bus(lab: Lab, shared: Shared) -> None:
    way = Forwarding(lab, shared)
    way.approve()
    early = way.received(ACCOUNT, way.dead[0])["MessageAttributes"]
    assert early["ERROR_CODE"]["StringValue"] == "ResourceNotFoundException"
    assert early["TARGET_ARN"]["StringValue"] == way.bus

    way.make_bus(way.role)
    way.approve()
    event = json.loads(way.received(OTHER, way.arrived[0])["Body"])
    assert event["account"] == ACCOUNT
    assert event["resources"] == [shared.package]
    assert event["detail"]["ModelLifeCycle"] == {"Stage": "Production", "StageStatus": "Approved"}
    assert event["detail"]["LastModifiedBy"]["IamIdentity"]["Arn"]


def test_a_bus_that_expects_another_role_sends_the_event_to_the_dead_letters(lab: Lab, shared: Shared) -> None:
    way = Forwarding(lab, shared)
    way.make_bus(lab.role())
    way.approve()
    refused = way.received(ACCOUNT, way.dead[0])["MessageAttributes"]
    assert "events:PutEvents" in refused["ERROR_MESSAGE"]["StringValue"]
    assert shared.group in refused["ERROR_MESSAGE"]["StringValue"]
