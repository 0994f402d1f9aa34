"""What a message asks the starter to look at."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from start_pipeline.messages import MessageError, Request, parse
from start_pipeline.settings import StarterSettings

SETTINGS = StarterSettings.from_environment(
    {
        "RAW_BUCKET": "raw-bucket",
        "ARTIFACT_BUCKET": "artifact-bucket",
        "MODELS": '{"claims-fraud": ["claims", "customers"]}',
    }
)


def upload(key: str, bucket: str = "raw-bucket") -> str:
    detail = {"bucket": {"name": bucket}, "object": {"key": key, "size": 3}}
    return json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})


@pytest.mark.parametrize("file", ["a.csv", "2026/11/a.csv", "a+b c.csv", "a%2Bb.csv", "ü.csv"])
def test_an_upload_asks_for_its_model(file: str) -> None:
    assert parse(upload(f"raw/claims-fraud/claims/{file}"), SETTINGS) == Request(("claims-fraud",))


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("raw/churn/claims/a.csv", "there is no model 'churn'; known: claims-fraud"),
        ("raw/claims-fraud/policies/a.csv", "has no table 'policies'; known: claims, customers"),
        ("raw/claims-fraud/claims.csv", "is not raw/<model>/<table>/<file>"),
        ("other/claims-fraud/claims/a.csv", "is not raw/<model>/<table>/<file>"),
    ],
)
def test_a_file_that_belongs_to_nothing_is_ignored_with_a_reason(key: str, reason: str) -> None:
    request = parse(upload(key), SETTINGS)
    assert not request.models
    assert reason in request.ignored


def test_an_upload_to_another_bucket_is_ignored() -> None:
    request = parse(upload("raw/claims-fraud/claims/a.csv", bucket="other"), SETTINGS)
    assert request == Request((), "s3://other/raw/claims-fraud/claims/a.csv is not in the raw bucket raw-bucket")


def test_a_schedule_asks_for_the_models_it_names_and_says_which_it_does_not_know() -> None:
    body = json.dumps({"models": ["claims-fraud", "churn"], "scheduled_time": "2026-11-20T10:00:00Z"})
    assert parse(body, SETTINGS) == Request(("claims-fraud",), "there is no model 'churn'")


@pytest.mark.parametrize("body", ["", "no json", "[]", "{}", '{"detail-type": "Object Created"}', '{"models": "x"}'])
def test_a_message_that_makes_no_sense_is_an_error_that_shows_it(body: str) -> None:
    with pytest.raises(MessageError):
        parse(body, SETTINGS)


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["detail-type", "detail", "bucket", "name", "object", "key", "models"]), inner
        )
        | st.fixed_dictionaries({"detail-type": st.just("Object Created"), "detail": inner})
    ),
    max_leaves=12,
)


@given(JSON.map(json.dumps) | st.text())
def test_any_message_is_a_request_or_an_error_and_never_crashes(body: str) -> None:
    try:
        request = parse(body, SETTINGS)
    except MessageError:
        return
    assert set(request.models) <= set(SETTINGS.models)
