"""Events reach the targets of the rules that match, through the real API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.iam_lab import allow, let_events_send, make_role

ACCOUNT, OTHER, REGION = "111111111111", "222222222222", "ap-northeast-2"
Receive = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def queue(embedded: Any) -> Callable[..., str]:
    """Makes a queue and gives its ARN."""

    def make(name: str, account: str = ACCOUNT, **attributes: str) -> str:
        sqs = embedded.client("sqs", account=account)
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        arn = str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])
        let_events_send(sqs, url, arn)
        return arn

    return make


@pytest.fixture
def receive(embedded: Any) -> Receive:
    """Waits for so many messages of a queue, takes them out, and makes sure that there are no more."""

    def take(arn: str, count: int) -> list[dict[str, Any]]:
        account, name = arn.split(":")[4:6]
        sqs, url = embedded.client("sqs", account=account), f"{embedded.url}/{account}/{name}"
        found: list[dict[str, Any]] = []
        while len(found) < count:
            messages = sqs.receive_message(
                QueueUrl=url, WaitTimeSeconds=10, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            ).get("Messages")
            assert messages, f"{len(found)} of {count} messages came to {name}"
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found += messages
        assert len(found) == count
        return found

    return take


def put(embedded: Any, source: str, detail: dict[str, Any], *, account: str = ACCOUNT, **entry: Any) -> str:
    entries = [{"Source": source, "DetailType": "Test", "Detail": json.dumps(detail), **entry}]
    [result] = embedded.client("events", account=account).put_events(Entries=entries)["Entries"]
    return str(result["EventId"])


def rule(embedded: Any, name: str, pattern: dict[str, Any], *targets: dict[str, Any], **settings: Any) -> str:
    events = embedded.client("events", account=settings.pop("account", ACCOUNT))
    arn = events.put_rule(Name=name, EventPattern=json.dumps(pattern), **settings)["RuleArn"]
    bus = {key: value for key, value in settings.items() if key == "EventBusName"}
    events.put_targets(Rule=name, Targets=[{"Id": str(n), **t} for n, t in enumerate(targets)], **bus)
    return str(arn)


def test_an_event_arrives_in_its_envelope(embedded: Any, queue: Any, receive: Receive) -> None:
    arn = queue("envelope")
    rule(embedded, "envelope", {"source": ["envelope"]}, {"Arn": arn})

    event_id = put(embedded, "envelope", {"a": 1}, Resources=["arn:x"])

    [message] = receive(arn, 1)
    event = json.loads(message["Body"])
    assert event.pop("time").endswith("Z")
    assert event == {
        "version": "0",
        "id": event_id,
        "detail-type": "Test",
        "source": "envelope",
        "account": ACCOUNT,
        "region": REGION,
        "resources": ["arn:x"],
        "detail": {"a": 1},
    }


def test_only_enabled_rules_that_match_deliver(embedded: Any, queue: Any, receive: Receive) -> None:
    arn = queue("matching")
    pattern = {"source": ["matching"], "detail": {"size": [{"numeric": [">", 10]}]}}
    rule(embedded, "matching-disabled", pattern, {"Arn": arn, "Input": '"disabled"'}, State="DISABLED")
    rule(embedded, "matching-other", {"source": ["something"]}, {"Arn": arn, "Input": '"other"'})
    embedded.client("events").put_rule(Name="matching-schedule", ScheduleExpression="rate(1 day)")
    embedded.client("events").put_targets(
        Rule="matching-schedule", Targets=[{"Id": "1", "Arn": arn, "Input": '"clock"'}]
    )
    rule(embedded, "matching-enabled", pattern, {"Arn": arn, "Input": '"enabled"'})

    put(embedded, "matching", {"size": 5})
    put(embedded, "matching", {"size": 50})
    put(embedded, "matching", {"size": 51})

    assert [message["Body"] for message in receive(arn, 2)] == ['"enabled"', '"enabled"']


def test_a_rule_that_is_changed_delivers_by_what_it_is_now(embedded: Any, queue: Any, receive: Receive) -> None:
    arn, events = queue("changed"), embedded.client("events")
    rule(embedded, "changed", {"source": ["changed"]}, {"Arn": arn, "Input": '"first"'})
    put(embedded, "changed", {})
    assert [m["Body"] for m in receive(arn, 1)] == ['"first"']

    events.disable_rule(Name="changed")
    rule(embedded, "changed-too", {"source": ["changed"]}, {"Arn": arn, "Input": '"meanwhile"'})
    put(embedded, "changed", {})
    assert [m["Body"] for m in receive(arn, 1)] == ['"meanwhile"']

    events.disable_rule(Name="changed-too")
    events.enable_rule(Name="changed")
    events.put_targets(Rule="changed", Targets=[{"Id": "0", "Arn": arn, "Input": '"second"'}])
    put(embedded, "changed", {})

    assert [m["Body"] for m in receive(arn, 1)] == ['"second"']


def test_an_input_transformer_shapes_what_the_target_gets(embedded: Any, queue: Any, receive: Receive) -> None:
    arn = queue("transformed")
    transformer = {
        "InputPathsMap": {"key": "$.detail.object.key"},
        "InputTemplate": '{"key": <key>, "rule": <aws.events.rule-name>, "text": "got <key>"}',
    }
    rule(embedded, "transformed", {"source": ["transformed"]}, {"Arn": arn, "InputTransformer": transformer})

    put(embedded, "transformed", {"object": {"key": "a+b c.csv"}})

    [message] = receive(arn, 1)
    assert json.loads(message["Body"]) == {"key": "a+b c.csv", "rule": "transformed", "text": "got a+b c.csv"}


def test_a_fifo_queue_gets_its_message_group(embedded: Any, queue: Any, receive: Receive) -> None:
    arn = queue("grouped.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    target = {"Arn": arn, "SqsParameters": {"MessageGroupId": "group"}}
    rule(embedded, "grouped", {"source": ["grouped"]}, target)

    put(embedded, "grouped", {"n": 1})

    assert len(receive(arn, 1)) == 1


def test_what_cannot_be_delivered_goes_to_the_dead_letter_queue(embedded: Any, queue: Any, receive: Receive) -> None:
    dead = queue("dead")
    gone = f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone"
    unknown = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/x"
    dead_letters = {"DeadLetterConfig": {"Arn": dead}}
    rule_arn = rule(
        embedded, "dead", {"source": ["dead"]}, {"Arn": gone, **dead_letters}, {"Arn": unknown, **dead_letters}
    )

    event_id = put(embedded, "dead", {"n": 1})

    messages = receive(dead, 2)
    assert [json.loads(message["Body"])["id"] for message in messages] == [event_id] * 2
    attributes = [{k: v["StringValue"] for k, v in m["MessageAttributes"].items()} for m in messages]
    by_target = {each["TARGET_ARN"]: each for each in attributes}
    assert by_target[gone]["RULE_ARN"] == rule_arn
    assert "NonExistentQueue" in by_target[gone]["ERROR_CODE"]
    assert by_target[gone]["ERROR_MESSAGE"]
    assert "kinesis" in by_target[unknown]["ERROR_MESSAGE"]


def test_another_accounts_bus_takes_events_when_its_policy_allows_it(
    embedded: Any, queue: Any, receive: Receive
) -> None:
    arn, dead = queue("crossed", account=OTHER), queue("crossed-dead")
    bus = f"arn:aws:events:{REGION}:{OTHER}:event-bus/central"
    theirs = embedded.client("events", account=OTHER)
    theirs.create_event_bus(Name="central")
    rule(
        embedded,
        "crossed",
        {"source": ["crossed"], "account": [ACCOUNT]},
        {"Arn": arn},
        account=OTHER,
        EventBusName="central",
    )
    role = make_role(
        embedded.client("iam"), "crossing", "events.amazonaws.com", may=[allow("events:PutEvents", on=bus)]
    )
    target = {"Arn": bus, "RoleArn": role, "DeadLetterConfig": {"Arn": dead}}
    rule(embedded, "crossed", {"source": ["crossed"]}, target)

    put(embedded, "crossed", {"n": 1})
    [refused] = receive(dead, 1)
    assert refused["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "AccessDeniedException"

    theirs.put_permission(EventBusName="central", Action="events:PutEvents", Principal=ACCOUNT, StatementId="from-dev")
    event_id = put(embedded, "crossed", {"n": 2})

    [message] = receive(arn, 1)
    event = json.loads(message["Body"])
    assert (event["id"], event["account"]) == (event_id, ACCOUNT)


def test_entries_that_eventbridge_does_not_take_are_named(embedded: Any) -> None:
    good = {"Source": "s", "DetailType": "t", "Detail": "{}"}
    entries = [
        good,
        {**good, "Detail": "not json"},
        {**good, "Source": "aws.s3"},
        {"Source": "s", "Detail": "{}"},
        {**good, "EventBusName": "nowhere"},
    ]

    answer = embedded.client("events").put_events(Entries=entries)

    assert answer["FailedEntryCount"] == 4
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [
        None,
        "MalformedDetail",
        "NotAuthorizedForSourceException",
        "InvalidArgument",
        "ResourceNotFoundException",
    ]


def test_a_pattern_can_be_tried_out(embedded: Any) -> None:
    events = embedded.client("events")
    envelope = {"id": "1", "account": ACCOUNT, "source": "s", "time": "t", "region": REGION, "resources": []}
    event = json.dumps({**envelope, "detail-type": "t", "detail": {"a": "xyz"}})

    matching = events.test_event_pattern(EventPattern='{"detail": {"a": [{"wildcard": "x*z"}]}}', Event=event)
    assert matching["Result"] is True
    assert events.test_event_pattern(EventPattern='{"source": ["other"]}', Event=event)["Result"] is False
    with pytest.raises(events.exceptions.InvalidEventPatternException, match="not valid"):
        events.test_event_pattern(EventPattern='{"source": "s"}', Event=event)


def test_objects_that_come_and_go_are_events_in_the_documented_form(
    embedded: Any, queue: Any, receive: Receive
) -> None:
    arn, s3 = queue("objects"), embedded.client("s3")
    s3.create_bucket(Bucket="objects-of-events", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket="objects-of-events", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket="objects-of-events", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    rule(embedded, "objects", {"detail": {"bucket": {"name": ["objects-of-events"]}}}, {"Arn": arn})
    key = "raw/claims-fraud/claims/a b+c%.csv"

    first = s3.put_object(Bucket="objects-of-events", Key=key, Body=b"first")
    second = s3.put_object(Bucket="objects-of-events", Key=key, Body=b"second!")
    s3.delete_object(Bucket="objects-of-events", Key=key)

    events = [json.loads(message["Body"]) for message in receive(arn, 3)]
    events.sort(key=lambda event: event["detail"]["object"]["sequencer"])
    assert [event["detail-type"] for event in events] == ["Object Created", "Object Created", "Object Deleted"]
    assert len({event["id"] for event in events}) == 3
    assert events[0]["source"] == "aws.s3"
    assert events[0]["resources"] == ["arn:aws:s3:::objects-of-events"]
    assert events[2]["detail"]["deletion-type"] == "Delete Marker Created"
    for event, answer, size in ((events[0], first, 5), (events[1], second, 7)):
        described = event["detail"]["object"]
        assert described["key"] == key
        assert described["size"] == size
        assert described["version-id"] == answer["VersionId"]
        assert described["etag"] == answer["ETag"].strip('"')
        assert event["detail"]["reason"] == "PutObject"
        assert event["detail"]["requester"] == ACCOUNT
        assert event["detail"]["source-ip-address"]
        assert event["detail"]["request-id"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"EventPattern": '{"source": [{"begins": "a"}]}'}, "InvalidEventPatternException"),
        ({"EventPattern": '{"source": "a"}'}, "InvalidEventPatternException"),
        ({"EventPattern": "{"}, "InvalidEventPatternException"),
        ({"ScheduleExpression": "rate(1 hours)"}, "ValidationException"),
        ({"ScheduleExpression": "cron(0 0 * * *)"}, "ValidationException"),
        ({"ScheduleExpression": "at(2030-01-01T00:00:00)"}, "ValidationException"),
    ],
)
def test_a_rule_that_could_never_fire_as_meant_is_refused(embedded: Any, given: dict[str, str], code: str) -> None:
    events = embedded.client("events")

    with pytest.raises(ClientError) as caught:
        events.put_rule(Name="never", **given)
    assert caught.value.response["Error"]["Code"] == code
    assert "never" not in [rule["Name"] for rule in events.list_rules()["Rules"]]


@pytest.mark.parametrize(
    "given",
    [
        {"ScheduleExpression": "every hour"},
        {"ScheduleExpression": "rate(1 hour)", "ScheduleExpressionTimezone": "Mars/Olympus"},
    ],
)
def test_a_schedule_that_could_never_fire_is_refused(embedded: Any, given: dict[str, str]) -> None:
    target = {"Arn": "arn:aws:sqs:ap-northeast-2:111111111111:q", "RoleArn": "arn:aws:iam::111111111111:role/none"}

    with pytest.raises(ClientError, match="ValidationException"):
        embedded.client("scheduler").create_schedule(
            Name="never", FlexibleTimeWindow={"Mode": "OFF"}, Target=target, **given
        )


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ([{"Input": "{"}], "is not valid JSON"),
        ([{"Input": "{}", "InputPath": "$.detail"}], "Only one of Input, InputPath, InputTransformer"),
        ([{}, {"Id": "0"}], "Target Ids must differ"),
        ([{}] * 6, "LimitExceededException"),
    ],
)
def test_targets_that_eventbridge_does_not_take_are_refused(
    embedded: Any, targets: list[dict[str, str]], said: str
) -> None:
    events, arn = embedded.client("events"), "arn:aws:sqs:ap-northeast-2:111111111111:q"
    events.put_rule(Name="refused-targets", EventPattern='{"source": ["a"]}')

    given = [{"Id": str(number), "Arn": arn, **target} for number, target in enumerate(targets)]
    with pytest.raises(ClientError, match=said):
        events.put_targets(Rule="refused-targets", Targets=given)
    assert events.list_targets_by_rule(Rule="refused-targets")["Targets"] == []
