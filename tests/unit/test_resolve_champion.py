"""Which version is the champion, whatever state endpoint and registry are in."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest
from botocore.exceptions import ClientError
from resolve_champion.champion import Champion
from resolve_champion.registry import Registry
from resolve_champion.resolve import resolve
from resolve_champion.settings import ChampionSettings

MODEL, BUCKET = "claims-fraud", "artifacts"
PLACEHOLDER = "s3://assets/0123.json"
SETTINGS = ChampionSettings(BUCKET, PLACEHOLDER)


def arn(version: int, group: str = MODEL) -> str:
    return f"arn:aws:sagemaker:ap-northeast-2:111111111111:model-package/{group}/{version}"


def error(operation: str, code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def missing(operation: str, kind: str) -> ClientError:
    return error(operation, "ValidationException", f'Could not find {kind} "arn:aws:sagemaker:...".')


class World:
    """SageMaker and S3 as far as the function sees them: versions with their archives, and at most one endpoint."""

    def __init__(self, *, approved: tuple[int, ...] = (), status: str = "", serves: int | None = None) -> None:
        self.packages = {version: f"s3://{BUCKET}/runs/{version}/model.tar.gz" for version in range(1, 10)}
        self.approved, self.status, self.serves = list(approved), status, serves
        self.config: list[dict[str, Any]] = [{"ModelName": "live", "InitialVariantWeight": 1.0}]
        self.gone: set[str] = set()
        self.endpoint = MODEL
        self.container: dict[str, Any] = {}

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:
        assert EndpointName == self.endpoint
        if not self.status:
            raise missing("DescribeEndpoint", "endpoint")
        endpoint = f"arn:aws:sagemaker:ap-northeast-2:111111111111:endpoint/{MODEL}"
        return {"EndpointArn": endpoint, "EndpointStatus": self.status, "EndpointConfigName": "live-config"}

    def describe_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:
        if "config" in self.gone:
            raise missing("DescribeEndpointConfig", "endpoint configuration")
        return {"ProductionVariants": self.config}

    def describe_model(self, ModelName: str) -> dict[str, Any]:
        if "model" in self.gone:
            raise missing("DescribeModel", "model")
        assert ModelName == "live"
        return {"PrimaryContainer": self.container or {"ModelPackageName": arn(self.serves or 0)}}

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:
        version = int(ModelPackageName.rpartition("/")[2])
        if version not in self.packages:
            raise error("DescribeModelPackage", "ValidationException", "ModelPackage arn does not exist.")
        return {"InferenceSpecification": {"Containers": [{"ModelDataUrl": self.packages[version]}]}}

    def list_model_packages(self, **request: Any) -> dict[str, Any]:
        assert (request["ModelPackageGroupName"], request["ModelApprovalStatus"]) == (MODEL, "Approved")
        assert (request["SortBy"], request["SortOrder"]) == ("CreationTime", "Descending")
        newest = sorted(self.approved, reverse=True)[: request["MaxResults"]]
        return {"ModelPackageSummaryList": [{"ModelPackageArn": arn(version)} for version in newest]}

    def list_objects_v2(self, Bucket: str, Prefix: str, MaxKeys: int) -> dict[str, Any]:
        keys = sorted(uri.removeprefix(f"s3://{Bucket}/") for uri in self.packages.values() if uri not in self.gone)
        found = [key for key in keys if key.startswith(Prefix)][:MaxKeys]
        return {"Contents": [{"Key": key} for key in found]} if found else {"KeyCount": 0}


def champion(world: World) -> Champion:
    return resolve(MODEL, Registry(world, world, SETTINGS))


def version(number: int) -> tuple[str, str]:
    return f"s3://{BUCKET}/runs/{number}/model.tar.gz", f"{MODEL}/{number}"


NONE = (PLACEHOLDER, "none")


def found(world: World) -> tuple[str, str]:
    answer = champion(world)
    assert answer.reason
    return answer.model_uri, answer.version


def test_without_endpoint_and_approved_version_it_is_the_placeholder() -> None:
    answer = champion(World())
    assert (answer.model_uri, answer.version) == NONE
    assert answer.reason == "there is no endpoint claims-fraud; no approved version can be used either"


def test_without_an_endpoint_it_is_the_newest_approved_version() -> None:
    answer = champion(World(approved=(2, 5)))
    assert (answer.model_uri, answer.version) == version(5)
    assert answer.reason == "there is no endpoint claims-fraud; claims-fraud/5 is the newest approved version"


def test_an_endpoint_may_have_another_name_than_its_model() -> None:
    settings = ChampionSettings(BUCKET, PLACEHOLDER, {MODEL: f"{MODEL}-serverless"})
    world = World()
    world.endpoint = f"{MODEL}-serverless"
    answer = resolve(MODEL, Registry(world, world, settings))
    assert answer.reason == "there is no endpoint claims-fraud-serverless; no approved version can be used either"


@pytest.mark.parametrize("status", ["InService", "Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed"])
def test_an_endpoint_that_answers_serves_the_champion_even_if_a_newer_version_is_approved(status: str) -> None:
    answer = champion(World(approved=(2, 5), status=status, serves=2))
    assert (answer.model_uri, answer.version) == version(2)
    assert answer.reason == "claims-fraud/2 is served by the endpoint claims-fraud"


@pytest.mark.parametrize("status", ["Creating", "Failed", "Deleting", "OutOfService"])
def test_an_endpoint_that_does_not_answer_gives_way_to_the_newest_approved_version(status: str) -> None:
    answer = champion(World(approved=(2, 5), status=status, serves=2))
    assert (answer.model_uri, answer.version) == version(5)
    assert f"it is {status}" in answer.reason


def test_a_served_version_that_was_rejected_since_is_still_what_is_to_beat() -> None:
    assert found(World(approved=(), status="InService", serves=3)) == version(3)


def test_a_served_version_that_was_deleted_gives_way_and_the_reason_names_it() -> None:
    world = World(approved=(2,), status="InService", serves=3)
    del world.packages[3]
    answer = champion(world)
    assert (answer.model_uri, answer.version) == version(2)
    assert "claims-fraud/3 is served, but was deleted" in answer.reason


def test_an_approved_version_that_is_deleted_while_one_looks_gives_way_to_the_one_before() -> None:
    world = World(approved=(2, 5))
    del world.packages[5]
    assert found(world) == version(2)
    world.packages.clear()
    assert found(world) == NONE


def test_a_version_whose_archive_is_gone_is_none() -> None:
    world = World(approved=(2, 5))
    world.gone.add(world.packages[5])
    assert found(world) == version(2)


def test_an_archive_whose_name_only_begins_like_another_is_not_that_archive() -> None:
    world = World(approved=(2,))
    world.packages[2] = f"s3://{BUCKET}/runs/2/model.tar"
    world.packages[3] = f"s3://{BUCKET}/runs/2/model.tar.gz"
    world.gone.add(world.packages[2])
    assert found(world) == NONE


@pytest.mark.parametrize("uri", ["s3://another/runs/2/model.tar.gz", "https://example.com/m", f"s3://{BUCKET}", ""])
def test_an_archive_that_no_job_could_read_is_none(uri: str) -> None:
    world = World(approved=(2,))
    world.packages[2] = uri
    assert found(world) == NONE


@pytest.mark.parametrize("gone", ["config", "model"])
def test_a_configuration_or_model_that_is_replaced_while_one_looks_gives_way(gone: str) -> None:
    world = World(approved=(2,), status="Updating", serves=3)
    world.gone.add(gone)
    assert found(world) == version(2)


def test_of_several_variants_the_one_with_most_requests_counts() -> None:
    world = World(status="InService", serves=3)
    world.config = [{"ModelName": "canary", "InitialVariantWeight": 0.1}, *world.config]
    assert found(world) == version(3)


@pytest.mark.parametrize(
    "container", [{"Image": "an-image", "ModelDataUrl": "s3://b/m"}, {"ModelPackageName": arn(3, "another-model")}]
)
def test_a_model_that_is_no_version_of_its_own_group_is_no_champion(container: dict[str, Any]) -> None:
    world = World(approved=(2,), status="InService", serves=3)
    world.container = container
    assert found(world) == version(2)


@pytest.mark.parametrize(("place", "other"), [("111111111111", "222222222222"), ("ap-northeast-2", "us-east-1")])
def test_a_version_of_another_account_or_region_is_no_champion(place: str, other: str) -> None:
    world = World(approved=(2,), status="InService", serves=3)
    world.container = {"ModelPackageName": arn(3).replace(place, other)}
    assert found(world) == version(2)
    assert "cannot read it" in champion(world).reason


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "InternalFailure"])
def test_a_call_that_is_refused_or_fails_is_never_taken_for_a_missing_version(
    monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    world = World(approved=(2,), status="InService", serves=3)

    def refuse(**_: Any) -> dict[str, Any]:
        raise error("DescribeModelPackage", code, "could not find the permission")

    monkeypatch.setattr(world, "describe_model_package", refuse)
    with pytest.raises(ClientError, match=code):
        champion(world)


def test_a_request_that_is_wrong_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def refuse(**_: Any) -> dict[str, Any]:
        raise error("DescribeEndpoint", "ValidationException", "1 validation error detected")

    monkeypatch.setattr(world, "describe_endpoint", refuse)
    with pytest.raises(ClientError, match="validation error"):
        champion(world)


def test_the_answer_has_the_outputs_of_the_step_and_no_text_is_too_long() -> None:
    answer = Champion("s3://b/k", "none", "because " * 100).answer()
    assert list(answer) == ["model_uri", "version", "reason"]
    assert len(answer["reason"]) == 256


def test_the_handler_reads_its_environment_once_and_waits_out_throttling(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_DEFAULT_REGION": "ap-northeast-2",
        "ARTIFACT_BUCKET": BUCKET,
        "PLACEHOLDER_URI": PLACEHOLDER,
        "ENDPOINTS": "{}",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, "resolve_champion.handler", raising=False)
    module = importlib.import_module("resolve_champion.handler")
    assert module.REGISTRY.settings == SETTINGS
    for client in (module.REGISTRY.sagemaker, module.REGISTRY.s3):
        assert client.meta.config.retries["total_max_attempts"] >= 10
    world = World(approved=(4,))
    monkeypatch.setattr(module, "REGISTRY", Registry(world, world, SETTINGS))
    uri, name = version(4)
    told = module.handler({"model": MODEL}, None)
    assert (told["model_uri"], told["version"]) == (uri, name)
