"""Blue/green deployments of endpoints: traffic shifts by share on the movable clock, and alarms bring it back."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.deployment_lab import SLOW, TERMINATION, WAIT, WAITS, DeploymentLab, Load, canary, linear, shifting
from tests.iam_lab import EVERYTHING, deny, make_role
from tests.sagemaker_lab import INFERENCE, until


@pytest.fixture(scope="module")
def lab(deployments: DeploymentLab) -> DeploymentLab:
    return deployments


@pytest.fixture(scope="module")
def configs(lab: DeploymentLab) -> dict[str, str]:
    """Configurations of two instances each, which the tests share."""
    return {name: lab.config(name, instances=2) for name in ("old", "new")}


@pytest.fixture
def served(lab: DeploymentLab, configs: dict[str, str]) -> str:
    return lab.serve(configs["old"])


def test_a_canary_takes_its_share_bakes_and_then_takes_all(
    lab: DeploymentLab, configs: dict[str, str], served: str
) -> None:
    lab.update(served, configs["new"], DeploymentConfig=canary())
    lab.bakes(served, f"{WAIT} seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of 1")
    described = lab.describe(served)
    assert described["EndpointStatus"] == "Updating"
    assert described["EndpointConfigName"] == configs["old"]
    [pending] = described["PendingDeploymentSummary"]["ProductionVariants"]
    assert described["PendingDeploymentSummary"]["EndpointConfigName"] == configs["new"]
    assert (pending["CurrentInstanceCount"], pending["DesiredInstanceCount"]) == (1, 2)
    assert lab.share(served) == {"old": 10, "new": 10}

    lab.advance(WAIT + 1)
    lab.bakes(served, f"{TERMINATION} seconds (TerminationWaitInSeconds) with traffic enabled on full capacity of 2")
    assert lab.share(served) == {"new": 20}
    assert lab.describe(served)["EndpointStatus"] == "Updating"

    lab.advance(TERMINATION + 1)
    described = lab.settled(served)
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == configs["new"]
    assert described["LastDeploymentConfig"] == canary()
    assert "PendingDeploymentSummary" not in described
    assert "FailureReason" not in described


def test_a_linear_shift_takes_one_step_after_the_other(lab: DeploymentLab) -> None:
    old, new = (lab.config(name, instances=3) for name in ("old", "new"))
    name = lab.serve(old)
    steps = linear(value=1, unit="INSTANCE_COUNT")
    lab.update(name, new, DeploymentConfig=steps)
    for active in (1, 2):
        lab.bakes(name, f"on partial capacity of {active} instance(s)")
        assert lab.share(name, 30) == {"old": 30 - 10 * active, "new": 10 * active}
        lab.advance(WAIT + 1)
    lab.bakes(name, "on full capacity of 3 instance(s)")
    assert lab.share(name) == {"new": 20}
    lab.advance(TERMINATION + 1)
    assert lab.settled(name)["EndpointConfigName"] == new


def test_no_request_is_lost_or_fails_while_traffic_shifts(
    lab: DeploymentLab, configs: dict[str, str], served: str
) -> None:
    with Load(lambda: lab.name_served(served)).running() as load:
        lab.update(served, configs["new"], DeploymentConfig=canary())
        lab.bakes(served, "canary")
        load.saw("new", 5)
        lab.advance(WAIT + 1)
        lab.bakes(served, "full")
        lab.advance(TERMINATION + 1)
        assert lab.settled(served)["EndpointConfigName"] == configs["new"]
    assert load.failures == []
    assert {name for _, name in load.answers} == {"old", "new"}


def test_a_slow_model_rings_the_alarm_of_the_new_fleet_and_gets_no_request_after_it(
    lab: DeploymentLab, served: str
) -> None:
    slow = lab.config("slow", lab.archive("slow", SLOW), instances=2)
    alarm = lab.latency_alarm(served, slow)
    before = lab.describe(served)["EndpointConfigName"]
    lab.alarms.early()
    with Load(lambda: lab.name_served(served)).running() as load:
        lab.update(served, slow, DeploymentConfig=canary(alarm))
        lab.bakes(served, "canary")
        load.saw("slow", 3)
        lab.advance(60)
        lab.alarms.becomes(alarm, "ALARM")
        rang = time.time()
        described = lab.settled(served)
        load.saw("old", len(load.answers) + 20)
    assert load.failures == []
    assert [name for sent, name in load.answers if sent > rang and name != "old"] == []
    assert described["EndpointConfigName"] == before
    assert alarm in described["FailureReason"]
    assert described["LastDeploymentConfig"] == canary(alarm)


def test_an_alarm_in_the_last_bake_brings_the_old_fleet_back(
    lab: DeploymentLab, configs: dict[str, str], served: str
) -> None:
    alarm = lab.alarms.alarm("last")
    at_once = shifting({"Type": "ALL_AT_ONCE"}, alarm, wait=0)
    lab.update(served, configs["new"], DeploymentConfig=at_once)
    lab.bakes(served, "full")
    assert lab.share(served) == {"new": 20}
    lab.alarms.api.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="tried")
    assert lab.share(served) == {"old": 20}
    described = lab.settled(served)
    assert described["EndpointConfigName"] == configs["old"]
    assert f"are in ALARM state: [{alarm}]" in described["FailureReason"]


def test_a_clock_moved_over_the_whole_bake_still_meets_the_alarm(lab: DeploymentLab, served: str) -> None:
    slow = lab.config("slow", lab.archive("slow", SLOW), instances=2)
    alarm = lab.latency_alarm(served, slow)
    lab.update(served, slow, DeploymentConfig=canary(alarm))
    lab.bakes(served, "canary")
    assert lab.share(served, 6) == {"old": 3, "slow": 3}
    lab.advance(4 * WAIT)
    described = lab.settled(served)
    assert alarm in described["FailureReason"]
    assert lab.share(served) == {"old": 20}


def test_a_new_fleet_that_keeps_dying_is_rolled_back(lab: DeploymentLab, served: str) -> None:
    deadly = INFERENCE.replace("    seen =", "    os._exit(9)\n    seen =")
    config = lab.config("deadly", lab.archive("deadly", deadly), instances=2)
    lab.update(served, config, DeploymentConfig=canary())
    lab.bakes(served, "canary")

    def ask() -> str:
        lab.runtime.invoke_endpoint(EndpointName=served, Body=b"x")
        return str(lab.describe(served)["EndpointStatus"])

    until(ask, lambda status: status == "InService", forgive=lab.runtime.exceptions.ModelError)
    assert "ended 6 times" in lab.settled(served)["FailureReason"]
    assert lab.share(served) == {"old": 20}


def test_an_alarm_that_rings_already_lets_no_traffic_move(
    lab: DeploymentLab, configs: dict[str, str], served: str
) -> None:
    alarm = lab.alarms.alarm("early", TreatMissingData="breaching")
    assert lab.alarms.becomes(alarm, "ALARM")
    lab.update(served, configs["new"], DeploymentConfig=canary(alarm))
    described = lab.settled(served)
    assert described["EndpointStatus"] == "InService"
    assert alarm in described["FailureReason"]
    assert lab.share(served) == {"old": 20}


def test_an_alarm_that_is_not_there_lets_no_traffic_move(
    lab: DeploymentLab, configs: dict[str, str], served: str
) -> None:
    lab.update(served, configs["new"], DeploymentConfig=canary("nobody"))
    assert "alarm(s) [nobody] do not exist" in lab.settled(served)["FailureReason"]


def test_the_role_must_be_able_to_read_the_alarms(lab: DeploymentLab, served: str) -> None:
    may = [EVERYTHING, deny("cloudwatch:DescribeAlarms")]
    name = f"blind-{uuid.uuid4().hex[:6]}"
    role = make_role(lab.embedded.client("iam"), name, "sagemaker.amazonaws.com", may=may)
    config = lab.config("blind", instances=2, ExecutionRoleArn=role)
    lab.update(served, config, DeploymentConfig=canary(lab.alarms.alarm("unread")))
    described = lab.settled(served)
    assert "cloudwatch:DescribeAlarms" in described["FailureReason"]
    assert lab.share(served) == {"old": 20}


def test_a_deployment_that_takes_too_long_is_rolled_back(lab: DeploymentLab, served: str) -> None:
    sleepy = INFERENCE.replace("def model_fn(model_dir):", "def model_fn(model_dir):\n    import time; time.sleep(60)")
    config = lab.config("sleepy", lab.archive("sleepy", sleepy), instances=2)
    lab.update(served, config, DeploymentConfig=canary(MaximumExecutionTimeoutInSeconds=600))
    until(lambda: lab.status(served), lambda found: found == "Creating: Launching 2 instance(s).")
    lab.advance(601)
    described = lab.settled(served)
    assert "timed out after 600 seconds" in described["FailureReason"]
    assert lab.share(served) == {"old": 20}


def test_the_last_deployment_configuration_is_kept_on_request(
    lab: DeploymentLab, configs: dict[str, str], served: str
) -> None:
    lab.update(served, configs["new"], DeploymentConfig=canary(wait=0, TerminationWaitInSeconds=0))
    assert lab.settled(served)["EndpointConfigName"] == configs["new"]
    lab.update(served, configs["old"], RetainDeploymentConfig=True)
    last = lab.settled(served)["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert last["TrafficRoutingConfiguration"]["Type"] == "CANARY"
    lab.update(served, configs["new"])
    assert "LastDeploymentConfig" not in lab.settled(served)


def test_each_stage_of_a_deployment_is_an_event(lab: DeploymentLab, configs: dict[str, str], served: str) -> None:
    wanted = {
        "detail-type": ["SageMaker Endpoint Deployment State Change"],
        "detail": {"EndpointName": [served], "EndpointStatus": ["UPDATING"]},
    }
    receive = lab.subscribe(served, wanted)
    lab.update(served, configs["new"], DeploymentConfig=canary())
    lab.bakes(served, "canary")
    seen = receive(3)
    statuses = [each["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0] for each in seen]
    assert {each["Status"] for each in statuses} == {"Creating", "ActivatingTraffic", "Baking"}
    assert all(isinstance(each["StartTime"], int) for each in statuses)
    assert seen[0]["EndpointConfigName"] == configs["old"]
    assert seen[0]["PendingDeploymentSummary"]["EndpointConfigName"] == configs["new"]


def test_scaling_is_an_event_too(lab: DeploymentLab) -> None:
    name = lab.serve(lab.config("scaled"))
    wanted = {"detail-type": ["SageMaker Endpoint Deployment State Change"], "detail": {"EndpointName": [name]}}
    receive = lab.subscribe(name, wanted)
    counts = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
    lab.sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=counts)
    [variant] = receive(1)[0]["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (1, 2)
    assert variant["VariantStatus"][0]["StatusMessage"] == "Scaling out desired instance count to 2."


def test_metrics_tell_the_fleets_apart_by_their_configuration(lab: DeploymentLab, configs: dict[str, str]) -> None:
    name = lab.serve(configs["old"])
    lab.share(name, 4)
    lab.update(name, configs["new"], DeploymentConfig=canary())
    lab.bakes(name, "canary")
    lab.share(name, 10)
    both = {"EndpointName": name, "VariantName": "AllTraffic"}
    for config, count in (("old", 9), ("new", 5)):
        dimensions = {**both, "EndpointConfigName": configs[config]}
        assert lab.alarms.published("AWS/SageMaker", "Invocations", dimensions, count) == count
        assert lab.alarms.published("AWS/SageMaker", "ModelLatency", dimensions, 1) > 100
    assert lab.alarms.published("AWS/SageMaker", "Invocations", both, 14) == 14


def test_a_deployment_begins_anew_after_a_restart(embedded_factory: Callable[..., Any], tmp_path: Path) -> None:
    lab = DeploymentLab(embedded_factory(tmp_path))
    old, new = (lab.config(name, instances=2) for name in ("old", "new"))
    name = lab.serve(old)
    lab.update(name, new, DeploymentConfig=canary())
    lab.bakes(name, "canary")
    lab.advance(WAIT + 1)
    lab.bakes(name, "full")
    lab.embedded.stop()

    again = DeploymentLab(embedded_factory(tmp_path))
    again.bakes(name, "canary")
    assert again.share(name) == {"old": 10, "new": 10}
    again.advance(WAIT + 1)
    again.bakes(name, "full")
    again.advance(TERMINATION + 1)
    assert again.settled(name)["EndpointConfigName"] == new


def test_a_restart_while_it_rolls_back_leaves_the_old_fleet_and_the_reason(
    embedded_factory: Callable[..., Any], tmp_path: Path
) -> None:
    lab = DeploymentLab(embedded_factory(tmp_path))
    old, new = lab.config("old", instances=2), lab.config("new", lab.archive("new", WAITS), instances=2)
    name, alarm = lab.serve(old), lab.alarms.alarm("rings")
    lab.update(name, new, DeploymentConfig=canary(alarm))
    lab.bakes(name, "canary")
    with lab.rolling_back(name, alarm, tmp_path / "begun"):
        lab.embedded.stop()

    again = DeploymentLab(embedded_factory(tmp_path))
    described = again.settled(name)

    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == old
    assert f"are in ALARM state: [{alarm}]" in described["FailureReason"]
    assert "PendingDeploymentSummary" not in described
    assert again.share(name) == {"old": 20}
    again.update(name, new)
    assert again.settled(name)["EndpointConfigName"] == new
    assert again.share(name) == {"new": 20}
