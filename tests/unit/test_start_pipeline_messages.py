"""What a message asks the starter for."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from start_pipeline.errors import DeadLetter
from start_pipeline.messages import RUN_ENDED, LookDue, Replay, RunEnded, Schedule, Start, Upload, parse
from start_pipeline.settings import StarterSettings

from tests.starter_lab import ARTIFACTS, MODEL, RAW, TABLE, settings

SETTINGS = StarterSettings(RAW, ARTIFACTS, TABLE, "queue", "dead", {MODEL: settings()})


def upload(**item: Any) -> dict[str, Any]:
    named = {"key": f"raw/{MODEL}/claims/a+b.csv", "version-id": "v", "etag": "e", "size": 3, **item}
    detail = {"bucket": {"name": RAW}, "object": named}
    return {"id": "i", "time": "2027-01-15T08:00:00Z", "detail-type": "Object Created", "detail": detail}


def test_an_upload_names_one_version_and_keeps_its_key_as_it_is() -> None:
    wanted = Upload(RAW, f"raw/{MODEL}/claims/a+b.csv", "v", "e", 3, 1_800_000_000.0, "i")
    assert parse(json.dumps(upload()), SETTINGS) == wanted


def test_the_end_of_a_run_names_its_pipeline() -> None:
    arn = "arn:aws:sagemaker:r:1:pipeline/churn"
    detail = {
        "pipelineArn": arn,
        "pipelineExecutionArn": f"{arn}/execution/x",
        "currentPipelineExecutionStatus": "Failed",
    }
    body = {"detail-type": RUN_ENDED, "time": "2027-01-15T08:00:00Z", "detail": detail}
    wanted = RunEnded("churn", f"{arn}/execution/x", "Failed", 1_800_000_000.0)
    assert parse(json.dumps(body), SETTINGS) == wanted


@pytest.mark.parametrize("text", [None, "<aws.scheduler.scheduled-time>"])
def test_a_schedule_sent_by_hand_has_no_time(text: str | None) -> None:
    assert parse(json.dumps({"models": ["a", "b"], "scheduled_time": text}), SETTINGS) == Schedule(("a", "b"), 0)


@pytest.mark.parametrize(
    ("message", "request_"),
    [
        ({"models": [MODEL], "scheduled_time": "2027-01-15T08:00:00Z"}, Schedule((MODEL,), 1_800_000_000.0)),
        ({"look": MODEL, "due": 5}, LookDue(MODEL, 5.0)),
        (
            {"replay": {"model": MODEL, "bucket": "b", "key": "k", "version_id": "v"}},
            Replay(MODEL, "b", "k", "v"),
        ),
        ({"start": {"model": MODEL, "cause": "drift", "run": None}}, Start(MODEL, "drift", "", "", "")),
    ],
)
def test_our_own_messages_are_understood(message: Any, request_: Any) -> None:
    assert parse(json.dumps(message), SETTINGS) == request_


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "the message is not JSON"),
        ("[]", "a JSON list, not an object"),
        ("{}", "no 'Object Created' event"),
        ('{"detail-type": "Object Created"}', "lacks 'detail'"),
        ('{"models": "x"}', "'models' must be a list of names, not 'x'"),
        ('{"models": [], "scheduled_time": "tomorrow"}', "tomorrow"),
        (json.dumps(upload(**{"version-id": ""})), "an empty key or version-id"),
        (json.dumps(upload(key=7)), "7 is not a text"),
        ('{"look": "churn", "due": 1}', "there is no model 'churn'; known: claims-fraud"),
        ('{"look": ["x"], "due": 1}', "wrong value"),
    ],
)
def test_a_message_that_makes_no_sense_says_why(body: str, reason: str) -> None:
    with pytest.raises(DeadLetter) as caught:
        parse(body, SETTINGS)
    assert reason in str(caught.value)


KEYS = ["detail-type", "detail", "bucket", "name", "object", "key", "version-id", "id", "time", "models", "look"]
KEYS += ["due", "replay", "start", "model", "cause", "pipelineArn", "pipelineExecutionArn", "size"]
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just(MODEL),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), inner)
        | st.fixed_dictionaries({"detail-type": st.sampled_from(["Object Created", RUN_ENDED]), "detail": inner})
    ),
    max_leaves=12,
)


@given(JSON.map(json.dumps) | st.text())
def test_any_message_is_understood_or_put_aside_and_never_crashes(body: str) -> None:
    with suppress(DeadLetter):
        assert parse(body, SETTINGS)
