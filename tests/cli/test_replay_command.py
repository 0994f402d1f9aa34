"""`millrace replay` asks the trigger to look again: at a file, a day, a run's data, or what it gave up on."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

KEY = "raw/claims-fraud/claims/march.csv"


def file_message(trigger: Any, key: str, version: str) -> dict[str, Any]:
    place = {"bucket": trigger.places["Raw"], "key": key, "version_id": version}
    return {"replay": {"model": "claims-fraud", **place}}


def test_the_current_version_of_a_file_is_sent_and_its_new_state_told(trigger: Any) -> None:
    trigger.upload(KEY)
    version = trigger.upload(KEY)
    trigger.file("claims/march.csv", "trained", version=version, at=1.0)

    with trigger.shell.start("replay", "file", "march.csv") as replay:
        assert f"{KEY} (version {version}): sent to be looked at again" in replay.stdout.readline()
        assert trigger.messages() == [file_message(trigger, KEY, version)]
        trigger.file("claims/march.csv", "seen", version=version, at=2.0)
        rest = replay.stdout.read()

    assert "claims-fraud waits for customers" in rest
    assert replay.returncode == 0


def test_a_file_that_is_refused_again_ends_with_its_reason_and_exit_code_1(trigger: Any) -> None:
    version = trigger.upload(KEY)
    rejected = {"reason_code": "empty", "reason": "the file is empty"}
    trigger.file("claims/march.csv", "rejected", version=version, at=1.0, **rejected)

    with trigger.shell.start("replay", "file", KEY) as replay:
        replay.stdout.readline()
        trigger.file("claims/march.csv", "rejected", version=version, at=2.0, **rejected)
        rest = replay.stdout.read()

    assert "It was refused again (empty): the file is empty" in rest
    assert replay.returncode == 1


def test_a_version_can_be_named(trigger: Any) -> None:
    old = trigger.upload(KEY)
    trigger.upload(KEY)
    trigger.file("claims/march.csv", "superseded", version=old)

    with trigger.shell.start("replay", "file", KEY, "--version-id", old) as replay:
        replay.stdout.readline()
        assert trigger.messages() == [file_message(trigger, KEY, old)]
        trigger.file("claims/march.csv", "superseded", version=old, at=2.0)


def test_a_file_that_is_not_there_is_told(trigger: Any) -> None:
    answer = trigger.shell("replay", "file", "april.csv")

    assert answer.code == 1
    assert "there is no file 'april.csv' in the raw bucket: `millrace ledger` lists" in answer.err


def test_a_name_of_two_files_is_refused_with_their_keys(trigger: Any) -> None:
    trigger.upload(KEY)
    trigger.upload("raw/claims-fraud/customers/march.csv")

    answer = trigger.shell("replay", "file", "march.csv")

    assert f"fits several files: name one by its key ({KEY}, raw/claims-fraud/customers/march.csv)" in answer.err


def test_a_day_is_every_file_uploaded_on_it_that_is_still_there(trigger: Any) -> None:
    trigger.upload("raw/claims-fraud/claims/gone.csv")
    trigger.shell.client("s3").delete_object(Bucket=trigger.places["Raw"], Key="raw/claims-fraud/claims/gone.csv")
    versions = {key: trigger.upload(key) for key in (KEY, "raw/claims-fraud/customers/한글 파일.CSV")}
    for ignored in ("_SUCCESS", ".hidden.csv", "part.csv.tmp", "notes.txt"):
        trigger.upload(f"raw/claims-fraud/claims/{ignored}")
    today = trigger.shell.client("s3").head_object(Bucket=trigger.places["Raw"], Key=KEY)["LastModified"].astimezone()

    answer = trigger.shell("replay", "day", today.strftime("%Y-%m-%d"))

    assert "2 files sent to be looked at again" in answer.out
    expected = [file_message(trigger, key, version) for key, version in versions.items()]
    assert sorted(trigger.messages(), key=json.dumps) == sorted(expected, key=json.dumps)


def test_a_day_of_many_files_is_sent_in_full(trigger: Any) -> None:
    for number in range(23):
        trigger.upload(f"raw/claims-fraud/claims/{number}.csv")
    now = datetime.fromtimestamp(trigger.now(), UTC).astimezone()

    trigger.shell("replay", "day", now.strftime("%Y-%m-%d"))

    assert len({message["replay"]["key"] for message in trigger.messages()}) == 23


def test_a_day_without_files_is_told(trigger: Any) -> None:
    trigger.upload(KEY)
    yesterday = (datetime.fromtimestamp(trigger.now(), UTC).astimezone() - timedelta(days=2)).strftime("%Y-%m-%d")

    assert f"was uploaded on {yesterday}" in trigger.shell("replay", "day", yesterday).err
    assert trigger.messages() == []


@pytest.mark.parametrize("text", ["20.11.2026", "2026-13-01", "yesterday"])
def test_what_is_no_day_is_refused(trigger: Any, text: str) -> None:
    assert f"{text!r} is no day: write it like 2026-11-20" in trigger.shell("replay", "day", text).err


def test_a_run_is_started_again_on_its_data(trigger: Any) -> None:
    file = trigger.file("claims/a.csv", "failed")
    first = trigger.run(file, state="failed")
    trigger.execution(first)

    with trigger.shell.start("replay", "run", "latest") as replay:
        assert "sent to be trained on again" in replay.stdout.readline()
        [message] = trigger.messages()
        again = trigger.execution(trigger.run(file, attempt=2))
        rest = replay.stdout.read()

    wanted = {"model": "claims-fraud", "cause": "replay", "run": first.run, "reason": "millrace replay run"}
    assert message["start"].pop("request")
    assert message == {"start": wanted}
    assert f"Run {again} has started" in rest


def test_a_run_that_the_lock_holds_back_is_told(trigger: Any) -> None:
    row = trigger.run(trigger.file("claims/a.csv", "failed"), state="failed")
    trigger.execution(row)

    with trigger.shell.start("replay", "run", row.digest[:10]) as replay:
        replay.stdout.readline()
        trigger.skip("already-running", "run abc is running", at=99.0)
        rest = replay.stdout.read()

    assert "claims-fraud: skipped: run abc is running" in rest
    assert replay.returncode == 1


def test_a_run_started_by_hand_cannot_be_repeated(trigger: Any) -> None:
    trigger.shell.client("sagemaker").start_pipeline_execution(PipelineName="claims-fraud")

    assert "was started by hand" in trigger.shell("replay", "run", "latest").err


def dead_letter(trigger: Any, body: Any, **attributes: str) -> None:
    trigger.shell.client("sqs").send_message(
        QueueUrl=trigger.places["DeadLetters"],
        MessageBody=body if isinstance(body, str) else json.dumps(body),
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    )


def test_dead_letters_are_listed_with_their_reasons_and_stay(trigger: Any) -> None:
    event = {"detail-type": "Object Created", "detail": {"object": {"key": KEY}}}
    dead_letter(trigger, event, Reason="vanished", Explanation="the object is gone")
    dead_letter(trigger, {"models": ["claims-fraud"]})
    dead_letter(trigger, "no json\n", ERROR_CODE="SDK_CLIENT_ERROR", ERROR_MESSAGE="no permission")

    told = trigger.shell("replay", "dlq", "--list").out

    assert f"Object Created: {KEY}\n    vanished: the object is gone" in told
    assert '{"models": ["claims-fraud"]}\n    it was not worked off however often it was tried' in told
    assert "no json\\n\n    SDK_CLIENT_ERROR: no permission" in told
    assert "3 messages" in told
    assert len(trigger.shell("replay", "dlq", "--list").out.splitlines()) == len(told.splitlines())


def test_dead_letters_are_sent_back_as_they_were_each_once(trigger: Any) -> None:
    bodies = [{"number": number} for number in range(12)]
    for body in bodies:
        dead_letter(trigger, body, Reason="throttled")

    answer = trigger.shell("replay", "dlq")

    assert "12 messages sent back" in answer.out
    assert sorted(trigger.messages(), key=json.dumps) == sorted(bodies, key=json.dumps)
    assert trigger.messages("DeadLetters") == []


def test_an_empty_dead_letter_queue_is_no_error(trigger: Any) -> None:
    answer = trigger.shell("replay", "dlq")

    assert (answer.code, answer.out.strip()) == (0, "There is no message in a dead-letter queue.")


def test_dead_letters_of_another_function_go_back_to_its_own_queue(trigger: Any) -> None:
    sqs = trigger.shell.client("sqs")
    for name in ("millrace-dev-deploy-model", "millrace-dev-deploy-model-dlq"):
        trigger.places[name] = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=trigger.places["millrace-dev-deploy-model-dlq"], MessageBody='{"number": 1}')

    told = trigger.shell("replay", "dlq").out

    assert "millrace-dev-deploy-model-dlq" in told
    assert trigger.messages("millrace-dev-deploy-model") == [{"number": 1}]
    assert trigger.messages() == []
