"""Messages nobody can act on, and an AWS that does not do as it is told: retried, or put aside with the reason.

Long because it is a list: one kind of trouble, one test.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from shared.log import LOGGER, JsonLines

from tests.starter_lab import CLAIMS, MODEL, RAW, Lab, error, lab

TICK = "2027-01-15T09:00:00Z"


@pytest.fixture
def world() -> Iterator[Lab]:
    with lab() as made:
        yield made


def fail(world: Lab, name: str, error: Exception, *, times: int = 1) -> None:
    left = [error] * times

    def on(called: str, when: str) -> None:
        if called == name and when == "before" and left:
            raise left.pop()

    world.calls.on = on


def reasons(world: Lab) -> list[str]:
    return [message.attributes["Reason"] for message in world.queue.dead]


def test_one_poison_message_does_not_hold_up_the_other_nine(world: Lab) -> None:
    for number in range(8):
        world.upload(f"claims/{number}.csv")
    world.send("no json")
    world.upload("customers/a.csv")
    assert world.deliver() == []
    assert len(world.files()) == 9
    (message,) = world.queue.dead
    assert (message.body, message.attributes["Reason"]) == ("no json", "malformed")
    assert message.attributes["Explanation"].startswith("the message is not JSON")


@pytest.mark.parametrize(
    ("key", "bucket", "reason", "explanation"),
    [
        ("raw/claims-fraud/claims/a.csv", "other", "foreign-bucket", "is not in the raw bucket raw-bucket"),
        ("raw/churn/claims/a.csv", RAW, "unknown-table", "there is no model 'churn'; known: claims-fraud"),
        ("raw/claims-fraud/polices/a.csv", RAW, "unknown-table", "no table 'polices'; known: claims, customers"),
        ("raw/claims-fraud/claims.csv", RAW, "unknown-table", "is not raw/<model>/<table>/<file>"),
    ],
)
def test_a_file_that_can_belong_to_nothing_is_put_aside(
    world: Lab, key: str, bucket: str, reason: str, explanation: str
) -> None:
    world.send(world.event(key, "v", bucket=bucket))
    world.settle()
    assert reasons(world) == [reason]
    assert explanation in world.queue.dead[0].attributes["Explanation"]
    assert not world.items("")


def test_a_vanished_version_is_noted_and_its_message_put_aside(world: Lab) -> None:
    version = world.upload("claims/a.csv")
    world.s3.delete_object(Bucket=RAW, Key=f"raw/{MODEL}/claims/a.csv", VersionId=version)
    world.settle()
    assert reasons(world) == ["vanished"]
    assert (world.files()["claims/a.csv", version].state, world.skips()) == ("deleted", [])


def test_a_vanished_version_is_recognised_where_s3_says_access_denied(world: Lab) -> None:
    version = world.upload("claims/a.csv")
    world.upload("claims/a.csv.csv")
    world.s3.delete_object(Bucket=RAW, Key=f"raw/{MODEL}/claims/a.csv", VersionId=version)
    fail(world, "s3:GetObject", error("AccessDenied", status=403))
    world.settle()
    assert world.states() == {"claims/a.csv": "deleted", "claims/a.csv.csv": "seen"}


def test_an_unreadable_object_comes_back_until_it_is_put_aside_and_the_schedule_tries_again(world: Lab) -> None:
    world.upload("claims/a.csv")
    fail(world, "s3:GetObject", error("AccessDenied", status=403), times=6)
    waits = []
    while world.queue.messages:
        before = world.now
        world.now = max(world.now, world.queue.messages[0].visible_at)
        waits.append(world.now - before)
        world.deliver()
    assert waits == [0, 5, 10, 20, 40]
    assert reasons(world) == ["AccessDenied"]
    assert world.queue.dead[0].attributes["Explanation"].startswith("failed 5 times, at last with:")
    world.schedule(TICK)
    world.settle()
    assert not world.files()
    world.schedule("2027-01-15T10:00:00Z")
    world.settle()
    assert world.states() == {"claims/a.csv": "seen"}


def test_an_empty_file_is_rejected_and_its_message_put_aside(world: Lab) -> None:
    version = world.upload("claims/a.csv", b"")
    world.settle()
    assert reasons(world) == ["empty"]
    row = world.files()["claims/a.csv", version]
    assert (row.state, row.reason_code) == ("rejected", "empty")


def test_what_is_no_table_goes_to_quarantine_and_starts_nothing(world: Lab) -> None:
    world.upload("customers/a.csv")
    version = world.upload("claims/a.csv", b"\x1f\x8b\x08\x00packed")
    world.settle()
    row = world.files()["claims/a.csv", version]
    assert (row.state, bool(row.reason_code), bool(row.reason)) == ("rejected", True, True)
    assert row.quarantine.startswith("s3://artifact-bucket/quarantine/claims-fraud/claims/")
    assert json.loads(world.copies(row.quarantine.rstrip("/"))["reason.json"])
    assert [skip.reason for skip in world.skips()] == ["waiting for a file in: claims"]
    assert not world.sagemaker.executions
    assert not world.queue.dead


@pytest.mark.parametrize("name", ["_SUCCESS", ".part.csv", "a.csv.tmp", "a.TMP", "2026/"])
def test_markers_and_half_written_files_leave_no_trace(world: Lab, name: str) -> None:
    world.upload(f"claims/{name}")
    world.schedule(TICK)
    world.settle()
    assert not world.files()
    assert not world.queue.dead


def test_a_file_with_another_suffix_is_rejected_by_the_schedule(world: Lab) -> None:
    world.upload("claims/notes.txt", tell=False)
    world.upload("claims/DATA.CSV", tell=False)
    world.schedule(TICK)
    world.settle()
    files = {name: (row.state, row.reason_code, row.quarantine) for (name, _), row in world.files().items()}
    assert files == {"claims/notes.txt": ("rejected", "suffix", ""), "claims/DATA.CSV": ("seen", "", "")}


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("a+b.csv", "a+b.csv"),
        ("a b.csv", "a+b.csv"),
        ("a%2Bb.csv", "a%2Bb.csv"),
        ("보험.csv", "%EB%B3%B4%ED%97%98.csv"),
        ("\u1107\u1169.csv", "\u1107\u1169.csv"),
        ("😀 x\\y\n.csv", "😀 x\\y\n.csv"),
        ("a/../b.csv", "a/../b.csv"),
        ("x" * 990 + ".csv", "x" * 990 + ".csv"),
    ],
)
def test_any_key_is_found_raw_first_then_decoded(world: Lab, name: str, sent: str) -> None:
    key = f"raw/{MODEL}/claims/{name}"
    version = str(world.s3.put_object(Bucket=RAW, Key=key, Body=CLAIMS)["VersionId"])
    world.send(world.event(f"raw/{MODEL}/claims/{sent}", version))
    world.upload("customers/a.csv")
    world.settle()
    assert (f"claims/{name}", version) in world.manifests()[0]
    assert set(world.files()) == world.manifests()[0]


def test_a_throttled_start_is_tried_again_soon_under_the_same_name(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    fail(world, "sagemaker:StartPipelineExecution", error("ThrottlingException"), times=2)
    world.settle()
    assert len(world.sagemaker.executions) == 1
    assert [run.attempt for run in world.runs()] == [1]
    assert world.now < 1_800_000_030
    assert not world.queue.dead


def test_a_start_that_keeps_failing_is_put_aside_and_the_schedule_goes_on_with_it(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    fail(world, "sagemaker:StartPipelineExecution", error("ThrottlingException"), times=5)
    world.settle()
    assert reasons(world) == ["ThrottlingException"]
    world.schedule(TICK)
    world.settle()
    (run,) = world.runs()
    assert (run.state, run.attempt, run.cause) == ("running", 1, "upload")


def test_a_start_whose_answer_was_lost_is_not_made_twice(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    made: list[str] = []

    def on(name: str, when: str) -> None:
        if name == "sagemaker:StartPipelineExecution" and when == "after" and not made:
            made.append(name)
            raise error("ServiceUnavailable", status=503)

    world.calls.on = on
    world.settle()
    assert world.calls.made.count("sagemaker:StartPipelineExecution") == 1
    assert world.lock().phase == "running"


def test_a_version_that_vanishes_while_it_is_copied_leads_to_another_look(world: Lab) -> None:
    world.upload("claims/keeps.csv")
    version = world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    gone: list[str] = []

    def on(name: str, when: str) -> None:
        if name == "s3:CopyObject" and when == "before" and not gone:
            gone.append(version)
            world.s3.delete_object(Bucket=RAW, Key=f"raw/{MODEL}/claims/a.csv", VersionId=version)

    world.calls.on = on
    world.settle()
    assert world.files()["claims/a.csv", version].state == "deleted"
    assert [len(files) for files in world.manifests()] == [2]


def test_a_version_deleted_while_it_is_checked_gives_its_place_to_the_older_one(world: Lab) -> None:
    """Listed as hidden by a version that is gone, the older one would be missing from a run on neither."""
    older = world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle()
    world.end()
    world.settle()
    newer = world.upload("claims/a.csv", CLAIMS + b"3,0,1\n", tell=False)
    world.upload("claims/b.csv")
    listed: list[str] = []

    def on(name: str, when: str) -> None:
        if name == "s3:ListObjectVersions" and when == "after" and not listed:
            listed.append(newer)
            world.s3.delete_object(Bucket=RAW, Key=f"raw/{MODEL}/claims/a.csv", VersionId=newer)

    world.calls.on = on
    world.settle()
    assert listed
    assert ("claims/a.csv", older) in world.manifests()[-1]
    assert len(world.manifests()[-1]) == 3


def test_the_copy_is_of_the_version_that_was_listed(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    newer: list[str] = []

    def on(name: str, when: str) -> None:
        if name == "s3:CopyObject" and when == "before" and not newer:
            newer.append(world.upload("claims/a.csv", CLAIMS + b"3,0,1\n"))

    world.calls.on = on
    world.settle()
    (execution,) = world.sagemaker.executions.values()
    assert execution["read"]["claims/00000.csv"] == CLAIMS
    assert world.files()["claims/a.csv", newer[0]].state == "seen"


def test_an_execution_sagemaker_forgot_frees_the_lock_and_its_files_are_taken_again(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle()
    world.sagemaker.executions.clear()
    world.schedule(TICK)
    world.settle()
    assert [(run.attempt, run.state) for run in world.runs()] == [(1, "failed"), (2, "running")]
    assert set(world.states().values()) == {"assigned"}


def test_a_run_that_holds_the_lock_too_long_is_stopped_and_keeps_it_until_it_ends(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle()
    world.move(25 * 3600)
    world.schedule(TICK)
    world.settle()
    assert world.sagemaker.stopped == world.sagemaker.running
    assert world.lock().phase == "running"
    world.end("Stopped")
    world.settle()
    assert not world.lock().holder
    assert [run.state for run in world.runs()] == ["stopped"]


def test_an_execution_that_was_retried_by_hand_and_worked_has_trained_its_files(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle()
    arn = world.end("Failed")
    world.settle()
    world.sagemaker.executions[arn]["PipelineExecutionStatus"] = "Succeeded"
    world.tell_end(arn)
    world.settle()
    assert set(world.states().values()) == {"trained"}
    assert [run.state for run in world.runs()] == ["succeeded"]


def test_an_end_told_twice_or_before_the_start_was_noted_does_no_harm(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")

    def on(name: str, when: str) -> None:
        if name == "sagemaker:StartPipelineExecution" and when == "after":
            world.calls.on = lambda name, when: None
            arn = world.end()
            world.tell_end(arn)
            waiting, world.queue.messages = world.queue.messages, world.queue.messages[-2:]
            world.deliver()
            world.queue.messages = waiting[:-2] + world.queue.messages

    world.calls.on = on
    world.settle()
    assert set(world.states().values()) == {"trained"}
    assert not world.lock().holder
    assert [run.state for run in world.runs()] == ["succeeded"]


def test_duplicated_events_change_nothing(world: Lab) -> None:
    for _ in range(3):
        for name in ("claims/a.csv", "customers/a.csv"):
            version = world.upload(name, tell=False)
            for _ in range(3):
                world.send(world.event(f"raw/{MODEL}/{name}", version))
    world.settle()
    assert len(world.files()) == 6
    assert [len(files) for files in world.manifests()] == [2]
    assert sorted(row.state for row in world.files().values()) == ["assigned"] * 2 + ["superseded"] * 4


def test_a_look_that_is_delivered_twice_while_files_come_in_does_not_multiply(world: Lab) -> None:
    world.upload("customers/a.csv")
    for number in range(12):
        world.upload(f"claims/{number}.csv")
        world.settle(until=world.now)
        world.queue.messages += [world.send(json.loads(message.body), delay=1) for message in world.queue.messages[:1]]
        world.move(1)
        world.settle(until=world.now)
        assert len(world.queue.messages) < 6
    world.settle()
    assert len(world.sagemaker.executions) == 1


def test_a_look_whose_message_could_not_be_sent_is_asked_for_by_the_retry(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    fail(world, "sqs:SendMessage", error("RequestThrottled"))
    world.settle()
    assert len(world.sagemaker.executions) == 1
    assert world.now < 1_800_000_030


def test_one_models_trouble_is_not_the_schedules(world: Lab) -> None:
    world.upload("claims/a.csv", tell=False)
    world.upload("customers/a.csv", tell=False)
    world.send({"models": ["unknown", MODEL], "scheduled_time": TICK})
    world.settle()
    assert len(world.sagemaker.executions) == 1


def test_a_repeat_of_a_run_nobody_knows_is_put_aside(world: Lab) -> None:
    world.send({"start": {"model": MODEL, "cause": "replay", "run": "f" * 64 + "-1"}})
    world.send({"start": {"model": MODEL, "cause": "replay", "run": "x"}})
    world.settle()
    assert reasons(world) == ["unknown-run"] * 2


def test_time_that_runs_out_ends_in_another_invocation(world: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle(until=world.now)
    looks: list[str] = []

    def on(name: str, when: str) -> None:
        if name == "s3:ListObjectsV2" and when == "after" and not looks:
            looks.append(name)
            world.move(290)

    world.calls.on = on
    world.settle()
    assert [run.attempt for run in world.runs()] == [1]
    assert world.lock().phase == "running"


def test_logs_are_json_lines_that_say_what_about_whom(world: Lab, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=LOGGER.name)
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle()
    lines: list[dict[str, Any]] = [
        json.loads(JsonLines().format(record)) for record in caplog.records if record.name == LOGGER.name
    ]
    assert all({"level", "message", "event"} <= set(line) for line in lines)
    (started,) = [line for line in lines if line["event"] == "run-started"]
    assert (started["model"], started["run"]) == (MODEL, world.lock().holder)
    assert {line["correlation_id"] for line in lines} == {"event-1"}


@pytest.mark.parametrize(("name", "reason"), [("_SUCCESS", "ignored"), ("gone.csv", "vanished")])
def test_a_replay_of_what_can_never_be_data_is_put_aside(world: Lab, name: str, reason: str) -> None:
    version = world.upload(f"claims/{name}", tell=False)
    if reason == "vanished":
        world.s3.delete_object(Bucket=RAW, Key=f"raw/{MODEL}/claims/{name}", VersionId=version)
    wanted = {"model": MODEL, "bucket": RAW, "key": f"raw/{MODEL}/claims/{name}", "version_id": version}
    world.send({"replay": wanted})
    world.settle()
    assert reasons(world) == [reason]
    assert not world.files()


def test_a_replayed_file_is_checked_again(world: Lab) -> None:
    for name, body in (("claims/notes.txt", CLAIMS), ("claims/bad.csv", b"\x1f\x8b\x08\x00packed")):
        version = world.upload(name, body)
        key = f"raw/{MODEL}/{name}"
        world.send({"replay": {"model": MODEL, "bucket": RAW, "key": key, "version_id": version}})
    world.settle()
    assert set(world.states().values()) == {"rejected"}
    assert {row.source for row in world.files().values()} == {"replay"}
