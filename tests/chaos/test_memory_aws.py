"""The in-memory AWS answers what moto answers: the requests of real histories, made again of moto."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.chaos.aws.expressions import Expression, updated
from tests.chaos.history import generate
from tests.chaos.play import clients
from tests.chaos.starter import silence, start_pipeline
from tests.chaos.users import ARTIFACTS, LEDGER, RAW, Users
from tests.chaos.world import World

TOLD = ("Item", "Items", "Attributes", "Responses", "Versions", "DeleteMarkers", "Contents", "ContentRange", "Count")
IDS = ("VersionId", "SourceVersionId")


class RecordingWorld(World):
    """Remembers every request that moto can serve too, with its answer."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.requests: list[tuple[str, str, dict[str, Any], Any]] = []
        put, remove = self.buckets.put, self.buckets.remove

        def put_and_tell(bucket: str, key: str, body: bytes | None) -> Any:
            version = put(bucket, key, body)
            if bucket == RAW:
                operation = "DeleteObject" if body is None else "PutObject"
                request = {"Bucket": bucket, "Key": key, **({} if body is None else {"Body": body})}
                self.requests.append(("s3", operation, request, {"VersionId": version.version_id}))
            return version

        def remove_and_tell(bucket: str, key: str, version_id: str) -> None:
            remove(bucket, key, version_id)
            request = {"Bucket": bucket, "Key": key, "VersionId": version_id}
            self.requests.append(("s3", "DeleteObject", request, {}))

        self.buckets.put, self.buckets.remove = put_and_tell, remove_and_tell  # type: ignore[method-assign]

    def serve(self, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        asked = copy.deepcopy(request)
        try:
            answer = super().serve(service, operation, request)
        except ClientError as error:
            self._remember(service, operation, asked, error)
            raise
        if "Body" in answer:
            body = answer["Body"].read()
            self._remember(service, operation, asked, {**answer, "Body": body})
            return super().serve(service, operation, request)
        self._remember(service, operation, asked, copy.deepcopy(answer))
        return answer

    def _remember(self, service: str, operation: str, request: dict[str, Any], answer: Any) -> None:
        if service in ("s3", "dynamodb"):
            self.requests.append((service, operation, request, answer))


class Moto:
    """The same bucket and table by moto; version ids are translated to those of the memory."""

    def __init__(self) -> None:
        session = boto3.session.Session("x", "x", region_name="us-east-1")
        self.clients = {service: session.client(service) for service in ("s3", "dynamodb")}
        self.theirs: dict[str, str] = {}
        self.ours: dict[str, str] = {}
        for bucket in (RAW, ARTIFACTS):
            self.clients["s3"].create_bucket(Bucket=bucket)
            status = {"Status": "Enabled"}
            self.clients["s3"].put_bucket_versioning(Bucket=bucket, VersioningConfiguration=status)
        keys = (("model", "HASH"), ("item", "RANGE"))
        self.clients["dynamodb"].create_table(
            TableName=LEDGER,
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
            BillingMode="PAY_PER_REQUEST",
        )

    def ask(self, service: str, operation: str, request: dict[str, Any], expected: Any) -> Any:
        """What moto answers, or the error's code."""
        asked = _translated(request, self.theirs)
        try:
            answer = self.clients[service]._make_api_call(operation, asked)
        except ClientError as error:
            return error
        if "Body" in answer:
            answer["Body"] = answer["Body"].read()
        if isinstance(expected, dict) and "VersionId" in expected and "VersionId" in answer:
            self.theirs.setdefault(expected["VersionId"], answer["VersionId"])
            self.ours.setdefault(answer["VersionId"], expected["VersionId"])
        return _translated(answer, self.ours)


def _translated(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            name: names.get(inner, inner) if name in IDS and isinstance(inner, str) else _translated(inner, names)
            for name, inner in value.items()
        }
    return [_translated(inner, names) for inner in value] if isinstance(value, list) else value


def told(answer: Any) -> Any:
    """What a caller can learn from an answer, without dates and request ids."""
    if isinstance(answer, ClientError):
        codes = [reason["Code"] for reason in answer.response.get("CancellationReasons", ())]
        return answer.response["Error"]["Code"], codes
    if "Body" in answer:
        return answer["Body"], answer.get("ContentRange")
    return {name: _plain(answer[name]) for name in TOLD if answer.get(name)}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        unimportant = ("LastModified", "Owner", "StorageClass", "ChecksumAlgorithm", "ChecksumType")
        return {name: _plain(inner) for name, inner in value.items() if name not in unimportant}
    return value


@pytest.fixture
def moto() -> Iterator[Moto]:
    with mock_aws():
        yield Moto()


@pytest.mark.parametrize("seed", [3, 8])
def test_real_histories_get_the_same_answers_from_moto(seed: int, moto: Moto) -> None:
    silence()
    world = RecordingWorld(replace(generate(seed, actions=12), page=1000), start_pipeline, clients())
    Users(world)
    world.play()

    for service, operation, request, expected in world.requests:
        answer = moto.ask(service, operation, request, expected)
        assert told(answer) == told(expected), (service, operation, request)


def test_an_expression_that_nobody_thought_of_is_an_error_not_a_guess() -> None:
    with pytest.raises(ValueError, match="cannot read"):
        Expression("a[0] = :v", {}, values={":v": {"S": "x"}}).holds()
    with pytest.raises(ValueError, match="an update begins with"):
        updated({}, "a = :v", {}, {":v": {"S": "x"}})
