"""The key of a cached step, its duration, and which earlier run it finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.sagemaker.pipelines.cache import ATTRIBUTES, cache_key, parse_duration
from millrace.local.sagemaker.pipelines.cache_hits import find_hit
from millrace.local.sagemaker.pipelines.errors import DefinitionError
from millrace.local.sagemaker.pipelines.journal import KIND
from millrace.local.sagemaker.store import Place, Store

PLACE = Place("111111111111", "ap-northeast-2")
NOW = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("PT12H", timedelta(hours=12)),
        ("P30D", timedelta(days=30)),
        ("P1Y2M3W4DT5H6M", timedelta(days=365 + 60 + 21 + 4, hours=5, minutes=6)),
        ("30d", timedelta(days=30)),
        ("5y", timedelta(days=5 * 365)),
        ("T16m", timedelta(minutes=16)),
        ("30dT5h", timedelta(days=30, hours=5)),
    ],
)
def test_durations_are_read_as_in_awss_examples(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "P", "PT", "12", "1 day", "PT1.5H", "-P1D", None, 3600])
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(DefinitionError, match="Invalid ExpireAfter"):
        parse_duration(text)


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4), json_values)
def test_the_key_depends_on_the_values_and_not_on_their_order(environment: dict[str, Any], other: Any) -> None:
    reordered = dict(reversed(environment.items()))
    key = cache_key("Processing", {"Environment": environment, "AppSpecification": {"ImageUri": "a"}})
    assert key == cache_key("Processing", {"AppSpecification": {"ImageUri": "a"}, "Environment": reordered})
    changed = {"Environment": environment, "AppSpecification": {"ImageUri": "a", "ContainerArguments": other}}
    assert key != cache_key("Processing", changed)


@given(st.sampled_from(["RoleArn", "ProcessingResources", "ProcessingOutputConfig", "NetworkConfig"]), json_values)
def test_attributes_that_aws_does_not_name_do_not_count(name: str, value: Any) -> None:
    assert cache_key("Processing", {name: value}) == cache_key("Processing", {})


def test_of_a_tuning_steps_training_definition_only_some_members_count() -> None:
    def key(**members: Any) -> str:
        return cache_key("Tuning", {"TrainingJobDefinition": {"StaticHyperParameters": {"a": "1"}, **members}})

    assert key() == key(OutputDataConfig={"S3OutputPath": "s3://b/run"}, RoleArn="r", ResourceConfig={"n": 2})
    assert key() != key(InputDataConfig=[{"ChannelName": "train"}])


def test_a_transform_step_is_known_by_its_model_so_that_a_new_model_is_a_miss() -> None:
    assert set(ATTRIBUTES["Transform"]) == {"DataProcessing", "Environment", "ModelName", "TransformInput"}
    assert cache_key("Transform", {"ModelName": "a"}) != cache_key("Transform", {"ModelName": "b"})


def store_with(*steps: dict[str, Any], pipeline: str = "p") -> Store:
    """A store of one execution for each step."""
    store = Store()
    for number, step in enumerate(steps):
        whole = {"StepStatus": "Succeeded", "_CacheKey": "k", "EndTime": NOW, **step}
        record = {"PipelineArn": pipeline, "PipelineExecutionArn": f"e{number}", "_Steps": {"S": whole}}
        store.put(PLACE, KIND, f"e{number}", record)
    return store


def hit(store: Store) -> str | None:
    found = find_hit(store, PLACE, pipeline="p", step="S", key="k", now=NOW + HOUR, expire_after=HOUR)
    return found.execution_arn if found else None


def test_the_most_recent_successful_run_is_taken() -> None:
    older = {"EndTime": NOW}
    newer = {"EndTime": NOW + timedelta(minutes=5)}
    failed = {"EndTime": NOW + timedelta(minutes=9), "StepStatus": "Failed"}
    assert hit(store_with(older, newer, failed)) == "e1"


@pytest.mark.parametrize(
    "step",
    [
        {"EndTime": NOW - timedelta(seconds=1)},
        {"_CacheKey": "other"},
        {"StepStatus": "Executing"},
        {"StepStatus": "Stopped"},
        {"CacheHitResult": {"SourcePipelineExecutionArn": "x"}},
        {"SelectiveExecutionResult": {"SourcePipelineExecutionArn": "x"}},
    ],
)
def test_what_is_old_different_unfinished_or_itself_taken_is_no_hit(step: dict[str, Any]) -> None:
    assert hit(store_with(step)) is None


def test_other_pipelines_give_no_hits() -> None:
    assert hit(store_with({}, pipeline="q")) is None
