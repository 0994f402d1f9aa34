"""What the doctor says before a deployment: what would fail, why it matters, what to do; never more than it knows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from millrace.cli import doctor_account, doctor_machine, doctor_quotas, findings, project
from millrace.cli.accounts import Account
from millrace.cli.app import main
from millrace.cli.findings import BAD, GOOD, LOOK, SKIPPED, Finding
from millrace.cli.needs import Image, Need, Needs

REGION = "ap-northeast-2"
DEV = Account("dev", "123456789012", REGION)
ENDPOINT = Need("endpoint", "ml.m5.large", 2, "claims-fraud")
IMAGE = Image("366743142698", REGION, "sagemaker-xgboost", "3.2-0")


def refusal(code: str, operation: str = "Call") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


class Client:
    """Answers each operation with a value, or raises it."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    class exceptions:
        NoSuchEntityException = type("NoSuchEntityException", (ClientError,), {})

    def __getattr__(self, name: str) -> Any:
        answer = self._answers[name]

        def call(**_: Any) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def get_paginator(self, operation: str) -> Any:
        return type("Pages", (), {"paginate": lambda _, **__: [getattr(self, operation)()]})()


class Connection:
    embedded, profile, account, region = False, "prod", "123456789012", REGION

    def __init__(self, **answers: Any) -> None:
        self._client = Client(**answers)

    @property
    def session(self) -> Any:
        return type("Session", (), {"get_partition_for_region": lambda *_: "aws"})()

    def client(self, _service: str) -> Client:
        return self._client


def connection(**answers: Any) -> Any:
    return Connection(**answers)


def only(found: Iterable[Finding]) -> Finding:
    [finding] = list(found)
    return finding


def quota(**values: float) -> Any:
    listed = [
        {"QuotaName": f"ml.m5.large for {name.replace('_', ' ')} usage", "Value": v} for name, v in values.items()
    ]
    return connection(list_aws_default_service_quotas={"Quotas": []}, list_service_quotas={"Quotas": listed})


@pytest.mark.parametrize(("value", "state"), [(3, BAD), (4, GOOD), (0, BAD)])
def test_blue_green_needs_room_for_twice_the_instances(value: int, state: str) -> None:
    found = only(doctor_quotas.quotas(quota(endpoint=value), Needs(instances=[ENDPOINT])))
    assert found.state == state
    if state == BAD:
        assert f"ml.m5.large for endpoint usage is {value}, at least 4 are needed" in found.what
        assert "blue/green doubles" in found.why
        assert "Service Quotas console" in found.todo


def test_room_for_one_endpoint_at_a_time_is_worth_a_look() -> None:
    two = Needs(instances=[ENDPOINT, ENDPOINT])
    assert only(doctor_quotas.quotas(quota(endpoint=6), two)).state == LOOK
    assert only(doctor_quotas.quotas(quota(endpoint=8), two)).state == GOOD
    assert only(doctor_quotas.quotas(quota(training_job=9), two)).state == LOOK, "a type without a quota"


def test_serverless_endpoints_need_their_concurrency() -> None:
    listed = {"Quotas": [{"QuotaName": doctor_quotas.SERVERLESS, "Value": 10.0}]}
    asked = Needs(serverless=[Need("endpoint", "", 20, "a")])
    found = only(
        doctor_quotas.quotas(connection(list_aws_default_service_quotas=listed, list_service_quotas=listed), asked)
    )
    assert found.state == BAD


def test_what_may_not_be_seen_is_not_checked_and_never_passed() -> None:
    denied = connection(list_aws_default_service_quotas=refusal("AccessDenied", "ListServiceQuotas"))
    found = only(findings.attempt("quotas", lambda: doctor_quotas.quotas(denied, Needs(instances=[ENDPOINT]))))
    assert found.state == SKIPPED
    assert "ListServiceQuotas: AccessDenied" in found.what
    away = connection(batch_get_image=EndpointConnectionError(endpoint_url="https://x"))
    assert only(findings.attempt("image", lambda: doctor_account.images(away, Needs(images=[IMAGE])))).state == SKIPPED


def test_quotas_of_the_embedded_aws_are_said_not_to_exist() -> None:
    local = quota()
    local.embedded = True
    found = only(doctor_quotas.quotas(local, Needs(instances=[ENDPOINT])))
    assert found.state == SKIPPED
    assert "no Service Quotas. Needed on AWS: ml.m5.large for endpoint usage: 4" in found.what


def test_the_account_must_be_one_of_the_settings_and_no_simulated_one() -> None:
    here = connection()
    good = list(doctor_account.ids(here, [DEV], wanted=None, found=DEV))
    assert [each.state for each in good] == [GOOD]
    other = Account("prod", "333333333333", REGION)
    wrong, simulated = doctor_account.ids(here, [other], wanted=None, found=None)
    assert wrong.state == simulated.state == BAD
    assert "the credentials are of 123456789012, settings/accounts.toml has prod 333333333333" in wrong.what
    assert "AWS refuses a policy that names an account that does not exist" in simulated.why
    meant, _ = doctor_account.ids(here, [DEV, other], wanted=other, found=DEV)
    assert meant.state == BAD, "the profile is of another account than the one that is meant"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({"Parameter": {"Value": "30"}}, GOOD),
        ({"Parameter": {"Value": "5"}}, BAD),
        (refusal("ParameterNotFound"), BAD),
    ],
)
def test_the_bootstrap_has_to_be_there_and_new_enough(answer: Any, state: str) -> None:
    needed = Needs(bootstrap_version=6, bootstrap_parameter="/cdk-bootstrap/x/version")
    found = only(doctor_account.bootstrap(connection(get_parameter=answer), needed))
    assert found.state == state
    if state == BAD:
        assert found.todo == f"npx cdk bootstrap aws://123456789012/{REGION} --profile prod"


def test_the_image_is_pulled_as_sagemaker_would() -> None:
    there = connection(batch_get_image={"images": [{}]})
    absent = connection(batch_get_image={"images": [], "failures": [{"failureReason": "Requested image not found"}]})
    assert only(doctor_account.images(there, Needs(images=[IMAGE]))).state == GOOD
    assert "Requested image not found" in only(doctor_account.images(absent, Needs(images=[IMAGE]))).what
    elsewhere = Needs(images=[Image("1", "us-east-1", "sagemaker-xgboost", "3.2-0")])
    assert only(doctor_account.images(there, elsewhere)).state == BAD


def test_an_endpoint_that_scales_needs_its_service_linked_role() -> None:
    missing = Client.exceptions.NoSuchEntityException({"Error": {"Code": "NoSuchEntity", "Message": ""}}, "GetRole")
    found = only(doctor_account.scaling_role(connection(get_role=missing), Needs(scales=True)))
    assert found.state == LOOK
    assert "create-service-linked-role --aws-service-name sagemaker.application-autoscaling.amazonaws.com" in found.todo
    assert only(doctor_account.scaling_role(connection(get_role={}), Needs(scales=True))).state == GOOD
    assert only(doctor_account.scaling_role(connection(), Needs())).state == GOOD


def test_the_roles_of_the_bootstrap_must_be_assumable() -> None:
    needed = Needs(deploy_role="arn:${AWS::Partition}:iam::123456789012:role/cdk-x")
    found = only(doctor_account.deploy_role(connection(assume_role=refusal("AccessDenied")), needed))
    assert (found.state, found.what) == (BAD, "arn:aws:iam::123456789012:role/cdk-x cannot be assumed")


def test_a_region_of_its_own_or_without_the_services_is_told() -> None:
    assert only(doctor_account.region(connection(), DEV)).state == GOOD
    [wrong] = doctor_account.region(connection(), Account("dev", DEV.id, "eu-west-1"))
    assert f"the profile is in {REGION}, dev in eu-west-1" in wrong.what
    assert BAD in {each.state for each in doctor_account.region(connection(), Account("dev", DEV.id, "moon-1"))}


def test_the_tools_are_looked_for_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"node": "v18.1.0", "cdk": "2.1.0 (build x)"}
    monkeypatch.setattr(doctor_machine, "_version", lambda command: said.get(Path(command).name, ""))
    node, cdk = doctor_machine.tools(embedded=False)
    assert (node.state, cdk.state) == (BAD, BAD)
    assert "older than the pinned" in cdk.what
    said |= {"node": "v24.1.0", "cdk": "9.0.0 (build x)"}
    assert [each.state for each in doctor_machine.tools(embedded=False)] == [GOOD, GOOD]
    said.clear()
    assert "there is none" in list(doctor_machine.tools(embedded=False))[1].what


def test_a_profile_that_is_not_there_ends_with_1_and_says_what_was_not_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setattr(project, "ASSEMBLY", tmp_path / "cdk.out")
    monkeypatch.setattr(doctor_machine, "_version", lambda _: "v99.0.0")

    code = main(["doctor", "--profile", "nobody", "--no-synth"])

    told = capsys.readouterr().out
    assert code == 1
    assert "fails       credentials: The config profile (nobody) could not be found" in told
    assert "not checked the rest: without credentials" in told
    assert "is for no account" in told
