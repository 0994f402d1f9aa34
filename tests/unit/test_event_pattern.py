"""EventBridge's pattern language: every operator, what it refuses, and laws that hold for any event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.events.pattern import Pattern, PatternError

EVENT = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "region": "ap-northeast-2",
    "resources": ["arn:aws:s3:::raw", "arn:aws:s3:::other"],
    "detail": {
        "bucket": {"name": "raw"},
        "object": {"key": "raw/claims-fraud/claims/a*b.CSV", "size": 12, "ratio": 1.5, "version-id": None},
        "source-ip-address": "10.0.0.17",
        "live": True,
        "empty": "",
        "tags": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}],
        "nothing": [],
    },
}


def detail(**fields: Any) -> dict[str, Any]:
    return {"detail": fields}


MATCHING: list[dict[str, Any]] = [
    {"source": ["aws.s3"], "detail-type": ["Object Created", "Object Deleted"]},
    {"resources": ["arn:aws:s3:::other"]},
    detail(bucket={"name": [{"prefix": "ra"}]}),
    detail(object={"key": [{"suffix": ".CSV"}]}),
    detail(object={"key": [{"suffix": {"equals-ignore-case": ".csv"}}]}),
    detail(object={"key": [{"prefix": {"equals-ignore-case": "RAW/"}}]}),
    detail(object={"key": [{"wildcard": "raw/*/claims/*"}]}),
    detail(object={"key": [{"wildcard": "*/a\\*b.CSV"}]}),
    detail(bucket={"name": [{"equals-ignore-case": "RAW"}]}),
    detail(bucket={"name": [{"anything-but": "artifacts"}]}),
    detail(bucket={"name": [{"anything-but": ["artifacts", "logs"]}]}),
    detail(bucket={"name": [{"anything-but": {"prefix": "art"}}]}),
    detail(bucket={"name": [{"anything-but": {"suffix": ["x", "y"]}}]}),
    detail(bucket={"name": [{"anything-but": {"equals-ignore-case": "ARTIFACTS"}}]}),
    detail(object={"key": [{"anything-but": {"wildcard": "*/customers/*"}}]}),
    detail(object={"size": [{"numeric": [">", 0, "<=", 12]}]}),
    detail(object={"ratio": [{"numeric": ["=", 1.5]}]}),
    detail(object={"size": [12]}),
    detail(object={"version-id": [None]}),
    detail(object={"version-id": [{"exists": True}]}),
    detail(missing=[{"exists": False}]),
    detail(missing={"deeper": [{"exists": False}]}),
    detail(nothing=[{"exists": False}]),
    detail(empty=[""]),
    detail(live=[True]),
    detail(tags={"key": ["b"], "value": ["2"]}),
    {"detail": {"source-ip-address": [{"cidr": "10.0.0.0/24"}]}},
    {"$or": [{"source": ["aws.ec2"]}, {"region": ["ap-northeast-2"]}]},
    {"source": ["aws.s3"], "detail": {"$or": [{"live": [False]}, {"bucket": {"name": ["raw"]}}]}},
]

NOT_MATCHING: list[dict[str, Any]] = [
    {"source": ["aws.s3"], "detail-type": ["Object Deleted"]},
    detail(bucket={"name": ["RAW"]}),
    detail(bucket=["raw"]),
    detail(bucket={"name": [{"anything-but": ["raw", "logs"]}]}),
    detail(bucket={"name": [{"anything-but": {"prefix": "r"}}]}),
    detail(missing=[{"anything-but": "x"}]),
    detail(object={"size": [12.0]}),
    detail(object={"size": ["12"]}),
    detail(object={"size": [{"numeric": [">", 12]}]}),
    detail(object={"key": [{"numeric": [">", 0]}]}),
    detail(object={"size": [{"prefix": "1"}]}),
    detail(object={"key": [{"wildcard": "*.csv"}]}),
    detail(object={"version-id": [""]}),
    detail(object=[{"exists": True}]),
    detail(missing=[None]),
    detail(live=[1]),
    detail(tags={"key": ["a"], "value": ["2"]}),
    {"detail": {"source-ip-address": [{"cidr": "10.0.1.0/24"}]}},
    {"detail": {"bucket": {"name": [{"cidr": "10.0.0.0/24"}]}}},
    {"$or": [{"source": ["aws.ec2"]}, {"region": ["us-east-1"]}]},
]

REFUSED: list[Any] = [
    "{",
    "[]",
    {},
    {"source": "aws.s3"},
    {"source": []},
    {"detail": {}},
    {"source": [{"startswith": "aws"}]},
    {"source": [{"prefix": "a", "suffix": "b"}]},
    {"source": [{"prefix": 1}]},
    {"source": [["aws.s3"]]},
    {"source": [{"exists": "yes"}]},
    {"size": [{"numeric": [">"]}]},
    {"size": [{"numeric": ["<", 5, ">", 1]}]},
    {"size": [{"numeric": [">", 5, "<", 5]}]},
    {"size": [{"numeric": ["=", 6e9]}]},
    {"size": [{"numeric": ["~", 5]}]},
    {"name": [{"wildcard": "a**b"}]},
    {"name": [{"wildcard": "a\\b"}]},
    {"name": [{"anything-but": [True]}]},
    {"name": [{"anything-but": {"numeric": ["=", 1]}}]},
    {"ip": [{"cidr": "10.0.0"}]},
    {"$or": [{"source": ["a"]}]},
    {"$or": ["a", "b"]},
]


@pytest.mark.parametrize("pattern", MATCHING, ids=json.dumps)
def test_the_pattern_matches(pattern: dict[str, Any]) -> None:
    assert Pattern.parse(json.dumps(pattern)).matches(EVENT)


@pytest.mark.parametrize("pattern", NOT_MATCHING, ids=json.dumps)
def test_the_pattern_does_not_match(pattern: dict[str, Any]) -> None:
    assert not Pattern.parse(json.dumps(pattern)).matches(EVENT)


@pytest.mark.parametrize("pattern", REFUSED, ids=json.dumps)
def test_a_pattern_eventbridge_would_refuse_is_refused(pattern: Any) -> None:
    with pytest.raises(PatternError, match="Event pattern is not valid"):
        Pattern.parse(pattern if isinstance(pattern, str) else json.dumps(pattern))


words = st.text(alphabet="ab*.\\/", max_size=6)
leaves = st.one_of(words, st.integers(-9, 9), st.booleans(), st.none(), st.floats(-9, 9))
events = st.dictionaries(st.sampled_from("xyz"), st.one_of(leaves, st.lists(leaves, max_size=3)), max_size=3)
operators = st.one_of(
    leaves,
    st.builds(lambda w: {"prefix": w}, words),
    st.builds(lambda w: {"suffix": w}, words),
    st.builds(lambda w: {"equals-ignore-case": w}, words),
    st.builds(lambda w: {"anything-but": w}, words),
    st.builds(lambda e: {"exists": e}, st.booleans()),
    st.builds(lambda n: {"numeric": [">=", n]}, st.integers(-9, 9)),
)


@given(events, st.sampled_from("xyz"), operators, operators)
def test_a_list_of_matchers_matches_when_one_of_them_does(
    event: dict[str, Any], field: str, one: Any, other: Any
) -> None:
    both = Pattern.parse({field: [one, other]}).matches(event)

    assert both == (Pattern.parse({field: [one]}).matches(event) or Pattern.parse({field: [other]}).matches(event))
    assert both == Pattern.parse({"$or": [{field: [one]}, {field: [other]}]}).matches(event)


@given(events, st.sampled_from("xyz"), words)
def test_of_a_single_value_anything_but_is_the_opposite_of_the_value(
    event: dict[str, Any], field: str, word: str
) -> None:
    same = Pattern.parse({field: [word]}).matches(event)
    other = Pattern.parse({field: [{"anything-but": word}]}).matches(event)

    if field in event and not isinstance(event[field], list):
        assert same != other
    if field not in event:
        assert not same
        assert not other


@given(st.text(max_size=8))
def test_a_wildcard_pattern_of_an_escaped_text_matches_that_text_alone(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace("*", "\\*")
    pattern = Pattern.parse({"x": [{"wildcard": escaped}]})

    assert pattern.matches({"x": text})
    assert not pattern.matches({"x": text + "!"})


@given(st.lists(st.text(alphabet="ab", max_size=3), min_size=1, max_size=4), st.text(alphabet="ab", max_size=2))
def test_a_star_stands_for_any_text(pieces: list[str], filling: str) -> None:
    pattern = Pattern.parse({"x": [{"wildcard": "*".join(piece or "a" for piece in pieces)}]})

    assert pattern.matches({"x": filling.join(piece or "a" for piece in pieces)})
