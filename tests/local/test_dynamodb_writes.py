"""Writes happen whole or not at all, one after the other, within DynamoDB's limits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.local.dynamodb_lab import ABSENT, Ledger, key, moved, refused, row, typed

NAMES = {"#item": "item"}


@pytest.fixture
def ledger(embedded: Any) -> Ledger:
    return Ledger(embedded)


def test_of_many_who_write_a_new_item_at_once_one_wins(ledger: Ledger) -> None:
    start = threading.Barrier(8)

    def take(number: int) -> bool:
        start.wait()
        try:
            ledger.api.put_item(
                TableName=ledger.name,
                Item=row("lock", holder=str(number)),
                ConditionExpression=ABSENT,
                ExpressionAttributeNames=NAMES,
            )
        except ledger.api.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(8))) == 1


def test_of_many_who_count_the_same_revision_up_none_is_lost(ledger: Ledger) -> None:
    ledger.put("lock", revision=0)

    def count_up(_: int) -> None:
        while True:
            seen = (ledger.get("lock") or {})["revision"]
            try:
                ledger.api.update_item(
                    TableName=ledger.name,
                    Key=key("lock"),
                    UpdateExpression="SET revision = revision + :one",
                    ConditionExpression="revision = :seen",
                    ExpressionAttributeValues={":one": {"N": "1"}, ":seen": {"N": seen}},
                )
            except ledger.api.exceptions.ConditionalCheckFailedException:
                continue
            return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count_up, range(20)))
    assert (ledger.get("lock") or {})["revision"] == "20"


def test_a_transaction_writes_everything(ledger: Ledger) -> None:
    ledger.fill("a", "b", state="seen")
    ledger.put("old")
    ledger.transact(
        moved("a", "seen", "assigned"),
        {"Put": {"Item": row("run", state="started")}},
        {"Delete": {"Key": key("old")}},
        {"ConditionCheck": {"Key": key("b"), "ConditionExpression": ABSENT.replace("not_", ""),
                            "ExpressionAttributeNames": NAMES}},
    )  # fmt: skip
    assert ledger.items() == ["a", "b", "run"]
    assert (ledger.get("a") or {})["state"] == "assigned"


def test_a_transaction_with_an_unmet_condition_changes_nothing_and_says_which_it_was(ledger: Ledger) -> None:
    ledger.fill("a", "b", state="seen")
    ledger.put("c", state="trained")
    error = refused(
        ledger.transact,
        moved("a", "seen", "assigned"),
        moved("c", "seen", "assigned", ReturnValuesOnConditionCheckFailure="ALL_OLD"),
        {"Delete": {"Key": key("b")}},
        moved("missing", "seen", "assigned"),
    )
    assert error["Error"]["Code"] == "TransactionCanceledException"
    assert error["Error"]["Message"].endswith("[None, ConditionalCheckFailed, None, ConditionalCheckFailed]")
    failed = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
    assert error["CancellationReasons"] == [
        {"Code": "None"},
        {**failed, "Item": row("c", state="trained")},
        {"Code": "None"},
        failed,
    ]
    assert ledger.items() == ["a", "b", "c"]
    assert (ledger.get("a") or {})["state"] == "seen"


def test_a_write_that_cannot_be_made_takes_the_others_of_its_transaction_back(ledger: Ledger) -> None:
    ledger.fill("a", "b", state="seen")
    impossible = {
        "Key": key("b"),
        "UpdateExpression": "SET extra = :one, #state = #state + :one",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    error = refused(
        ledger.transact,
        moved("a", "seen", "assigned"),
        {"Put": {"Item": row("new")}},
        {"Update": impossible},
        {"Update": {**impossible, "Key": key("nowhere")}},
    )
    codes = [each["Code"] for each in error["CancellationReasons"]]
    assert codes == ["None", "None", "ValidationError", "ValidationError"]
    assert ledger.items() == ["a", "b"]
    assert ledger.get("a") == {"model": "m", "item": "a", "state": "seen"}
    assert ledger.get("b") == {"model": "m", "item": "b", "state": "seen"}


def test_a_transaction_repeated_with_its_token_writes_once(ledger: Ledger) -> None:
    ledger.put("counter", number=0)
    count = {
        "Update": {
            "Key": key("counter"),
            "UpdateExpression": "ADD #n :one",
            "ExpressionAttributeNames": {"#n": "number"},
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }
    for _ in range(3):
        ledger.transact(count, ClientRequestToken="the-same-token")
    assert (ledger.get("counter") or {})["number"] == "1"
    error = refused(ledger.transact, count, {"Delete": {"Key": key("x")}}, ClientRequestToken="the-same-token")
    assert error["Error"]["Code"] == "IdempotentParameterMismatchException"
    ledger.transact(count, ClientRequestToken="another-token")
    assert (ledger.get("counter") or {})["number"] == "2"


def test_a_transaction_that_was_cancelled_may_come_again_with_its_token(ledger: Ledger) -> None:
    ledger.put("a", state="new")
    refused(ledger.transact, moved("a", "seen", "assigned"), ClientRequestToken="again")
    ledger.put("a", state="seen")
    ledger.transact(moved("a", "seen", "assigned"), ClientRequestToken="again")
    assert (ledger.get("a") or {})["state"] == "assigned"


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        ([{"Put": {"Item": row("a")}}, {"Delete": {"Key": key("a")}}], "multiple operations on one item"),
        ([{"Put": {"Item": row(str(n))}} for n in range(101)], "less than or equal to 100"),
        ([{"Put": {"Item": row(str(n), body="x" * 390_000)}} for n in range(11)], "4 MB"),
    ],
)
def test_a_transaction_beyond_the_limits_is_refused(ledger: Ledger, actions: list[Any], said: str) -> None:
    error = refused(ledger.transact, *actions)["Error"]
    assert error["Code"] == "ValidationException"
    assert said in error["Message"]
    assert ledger.items() == []


def test_a_transaction_on_a_large_table_is_quick_enough_for_a_hundred_items(ledger: Ledger) -> None:
    names = [f"file#{number:05}" for number in range(2000)]
    ledger.fill(*names, state="seen")
    for start in range(0, 500, 100):
        ledger.transact(*(moved(name, "seen", "assigned") for name in names[start : start + 100]))
    states = [each["state"]["S"] for page in ledger.query() for each in page["Items"]]
    assert states.count("assigned") == 500


def test_an_update_that_fails_half_way_leaves_the_item_as_it_was(ledger: Ledger) -> None:
    ledger.put("a", text="x")
    half = {
        "TableName": ledger.name,
        "UpdateExpression": "SET other = :one ADD #text :one",
        "ExpressionAttributeNames": {"#text": "text"},
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    assert refused(ledger.api.update_item, Key=key("a"), **half)["Error"]["Code"] == "ValidationException"
    assert ledger.get("a") == {"model": "m", "item": "a", "text": "x"}


def test_an_update_reads_the_item_as_it_was_before_it(ledger: Ledger) -> None:
    ledger.put("a", state="seen")
    ledger.api.update_item(
        TableName=ledger.name,
        Key=key("a"),
        UpdateExpression="SET #state = :new, #before = #state",
        ExpressionAttributeNames={"#state": "state", "#before": "before"},
        ExpressionAttributeValues={":new": typed("assigned")},
    )
    assert ledger.get("a") == {"model": "m", "item": "a", "state": "assigned", "before": "seen"}


def test_a_refused_condition_can_show_the_item_that_stood_in_the_way(ledger: Ledger) -> None:
    ledger.put("a", state="seen")
    error = refused(
        ledger.api.put_item,
        TableName=ledger.name,
        Item=row("a"),
        ConditionExpression=ABSENT,
        ExpressionAttributeNames=NAMES,
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )
    assert error["Error"]["Code"] == "ConditionalCheckFailedException"
    assert error["Item"] == row("a", state="seen")


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (row("a", body="x" * 409_600), "Item size has exceeded the maximum allowed size"),
        (row("x" * 1025), "1024 bytes"),
        (row("한" * 342), "1024 bytes"),
        (row("a", model="x" * 2049), "2048 bytes"),
        ({"model": {"S": "m"}}, "Missing the key item"),
        ({"model": {"S": "m"}, "item": {"N": "1"}}, "Type mismatch for key item"),
        (row("a", model=""), "empty string"),
    ],
)
def test_an_item_that_dynamodb_does_not_take_is_refused_alone_in_a_batch_and_in_a_transaction(
    ledger: Ledger, item: dict[str, Any], said: str
) -> None:
    alone = refused(ledger.api.put_item, TableName=ledger.name, Item=item)["Error"]
    batch = [{"PutRequest": {"Item": each}} for each in (row("good"), item)]
    together = refused(ledger.api.batch_write_item, RequestItems={ledger.name: batch})["Error"]
    assert alone["Code"] == together["Code"] == "ValidationException"
    assert said in alone["Message"]
    assert said in together["Message"]
    error = refused(ledger.transact, {"Put": {"Item": row("good")}}, {"Put": {"Item": item}})
    assert error["Error"]["Code"] in ("ValidationException", "TransactionCanceledException")
    assert ledger.items() == []


def test_the_largest_item_and_the_longest_keys_are_taken(ledger: Ledger) -> None:
    names = len("modelitembody")
    ledger.put("i" * 1024, model="m" * 2048, body="x" * (409_600 - names - 1024 - 2048))
    assert ledger.get("i" * 1024, model="m" * 2048) is not None


@pytest.mark.parametrize(
    "wrong", [{"model": {"S": "m"}}, {**key("a"), "more": {"S": "x"}}, {**key("a"), "item": {"N": "1"}}]
)
def test_a_key_that_is_not_the_tables_is_refused(ledger: Ledger, wrong: dict[str, Any]) -> None:
    calls: list[tuple[Any, dict[str, Any]]] = [
        (ledger.api.get_item, {"TableName": ledger.name, "Key": wrong}),
        (ledger.api.delete_item, {"TableName": ledger.name, "Key": wrong}),
        (ledger.api.update_item, {"TableName": ledger.name, "Key": wrong, "UpdateExpression": "REMOVE x"}),
        (ledger.api.batch_get_item, {"RequestItems": {ledger.name: {"Keys": [wrong]}}}),
        (ledger.api.batch_write_item, {"RequestItems": {ledger.name: [{"DeleteRequest": {"Key": wrong}}]}}),
    ]
    for call, params in calls:
        assert refused(call, **params)["Error"]["Code"] == "ValidationException"


def test_a_batch_holds_25_writes_and_each_item_once(ledger: Ledger) -> None:
    many = [{"PutRequest": {"Item": row(str(number))}} for number in range(26)]
    assert "25" in refused(ledger.api.batch_write_item, RequestItems={ledger.name: many})["Error"]["Message"]
    twice = [{"PutRequest": {"Item": row("a", n=1)}}, {"DeleteRequest": {"Key": key("a")}}]
    error = refused(ledger.api.batch_write_item, RequestItems={ledger.name: twice})["Error"]
    assert "duplicates" in error["Message"]
    assert ledger.items() == []


def test_a_saved_transaction_token_and_table_survive_a_restart(embedded_factory: Any) -> None:
    server = embedded_factory()
    ledger = Ledger(server)
    ledger.put("counter", number=0)
    count = {
        "Update": {
            "Key": key("counter"),
            "UpdateExpression": "ADD #n :one",
            "ExpressionAttributeNames": {"#n": "number"},
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }
    ledger.transact(count, ClientRequestToken="before")
    server.stop()
    again = Ledger(embedded_factory(server.folder), name=ledger.name)
    again.transact(count, ClientRequestToken="before")
    assert (again.get("counter") or {})["number"] == "1"


def test_a_row_whose_time_is_over_is_deleted_within_hours(embedded_factory: Any) -> None:
    server = embedded_factory()
    ledger = Ledger(server)
    ledger.api.update_time_to_live(
        TableName=ledger.name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
    )
    now = int(server.internal("clock")["now"])
    ledger.put("soon", expires=now + 600)
    ledger.put("later", expires=now + 86_400)
    ledger.put("never")
    ledger.put("text", expires=str(now))
    ledger.put("long ago", expires=1)
    assert len(ledger.items()) == 5
    server.advance(2 * 3600)
    assert ledger.items() == ["later", "long ago", "never", "text"]
