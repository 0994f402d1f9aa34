"""Queries answer in the order of the keys, in pages as DynamoDB makes them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.local.dynamodb_lab import Ledger, key, refused, row


@pytest.fixture
def ledger(embedded: Any) -> Ledger:
    return Ledger(embedded)


@pytest.fixture(scope="module")
def filled(embedded: Any) -> Ledger:
    ledger = Ledger(embedded)
    ledger.fill("a1", "a2", "b1", "b2", "b3", "c1", state="seen")
    ledger.put("a1", model="other")
    return ledger


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("", {}, "a1 a2 b1 b2 b3 c1"),
        ("#i = :x", {":x": "b2"}, "b2"),
        ("#i < :x", {":x": "b2"}, "a1 a2 b1"),
        ("#i <= :x", {":x": "b2"}, "a1 a2 b1 b2"),
        ("#i > :x", {":x": "b2"}, "b3 c1"),
        ("#i >= :x", {":x": "b2"}, "b2 b3 c1"),
        ("#i BETWEEN :x AND :y", {":x": "a2", ":y": "b2"}, "a2 b1 b2"),
        ("begins_with(#i, :x)", {":x": "b"}, "b1 b2 b3"),
        ("begins_with(#i, :x)", {":x": "z"}, ""),
    ],
)
@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("page", [None, 1, 2])
def test_a_key_condition_takes_its_items_in_order_whatever_the_size_of_the_pages(
    filled: Ledger, condition: str, values: dict[str, str], expected: str, forward: bool, page: int | None
) -> None:
    options: dict[str, Any] = {"Limit": page} if page else {}
    if condition:
        options["ExpressionAttributeNames"] = {"#i": "item"}
    found = filled.items(
        "model = :m" + (f" AND {condition}" if condition else ""),
        values={name: {"S": value} for name, value in values.items()},
        ScanIndexForward=forward,
        **options,
    )
    assert found == (expected.split() if forward else expected.split()[::-1])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.sets(st.text(min_size=1, max_size=8).filter(lambda text: text.isprintable()), min_size=1, max_size=20))
def test_items_come_in_the_order_of_their_bytes(embedded: Any, names: set[str]) -> None:
    ledger = Ledger(embedded)
    ledger.fill(*names)
    assert ledger.items(Limit=3) == sorted(names, key=str.encode)


def test_numbers_are_ordered_by_their_value(embedded: Any) -> None:
    api, name = embedded.client("dynamodb"), f"numbers-{id(embedded)}"
    keys = [("k", "S", "HASH"), ("n", "N", "RANGE")]
    api.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": kind} for each, kind, _ in keys],
        KeySchema=[{"AttributeName": each, "KeyType": role} for each, _, role in keys],
    )
    for number in ("10", "9", "-1", "1.5"):
        api.put_item(TableName=name, Item={"k": {"S": "k"}, "n": {"N": number}})
    found = api.query(
        TableName=name, KeyConditionExpression="k = :k", ExpressionAttributeValues={":k": {"S": "k"}}, Limit=4
    )
    assert [each["n"]["N"] for each in found["Items"]] == ["-1", "1.5", "9", "10"]


def test_a_page_that_the_limit_ended_names_a_key_even_when_nothing_follows(filled: Ledger) -> None:
    pages = filled.query(Limit=6)
    assert [page["Count"] for page in pages] == [6, 0]
    assert "LastEvaluatedKey" not in pages[1]


def test_a_page_holds_a_megabyte_before_the_filter(ledger: Ledger) -> None:
    for number in range(4):
        ledger.put(str(number), body="x" * 390_000, state="seen" if number == 3 else "trained")
    assert [page["Count"] for page in ledger.query()] == [2, 2]
    pages = ledger.query(
        FilterExpression="#s = :s", ExpressionAttributeNames={"#s": "state"}, values={":s": {"S": "seen"}}
    )
    assert [(page["Count"], page["ScannedCount"]) for page in pages] == [(0, 2), (1, 2)]


def test_a_query_sees_what_was_written_before_it_and_counts_without_items(ledger: Ledger) -> None:
    for number in range(3):
        ledger.put(str(number))
        page = ledger.query(ConsistentRead=True, Select="COUNT")[0]
        assert (page["Count"], "Items" in page) == (number + 1, False)


def test_a_projection_keeps_only_what_it_names(filled: Ledger) -> None:
    found = filled.query(ProjectionExpression="#i", ExpressionAttributeNames={"#i": "item"})[0]["Items"]
    assert found[0] == {"item": {"S": "a1"}}


@pytest.mark.parametrize(
    ("start", "said"),
    [({"model": {"S": "m"}}, "starting key is invalid"), (key("a1", model="other"), "outside query boundaries")],
)
def test_a_page_cannot_begin_at_a_key_of_another_query(filled: Ledger, start: dict[str, Any], said: str) -> None:
    error = refused(filled.query, ExclusiveStartKey=start)["Error"]
    assert error["Code"] == "ValidationException"
    assert said in error["Message"]


def test_a_condition_of_another_type_than_the_key_is_refused(filled: Ledger) -> None:
    error = refused(filled.query, values={":m": {"N": "1"}})["Error"]
    assert "does not match schema type" in error["Message"]


def test_a_batch_get_answers_at_most_a_hundred_items_each_once(filled: Ledger) -> None:
    keys = [key(item) for item in ("a1", "b1", "nowhere")]
    found = filled.api.batch_get_item(RequestItems={filled.name: {"Keys": keys, "ConsistentRead": True}})
    assert sorted(each["item"]["S"] for each in found["Responses"][filled.name]) == ["a1", "b1"]
    assert found["UnprocessedKeys"] == {}
    for wrong in ([key(str(number)) for number in range(101)], [key("a1"), key("a1")]):
        error = refused(filled.api.batch_get_item, RequestItems={filled.name: {"Keys": wrong}})["Error"]
        assert error["Code"] == "ValidationException"


def test_a_batch_get_beyond_16_megabytes_leaves_keys_for_the_next_call(ledger: Ledger) -> None:
    names = [f"{number:02}" for number in range(44)]
    for name in names:
        ledger.put(name, body="x" * 390_000)
    wanted = {ledger.name: {"Keys": [key(name) for name in names]}}
    first = ledger.api.batch_get_item(RequestItems=wanted)
    second = ledger.api.batch_get_item(RequestItems=first["UnprocessedKeys"])
    found = [each["item"]["S"] for page in (first, second) for each in page["Responses"][ledger.name]]
    assert sorted(found) == names
    assert second["UnprocessedKeys"] == {}


def test_every_type_of_value_comes_back_as_it_was_written(ledger: Ledger) -> None:
    values: dict[str, Any] = {
        "text": {"S": "값 🙂 \\ \n"},
        "number": {"N": "12345678901234567890.5"},
        "bytes": {"B": b"\x00\xff"},
        "texts": {"SS": ["a", "b"]},
        "numbers": {"NS": ["1", "2"]},
        "several": {"BS": [b"\x00", b"\x01"]},
        "list": {"L": [{"S": "a"}, {"B": b"\xfe"}, {"M": {"x": {"NULL": True}}}]},
        "map": {"M": {"inner": {"BOOL": True}, "blob": {"B": b"\x01"}}},
        "empty": {"S": ""},
    }
    item = row("all") | values
    ledger.api.put_item(TableName=ledger.name, Item=item)
    assert ledger.api.get_item(TableName=ledger.name, Key=key("all"))["Item"] == item
    assert ledger.query()[0]["Items"] == [item]
    assert ledger.api.scan(TableName=ledger.name)["Items"] == [item]
    transaction = ledger.api.transact_get_items(TransactItems=[{"Get": {"TableName": ledger.name, "Key": key("all")}}])
    assert transaction["Responses"][0]["Item"] == item
    old = ledger.api.delete_item(TableName=ledger.name, Key=key("all"), ReturnValues="ALL_OLD")
    assert old["Attributes"] == item


def test_a_scan_goes_through_all_partitions(filled: Ledger) -> None:
    pages = filled.api.get_paginator("scan").paginate(TableName=filled.name, PaginationConfig={"PageSize": 2})
    found = [(each["model"]["S"], each["item"]["S"]) for page in pages for each in page["Items"]]
    assert len(found) == len(set(found)) == 7


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("attribute_exists(#missing)", "attribute name: #missing"),
        ("model = :missing", "attribute value: :missing"),
    ],
)
def test_a_placeholder_that_the_request_does_not_define_is_refused(ledger: Ledger, expression: str, named: str) -> None:
    ledger.put("a1")

    error = refused(ledger.api.scan, TableName=ledger.name, FilterExpression=expression)["Error"]
    assert error["Code"] == "ValidationException"
    assert named in error["Message"]


def test_a_placeholder_that_no_expression_uses_is_refused(ledger: Ledger) -> None:
    values = {":m": {"S": "m"}, ":spare": {"S": "x"}}
    condition = {"ConditionExpression": "model = :m", "ExpressionAttributeValues": values}
    calls = [
        (ledger.api.scan, {"FilterExpression": "model = :m", "ExpressionAttributeValues": values}),
        (ledger.api.query, {"KeyConditionExpression": "model = :m", "ExpressionAttributeValues": values}),
        (ledger.api.put_item, {"Item": row("a1"), **condition}),
        (ledger.api.delete_item, {"Key": key("a1"), **condition}),
    ]

    for call, params in calls:
        said = refused(call, TableName=ledger.name, **params)["Error"]["Message"]
        assert "ExpressionAttributeValues unused in expressions: keys: {:spare}" in said
    check = {"TableName": ledger.name, "Key": key("a1"), **condition}
    said = refused(ledger.api.transact_write_items, TransactItems=[{"ConditionCheck": check}])["Error"]["Message"]
    assert "keys: {:spare}" in said
