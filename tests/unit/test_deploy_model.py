"""The deployer against a registry and a CloudFormation that behave as AWS documents, in any order of events."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from typing import Any

import pytest
from botocore.exceptions import ClientError
from deploy_model.batch import handle
from deploy_model.deploy import RESOURCE_TYPES, Deployer
from deploy_model.settings import DeploySettings
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.archive_lab import packed

BUCKET = "millrace-dev-artifacts-111111111111-ap-northeast-2"
ARCHIVE = packed()
MODEL, STACK = "claims-fraud", "Dev-Serving-claims-fraud"
STACK_ID = f"arn:aws:cloudformation:ap-northeast-2:111111111111:stack/{STACK}/1"
SETTINGS = DeploySettings({MODEL: STACK}, "arn:aws:iam::111111111111:role/millrace-dev-serving-update", BUCKET)
Record = dict[str, str]


def arn(version: int) -> str:
    return f"arn:aws:sagemaker:ap-northeast-2:111111111111:model-package/{MODEL}/{version}"


def registered(version: int) -> dict[str, Any]:
    """What DescribeModelPackage tells of a version that a run has registered."""
    url = f"s3://{BUCKET}/runs/{version}/train/model.tar.gz"
    statistics = {"ContentType": "application/json", "S3Uri": f"s3://{BUCKET}/runs/{version}/evaluation.json"}
    return {
        "ModelPackageArn": arn(version),
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
    """The versions, the approvals people give, and the rejections that the function gives."""

    def __init__(self) -> None:
        self.status: dict[int, str] = {}
        self.packages = {version: registered(version) for version in range(1, 5)}
        self.rejected: list[dict[str, Any]] = []
        self.announced: list[Record] = []

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:
        return self.packages[int(ModelPackageName.rsplit("/", 1)[1])]

    def update_model_package(self, **request: Any) -> None:
        assert request["ModelApprovalStatus"] == "Rejected"
        self.rejected.append(request)
        self.announced.append(self.decide(int(request["ModelPackageArn"].rsplit("/", 1)[1]), "Rejected"))

    def list_model_packages(self, **request: Any) -> dict[str, Any]:
        assert request["SortOrder"] == "Descending"
        versions = [v for v, status in sorted(self.status.items(), reverse=True) if status == "Approved"]
        return {"ModelPackageSummaryList": [{"ModelPackageArn": arn(v)} for v in versions[: request["MaxResults"]]]}

    def decide(self, version: int, status: str) -> Record:
        """Approve or reject a version; returns the record its event becomes in the queue."""
        self.status[version] = status
        detail = {"ModelPackageGroupName": MODEL, "ModelPackageArn": arn(version), "ModelApprovalStatus": status}
        return record("SageMaker Model Package State Change", detail)


class Bucket:
    """GetObject of the archives: what was registered, or what was put in its place."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.read: list[str] = []

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        assert Bucket == BUCKET
        self.read.append(Key)
        data = self.held.get(Key, ARCHIVE)
        if not data:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "gone"}}, "GetObject")
        return {"Body": io.BytesIO(data), "ContentLength": len(data), "ETag": '"e"'}

    def put(self, version: int, data: bytes) -> None:
        self.held[f"runs/{version}/train/model.tar.gz"] = data


class CloudFormation:
    """One stack. An update stays in progress until `finish`; versions in `failing` are rolled back."""

    def __init__(self) -> None:
        self.exists = True
        self.status, self.version = "CREATE_COMPLETE", "none"
        self.changes = 0
        self.tokens: list[str] = []
        self.events: list[dict[str, str]] = []
        self.updates: list[dict[str, Any]] = []
        self.failing: set[str] = set()

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        if not self.exists:
            raise _error("DescribeStacks", f"Stack with id {StackName} does not exist")
        parameters = [
            {"ParameterKey": "ModelPackageArn", "ParameterValue": self.version},
            {"ParameterKey": "Other", "ParameterValue": "kept"},
        ]
        stack = {"StackId": STACK_ID, "StackStatus": self.status, "CreationTime": 0, "LastUpdatedTime": self.changes}
        return {"Stacks": [{**stack, "Parameters": parameters}]}

    def get_paginator(self, operation: str) -> CloudFormation:
        assert operation == "describe_stack_events"
        return self

    def paginate(self, StackName: str) -> list[dict[str, Any]]:
        assert StackName == STACK_ID
        return [{"StackEvents": list(reversed(self.events))}]

    def update_stack(self, **request: Any) -> dict[str, str]:
        token = request["ClientRequestToken"]
        if token in self.tokens:
            return {"StackId": STACK_ID}
        if self.status.endswith("_IN_PROGRESS"):
            raise _error("UpdateStack", f"Stack:{STACK_ID} is in {self.status} state and can not be updated.")
        if self._wanted(request) == self.version:
            raise _error("UpdateStack", "No updates are to be performed.")
        self.tokens.append(token)
        self.updates.append(request)
        self._become("UPDATE_IN_PROGRESS", token)
        return {"StackId": STACK_ID}

    def finish(self) -> Record:
        """End the update in progress; returns the record of the stack's event."""
        wanted, token = self._wanted(self.updates[-1]), self.tokens[-1]
        if wanted in self.failing:
            self.events.append({"PhysicalResourceId": f"{MODEL}-1", "ClientRequestToken": token})
            return self._become("UPDATE_ROLLBACK_COMPLETE", token)
        self.version = wanted
        return self._become("UPDATE_COMPLETE", token)

    def redeploy(self) -> Record:
        """What `cdk deploy` does: the stack changes, the parameter stays."""
        return self._become("UPDATE_COMPLETE", f"cdk-{self.changes}")

    def _become(self, status: str, token: str) -> Record:
        self.status = status
        self.changes += 1
        self.events.append({"PhysicalResourceId": STACK_ID, "ClientRequestToken": token})
        detail = {"stack-id": STACK_ID, "status-details": {"status": status}}
        return record("CloudFormation Stack Status Change", detail)

    @staticmethod
    def _wanted(request: dict[str, Any]) -> str:
        values = {entry["ParameterKey"]: entry.get("ParameterValue") for entry in request["Parameters"]}
        return str(values["ModelPackageArn"])


def record(kind: str, detail: dict[str, Any]) -> Record:
    return {"messageId": "1", "body": json.dumps({"detail-type": kind, "detail": detail})}


def _error(operation: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, operation)


class World:
    """The deployer between its registry and its stack."""

    def __init__(self) -> None:
        self.registry, self.cloudformation, self.bucket = Registry(), CloudFormation(), Bucket()
        self.deployer = Deployer(self.registry, self.cloudformation, self.bucket, SETTINGS)

    def announced(self) -> list[Record]:
        """The events of the function's own calls since the last look."""
        found, self.registry.announced = self.registry.announced, []
        return found

    def deliver(self, *records: Record) -> list[dict[str, str]]:
        return handle(list(records), self.deployer)["batchItemFailures"]


@pytest.fixture
def world() -> World:
    return World()


def test_an_approval_updates_the_stack_with_its_own_limited_role(world: World) -> None:
    assert world.deliver(world.registry.decide(1, "Approved")) == []
    (update,) = world.cloudformation.updates
    assert update["StackName"] == STACK
    assert update["UsePreviousTemplate"] is True
    assert update["RoleARN"] == SETTINGS.update_role_arn
    assert update["ResourceTypes"] == RESOURCE_TYPES
    assert update["Parameters"] == [
        {"ParameterKey": "ModelPackageArn", "ParameterValue": arn(1)},
        {"ParameterKey": "Other", "UsePreviousValue": True},
    ]


def test_an_approval_during_an_update_is_deployed_when_the_stack_says_that_it_is_done(world: World) -> None:
    world.deliver(world.registry.decide(1, "Approved"))
    assert world.deliver(world.registry.decide(2, "Approved")) == []
    assert len(world.cloudformation.updates) == 1
    world.deliver(world.cloudformation.finish())
    world.deliver(world.cloudformation.finish())
    assert world.cloudformation.version == arn(2)
    assert len(world.cloudformation.updates) == 2


def test_a_version_that_cannot_be_deployed_is_tried_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.cloudformation.failing = {arn(1)}
    world.deliver(world.registry.decide(1, "Approved"))
    rolled_back = world.cloudformation.finish()
    for _ in range(3):
        assert world.deliver(rolled_back) == []
    assert len(world.cloudformation.updates) == 1
    assert f"the update to {arn(1)} was rolled back" in caplog.text


def test_approving_a_failed_version_again_tries_it_again(world: World) -> None:
    world.cloudformation.failing = {arn(1)}
    world.deliver(world.registry.decide(1, "Approved"))
    world.deliver(world.cloudformation.finish())
    world.cloudformation.failing = set()
    world.deliver(world.registry.decide(1, "Approved"))
    world.deliver(world.cloudformation.finish())
    assert world.cloudformation.version == arn(1)


def test_rejecting_the_served_version_brings_back_the_one_approved_before(world: World) -> None:
    for version in (1, 2):
        world.deliver(world.registry.decide(version, "Approved"))
        world.deliver(world.cloudformation.finish())
    world.deliver(world.registry.decide(2, "Rejected"))
    world.deliver(world.cloudformation.finish())
    assert world.cloudformation.version == arn(1)


def test_rejecting_the_only_version_leaves_the_endpoint_alone(world: World) -> None:
    world.deliver(world.registry.decide(1, "Approved"))
    world.deliver(world.cloudformation.finish())
    world.deliver(world.registry.decide(1, "Rejected"))
    assert world.cloudformation.version == arn(1)
    assert len(world.cloudformation.updates) == 1


def test_a_stack_that_does_not_exist_yet_is_left_to_its_creation(world: World) -> None:
    world.cloudformation.exists = False
    approval = world.registry.decide(1, "Approved")
    assert world.deliver(approval) == []
    world.cloudformation.exists = True
    world.deliver(world.cloudformation.redeploy())
    assert len(world.cloudformation.updates) == 1


def test_a_refused_call_is_reported_for_another_delivery(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(**request: Any) -> None:
        raise _error("UpdateStack", "not authorized to perform: cloudformation:UpdateStack")

    world.cloudformation.update_stack = refuse  # type: ignore[method-assign,assignment]
    caplog.set_level(logging.INFO)
    assert world.deliver(world.registry.decide(1, "Approved")) == [{"itemIdentifier": "1"}]
    assert "not authorized" in caplog.text


def refused(world: World, version: int = 1) -> str:
    """The reason for which a version is marked Rejected when it is approved; it is not deployed."""
    assert world.deliver(world.registry.decide(version, "Approved")) == []
    assert world.cloudformation.updates == []
    (request,) = world.registry.rejected
    assert request["ModelPackageArn"] == arn(version)
    assert len(request["ApprovalDescription"]) <= 1024
    return str(request["ApprovalDescription"])


def test_an_archive_that_was_changed_is_not_deployed_and_the_version_is_rejected_with_the_reason(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.bucket.put(1, packed({"model.json": b"another"}))
    reason = refused(world)
    assert reason.startswith(f"{MODEL}/1 is not deployed: s3://{BUCKET}/runs/1/train/model.tar.gz: its sha256 is ")
    assert reason.endswith("the archive was changed; restore it, or approve another version, or train again")
    assert f"blocked: {reason}" in caplog.text


def test_the_version_approved_before_stays_when_the_newest_is_refused(world: World) -> None:
    world.deliver(world.registry.decide(1, "Approved"))
    world.deliver(world.cloudformation.finish())
    world.bucket.put(2, b"")
    world.deliver(world.registry.decide(2, "Approved"))
    world.deliver(*world.registry.announced)
    assert world.cloudformation.version == arn(1)
    assert len(world.cloudformation.updates) == 1
    assert "is not there; restore it" in world.registry.rejected[0]["ApprovalDescription"]


def test_a_restored_archive_can_be_approved_again(world: World) -> None:
    world.bucket.put(1, b"something else")
    refused(world)
    world.bucket.put(1, ARCHIVE)
    world.deliver(world.registry.decide(1, "Approved"))
    world.deliver(world.cloudformation.finish())
    assert world.cloudformation.version == arn(1)


def test_a_version_registered_by_hand_is_refused_with_all_that_is_missing(world: World) -> None:
    world.registry.packages[1] = {"InferenceSpecification": registered(1)["InferenceSpecification"]}
    assert refused(world) == (
        f"{MODEL}/1 is not deployed: the registry holds no model_sha256, no manifest_sha256, no manifest_uri, "
        "no metrics of it; register it by a run of the pipeline, which writes that"
    )
    assert world.bucket.read == []


def test_metrics_in_the_metadata_are_as_good_as_a_report(world: World) -> None:
    del world.registry.packages[1]["ModelMetrics"]
    world.deliver(world.registry.decide(1, "Approved"))
    assert len(world.cloudformation.updates) == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ModelDataUrl": "s3://another-bucket/runs/1/model.tar.gz"}, "its archive is s3://another-bucket/runs/1/"),
        ({"ModelDataUrl": f"s3://{BUCKET}/inputs/1/model.tar.gz"}, f"not below s3://{BUCKET}/runs/"),
        ({"ModelDataUrl": f"s3://{BUCKET}/runs/"}, f"not below s3://{BUCKET}/runs/"),
        ({"ModelDataUrl": ""}, "its archive is not named"),
        ({"AdditionalModelDataSources": [{}]}, "has AdditionalModelDataSources, which is not checked"),
    ],
)
def test_only_an_archive_of_a_run_can_be_checked(world: World, change: dict[str, Any], why: str) -> None:
    world.registry.packages[1]["InferenceSpecification"]["Containers"][0].update(change)
    assert why in refused(world)
    assert world.bucket.read == []


def test_of_several_containers_none_is_deployed(world: World) -> None:
    world.registry.packages[1]["InferenceSpecification"]["Containers"] *= 2
    assert "it has 2 containers, and exactly one can be checked" in refused(world)


def test_a_digest_that_is_none_is_refused(world: World) -> None:
    world.registry.packages[1]["CustomerMetadataProperties"]["model_sha256"] = "later"
    assert "its model_sha256 is 'later', which is no sha256" in refused(world)


def test_an_archive_too_large_to_be_checked_is_refused_unread(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unread:
        def read(self, _amount: int) -> bytes:
            raise AssertionError("it was read")

    answer = {"Body": Unread(), "ContentLength": (512 << 20) + 1}
    monkeypatch.setattr(world.bucket, "get_object", lambda **_: answer)
    assert "has 536,870,913 bytes; up to 536,870,912 are checked and deployed; train a smaller model" in refused(world)


def test_a_reason_fits_into_the_registry(world: World) -> None:
    world.registry.packages[1]["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] = "s3://b/" + "a" * 1000
    assert len(refused(world)) == 1024


def test_a_refused_look_at_the_archive_says_nothing_about_the_version(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")

    monkeypatch.setattr(world.bucket, "get_object", deny)
    assert world.deliver(world.registry.decide(1, "Approved")) == [{"itemIdentifier": "1"}]
    assert world.registry.rejected == world.cloudformation.updates == []


class AnyOrder(RuleBasedStateMachine):
    """Events may be doubled, late and out of order; what people want must come true all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.pending: list[Record] = []
        self.requests = 0  # how often a person asked for something

    def _queue(self, record: Record) -> None:
        self.pending.append(record)

    @rule(version=st.integers(1, 4), status=st.sampled_from(["Approved", "Rejected"]))
    def someone_decides(self, version: int, status: str) -> None:
        self.requests += 1
        self._queue(self.world.registry.decide(version, status))

    @rule(version=st.integers(1, 4))
    def a_version_turns_out_not_to_start(self, version: int) -> None:
        self.world.cloudformation.failing.add(arn(version))

    @rule(version=st.integers(1, 4))
    def an_archive_is_changed(self, version: int) -> None:
        self.world.bucket.put(version, b"something else")

    @precondition(lambda self: self.world.cloudformation.status == "UPDATE_IN_PROGRESS")
    @rule()
    def the_update_ends(self) -> None:
        self._queue(self.world.cloudformation.finish())

    @precondition(lambda self: not self.world.cloudformation.status.endswith("_IN_PROGRESS"))
    @rule()
    def someone_deploys_the_app(self) -> None:
        self.requests += 1
        self._queue(self.world.cloudformation.redeploy())

    @precondition(lambda self: self.pending)
    @rule(data=st.data(), doubled=st.booleans())
    def a_message_arrives(self, data: st.DataObject, doubled: bool) -> None:
        position = data.draw(st.integers(0, len(self.pending) - 1))
        message = self.pending[position] if doubled else self.pending.pop(position)
        assert self.world.deliver(message) == []
        self.pending += self.world.announced()

    @invariant()
    def it_settles(self) -> None:
        """Played to the end from here, the newest approved version is served, or was tried and rolled back."""
        world = self._replica()
        cloudformation, pending = world.cloudformation, list(self.pending)
        for _ in range(2 * (len(pending) + self.requests) + 20):
            if cloudformation.status == "UPDATE_IN_PROGRESS":
                pending.append(cloudformation.finish())
            if not pending:
                break
            world.deliver(pending.pop(0))
            pending += world.announced()
        assert not pending, "messages make messages for ever"
        approved = [version for version, status in world.registry.status.items() if status == "Approved"]
        if approved and cloudformation.version != arn(max(approved)):
            assert cloudformation.status == "UPDATE_ROLLBACK_COMPLETE"
            assert cloudformation._wanted(cloudformation.updates[-1]) == arn(max(approved))

    def _replica(self) -> World:
        world = World()
        world.registry.status = dict(self.world.registry.status)
        world.bucket.held = dict(self.world.bucket.held)
        for name, value in vars(self.world.cloudformation).items():
            setattr(world.cloudformation, name, value.copy() if hasattr(value, "copy") else value)
        return world


AnyOrder.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=25, deadline=None)
TestAnyOrder = AnyOrder.TestCase
