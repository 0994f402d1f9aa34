"""The smoke test against an endpoint, a stack and a registry that behave as AWS documents."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import logging
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from smoke_test.answers import first_difference, same
from smoke_test.settings import SmokeSettings

from tests.archive_lab import SOUND, packed
from tests.deploy_lab import ANSWERS, BUCKET, GOLDEN, MODEL, Account, Record, arn, one_account, refusal


@pytest.fixture
def world() -> Account:
    """Version 1 is deployed and not yet tested."""
    world = one_account("staging")
    deploy(world, 1)
    return world


def deploy(world: Account, version: int) -> Record:
    """The stack's event about the deployment of a version."""
    world.registry.decide(version, "Approved")
    world.settle()
    assert world.cloudformation.version == arn(version)
    return done(world)


def done(world: Account) -> Record:
    detail = {"stack-id": world.cloudformation.id, "status-details": {"status": "UPDATE_COMPLETE"}}
    event = {"detail-type": "CloudFormation Stack Status Change", "detail": detail}
    return {"messageId": "1", "body": json.dumps(event)}


def failed(world: Account, version: int = 1) -> str:
    """Why the version is rejected when it is tested."""
    assert world.smoke(done(world)) == []
    (request,) = world.registry.rejections
    assert request["ModelPackageArn"] == arn(version)
    assert world.registry.records(version)["staging_smoke"].startswith("failed 2")
    head = f"{MODEL}/{version} failed the smoke test of staging: "
    assert request["ApprovalDescription"].startswith(head)
    return str(request["ApprovalDescription"]).removeprefix(head)


def test_a_version_that_answers_as_it_was_trained_passes_and_the_registry_tells_it(world: Account) -> None:
    assert world.smoke(done(world)) == []
    told = world.registry.records(1)["staging_smoke"]
    assert told.startswith("passed 2")
    assert " by millrace-staging-smoke-test: deployment of 2026-11-29T12:00:0" in told
    assert "3 golden rows as trained - a row takes 0." in told
    assert world.registry.status(1) == "Approved"
    assert world.runtime.asked == 21


def test_a_deployment_is_tested_once_however_often_its_event_comes(world: Account) -> None:
    for _ in range(3):
        assert world.smoke(done(world), done(world)) == []
    assert world.runtime.asked == 21


def test_a_version_that_is_deployed_again_is_tested_again(world: Account) -> None:
    world.smoke(done(world))
    for _ in range(3):
        world.registry.clock.tick()
    world.cloudformation.redeploy()
    world.smoke(done(world))
    assert world.runtime.asked == 42


def test_wrong_answers_reject_the_version(world: Account) -> None:
    world.runtime.bad.add(arn(1))
    assert failed(world).startswith("golden row 1 is answered with {'score': 0.9, 'decision': 0}, and was with")


def test_the_answer_of_another_version_rejects_the_one_that_the_stack_names(world: Account) -> None:
    world.runtime.answers_as = f"{MODEL}/7"
    assert failed(world) == f"the endpoint serves {MODEL}/7, not {MODEL}/1"


def test_an_endpoint_that_raises_rejects_the_version(world: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(**_: Any) -> None:
        told = {"Error": {"Code": "ModelError", "Message": "m"}, "OriginalStatusCode": 500, "OriginalMessage": "oops"}
        raise ClientError(told, "InvokeEndpoint")

    monkeypatch.setattr(world.runtime, "invoke_endpoint", raises)
    assert failed(world) == "the model answers golden rows with 500: oops"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"predictions": 1}', b"\xff", b'{"model_version": "claims-fraud/1"}'])
def test_an_answer_that_is_none_rejects_the_version(
    world: Account, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    monkeypatch.setattr(world.runtime, "invoke_endpoint", lambda **_: {"Body": io.BytesIO(body)})
    assert failed(world)


def slow(world: Account, milliseconds: float) -> None:
    """Each answer takes so long."""
    times = itertools.count(0.0, milliseconds / 1000)
    world.test = replace(world.test, clock=lambda: next(times))


def test_a_version_that_is_too_slow_is_rejected_without_waiting_for_all_rows(world: Account) -> None:
    slow(world, 201)
    assert failed(world).startswith("a row takes 201 ms (median of 11), more than 200 ms; make the model smaller")
    assert world.runtime.asked == 12


def test_a_version_at_the_limit_passes(world: Account) -> None:
    slow(world, 199.9)
    world.smoke(done(world))
    assert world.registry.records(1)["staging_smoke"].endswith("a row takes 199.9 ms")


def test_a_version_that_was_fast_enough_before_is_not_rejected_for_a_slow_account(
    world: Account, caplog: pytest.LogCaptureFixture
) -> None:
    world.smoke(done(world))
    for _ in range(3):
        world.registry.clock.tick()
    world.cloudformation.redeploy()
    slow(world, 900)
    assert world.smoke(done(world)) == []
    assert world.registry.rejections == []
    assert world.registry.records(1)["staging_smoke"].startswith("passed ")
    assert "a row takes 900 ms" in caplog.text


def test_an_endpoint_that_does_not_answer_in_time_is_too_slow(world: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://endpoint")

    monkeypatch.setattr(world.runtime, "invoke_endpoint", hangs)
    assert failed(world).startswith(f"the endpoint {MODEL} does not answer 3 rows in 0 s; make the model smaller")


def test_an_endpoint_that_starts_only_when_it_is_asked_is_waited_for(
    world: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, asked = world.runtime.invoke_endpoint, itertools.count(1)

    def starts(**request: Any) -> dict[str, Any]:
        if next(asked) < 5:
            raise ReadTimeoutError(endpoint_url="https://endpoint")
        return answers(**request)

    monkeypatch.setattr(world.runtime, "invoke_endpoint", starts)
    assert world.smoke(done(world)) == []
    assert world.registry.records(1)["staging_smoke"].startswith("passed ")


def test_an_archive_that_was_changed_after_the_deployment_rejects_the_version(world: Account) -> None:
    world.bucket.put(1, packed({**SOUND, "golden.json": GOLDEN, "model.json": b"another"}))
    assert "the archive was changed; restore the archive, or approve another version" in failed(world)
    assert world.runtime.asked == 0


def test_an_archive_that_is_gone_rejects_the_version(world: Account) -> None:
    world.bucket.put(1, b"")
    assert "is not there any more" in failed(world)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (
            {n: held for n, held in SOUND.items() if n != "golden.json"},
            "holds no golden.json, which the test needs; train the model again",
        ),
        ({**SOUND, "golden.json": b"{}"}, "is none of the training's: KeyError('rows')"),
        ({**SOUND, "golden.json": b'{"rows": [], "answers": []}'}, "does not hold as many answers as rows"),
    ],
)
def test_an_archive_without_golden_rows_rejects_the_version(world: Account, files: dict[str, bytes], why: str) -> None:
    data = packed(files)
    world.bucket.put(1, data)
    world.registry.packages[1]["CustomerMetadataProperties"]["model_sha256"] = hashlib.sha256(data).hexdigest()
    assert why in failed(world)


def test_another_digest_than_the_stack_pins_rejects_the_version(world: Account) -> None:
    world.cloudformation.served["ModelDigest"] = "0" * 64
    assert failed(world).startswith(f"the stack pins digests.json with the digest {'0' * 64}, s3://{BUCKET}/runs/1/")


def test_the_event_of_an_older_version_tests_what_is_deployed_now(world: Account) -> None:
    older = done(world)
    deploy(world, 2)
    world.runtime.bad.add(arn(1))
    assert world.smoke(older) == []
    assert world.registry.records(2)["staging_smoke"].startswith("passed ")
    assert "staging_smoke" not in world.registry.records(1)


@pytest.mark.parametrize("settled", [True, False])
def test_a_stack_that_changes_during_the_test_makes_it_say_nothing(
    world: Account, monkeypatch: pytest.MonkeyPatch, settled: bool
) -> None:
    ask = world.runtime.invoke_endpoint

    def changes(**request: Any) -> dict[str, Any]:
        if len(world.cloudformation.updates) == 1:
            world.deliver(world.registry.decide(2, "Approved"))
            if settled:
                world.cloudformation.finish()
        return ask(**request)

    monkeypatch.setattr(world.runtime, "invoke_endpoint", changes)
    assert world.smoke(done(world)) == []
    assert world.registry.rejections == []
    assert not any("staging_smoke" in world.registry.records(version) for version in (1, 2))


def test_a_stack_that_went_back_is_not_tested(world: Account) -> None:
    world.cloudformation.status = "UPDATE_ROLLBACK_COMPLETE"
    assert world.smoke(done(world)) == []
    assert world.runtime.asked == 0


def test_a_stack_that_serves_nothing_yet_is_not_tested() -> None:
    world = one_account("staging")
    assert world.smoke(done(world)) == []
    assert world.runtime.asked == 0


def test_a_failed_version_that_somebody_rejected_already_keeps_that_reason(world: Account) -> None:
    world.registry.decide(1, "Rejected")
    world.runtime.bad.add(arn(1))
    assert world.smoke(done(world)) == []
    assert world.registry.rejections == []
    assert world.registry.records(1)["staging_smoke"].startswith("failed ")


def test_a_busy_service_says_nothing_of_the_version(world: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(**_: Any) -> None:
        raise refusal("InvokeEndpoint", "Rate exceeded", "ThrottlingException")

    with monkeypatch.context() as now:
        now.setattr(world.runtime, "invoke_endpoint", busy)
        assert world.smoke(done(world)) == [{"itemIdentifier": "1"}]
    assert "staging_smoke" not in world.registry.records(1)
    assert world.smoke(done(world)) == []
    assert world.registry.records(1)["staging_smoke"].startswith("passed ")


@pytest.mark.parametrize("operation", ["DescribeModelPackage", "UpdateModelPackage"])
def test_a_denied_call_names_the_statement_that_is_missing(
    world: Account, operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.denied.add(operation)
    assert world.smoke(done(world)) == [{"itemIdentifier": "1"}]
    sid = "DeployersMayReadVersions" if operation.startswith("Describe") else "DeployersMayRecordAndReject"
    granted = f"millrace-staging-smoke-test of account 222222222222 sagemaker:{operation} on {arn(1)}"
    policy = f"the policy of the model package group {MODEL} in account 111111111111"
    assert f"statement {sid} of {policy} must allow {granted}" in caplog.text


def test_messages_about_other_stacks_and_states_are_nothing_to_test(
    world: Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    other = {**done(world), "body": done(world)["body"].replace("Staging-Serving-claims-fraud", "Staging-Other")}
    back = {**done(world), "body": done(world)["body"].replace("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")}
    assert world.smoke(other, back) == []
    assert world.smoke({"messageId": "2", "body": "{}"}) == [{"itemIdentifier": "2"}]
    assert world.runtime.asked == 0


def test_answers_are_the_same_within_the_tolerance_and_in_kind() -> None:
    assert same({"score": 0.1, "decision": 1}, {"score": 0.1 + 9e-7, "decision": 1})
    assert same(1, 1.0)
    assert same({"scores": {"a": 0.5}, "decision": "a"}, {"scores": {"a": 0.5000004}, "decision": "a"})
    assert same({"prediction": 100000.0}, {"prediction": 100000.05})
    assert not same({"score": 0.1, "decision": 1}, {"score": 0.1 + 2e-6, "decision": 1})
    assert not same({"score": 0.1}, {"score": 0.1, "decision": 1})
    assert not same(float("nan"), 0.5)
    assert not same(True, 1)
    assert not same("1", 1)
    assert first_difference(ANSWERS, ANSWERS) == ""
    assert first_difference(None, ANSWERS) == "3 golden rows are answered with no list"
    assert first_difference(ANSWERS[:1], ANSWERS) == "3 golden rows are answered with 1"


def test_settings_come_from_the_environment() -> None:
    found = SmokeSettings.from_environment(
        {
            "ACCOUNT": "staging",
            "AWS_LAMBDA_FUNCTION_NAME": "millrace-staging-smoke-test",
            "SERVING_STACKS": "{}",
            "GROUPS": '{"m": "arn:aws:sagemaker:r:111111111111:model-package-group/m"}',
            "SMOKE_LATENCY_MS": '{"m": 200}',
            "ARTIFACT_BUCKET": "bucket",
        }
    )
    assert (found.key, found.trainer_id("m"), found.latencies_ms["m"]) == ("staging_smoke", "111111111111", 200)
