"""EventBridge delivers in its own name or with a role: resource policies and trust policies decide what arrives."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.iam_lab import EVERYTHING, allow, deny, document, let_events_send, make_role
from tests.sagemaker_lab import until

ACCOUNT, OTHER, REGION = "111111111111", "222222222222", "ap-northeast-2"


class Mailbox:
    """A rule of its own source, the queue it sends to and the queue for what cannot be delivered."""

    def __init__(self, embedded: Any) -> None:
        self.embedded, self.name = embedded, f"mail-{uuid.uuid4().hex[:8]}"
        self.sqs, self.events = embedded.client("sqs"), embedded.client("events")
        self.url, self.dead_url = self.queue(self.name), self.queue(f"{self.name}-dead")
        self.rule = self.events.put_rule(Name=self.name, EventPattern=json.dumps({"source": [self.name]}))["RuleArn"]
        let_events_send(self.sqs, self.dead_url, self.arn(f"{self.name}-dead"), self.rule)

    def queue(self, name: str, **attributes: str) -> str:
        return str(self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])

    def arn(self, name: str) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def target(self, arn: str | None = None, **settings: Any) -> None:
        made = {"Id": "1", "Arn": arn or self.arn(self.name), **settings}
        made["DeadLetterConfig"] = {"Arn": self.arn(f"{self.name}-dead")}
        self.events.put_targets(Rule=self.name, Targets=[made])

    def send(self, number: int = 1) -> None:
        entry = {"Source": self.name, "DetailType": "t", "Detail": json.dumps({"n": number})}
        assert self.events.put_events(Entries=[entry])["FailedEntryCount"] == 0

    def take(self, url: str) -> dict[str, Any]:
        found = self.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, MessageAttributeNames=["All"])
        [message] = found["Messages"]
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return dict(message)

    def failure(self) -> dict[str, str]:
        """Why an event could not be delivered."""
        message = self.take(self.dead_url)
        return {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}

    def refused(self, arn: str) -> None:
        """Return when the audit log tells of something that was refused on a resource."""
        log = self.embedded.folder / "audit.jsonl"

        def found() -> bool:
            entries = (json.loads(line) for line in log.read_text().splitlines())
            return any(each["resource"] == arn and not each["allowed"] for each in entries)

        until(found, bool)

    def empty(self, url: str) -> bool:
        names = ["ApproximateNumberOfMessages"]
        counts = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return counts["ApproximateNumberOfMessages"] == "0"


@pytest.fixture
def mailbox(embedded: Any) -> Mailbox:
    return Mailbox(embedded)


def test_a_queue_that_lets_nobody_send_gets_nothing_and_the_event_is_a_dead_letter(mailbox: Mailbox) -> None:
    mailbox.target()
    mailbox.send()

    failure = mailbox.failure()
    assert "AccessDenied" in failure["ERROR_CODE"]
    assert "events.amazonaws.com is not authorized to perform: sqs:SendMessage" in failure["ERROR_MESSAGE"]
    assert mailbox.arn(mailbox.name) in failure["ERROR_MESSAGE"]
    assert failure["RULE_ARN"] == mailbox.rule
    assert mailbox.empty(mailbox.url)


def test_a_queue_that_lets_the_rule_send_gets_its_events(mailbox: Mailbox) -> None:
    let_events_send(mailbox.sqs, mailbox.url, mailbox.arn(mailbox.name), mailbox.rule)
    mailbox.target()
    mailbox.send()
    assert json.loads(mailbox.take(mailbox.url)["Body"])["source"] == mailbox.name


def test_a_queue_that_lets_another_rule_send_refuses(mailbox: Mailbox) -> None:
    other = mailbox.rule.replace(mailbox.name, "another")
    let_events_send(mailbox.sqs, mailbox.url, mailbox.arn(mailbox.name), other)
    mailbox.target()
    mailbox.send()
    assert "AccessDenied" in mailbox.failure()["ERROR_CODE"]


def test_eventbridge_says_for_which_account_it_sends(mailbox: Mailbox) -> None:
    def policy(account: str) -> str:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": mailbox.arn(mailbox.name),
            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
        }
        return json.dumps(document(statement))

    mailbox.target()
    mailbox.sqs.set_queue_attributes(QueueUrl=mailbox.url, Attributes={"Policy": policy(OTHER)})
    mailbox.send()
    assert "AccessDenied" in mailbox.failure()["ERROR_CODE"]

    mailbox.sqs.set_queue_attributes(QueueUrl=mailbox.url, Attributes={"Policy": policy(ACCOUNT)})
    mailbox.send()
    assert mailbox.take(mailbox.url)


def test_an_event_is_lost_when_the_dead_letter_queue_refuses_too(mailbox: Mailbox) -> None:
    mailbox.sqs.set_queue_attributes(QueueUrl=mailbox.dead_url, Attributes={"Policy": ""})
    mailbox.target()
    mailbox.send()
    mailbox.refused(mailbox.arn(f"{mailbox.name}-dead"))

    # What is sent afterwards arrives.
    let_events_send(mailbox.sqs, mailbox.url, mailbox.arn(mailbox.name), mailbox.rule)
    let_events_send(mailbox.sqs, mailbox.dead_url, mailbox.arn(f"{mailbox.name}-dead"), mailbox.rule)
    mailbox.send(2)
    assert json.loads(mailbox.take(mailbox.url)["Body"])["detail"] == {"n": 2}
    assert mailbox.empty(mailbox.dead_url)


@pytest.mark.parametrize("granted", [(), ("kms:Decrypt",), ("kms:GenerateDataKey",)])
def test_an_encrypted_queue_needs_a_key_that_eventbridge_may_use(mailbox: Mailbox, granted: tuple[str, ...]) -> None:
    key = encrypt(mailbox)
    let_events_send(mailbox.sqs, mailbox.url, mailbox.arn(mailbox.name), mailbox.rule)
    mailbox.target()
    let_use(mailbox, key, *granted)
    mailbox.send()
    failure = mailbox.failure()
    assert "not authorized to perform: kms:" in failure["ERROR_MESSAGE"]

    let_use(mailbox, key, "kms:Decrypt", "kms:GenerateDataKey")
    mailbox.send(2)
    assert json.loads(mailbox.take(mailbox.url)["Body"])["detail"] == {"n": 2}


def encrypt(mailbox: Mailbox) -> str:
    key = str(mailbox.embedded.client("kms").create_key()["KeyMetadata"]["Arn"])
    mailbox.sqs.set_queue_attributes(QueueUrl=mailbox.url, Attributes={"KmsMasterKeyId": key})
    return key


def let_use(mailbox: Mailbox, key: str, *actions: str) -> None:
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
    statements = [root]
    if actions:
        events = {"Service": "events.amazonaws.com"}
        when = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
        statements.append(allow(*actions) | {"Principal": events, "Condition": when})
    mailbox.embedded.client("kms").put_key_policy(
        KeyId=key, PolicyName="default", Policy=json.dumps(document(*statements))
    )


def test_a_topic_needs_a_policy_that_lets_eventbridge_publish(mailbox: Mailbox) -> None:
    sns = mailbox.embedded.client("sns")
    topic = sns.create_topic(Name=mailbox.name)["TopicArn"]
    mailbox.target(topic)
    mailbox.send()
    assert "sns:Publish" in mailbox.failure()["ERROR_MESSAGE"]


def test_a_bus_is_reached_with_the_targets_role_alone(mailbox: Mailbox) -> None:
    bus = mailbox.events.create_event_bus(Name=mailbox.name)["EventBusArn"]
    mailbox.target(bus)
    mailbox.send()
    assert "RoleArn" in mailbox.failure()["ERROR_MESSAGE"]

    iam = mailbox.embedded.client("iam")
    unable = make_role(iam, f"{mailbox.name}-no", "events.amazonaws.com", may=[EVERYTHING, deny("events:PutEvents")])
    mailbox.target(bus, RoleArn=unable)
    mailbox.send()
    assert "not authorized to perform: events:PutEvents" in mailbox.failure()["ERROR_MESSAGE"]


@pytest.mark.parametrize(
    ("service", "condition", "arrives"),
    [
        ("events.amazonaws.com", {}, True),
        ("lambda.amazonaws.com", {}, False),
        ("events.amazonaws.com", {"ArnEquals": {"aws:SourceArn": "arn:aws:events:*:*:rule/another"}}, False),
        ("events.amazonaws.com", {"ArnLike": {"aws:SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/*"}}, True),
    ],
)
def test_a_targets_role_must_trust_eventbridge(
    mailbox: Mailbox, service: str, condition: dict[str, Any], arrives: bool
) -> None:
    role = make_role(mailbox.embedded.client("iam"), mailbox.name, service, **condition)
    mailbox.target(RoleArn=role)
    mailbox.send()
    if arrives:
        assert mailbox.take(mailbox.url)
    else:
        assert "sts:AssumeRole" in mailbox.failure()["ERROR_MESSAGE"]


class Schedules:
    """Schedules that fire at once, each with a role of its own."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self.group = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/default"

    def fire(self, role: str) -> None:
        box = self.mailbox
        target = {
            "Arn": box.arn(box.name),
            "RoleArn": role,
            "Input": '"tick"',
            "DeadLetterConfig": {"Arn": box.arn(f"{box.name}-dead")},
        }
        box.embedded.client("scheduler").create_schedule(
            Name=box.name,
            ScheduleExpression="rate(30 days)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=target,
        )

    def role(self, *but: str, **conditions: Any) -> str:
        iam, name = self.mailbox.embedded.client("iam"), f"{self.mailbox.name}-schedule"
        may = [EVERYTHING, *([deny(*but, on=self.mailbox.arn(self.mailbox.name))] if but else [])]
        return make_role(iam, name, "scheduler.amazonaws.com", may=may, **conditions)


@pytest.fixture
def schedules(mailbox: Mailbox) -> Schedules:
    return Schedules(mailbox)


def test_a_schedule_sends_with_its_role_and_names_its_group(schedules: Schedules) -> None:
    when = {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnLike": {"aws:SourceArn": schedules.group}}
    schedules.fire(schedules.role(**when))
    assert schedules.mailbox.take(schedules.mailbox.url)["Body"] == '"tick"'


def test_a_schedules_role_that_may_not_send_leaves_a_dead_letter(schedules: Schedules) -> None:
    role = schedules.role("sqs:SendMessage")
    schedules.fire(role)
    message = schedules.mailbox.failure()["ERROR_MESSAGE"]
    assert "sqs:SendMessage" in message
    assert role.rsplit("/", 1)[1] in message


def test_a_trust_in_the_schedule_itself_is_of_no_use_for_its_group_is_what_is_sent(schedules: Schedules) -> None:
    itself = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{schedules.mailbox.name}"
    role = schedules.role(ArnLike={"aws:SourceArn": itself})
    schedules.fire(role)

    # The dead letter is sent with the same role: there is none.
    other = Schedules(Mailbox(schedules.mailbox.embedded))
    other.fire(other.role())
    assert other.mailbox.take(other.mailbox.url)
    assert schedules.mailbox.empty(schedules.mailbox.url)
    assert schedules.mailbox.empty(schedules.mailbox.dead_url)
