"""A pipeline asks the deployer for one version, and waits for its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from deploy_model.batch import handle
from deploy_model.deploy import Deployer
from deploy_model.direct import deploy
from deploy_model.served import LONGEST_REASON, LONGEST_WAIT, PATIENCE, SHORTEST_WAIT, Callbacks

from tests.deploy_lab import ALARM, CAPACITY, MODEL, Account, arn, one_account, refusal

RUN = f"arn:aws:sagemaker:ap-northeast-2:111111111111:pipeline/{MODEL}-deploy/execution/abcdefghijkl"
QUEUE = "https://sqs/millrace-dev-deploy-model"


class Steps:
    """SageMaker as the function sees it, and what it told the step; `gone` is the error if the step is."""

    def __init__(self, registry: Any) -> None:
        self._registry = registry
        self.told: list[tuple[bool, str]] = []
        self.gone: ClientError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._registry, name)

    def send_pipeline_execution_step_success(self, CallbackToken: str, OutputParameters: list[dict[str, str]]) -> None:
        [output] = OutputParameters
        self._tell(CallbackToken, True, output["Value"])

    def send_pipeline_execution_step_failure(self, CallbackToken: str, FailureReason: str) -> None:
        assert len(FailureReason) <= 256
        self._tell(CallbackToken, False, FailureReason)

    def _tell(self, token: str, succeeded: bool, text: str) -> None:
        assert token == "abcdefghij"
        if self.gone:
            raise self.gone
        self.told.append((succeeded, text))


class Pipeline:
    """An account whose deployer a pipeline uses; `sent` is what the function put into its queue, with the delays."""

    def __init__(self, stage: str = "approval") -> None:
        self.account: Account = one_account(stage=stage)
        self.steps = Steps(self.account.deployer.sagemaker)
        self.deployer: Deployer = replace(self.account.deployer, sagemaker=self.steps)
        self.sent: list[tuple[str, int]] = []

    def deploy(self, version: int) -> tuple[str, str]:
        answer = deploy({"model": MODEL, "version": arn(version)}, self.deployer)
        return answer["outcome"], answer["reason"]

    def wait(self, version: int, **changes: Any) -> list[dict[str, str]]:
        """The step's first message comes; what could not be worked off."""
        message = {
            "token": "abcdefghij",
            "pipelineExecutionArn": RUN,
            "arguments": {"model": MODEL, "version": arn(version)},
            "status": "Executing",
            **changes,
        }
        return self.deliver(json.dumps(message))

    def again(self) -> list[dict[str, str]]:
        """The message that was sent last comes."""
        return self.deliver(self.sent[-1][0])

    def deliver(self, body: str) -> list[dict[str, str]]:
        callbacks = Callbacks(self.deployer, self, QUEUE)
        return handle([{"messageId": "1", "body": body}], self.deployer, callbacks)["batchItemFailures"]

    def send_message(self, QueueUrl: str, MessageBody: str, DelaySeconds: int) -> None:
        assert QueueUrl == QUEUE
        self.sent.append((MessageBody, DelaySeconds))

    def serve(self, version: int) -> None:
        """Approve a version, deploy and test it."""
        self.account.registry.decide(version, "Approved")
        self.account.settle()
        self.account.smoke(self.account.cloudformation.redeploy())
        self.account.settle()


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


def test_an_approved_version_is_accepted_and_its_update_started(pipeline: Pipeline) -> None:
    pipeline.account.registry.decide(2, "Approved")
    assert pipeline.deploy(2)[0] == "accepted"
    (update,) = pipeline.account.cloudformation.updates
    assert update["Parameters"][0]["ParameterValue"] == arn(2)


def test_pipeline_and_event_together_start_one_update(pipeline: Pipeline) -> None:
    event = pipeline.account.registry.decide(2, "Approved")
    assert pipeline.deploy(2)[0] == "accepted"
    assert pipeline.account.deliver(event) == []
    assert pipeline.deploy(2)[0] == "accepted"
    assert len(pipeline.account.cloudformation.updates) == 1


def test_what_is_served_already_is_accepted(pipeline: Pipeline) -> None:
    pipeline.serve(2)
    assert pipeline.deploy(2) == ("accepted", f"{MODEL}/2 is what the stack serves")


def newer(pipeline: Pipeline) -> None:
    pipeline.account.registry.decide(2, "Approved")
    pipeline.account.registry.decide(3, "Approved")


def rejected(pipeline: Pipeline) -> None:
    pipeline.account.registry.decide(2, "Rejected")
    pipeline.account.registry.packages[2]["ApprovalDescription"] = "too slow"


def changed(pipeline: Pipeline) -> None:
    pipeline.account.bucket.put(2, b"other bytes")
    pipeline.account.registry.decide(2, "Approved")


def denied(pipeline: Pipeline) -> None:
    pipeline.account.registry.decide(2, "Approved")
    pipeline.account.denied.add("ListModelPackages")


def no_room(pipeline: Pipeline) -> None:
    pipeline.account.cloudformation.failing[arn(2)] = CAPACITY
    pipeline.account.registry.decide(2, "Approved")
    pipeline.account.settle()


def no_stack(pipeline: Pipeline) -> None:
    pipeline.account.registry.decide(2, "Approved")
    pipeline.account.cloudformation.exists = False


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (lambda _: None, f"{MODEL}/2 is PendingManualApproval; approve it first, a pipeline never does"),
        (rejected, f"{MODEL}/2 is Rejected: too slow"),
        (newer, f"{MODEL}/3 is to be served, not {MODEL}/2"),
        (changed, "the archive was changed"),
        (denied, "must allow sagemaker:ListModelPackages"),
        (no_room, "Unable to provision"),
        (no_stack, f"the stack Dev-Serving-{MODEL} does not exist"),
    ],
)
def test_a_version_that_is_not_to_be_served_is_refused_with_the_reason(
    pipeline: Pipeline, happens: Callable[[Pipeline], None], why: str
) -> None:
    happens(pipeline)
    before = len(pipeline.account.cloudformation.updates)
    outcome, reason = pipeline.deploy(2)
    assert outcome == "refused"
    assert why in reason
    assert len(pipeline.account.cloudformation.updates) == before


def test_where_versions_wait_for_a_stage_the_pipeline_waits_for_it_too() -> None:
    pipeline = Pipeline(stage="Production")
    pipeline.account.registry.decide(2, "Approved")
    outcome, reason = pipeline.deploy(2)
    assert outcome == "refused"
    assert reason == f"{MODEL}/2 is not to be served in dev yet: no version is approved for Production"
    pipeline.account.registry.promote(2)
    assert pipeline.deploy(2)[0] == "accepted"


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({"model": "another", "version": arn(1)}, "'another' is no model of dev; allowed: claims-fraud"),
        ({"model": MODEL, "version": "claims-fraud/1"}, f"is no version of {MODEL}; name one as {arn(1)}"),
        ({"model": MODEL, "version": arn(1).replace(MODEL, "another")}, f"is no version of {MODEL}"),
        ({"model": MODEL}, f"'' is no version of {MODEL}"),
        ({}, "'' is no model of dev"),
    ],
)
def test_what_is_no_version_here_is_refused(pipeline: Pipeline, event: dict[str, str], why: str) -> None:
    answer = deploy(event, pipeline.deployer)
    assert answer["outcome"] == "refused"
    assert why in answer["reason"]


def test_a_pipeline_approves_nothing(pipeline: Pipeline) -> None:
    pipeline.deploy(2)
    pipeline.wait(2)
    assert pipeline.account.registry.updates == []


def test_the_step_ends_when_the_version_is_served_and_tested(pipeline: Pipeline) -> None:
    pipeline.account.registry.decide(2, "Approved")
    pipeline.deploy(2)
    assert pipeline.wait(2) == []
    assert (pipeline.steps.told, len(pipeline.sent)) == ([], 1), "the stack is being updated"
    ended = pipeline.account.cloudformation.finish()
    assert pipeline.again() == []
    assert (pipeline.steps.told, len(pipeline.sent)) == ([], 2), "it is served, but not tested"
    assert pipeline.account.smoke(ended) == []
    assert pipeline.again() == []
    (told,) = pipeline.steps.told
    assert told == (True, pipeline.account.registry.records(2)["dev_smoke"])
    assert len(pipeline.sent) == 2


def test_the_test_of_an_earlier_deployment_does_not_count(pipeline: Pipeline) -> None:
    pipeline.serve(2)
    pipeline.account.cloudformation.clock.now += timedelta(minutes=1)
    ended = pipeline.account.cloudformation.redeploy()
    pipeline.wait(2)
    assert pipeline.steps.told == []
    pipeline.account.smoke(ended)
    pipeline.again()
    assert [succeeded for succeeded, _ in pipeline.steps.told] == [True]


def test_a_version_that_an_alarm_took_back_fails_the_step_with_the_reason(pipeline: Pipeline) -> None:
    pipeline.serve(1)
    pipeline.account.cloudformation.failing[arn(2)] = ALARM
    pipeline.account.registry.decide(2, "Approved")
    pipeline.deploy(2)
    pipeline.wait(2)
    pipeline.account.cloudformation.finish()
    for _ in range(3):
        if not pipeline.steps.told:
            pipeline.again()
    ((succeeded, reason),) = pipeline.steps.told
    assert not succeeded
    assert "claims-fraud-5xx is in ALARM" in reason


def test_a_failed_smoke_test_fails_the_step_with_the_reason(pipeline: Pipeline) -> None:
    pipeline.account.runtime.bad.add(arn(2))
    pipeline.account.registry.decide(2, "Approved")
    pipeline.deploy(2)
    pipeline.account.smoke(pipeline.account.cloudformation.finish())
    pipeline.wait(2)
    ((succeeded, reason),) = pipeline.steps.told
    assert not succeeded
    assert f"{MODEL}/2 failed the smoke test of dev" in reason


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (rejected, "is Rejected: too slow"),
        (newer, f"{MODEL}/3 is to be served"),
        (no_room, "Unable to provision"),
        (denied, "must allow sagemaker:ListModelPackages"),
    ],
)
def test_a_version_that_is_not_wanted_any_more_or_is_blocked_fails_the_step(
    pipeline: Pipeline, happens: Callable[[Pipeline], None], why: str
) -> None:
    happens(pipeline)
    assert pipeline.wait(2) == []
    ((succeeded, reason),) = pipeline.steps.told
    assert not succeeded
    assert why in reason


def test_a_long_reason_is_cut_to_what_sagemaker_takes(pipeline: Pipeline) -> None:
    rejected(pipeline)
    pipeline.account.registry.packages[2]["ApprovalDescription"] = "x" * 1024
    pipeline.wait(2)
    ((_, reason),) = pipeline.steps.told
    assert len(reason) == LONGEST_REASON
    assert len(pipeline.deploy(2)[1]) == 1024


def test_the_longer_it_takes_the_later_it_is_looked_at_and_a_canary_of_hours_is_no_dead_letter(
    pipeline: Pipeline,
) -> None:
    pipeline.account.registry.decide(2, "Approved")
    pipeline.deploy(2)
    assert pipeline.wait(2) == []
    assert pipeline.sent[-1][1] == SHORTEST_WAIT
    for _ in range(40):
        pipeline.account.registry.clock.now += timedelta(seconds=pipeline.sent[-1][1])
        assert pipeline.again() == []
    delays = [delay for _, delay in pipeline.sent]
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_WAIT
    assert pipeline.steps.told == []


def test_nobody_waits_for_ever(pipeline: Pipeline) -> None:
    pipeline.account.registry.decide(2, "Approved")
    pipeline.deploy(2)
    pipeline.wait(2)
    pipeline.account.registry.clock.now += PATIENCE + timedelta(minutes=1)
    assert pipeline.again() == []
    ((succeeded, reason),) = pipeline.steps.told
    assert not succeeded
    assert reason == f"after 24 hours {MODEL}/2 is neither served and tested nor taken back"


def test_a_run_that_is_stopped_is_answered_at_once(pipeline: Pipeline) -> None:
    assert pipeline.wait(2, status="Stopping") == []
    assert pipeline.steps.told == [(False, "the run was stopped; the deployment goes on without it")]
    assert pipeline.sent == []


@pytest.mark.parametrize("code", ["ResourceNotFound", "ConflictException"])
def test_a_step_that_is_gone_or_answered_is_left_alone(pipeline: Pipeline, code: str) -> None:
    pipeline.steps.gone = refusal("SendPipelineExecutionStepFailure", "no step waits", code)
    assert pipeline.wait(2) == []
    assert pipeline.sent == []


def test_an_answer_that_is_not_taken_is_given_again(pipeline: Pipeline) -> None:
    pipeline.steps.gone = refusal("SendPipelineExecutionStepFailure", "Rate exceeded", "ThrottlingException")
    assert pipeline.wait(2) == [{"itemIdentifier": "1"}]
    pipeline.steps.gone = None
    assert pipeline.wait(2) == []
    assert len(pipeline.steps.told) == 1


def test_a_message_of_a_step_that_names_no_version_is_a_dead_letter_in_the_end(pipeline: Pipeline) -> None:
    assert pipeline.wait(2, arguments={"model": MODEL}) == [{"itemIdentifier": "1"}]
    assert pipeline.steps.told == []


def test_events_are_worked_off_beside_the_steps(pipeline: Pipeline) -> None:
    event = pipeline.account.registry.decide(2, "Approved")
    assert pipeline.deliver(event["body"]) == []
    assert len(pipeline.account.cloudformation.updates) == 1
    assert pipeline.deliver("no JSON") == [{"itemIdentifier": "1"}]
