"""Conditions beside the golden table: every operator, wrong types, several values, missing keys."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from millrace.local.iam import conditions, values
from millrace.local.iam.matching import ACTION, ARN, LIKE, RESOURCE, Pattern

OPERATORS = sorted(conditions.OPERATORS)
NEGATED = [name for name in OPERATORS if "Not" in name]
NAMES = st.sampled_from(OPERATORS)
SOME = st.sampled_from(
    [*("true", "false", "1", "2.50", "2026-11-20T00:00:00Z", "203.0.113.9", "YQ==", "arn:aws:s3:::b", "a", "?", "*")]
)


def holds(operator: str, wanted: Any, found: tuple[str, ...] = (), *, undecided: bool = False) -> bool:
    listed = tuple(wanted) if isinstance(wanted, list) else (wanted,)
    condition = conditions.compile_condition(operator, "the:Key", listed, variables=True)
    return condition.holds({"the:key": found} if found else {}, undecided=undecided)


def test_for_any_value_with_if_exists_and_no_key_is_decided_against_the_caller() -> None:
    assert not holds("ForAnyValue:StringEqualsIfExists", "a", undecided=False)
    assert holds("ForAnyValue:StringEqualsIfExists", "a", undecided=True)


def test_there_are_all_the_documented_operators() -> None:
    assert len(OPERATORS) == 26
    assert [
        *("ArnNotEquals", "ArnNotLike", "DateNotEquals", "NotIpAddress", "NumericNotEquals", "StringNotEquals"),
        *("StringNotEqualsIgnoreCase", "StringNotLike"),
    ] == NEGATED


@given(operator=NAMES, wanted=SOME, undecided=st.booleans())
def test_without_the_key_only_negated_and_if_exists_conditions_hold(
    operator: str, wanted: str, undecided: bool
) -> None:
    assert holds(operator, wanted, undecided=undecided) is (operator in NEGATED)
    assert holds(f"{operator}IfExists", wanted, undecided=undecided)
    assert holds(f"ForAllValues:{operator}", wanted, undecided=undecided)
    assert not holds(f"ForAnyValue:{operator}", wanted, undecided=undecided)


@given(operator=NAMES, wanted=st.lists(SOME, min_size=1, max_size=3), found=SOME, undecided=st.booleans())
def test_with_the_key_if_exists_changes_nothing(operator: str, wanted: list[str], found: str, undecided: bool) -> None:
    plain = holds(operator, wanted, (found,), undecided=undecided)

    assert holds(f"{operator}IfExists", wanted, (found,), undecided=undecided) is plain
    assert holds(f"ForAllValues:{operator}", wanted, (found,), undecided=undecided) is plain
    assert holds(f"ForAnyValue:{operator}", wanted, (found,), undecided=undecided) is plain


@given(
    operator=NAMES.filter(lambda name: name not in NEGATED),
    wanted=st.lists(SOME, min_size=1, max_size=3),
    found=st.lists(SOME, min_size=1, max_size=3),
)
def test_for_all_values_is_for_every_value_and_for_any_value_is_for_one(
    operator: str, wanted: list[str], found: list[str]
) -> None:
    each = [holds(operator, wanted, (value,)) for value in found]

    assert holds(f"ForAllValues:{operator}", wanted, tuple(found)) is all(each)
    assert holds(f"ForAnyValue:{operator}", wanted, tuple(found)) is any(each)


@pytest.mark.parametrize("operator", OPERATORS)
def test_several_values_without_a_set_operator_are_decided_against_the_caller(operator: str) -> None:
    assert not holds(operator, "1", ("1", "2"), undecided=False)
    assert holds(operator, "1", ("1", "2"), undecided=True)


@pytest.mark.parametrize(
    ("operator", "wanted", "found"),
    [
        ("NumericEquals", "1", "one"),
        ("NumericNotEquals", "one", "1"),
        ("NumericLessThan", "5", ""),
        ("DateLessThan", "2026-11-20", "tomorrow"),
        ("DateNotEquals", "never", "2026-11-20"),
        ("Bool", "true", "yes"),
        ("BinaryEquals", "YQ==", "not base 64"),
        ("IpAddress", "203.0.113.0/24", "localhost"),
        ("NotIpAddress", "203.0.113.0/99", "203.0.113.1"),
        ("ForAnyValue:NumericEquals", "1", "one"),
    ],
)
def test_a_value_of_the_wrong_type_is_decided_against_the_caller(operator: str, wanted: str, found: str) -> None:
    assert not holds(operator, wanted, (found,), undecided=False)
    assert holds(operator, wanted, (found,), undecided=True)


def test_one_readable_value_of_the_policy_is_enough() -> None:
    assert holds("NumericEquals", ["one", "1"], ("1",))


def test_a_variable_without_a_value_matches_nothing_and_leaves_a_negated_condition_undecided() -> None:
    assert not holds("StringEquals", "${aws:username}", ("alice",), undecided=True)
    assert not holds("StringNotEquals", "${aws:username}", ("alice",), undecided=False)
    assert holds("StringNotEquals", "${aws:username}", ("alice",), undecided=True)


def test_a_value_put_in_for_a_variable_brings_no_wildcards() -> None:
    pattern = Pattern("home/${aws:username}/*", LIKE, variables_allowed=True)

    assert pattern.matches("home/*/x", {"aws:username": ("*",)})
    assert not pattern.matches("home/bob/x", {"aws:username": ("*",)})


def test_a_variable_of_several_values_has_no_value() -> None:
    pattern = Pattern("${aws:TagKeys, 'none'}", LIKE, variables_allowed=True)

    assert pattern.matches("none", {"aws:tagkeys": ("a", "b")}) is None


def test_an_ipv4_address_is_in_no_ipv6_range() -> None:
    assert not holds("IpAddress", "::/0", ("203.0.113.1",), undecided=True)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026", "2026-01-01T00:00:00Z"),
        ("2026-11", "2026-11-01T00:00:00Z"),
        ("2026-11-20", "2026-11-20T00:00:00Z"),
        ("2026-11-20T09:30Z", "2026-11-20T09:30:00Z"),
        ("2026-11-20T09:30:15.250+09:00", "2026-11-20T00:30:15.250Z"),
        ("1767225600", "2026-01-01T00:00:00Z"),
    ],
)
def test_a_date_has_the_w3c_forms_and_epoch_seconds(text: str, same: str) -> None:
    assert values.moment(text) is not None
    assert values.moment(text) == values.moment(same)


@pytest.mark.parametrize("text", ["", "2026-13", "2026-11-20 09:30", "20261120T00", "now", "1e999", "-1e300"])
def test_other_texts_are_no_dates(text: str) -> None:
    assert values.moment(text) is None


@given(text=st.text(max_size=30))
def test_every_reader_takes_any_text(text: str) -> None:
    for read in (values.number, values.moment, values.boolean, values.binary, values.network, values.address):
        read(text)


GLOBS = st.text(alphabet="ab*?:", max_size=8)
VALUES = st.text(alphabet="ab:", max_size=10)


def reference(pattern: str, value: str) -> bool:
    """The textbook rule, one character after the other."""
    if not pattern:
        return not value
    if pattern[0] == "*":
        return any(reference(pattern[1:], value[start:]) for start in range(len(value) + 1))
    return bool(value) and pattern[0] in ("?", value[0]) and reference(pattern[1:], value[1:])


@given(pattern=GLOBS, value=VALUES)
@example(pattern="**a*?b*", value="aabab")
def test_wildcards_match_as_the_reference_does(pattern: str, value: str) -> None:
    assert Pattern(pattern, LIKE).matches(value, {}) is reference(pattern, value)


@given(pattern=GLOBS, value=VALUES)
def test_actions_match_as_the_reference_does_in_any_case(pattern: str, value: str) -> None:
    assert Pattern(pattern.upper(), ACTION).matches(value, {}) is reference(pattern, value)


FIELDS = st.lists(st.text(alphabet="ab*?", max_size=4), min_size=6, max_size=6).map(":".join)


@given(pattern=FIELDS, value=st.lists(st.text(alphabet="ab", max_size=4), min_size=6, max_size=8).map(":".join))
def test_an_arn_matches_field_by_field(pattern: str, value: str) -> None:
    by_field = all(
        reference(wanted, found) for wanted, found in zip(pattern.split(":"), value.split(":", 5), strict=True)
    )

    assert Pattern(pattern, ARN).matches(value, {}) is by_field


@given(pattern=FIELDS, value=st.lists(st.text(alphabet="ab", max_size=4), min_size=6, max_size=8).map(":".join))
def test_a_resource_matches_where_the_stars_that_end_a_field_may_cross_colons(pattern: str, value: str) -> None:
    head, tail = pattern.rsplit(":", 1)
    crossing = re.sub(r"\*(?=:|$)", "#", head)
    source = "".join({"#": ".*", "*": "[^:]*", "?": "[^:]"}.get(letter, letter) for letter in crossing)
    source += ":" + tail.replace("*", ".*").replace("?", ".")

    assert Pattern(pattern, RESOURCE).matches(value, {}) is bool(re.fullmatch(source, value))


def test_a_question_mark_in_a_field_of_an_arn_is_no_colon() -> None:
    for style in (ARN, RESOURCE):
        assert Pattern("arn:aws:s?s:r:1:q", style).matches("arn:aws:sqs:r:1:q", {})
        assert not Pattern("arn:aws:s?s:r:1:q", style).matches("arn:aws:s:s:r:1:q", {})


def test_a_pattern_of_many_stars_stays_quick() -> None:
    assert not Pattern("*a" * 40 + "b", LIKE).matches("a" * 4000, {})
