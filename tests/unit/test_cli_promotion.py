"""Approve, promote, reject and roll back over three accounts: what is refused, what is waited for, what is said."""

from __future__ import annotations

import pytest

from millrace.cli.records import finding
from tests.promotion_lab import WHO, Lab, arn_of, make


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lab:
    return make(monkeypatch, capsys)


def promoted(lab: Lab, *numbers: int) -> None:
    """The versions, one after the other, on their whole way to prod."""
    for number in numbers:
        lab.world.register(number)
        assert lab("approve", str(number))[0] == 0
        assert lab("approve", str(number), "--stage", "Production")[0] == 0


def test_an_approval_deploys_and_tests_in_dev_and_staging_and_prod_waits_for_its_own(lab: Lab) -> None:
    lab.world.register(1)

    code, told = lab("approve")

    assert code == 0
    assert lab.serves() == {"dev": 1, "staging": 1}
    assert "The endpoint claims-fraud in staging serves claims-fraud/1. Smoke test: passed" in told
    assert "prod waits for an approval of its own: millrace approve claims-fraud/1 --stage Production" in told


def test_a_stage_is_approved_after_the_smoke_test_and_the_registry_keeps_who_and_why(lab: Lab) -> None:
    lab.world.register(1)
    lab("approve", "1")

    code, told = lab("approve", "1", "--stage", "Production", "--why", "as agreed; on Monday")

    assert code == 0, told
    assert "Approved claims-fraud/1 for Production." in told
    assert "in prod serves claims-fraud/1" in told
    package = lab.world.packages[arn_of(1)]
    assert package["ModelLifeCycle"]["StageDescription"] == "as agreed; on Monday"
    record = package["CustomerMetadataProperties"]["production_by"]
    assert record.startswith("approved 20")
    assert record.endswith(f"Z by {WHO}: as agreed on Monday")


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ({}, "the registry holds no result of it yet"),
        ({"staging_smoke": "failed slow 2026-11-29T10:00:00Z"}, "the registry says: failed slow"),
    ],
)
def test_a_stage_is_refused_as_long_as_the_smoke_test_has_not_passed(
    lab: Lab, records: dict[str, str], said: str
) -> None:
    lab.world.register(1, "Approved", **records)

    code, told = lab("approve", "1", "--stage", "Production")

    assert code == 1
    assert "cannot be approved for Production: its smoke test in staging has not passed" in told
    assert said in told
    assert "ModelLifeCycle" not in lab.world.packages[arn_of(1)]


def test_a_stage_is_refused_of_a_version_that_is_not_approved(lab: Lab) -> None:
    lab.world.register(1)
    code, told = lab("approve", "1", "--stage", "Production")
    assert code == 1
    assert "claims-fraud/1 is PendingManualApproval: approve it first (`millrace approve claims-fraud/1`)" in told


def test_a_stage_that_no_account_waits_for_is_named_with_those_that_there_are(lab: Lab) -> None:
    lab.world.register(1, "Approved")
    code, told = lab("approve", "1", "--stage", "Prod")
    assert code == 1
    assert "no account waits for the stage 'Prod'; there are: Production (prod)" in told


def test_a_failed_smoke_test_ends_the_approval_with_its_reason(lab: Lab) -> None:
    lab.world.register(1)
    lab.world.smoke[1] = "failed too slow"
    code, told = lab("approve", "1")
    assert code == 1
    assert "smoke test: failed too slow" in told


def test_a_deployment_that_is_rolled_back_is_told_with_its_account(lab: Lab) -> None:
    promoted(lab, 1)
    lab.world.register(2)
    lab.world.breaks[2] = "the alarm errors rang"

    code, told = lab("approve", "2")

    assert code == 1
    assert "the deployment of claims-fraud/2 in dev was rolled back: Endpoint" in told
    assert "the alarm errors rang" in told


def test_a_deployment_that_lacks_a_grant_is_not_waited_for_but_told(lab: Lab) -> None:
    lab.world.register(1)
    lab.world.blocks[1] = "statement DeployersMayReadModels of the artifact bucket must allow it"

    code, told = lab("approve", "1")

    assert code == 1
    assert "claims-fraud/1 is not deployed in dev: blocked by deploy-model: statement DeployersMayReadModels" in told
    assert "blocked     dev" in lab("history", "1")[1]


def test_an_older_version_is_not_waited_for_where_a_newer_one_stays(lab: Lab) -> None:
    promoted(lab, 1, 2)
    code, told = lab("approve", "1")
    assert code == 0
    assert "staging keeps claims-fraud/2, which is newer and approved as well" in told


def test_a_rollback_returns_every_account_to_the_version_before_and_says_so(lab: Lab) -> None:
    promoted(lab, 1, 2)
    assert lab.serves() == {"dev": 2, "staging": 2, "prod": 2}

    code, told = lab("rollback", "--why", "too many alarms")

    assert code == 0, told
    assert lab.serves() == {"dev": 1, "staging": 1, "prod": 1}
    assert lab.state(2) == "Rejected"
    for account in ("dev", "staging", "prod"):
        assert f"{account} goes back from claims-fraud/2 to claims-fraud/1." in told
        assert f"The endpoint claims-fraud in {account} serves claims-fraud/1." in told
    assert "Rejected claims-fraud/2: too many alarms" in told


def test_a_rollback_does_not_guess_between_accounts_that_serve_different_versions(lab: Lab) -> None:
    promoted(lab, 1)
    lab.world.register(2)
    lab("approve", "2")

    code, told = lab("rollback")
    assert code == 1
    assert (
        "the accounts serve different versions (dev claims-fraud/2, staging claims-fraud/2, prod claims-fraud/1)"
        in told
    )

    code, told = lab("rollback", "--account", "staging")
    assert code == 0, told
    assert lab.serves() == {"dev": 1, "staging": 1, "prod": 1}
    assert "prod serves claims-fraud/1: nothing changes there." in told


def test_a_version_that_is_just_being_rolled_out_counts_as_live(lab: Lab) -> None:
    promoted(lab, 1, 2)
    lab.world.register(3, "Approved")
    lab.world.coming["prod"] = arn_of(3)

    code, told = lab("rollback", "--account", "prod", "--no-wait")

    assert code == 0, told
    assert "prod goes back from claims-fraud/3 to claims-fraud/2." in told
    assert (lab.state(3), lab.state(2)) == ("Rejected", "Approved")


def test_there_is_no_rollback_from_the_first_version(lab: Lab) -> None:
    promoted(lab, 1)
    code, told = lab("rollback")
    assert code == 1
    assert "claims-fraud/1 is live in dev, staging, prod, and no earlier version is let in there" in told
    assert lab.state(1) == "Approved"


def test_a_rejected_version_that_nobody_serves_changes_nothing(lab: Lab) -> None:
    promoted(lab, 1)
    lab.world.register(2)

    code, told = lab("reject", "2", "--why", "trained on wrong premiums")

    assert code == 0, told
    assert lab.serves() == {"dev": 1, "staging": 1, "prod": 1}
    assert "Rejected claims-fraud/2: trained on wrong premiums" in told
    assert lab("reject", "2")[0] == 2, "a rejection needs a reason"


def test_an_account_without_the_stack_is_told_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = make(monkeypatch, capsys, deployed="dev")
    lab.world.register(1)
    code, told = lab("approve", "1")
    assert code == 0, told
    assert "staging: no stack serves claims-fraud there yet" in told


def test_the_history_tells_the_whole_story_from_the_registry_alone(lab: Lab) -> None:
    promoted(lab, 1, 2)
    lab("rollback", "--why", "too many alarms")

    told = lab("history", "2")[1]

    lines = [" ".join(line.split()[2:]) for line in told.splitlines()[1:]]
    assert told.startswith("claims-fraud/2: Rejected, Production")
    assert f"approved by {WHO}" in lines
    assert f"promoted production by {WHO}" in lines
    assert f"rejected too many alarms (by {WHO})" in lines
    assert "registered by the run run2" in lines
    assert any(line.startswith("smoke test staging passed") for line in lines)
    assert any(line.startswith("deployed prod") for line in lines)
    assert lines[0].startswith("registered"), "in the order of time"
    assert "claims-fraud/1: Approved, Production" in lab("history")[1]


def test_the_history_of_a_rollback_by_an_alarm_says_why(lab: Lab) -> None:
    lab.world.register(3, "Rejected", prod_back="rolled back alarm errors 2026-11-29T11:00:00Z by role/deploy-model")
    told = lab("history", "3")[1]
    assert "rolled back  prod  alarm errors by role/deploy-model" in told


def test_a_smoke_test_is_told_without_when_and_by_whom() -> None:
    record = (
        "passed 2026-11-29T23:04:31Z by millrace-dev-smoke-test: deployment of 2026-11-29T23:04:30Z - "
        "16 golden rows as trained - a row takes 1.9 ms"
    )

    assert finding(record) == "passed: 16 golden rows as trained - a row takes 1.9 ms"
    assert finding("failed 2026-11-29T23:04:31Z by someone") == "failed by someone"
