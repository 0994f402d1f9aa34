"""A registry, serving stacks and endpoints that behave as AWS documents, for tests of `deploy_model` and `smoke_test`.

Nothing is delivered by itself: what AWS would announce is a record in `announced`, for the test to deliver in any
order and as often as it likes. One file, because each of them is only as true as the others: an update that is
rolled back shows in the stack, its events and the endpoint alike.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from deploy_model.batch import handle
from deploy_model.deploy import Deployer
from deploy_model.settings import DeploySettings
from smoke_test.batch import handle as handle_tests
from smoke_test.settings import SmokeSettings
from smoke_test.test import SmokeTest

from tests.archive_lab import SOUND, packed

REGION, TRAINER = "ap-northeast-2", "111111111111"
IDS = {"dev": TRAINER, "staging": "222222222222", "prod": "333333333333"}
BUCKET = f"millrace-dev-artifacts-{TRAINER}-{REGION}"
MODEL = "claims-fraud"
GROUP = f"arn:aws:sagemaker:{REGION}:{TRAINER}:model-package-group/{MODEL}"
PERSON = f"arn:aws:sts::{TRAINER}:assumed-role/Admin/jane@example.com"
ROWS = [{"age": "42", "kind": "a"}, {"age": "7", "kind": "b"}, {"age": "", "kind": "a"}]
ANSWERS = [{"score": 0.125, "decision": 0}, {"score": 0.75, "decision": 1}, {"score": 0.5, "decision": 1}]
GOLDEN = json.dumps({"rows": ROWS, "answers": ANSWERS}).encode()
ARCHIVE = packed({**SOUND, "golden.json": GOLDEN})
PINNED = hashlib.sha256(SOUND["digests.json"]).hexdigest()
ALARM = ("AWS::SageMaker::Endpoint", "The deployment was rolled back: alarm claims-fraud-5xx is in ALARM")
PING = (
    "AWS::SageMaker::Endpoint",
    "The primary container for production variant AllTraffic did not pass the ping health check.",
)
CAPACITY = ("AWS::SageMaker::Endpoint", "Unable to provision requested ML compute capacity.")
Record = dict[str, str]


def arn(version: int) -> str:
    return f"arn:aws:sagemaker:{REGION}:{TRAINER}:model-package/{MODEL}/{version}"


def number(package: str) -> int:
    return int(package.rsplit("/", 1)[1])


def record(kind: str, detail: Mapping[str, Any], at: datetime) -> Record:
    event = {"detail-type": kind, "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "detail": detail}
    return {"messageId": "1", "body": json.dumps(event)}


def refusal(operation: str, message: str, code: str = "ValidationError") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class Clock:
    """Every look is a moment later; several fit into one second."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 29, 12, tzinfo=UTC)

    def tick(self) -> datetime:
        self.now += timedelta(milliseconds=400)
        return self.now


def registered(version: int) -> dict[str, Any]:
    """What DescribeModelPackage tells of a version that a run has registered."""
    url = f"s3://{BUCKET}/runs/{version}/train/model.tar.gz"
    statistics = {"ContentType": "application/json", "S3Uri": f"s3://{BUCKET}/runs/{version}/evaluation.json"}
    return {
        "ModelPackageArn": arn(version),
        "ModelPackageGroupName": MODEL,
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {"Containers": [{"Image": "image", "ModelDataUrl": url, "Environment": {}}]},
        "ModelMetrics": {"ModelQuality": {"Statistics": statistics}},
        "CustomerMetadataProperties": {
            "model_sha256": hashlib.sha256(ARCHIVE).hexdigest(),
            "manifest_sha256": "0" * 64,
            "manifest_uri": f"s3://{BUCKET}/inputs/{'0' * 64}/manifest.json",
            "metric": "auc",
            "value": "0.81",
        },
    }


class Registry:
    """The versions of the training account. `tells_fields` is whether events say what was changed."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.packages = {version: registered(version) for version in range(1, 5)}
        self.announced: list[Record] = []
        self.updates: list[dict[str, Any]] = []
        self.tells_fields = True

    def decide(self, version: int, status: str, *, by: str = PERSON) -> Record:
        """Approve or reject a version; the record its event becomes in a queue."""
        return self.change(by, ModelPackageArn=arn(version), ModelApprovalStatus=status)

    def promote(self, version: int, status: str = "Approved") -> Record:
        life_cycle = {"Stage": "Production", "StageStatus": status}
        return self.change(PERSON, ModelPackageArn=arn(version), ModelLifeCycle=life_cycle)

    def change(self, by: str, **request: Any) -> Record:
        package = self.packages[number(request.pop("ModelPackageArn"))]
        held = package["CustomerMetadataProperties"] | request.get("CustomerMetadataProperties", {})
        package.update(request, CustomerMetadataProperties=held)
        at = self.clock.tick()
        package.update(LastModifiedBy={"IamIdentity": {"Arn": by}}, LastModifiedTime=at)
        fields = {"UpdatedModelPackageFields": sorted(request)} if self.tells_fields else {}
        detail = json.loads(json.dumps({**package, **fields}, default=str))
        self.announced.append(record("SageMaker Model Package State Change", detail, at))
        return self.announced[-1]

    def status(self, version: int) -> str:
        return str(self.packages[version]["ModelApprovalStatus"])

    def records(self, version: int) -> dict[str, str]:
        """What was told of a version since its registration."""
        held: dict[str, str] = self.packages[version]["CustomerMetadataProperties"]
        return {key: text for key, text in held.items() if key not in registered(version)["CustomerMetadataProperties"]}

    @property
    def rejections(self) -> list[dict[str, Any]]:
        return [update for update in self.updates if "ModelApprovalStatus" in update]


@dataclass
class RegistryClient:
    """The registry as one role sees it; `denied` are the operations that a policy does not allow it."""

    registry: Registry
    role: str
    account: str
    denied: set[str]

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:
        self._gate("DescribeModelPackage", ModelPackageName)
        return copy.deepcopy(self.registry.packages[number(ModelPackageName)])

    def list_model_packages(self, **request: Any) -> dict[str, Any]:
        """Two a page, so that there is a next one."""
        self._gate("ListModelPackages", request["ModelPackageGroupName"])
        assert request["ModelPackageGroupName"] == GROUP
        assert (request["SortBy"], request["SortOrder"]) == ("CreationTime", "Descending")
        found = [
            {"ModelPackageArn": arn(version), **({"ModelLifeCycle": life_cycle} if life_cycle else {})}
            for version, package in sorted(self.registry.packages.items(), reverse=True)
            if package["ModelApprovalStatus"] == request["ModelApprovalStatus"]
            for life_cycle in (package.get("ModelLifeCycle"),)
        ]
        start = int(request.get("NextToken", 0))
        more = {"NextToken": str(start + 2)} if len(found) > start + 2 else {}
        return {"ModelPackageSummaryList": found[start : start + 2], **more}

    def update_model_package(self, **request: Any) -> None:
        self._gate("UpdateModelPackage", request["ModelPackageArn"])
        assert request.get("ModelApprovalStatus", "Rejected") == "Rejected", "the role may approve nothing"
        told = request.get("CustomerMetadataProperties", {})
        assert not set(told) & set(registered(1)["CustomerMetadataProperties"]), "the role may not change those"
        assert all(0 < len(text) <= 256 for text in told.values())
        self.registry.updates.append(request)
        self.registry.change(f"arn:aws:sts::{self.account}:assumed-role/{self.role}/{self.role}", **request)

    def _gate(self, operation: str, resource: str) -> None:
        if operation in self.denied:
            raise refusal(
                operation,
                f"User: arn:aws:sts::{self.account}:assumed-role/{self.role}/{self.role} is not authorized to perform: "
                f"sagemaker:{operation} on resource: {resource} because no resource-based policy allows the "
                f"sagemaker:{operation} action",
                "AccessDeniedException",
            )


class Bucket:
    """GetObject of the archives: what was registered, or what was put in its place."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.read: list[str] = []

    def get_object(self, Bucket: str, Key: str, IfMatch: str = "") -> dict[str, Any]:
        assert Bucket == BUCKET
        self.read.append(Key)
        data = self.held.get(Key, ARCHIVE)
        if not data:
            raise refusal("GetObject", "gone", "NoSuchKey")
        return {"Body": io.BytesIO(data), "ContentLength": len(data), "ETag": hashlib.md5(data).hexdigest()}

    def put(self, version: int, data: bytes) -> None:
        self.held[f"runs/{version}/train/model.tar.gz"] = data


class CloudFormation:
    """One stack. An update stays in progress until `finish`; versions in `failing` are rolled back for the reason."""

    def __init__(self, clock: Clock, account: str = "dev") -> None:
        self.clock = clock
        self.stack = f"{account.title()}-Serving-{MODEL}"
        self.id = f"arn:aws:cloudformation:{REGION}:{IDS[account]}:stack/{self.stack}/1"
        self.exists = True
        self.status, self.served = "CREATE_COMPLETE", {"ModelPackageArn": "none", "ModelDigest": "none", "Other": "k"}
        self.changed = self.created = clock.tick()
        self.tokens: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.updates: list[dict[str, Any]] = []
        self.failing: dict[str, tuple[str, str]] = {}
        self.refuses: ClientError | None = None
        self.announced: list[Record] = []
        self.watch: Callable[[str], None] = lambda _version: None

    @property
    def version(self) -> str:
        return self.served["ModelPackageArn"]

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        if not self.exists:
            raise refusal("DescribeStacks", f"Stack with id {StackName} does not exist")
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in self.served.items()]
        outputs = [{"OutputKey": "EndpointName", "OutputValue": MODEL}] if self.version != "none" else []
        times = {"CreationTime": self.created, "LastUpdatedTime": self.changed}
        stack = {"StackId": self.id, "StackStatus": self.status, **times}
        return {"Stacks": [{**stack, "Parameters": parameters, "Outputs": outputs}]}

    def get_paginator(self, operation: str) -> CloudFormation:
        assert operation == "describe_stack_events"
        return self

    def paginate(self, StackName: str) -> list[dict[str, Any]]:
        assert StackName == self.id
        return [{"StackEvents": [event]} for event in reversed(self.events)]

    def update_stack(self, **request: Any) -> dict[str, str]:
        if self.refuses:
            raise self.refuses
        token = request["ClientRequestToken"]
        if token in self.tokens:
            return {"StackId": self.id}
        if self.status.endswith("_IN_PROGRESS"):
            raise refusal("UpdateStack", f"Stack:{self.id} is in {self.status} state and can not be updated.")
        if self._wanted(request) == self.served:
            raise refusal("UpdateStack", "No updates are to be performed.")
        self.watch(self._wanted(request)["ModelPackageArn"])
        self.tokens.append(token)
        self.updates.append(request)
        self._become("UPDATE_IN_PROGRESS", token)
        return {"StackId": self.id}

    def finish(self) -> Record:
        """End the update in progress; the record of the stack's event."""
        wanted, token = self._wanted(self.updates[-1]), self.tokens[-1]
        if wanted["ModelPackageArn"] in self.failing:
            kind, reason = self.failing[wanted["ModelPackageArn"]]
            self._event("Model", "AWS::SageMaker::Model", "CREATE_COMPLETE", "", token)
            self._event("Endpoint", kind, "UPDATE_FAILED", reason, token)
            self._event("Other", "AWS::CloudWatch::Alarm", "UPDATE_FAILED", "Resource update cancelled", token)
            self._become("UPDATE_ROLLBACK_IN_PROGRESS", token)
            return self._become("UPDATE_ROLLBACK_COMPLETE", token)
        self.served = wanted
        return self._become("UPDATE_COMPLETE", token)

    def redeploy(self) -> Record:
        """What `cdk deploy` does: the stack changes, the parameters stay."""
        self._become("UPDATE_IN_PROGRESS", "")
        return self._become("UPDATE_COMPLETE", "")

    def _become(self, status: str, token: str) -> Record:
        self.status = status
        at = self._event(self.stack, "AWS::CloudFormation::Stack", status, "", token, physical=self.id)
        if status == "UPDATE_IN_PROGRESS":
            self.changed = at
        detail = {"stack-id": self.id, "status-details": {"status": status}}
        found = record("CloudFormation Stack Status Change", detail, at)
        if not status.endswith("_IN_PROGRESS"):
            self.announced.append(found)
        return found

    def _event(self, name: str, kind: str, status: str, reason: str, token: str, physical: str = "x") -> datetime:
        at = self.clock.tick()
        event: dict[str, Any] = {"LogicalResourceId": name, "PhysicalResourceId": physical, "ResourceType": kind}
        event |= {"ResourceStatus": status, "Timestamp": at}
        event |= {"ClientRequestToken": token} if token else {}
        event |= {"ResourceStatusReason": reason} if reason else {}
        self.events.append(event)
        return at

    def _wanted(self, request: dict[str, Any]) -> dict[str, str]:
        given = {entry["ParameterKey"]: entry for entry in request["Parameters"]}
        assert given.keys() == self.served.keys()
        return {key: entry.get("ParameterValue", self.served[key]) for key, entry in given.items()}


class Runtime:
    """The endpoint of one stack: it answers as the version that the stack serves, right unless the version is bad."""

    def __init__(self, cloudformation: CloudFormation) -> None:
        self._cloudformation = cloudformation
        self.bad: set[str] = set()
        self.answers_as: str | None = None
        self.asked = 0

    def invoke_endpoint(self, EndpointName: str, ContentType: str, Accept: str, Body: bytes) -> dict[str, Any]:
        assert (EndpointName, ContentType, Accept) == (MODEL, "application/json", "application/json")
        self.asked += 1
        found = [ANSWERS[ROWS.index(row)] for row in json.loads(Body)]
        if self._cloudformation.version in self.bad:
            found = [{**answer, "score": 0.9} for answer in found]
        version = self.answers_as or "/".join(self._cloudformation.version.split("/")[-2:])
        return {"Body": io.BytesIO(json.dumps({"predictions": found, "model_version": version}).encode())}


class Account:
    """One account's stack, and the two functions between it and the registry."""

    def __init__(
        self, name: str, registry: Registry, bucket: Bucket, *, stage: str = "approval", after: str = ""
    ) -> None:
        self.name, self.id = name, IDS[name]
        self.registry, self.bucket = registry, bucket
        self.cloudformation = CloudFormation(registry.clock, name)
        self.runtime = Runtime(self.cloudformation)
        self.denied: set[str] = set()
        role = f"millrace-{name}-deploy-model"
        update_role = f"arn:aws:iam::{self.id}:role/millrace-{name}-serving-update"
        stacks, groups = {MODEL: self.cloudformation.stack}, {MODEL: GROUP}
        self.settings = DeploySettings(name, role, stacks, groups, update_role, BUCKET, stage, after)
        client = RegistryClient(registry, role, self.id, self.denied)
        self.deployer = Deployer(client, self.cloudformation, bucket, self.settings, registry.clock.tick)
        tester = f"millrace-{name}-smoke-test"
        self.test = SmokeTest(
            cloudformation=self.cloudformation,
            sagemaker=RegistryClient(registry, tester, self.id, self.denied),
            runtime=self.runtime,
            s3=bucket,
            settings=SmokeSettings(name, tester, stacks, groups, {MODEL: 200.0}, BUCKET),
            own_account=self.id,
        )

    def deliver(self, *records: Record) -> list[dict[str, str]]:
        """What the deployer could not work off."""
        return handle(list(records), self.deployer)["batchItemFailures"]

    def smoke(self, *records: Record) -> list[dict[str, str]]:
        """What the smoke test could not work off."""
        return handle_tests(list(records), self.test, lambda: 300_000.0)["batchItemFailures"]

    def settle(self) -> None:
        """Deliver what is announced, and end updates, until nothing happens any more."""
        for _ in range(50):
            if self.cloudformation.status == "UPDATE_IN_PROGRESS":
                self.cloudformation.finish()
            found = [*self.registry.announced, *self.cloudformation.announced]
            self.registry.announced.clear()
            self.cloudformation.announced.clear()
            if not found:
                return
            assert self.deliver(*found) == []
        raise AssertionError("messages make messages for ever")


def one_account(name: str = "dev", *, stage: str = "approval", after: str = "") -> Account:
    """An account of its own with a registry, however far away that is."""
    return Account(name, Registry(Clock()), Bucket(), stage=stage, after=after)
