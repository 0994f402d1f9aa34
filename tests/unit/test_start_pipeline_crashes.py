"""The function dies before and after every call it makes, in turn; nothing is lost, nothing done twice.

What is checked comes from the bucket and from what SageMaker was given, not from what the function says.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.starter_lab import CLAIMS, MODEL, Crash, Lab, lab

HOUR = 3600
TICK = "2027-01-15T{:02}:00:00Z"
FIRST_TICK = 1_800_003_600.0  # 09:00


def play(world: Lab) -> None:
    """Uploads, an upload and an overwriting during a run that fails, its end, and a lost event with a bad file."""
    world.upload("claims/a.csv")
    world.upload("customers/a.csv")
    world.settle(until=world.now + 60)
    world.upload("claims/b.csv")
    world.upload("claims/a.csv", CLAIMS + b"3,0,1\n")
    world.settle(until=world.now + 60)
    if world.sagemaker.running:
        world.end("Failed")
    world.settle(until=world.now + 60)
    world.upload("claims/lost.csv", tell=False)
    world.upload("claims/bad.csv", b"x;y\n1;2\n")
    world.s3.delete_object(Bucket="raw-bucket", Key=f"raw/{MODEL}/claims/b.csv")
    world.settle(until=world.now + 60)


def quiet(world: Lab) -> None:
    """Hours without uploads: ticks, and runs that succeed."""
    for hour in range(9, 15):
        world.now = max(world.now, FIRST_TICK + (hour - 9) * HOUR)
        world.schedule(TICK.format(hour))
        world.settle()
        if world.sagemaker.running:
            world.end()
            world.settle()


def check(world: Lab) -> None:
    listed = world.s3.list_object_versions(Bucket="raw-bucket")["Versions"]
    files, manifests = world.files(), world.manifests()
    assert set(files) == {(item["Key"].removeprefix(f"raw/{MODEL}/"), item["VersionId"]) for item in listed}
    names = [found["PipelineExecutionDisplayName"] for found in world.sagemaker.executions.values()]
    given = dict(zip(names, manifests, strict=True))
    status = {
        found["PipelineExecutionDisplayName"]: found["PipelineExecutionStatus"]
        for found in world.sagemaker.executions.values()
    }
    for version, row in files.items():
        assert row.state in ("trained", "superseded", "deleted", "rejected"), (version, row)
        trained = [run for run, read in given.items() if version in read and status[run] == "Succeeded"]
        assert (row.state == "trained") == bool(trained), (version, row, trained)
        assert not trained or row.run in trained
        assert (row.state == "rejected") == ("bad" in row.key)
    assert {name: row.state for (name, _), row in files.items() if "lost" in name} == {"claims/lost.csv": "trained"}
    assert sorted(run.run for run in world.runs()) == sorted(set(names)) == sorted(names)
    assert not world.sagemaker.doubles
    for one, other in pairwise(manifests):
        assert one != other or status[names[manifests.index(one)]] == "Failed", "trained twice on the same data"
    assert not world.lock().holder
    assert world.wake() is None
    assert not world.queue.messages
    assert not world.queue.dead


def clean() -> list[str]:
    with lab() as world:
        play(world)
        quiet(world)
        check(world)
        return world.calls.made


def survives(number: int, when: str) -> None:
    """The invocation that makes this call dies there."""

    def on(name: str, moment: str) -> None:
        if moment == when and len(world.calls.made) == number:
            world.calls.on = lambda name, when: None
            raise Crash(f"{when} call {number}, {name}")

    with lab() as world:
        world.calls.on = on
        play(world)
        quiet(world)
        check(world)


def test_a_history_without_crashes_ends_well() -> None:
    calls = clean()
    assert {"s3:GetObject", "s3:CopyObject", "dynamodb:TransactWriteItems", "sqs:SendMessage"} <= set(calls)


@pytest.fixture(scope="module")
def calls() -> list[str]:
    return clean()


# `make chaos` dies at every call of whole histories; here is the first of each that leaves something behind.
WRITES = (
    "s3:PutObject",
    "s3:CopyObject",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:TransactWriteItems",
    "sqs:SendMessage",
    "sagemaker:StartPipelineExecution",
)


@pytest.mark.parametrize("name", WRITES)
def test_nothing_is_lost_or_done_twice_when_the_function_dies_after_a_write(calls: list[str], name: str) -> None:
    survives(calls.index(name) + 1, "after")
