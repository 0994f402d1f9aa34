"""From an upload to the end of a run and into the next: the starter's way when nothing goes wrong.

One way from its begin to its end, in the order in which it happens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from start_pipeline.settings import ModelSettings

from tests.starter_lab import CLAIMS, MODEL, START, Lab, lab

HOURS = ("2027-01-15T09:00:00Z", "2027-01-15T10:00:00Z", "2027-01-15T11:00:00Z")


@pytest.fixture
def world() -> Iterator[Lab]:
    with lab() as made:
        yield made


def test_a_burst_becomes_one_run_on_all_its_files(world: Lab) -> None:
    for number in range(12):
        world.upload(f"claims/{number}.csv")
    world.upload("customers/all.csv")
    world.settle()
    (execution,) = world.sagemaker.executions.values()
    assert len(execution["read"]) == 14
    assert set(world.states().values()) == {"assigned"}
    assert world.now == START + 2
    assert world.lock().phase == "running"
    (run,) = world.runs()
    assert (run.state, run.files, run.new_files, run.cause) == ("running", 13, 13, "upload")
    assert run.arn == world.lock().arn
    assert world.wake() is None


def test_a_model_of_one_table_without_header_lines_and_join_key_runs_on_its_first_file() -> None:
    columns = ["sex", "height", "rings"]
    values = {"problem": "regression", "tables": ["abalone"], "label": "rings", "numeric": ["height"]}
    trigger = {"suffixes": [".csv", ".data"]}
    shells = ModelSettings.of(MODEL, {**values, "categorical": ["sex"], "columns": columns, "trigger": trigger})
    with lab(shells) as world:
        world.upload("abalone/abalone.data", b"M,0.09,15\nF,0.1,7\n")
        world.upload("abalone/names.data", b"M;0.09;15\n")
        world.settle()
        (execution,) = world.sagemaker.executions.values()
        assert world.states() == {"abalone/abalone.data": "assigned", "abalone/names.data": "rejected"}
        assert execution["read"].keys() == {"manifest.json", "abalone/00000.csv"}


def test_one_id_leads_from_the_first_upload_to_the_model(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.settle(until=world.now)
    world.upload("customers/a.csv")
    world.settle()
    (execution,) = world.sagemaker.executions.values()
    assert execution["parameters"]["CorrelationId"] == "event-1"
    assert {row.correlation for row in world.files().values()} == {"event-1"}
    assert {world.runs()[0].correlation, world.lock().correlation} == {"event-1"}


def test_the_run_has_one_name_everywhere(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle()
    (execution,) = world.sagemaker.executions.values()
    run = execution["PipelineExecutionDisplayName"]
    digest = execution["parameters"]["InputUri"].rpartition("/")[2]
    assert run == f"{digest}-1" == world.runs()[0].run == world.lock().holder
    assert execution["PipelineExecutionArn"].endswith(run)
    assert {row.run for row in world.files().values()} == {run}


def test_files_keep_a_burst_open_until_they_pause(world: Lab) -> None:
    world.upload("customers/a.csv")
    for number in range(5):
        world.upload(f"claims/{number}.csv")
        world.settle(until=world.now)
        world.move(1.5)
        world.settle(until=world.now)
    assert not world.sagemaker.executions
    world.settle()
    assert [len(files) for files in world.manifests()] == [6]


def test_a_burst_without_end_is_cut_after_the_longest_wait() -> None:
    with lab(max_wait_seconds=10) as world:
        world.upload("customers/a.csv")
        for number in range(20):
            world.upload(f"claims/{number}.csv")
            world.settle(until=world.now)
            world.move(1)
        world.settle(until=world.now)
        assert len(world.sagemaker.executions) == 1
        assert 8 <= len(world.manifests()[0]) <= 13


def test_without_a_debounce_the_first_complete_data_set_starts_at_once() -> None:
    with lab(debounce_seconds=0) as world:
        world.upload("claims/a.csv")
        world.deliver()
        assert [skip.code for skip in world.skips()] == ["tables-missing"]
        world.upload("customers/a.csv")
        world.deliver()
        assert len(world.sagemaker.executions) == 1
        assert world.now == START


def test_a_run_waits_until_every_table_has_a_file(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.settle()
    assert not world.sagemaker.executions
    (skip,) = world.skips()
    assert (skip.code, skip.reason) == ("tables-missing", "waiting for a file in: customers")
    assert world.states() == {"claims/a.csv": "seen"}


def test_files_that_arrive_during_a_run_go_into_the_next_which_starts_by_itself(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle()
    late = world.upload("claims/b.csv")
    world.settle()
    assert len(world.sagemaker.executions) == 1
    (skip,) = world.skips()
    assert skip.code == "already-running"
    assert "goes into" in skip.reason or "go into the next run" in skip.reason
    world.end()
    world.settle()
    assert [len(files) for files in world.manifests()] == [2, 3]
    assert world.states() == {"claims/a.csv": "trained", "claims/b.csv": "assigned", "customers/a.csv": "trained"}
    assert world.files()["claims/b.csv", late].run == world.lock().holder
    assert [(run.cause, run.new_files) for run in world.runs() if run.state == "running"] == [("run-ended", 1)]
    assert world.lock().last_model_at > 0


def test_files_that_come_as_a_run_ends_are_waited_out_like_any_others(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle()
    first = world.upload("claims/b.csv", tell=False)
    world.end()
    world.deliver()
    assert len(world.sagemaker.executions) == 1, "the file is listed, and its event on its way"
    world.send(world.event(f"raw/{MODEL}/claims/b.csv", first))
    world.move(1.5)
    world.upload("customers/b.csv")
    world.settle()
    assert [len(files) for files in world.manifests()] == [2, 4]
    assert world.wake() is None


def test_a_file_that_comes_as_a_run_ends_is_trained_though_its_event_is_lost(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle()
    world.upload("claims/b.csv", tell=False)
    world.end()
    world.settle()
    assert [len(files) for files in world.manifests()] == [2, 3]


def test_without_a_debounce_a_file_that_comes_as_a_run_ends_starts_the_next_at_once() -> None:
    with lab(debounce_seconds=0) as world:
        world.upload("claims/a.csv")
        world.upload("customers/a.csv")
        world.deliver()
        world.upload("claims/b.csv", tell=False)
        world.end()
        world.deliver()
        assert [len(files) for files in world.manifests()] == [2, 3]
        assert world.wake() is None


def test_the_next_run_starts_also_when_one_fails_and_takes_its_files_again(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle()
    world.upload("claims/b.csv")
    world.settle()
    world.end("Failed")
    world.settle()
    assert [run.state for run in sorted(world.runs(), key=lambda run: run.started_at)] == ["failed", "running"]
    assert set(world.states().values()) == {"assigned"}
    world.end()
    world.settle()
    assert set(world.states().values()) == {"trained"}


def test_a_failed_run_is_not_repeated_on_the_same_data(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle()
    world.end("Failed")
    world.settle()
    assert len(world.sagemaker.executions) == 1
    assert set(world.states().values()) == {"failed"}
    assert world.skips() == [], "that nothing follows is no news"
    world.schedule(HOURS[0])
    world.settle()
    assert len(world.sagemaker.executions) == 1
    [skip] = world.skips()
    assert skip.reason.startswith("nothing new since run ")


def test_a_failed_run_is_repeated_as_often_as_the_settings_say() -> None:
    with lab(attempts=3) as world:
        world.upload("claims/a.csv")
        world.upload("customers/a.csv")
        for _ in range(3):
            world.settle()
            world.end("Failed")
        world.settle()
        assert [run.attempt for run in world.runs()] == [1, 2, 3]
        assert not world.sagemaker.running


def test_a_run_somebody_stopped_is_not_repeated() -> None:
    with lab(attempts=3) as world:
        world.upload("claims/a.csv")
        world.upload("customers/a.csv")
        world.settle()
        world.end("Stopped")
        world.settle()
        assert [run.state for run in world.runs()] == ["stopped"]


def test_an_overwritten_file_is_superseded_and_a_deleted_one_deleted(world: Lab) -> None:
    old = world.upload("claims/a.csv")
    new = world.upload("claims/a.csv", CLAIMS + b"3,0,1\n")
    gone = world.upload("claims/b.csv")
    world.s3.delete_object(Bucket="raw-bucket", Key=f"raw/{MODEL}/claims/b.csv")
    world.upload("customers/a.csv")
    world.settle()
    files = world.files()
    assert files["claims/a.csv", old].state == "superseded"
    assert files["claims/a.csv", new].state == "assigned"
    assert files["claims/b.csv", gone].state == "deleted"
    assert len(world.manifests()[0]) == 2


def test_a_version_whose_successor_is_deleted_for_good_is_taken_again(world: Lab) -> None:
    old = world.upload("claims/a.csv")
    new = world.upload("claims/a.csv", CLAIMS + b"3,0,1\n")
    world.settle()
    assert world.files()["claims/a.csv", old].state == "superseded"
    world.s3.delete_object(Bucket="raw-bucket", Key=f"raw/{MODEL}/claims/a.csv", VersionId=new)
    world.upload("customers/a.csv")
    world.settle()
    assert world.files()["claims/a.csv", old].state == "assigned"
    assert world.files()["claims/a.csv", new].state == "deleted"


def test_the_schedule_finds_what_events_lost_and_is_idempotent_on_its_time(world: Lab) -> None:
    world.upload("claims/a.csv", tell=False)
    world.upload("customers/a.csv", tell=False)
    world.schedule(HOURS[0])
    world.settle()
    assert [run.cause for run in world.runs()] == ["schedule"]
    assert {row.source for row in world.files().values()} == {"schedule"}
    world.end("Failed", tell=False)
    made = len(world.calls.made)
    world.schedule(HOURS[0])
    world.settle()
    assert world.calls.made[made:] == ["dynamodb:GetItem"]
    assert [point["MetricName"] for point in world.metrics.data] == ["ScheduledLook"]


def test_the_schedule_ends_a_run_whose_end_nobody_told(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle()
    world.end(tell=False)
    world.schedule(HOURS[0])
    world.settle()
    assert set(world.states().values()) == {"trained"}
    assert not world.lock().holder
    assert [point["MetricName"] for point in world.metrics.data] == ["ScheduledLook", "ModelAgeHours"]


def test_an_hour_with_nothing_new_reads_no_rows(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle()
    world.end()
    world.settle()
    for number, hour in enumerate(HOURS):
        made = len(world.calls.made)
        world.schedule(hour)
        world.settle()
        if number:
            calls = world.calls.made[made:]
            assert "dynamodb:Query" not in calls
            assert calls.count("s3:ListObjectVersions") == 1
    assert [skip.code for skip in world.skips()] == ["nothing-new"] * len(HOURS)
    world.upload("claims/b.csv", tell=False)
    world.schedule("2027-01-15T12:00:00Z")
    world.settle()
    assert len(world.sagemaker.executions) == 2


def test_settings_can_start_a_run_each_time_and_a_tick_starts_one_only() -> None:
    with lab(start="always") as world:
        world.upload("claims/a.csv")
        world.upload("customers/a.csv")
        for hour in HOURS:
            world.settle()
            world.end()
            world.settle()
            world.schedule(hour)
        world.settle()
        assert [run.attempt for run in world.runs()] == [1, 2, 3, 4]


def test_a_model_older_than_settings_allow_is_trained_again() -> None:
    with lab(max_model_age_hours=2) as world:
        world.upload("claims/a.csv")
        world.upload("customers/a.csv")
        world.settle()
        world.end()
        world.settle()
        world.now = START
        for hour in ("2027-01-15T09:30:00Z", "2027-01-15T10:30:00Z"):
            world.schedule(hour)
            world.settle()
        assert [run.cause for run in world.runs()] == ["upload", "age"]


def test_a_start_somebody_asks_for_happens_once_however_often_it_is_delivered(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle()
    world.end()
    world.settle()
    asked = {"start": {"model": MODEL, "cause": "drift", "run": None, "reason": "the data drifted", "request": "r1"}}
    world.send(asked)
    world.settle()
    world.end()
    world.send(asked)
    world.settle()
    assert [(run.attempt, run.cause) for run in world.runs()] == [(1, "upload"), (2, "drift")]


def test_a_run_can_be_repeated_on_its_own_data(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle()
    world.end("Failed")
    world.settle()
    first = world.runs()[0].run
    world.upload("claims/b.csv")
    world.settle()
    world.end()
    world.settle()
    world.send({"start": {"model": MODEL, "cause": "replay", "run": first, "reason": "again"}})
    world.settle()
    assert world.manifests()[0] == world.manifests()[2] != world.manifests()[1]
    assert {run.attempt for run in world.runs() if run.run.startswith(first[:64])} == {1, 2}


def test_a_start_during_a_run_is_dropped_and_says_so(world: Lab) -> None:
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle()
    world.send({"start": {"model": MODEL, "cause": "drift", "reason": "drift"}})
    world.settle()
    assert len(world.sagemaker.executions) == 1
    assert "this start is dropped" in world.skips()[0].reason


def test_a_replayed_file_is_trained_again(world: Lab) -> None:
    version = world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle()
    world.end()
    world.settle()
    key = f"raw/{MODEL}/claims/a.csv"
    message = {"replay": {"model": MODEL, "bucket": "raw-bucket", "key": key, "version_id": version}}
    body = world.send(message)
    world.settle()
    assert [run.attempt for run in world.runs()] == [1, 2]
    assert world.files()["claims/a.csv", version].source == "replay"
    world.end()
    world.settle()
    world.queue.messages.append(body)
    world.settle()
    assert [run.attempt for run in world.runs()] == [1, 2]


def test_executions_started_by_hand_are_left_alone(world: Lab) -> None:
    arn = f"arn:aws:sagemaker:x:1:pipeline/{MODEL}/execution/byhand"
    world.sagemaker.executions[arn] = {"PipelineExecutionStatus": "Succeeded", "PipelineExecutionDisplayName": "mine"}
    world.tell_end(arn)
    world.settle()
    assert not world.items("")


def test_the_manifest_names_the_versions_and_is_where_the_digest_says(world: Lab) -> None:
    version = world.upload("claims/ü +%.csv")
    world.upload("customers/a.csv")
    world.settle()
    (execution,) = world.sagemaker.executions.values()
    manifest = json.loads(execution["read"]["manifest.json"])
    (file,) = manifest["tables"]["claims"]
    assert (file["key"], file["version_id"], file["size"]) == (
        f"raw/{MODEL}/claims/ü +%.csv",
        version,
        len(CLAIMS),
    )
    assert set(execution["read"]) == {"manifest.json", "claims/00000.csv", "customers/00000.csv"}
