"""What a rule's target receives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.events.transform import MISSING, Origin, fill, find, target_input

ORIGIN = Origin("arn:aws:events:us-east-1:111111111111:rule/uploads", "uploads", "2026-11-20T09:00:00Z")
EVENT: dict[str, Any] = {
    "id": "7bf73129",
    "detail": {"instance-id": "i-1", "state": "RUNNING", "tags": [{"k": "a"}, {"k": "b"}], "n": 3},
}


def test_without_settings_the_target_gets_the_whole_event() -> None:
    assert json.loads(target_input({}, EVENT, ORIGIN)) == EVENT


def test_input_is_a_constant() -> None:
    assert target_input({"Input": '{"a": 1}'}, EVENT, ORIGIN) == '{"a": 1}'


def test_input_path_selects_a_part_as_json() -> None:
    assert target_input({"InputPath": "$.detail.state"}, EVENT, ORIGIN) == '"RUNNING"'
    assert json.loads(target_input({"InputPath": "$.detail.tags"}, EVENT, ORIGIN)) == EVENT["detail"]["tags"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", EVENT),
        ("$.detail.instance-id", "i-1"),
        ("$.detail.tags[1].k", "b"),
        ("$.detail.tags[*].k", ["a", "b"]),
        ("$.detail['state']", "RUNNING"),
        ("$.detail.nothing", MISSING),
        ("$.detail.tags[7]", MISSING),
        ("detail.state", MISSING),
        ("$.detail..state", MISSING),
    ],
)
def test_a_path_finds_its_value(path: str, value: Any) -> None:
    found = find(EVENT, path)

    assert found is value if value is MISSING else found == value


def test_variables_outside_quotes_become_json_and_inside_quotes_plain_text() -> None:
    transformer = {
        "InputPathsMap": {"instance": "$.detail.instance-id", "n": "$.detail.n", "tags": "$.detail.tags"},
        "InputTemplate": '{"id": <instance>, "n": <n>, "tags": <tags>, "text": "<instance> has <n>"}',
    }

    assert json.loads(target_input({"InputTransformer": transformer}, EVENT, ORIGIN)) == {
        "id": "i-1",
        "n": 3,
        "tags": [{"k": "a"}, {"k": "b"}],
        "text": "i-1 has 3",
    }


def test_a_template_may_be_a_quoted_text() -> None:
    assert fill('"<s> now"', {"s": "$.detail.state"}, EVENT, ORIGIN) == '"RUNNING now"'


def test_the_reserved_variables_stand_for_the_rule_and_the_event() -> None:
    template = (
        '{"rule": <aws.events.rule-name>, "arn": "<aws.events.rule-arn>", "at": <aws.events.event.ingestion-time>,'
        ' "event": <aws.events.event.json>, "envelope": <aws.events.event>}'
    )

    filled = json.loads(fill(template, {}, EVENT, ORIGIN))

    assert filled == {
        "rule": "uploads",
        "arn": ORIGIN.rule_arn,
        "at": "2026-11-20T09:00:00Z",
        "event": EVENT,
        "envelope": {"id": "7bf73129"},
    }


def test_a_variable_that_finds_nothing_is_empty() -> None:
    assert fill('{"a": <gone>, "b": "x<gone>y"}', {"gone": "$.no"}, EVENT, ORIGIN) == '{"a": "", "b": "xy"}'


def test_what_looks_like_a_variable_but_is_none_stays() -> None:
    assert fill('{"html": "<b>bold</b>"}', {}, EVENT, ORIGIN) == '{"html": "<b>bold</b>"}'


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=8,
)


@given(json_values)
def test_any_value_comes_through_a_bare_variable_unchanged(value: Any) -> None:
    filled = fill('{"v": <v>}', {"v": "$.detail.v"}, {"detail": {"v": value}}, ORIGIN)

    assert json.loads(filled) == {"v": value}
