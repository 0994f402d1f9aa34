"""The metrics that the embedded AWS publishes of its own services, as AWS names them."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.alarm_lab import ACCOUNT, MINUTE, REGION, AlarmLab
from tests.iam_lab import allow, let_events_send, make_role
from tests.sagemaker_lab import EndpointLab

HANDLER = """
import boto3
from botocore.config import Config

def handler(event, context):
    if event.get("fails"):
        raise RuntimeError("as asked")
    if event.get("again"):
        once = Config(retries={"total_max_attempts": 1})
        boto3.client("lambda", config=once).invoke(FunctionName=context.function_name)
    return {}
"""


@pytest.fixture(scope="module")
def server(embedded: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    made = type(embedded)(tmp_path_factory.mktemp("service-metrics"))
    yield made
    made.stop()


@pytest.fixture
def lab(server: Any) -> AlarmLab:
    return AlarmLab(server).early()


def make_queue(lab: AlarmLab, **attributes: str) -> tuple[str, str]:
    name = f"queue-{uuid.uuid4().hex[:8]}"
    return name, lab.server.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def make_function(lab: AlarmLab, name: str) -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handler.py", HANDLER)
    made = lab.server.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="handler.handler",
        Role=make_role(lab.server.client("iam"), name, "lambda.amazonaws.com"),
        Code={"ZipFile": buffer.getvalue()},
    )
    return str(made["FunctionArn"])


def test_a_queue_tells_how_many_messages_wait_and_how_old_the_oldest_is(lab: AlarmLab) -> None:
    sqs = lab.server.client("sqs")
    name, url = make_queue(lab, VisibilityTimeout="300")
    for body in ("one", "two"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    of = {"QueueName": name}
    lab.server.advance(MINUTE)
    lab.published("AWS/SQS", "ApproximateNumberOfMessagesVisible", of, 2)
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    lab.server.advance(MINUTE)
    assert lab.published("AWS/SQS", "NumberOfMessagesSent", of, 2) == 2
    assert lab.published("AWS/SQS", "NumberOfMessagesReceived", of, 1) == 1
    lab.published("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", of, 1)
    assert lab.statistic("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", of) == [2.0, 1.0]
    first, second = lab.statistic("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", of)
    assert 0 < first <= MINUTE < second <= 2 * MINUTE
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert lab.published("AWS/SQS", "NumberOfMessagesDeleted", of, 1) == 1


def test_the_age_of_a_message_passes_while_the_clock_is_moved(lab: AlarmLab) -> None:
    name, url = make_queue(lab)
    alarm = lab.alarm(
        "queue-age",
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": name}],
        Statistic="Maximum",
        Period=300,
        Threshold=900.0,
    )
    lab.server.client("sqs").send_message(QueueUrl=url, MessageBody="waits")
    lab.server.advance(10 * MINUTE)
    lab.server.advance(10 * MINUTE)
    lab.becomes(alarm, "ALARM")
    lab.server.client("sqs").purge_queue(QueueUrl=url)
    lab.server.advance(6 * MINUTE)
    lab.becomes(alarm, "OK")


def test_a_dead_letter_queue_alarms_on_what_it_holds(lab: AlarmLab) -> None:
    sqs = lab.server.client("sqs")
    dead, dead_url = make_queue(lab)
    redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{dead}", "maxReceiveCount": 1}
    _, url = make_queue(lab, VisibilityTimeout="0", RedrivePolicy=json.dumps(redrive))
    alarm = lab.alarm(
        "dead-letters",
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": dead}],
        Statistic="Maximum",
        Threshold=0.0,
    )
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    sqs.receive_message(QueueUrl=url)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    lab.server.advance(MINUTE)
    lab.becomes(alarm, "ALARM")
    assert sum(lab.statistic("AWS/SQS", "NumberOfMessagesSent", "Sum", {"QueueName": dead})) == 0
    sqs.purge_queue(QueueUrl=dead_url)


def test_a_function_counts_its_invocations_errors_and_throttles(lab: AlarmLab) -> None:
    name, lambdas = f"counted-{uuid.uuid4().hex[:8]}", lab.server.client("lambda")
    make_function(lab, name)
    for payload in (b"{}", b'{"fails": true}'):
        lambdas.invoke(FunctionName=name, Payload=payload)
    lambdas.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    refused = lambdas.invoke(FunctionName=name, Payload=b'{"again": true}')
    assert "Rate Exceeded" in json.loads(refused["Payload"].read())["errorMessage"]
    of = {"FunctionName": name}
    sums = {each: sum(lab.statistic("AWS/Lambda", each, "Sum", of)) for each in ("Invocations", "Errors", "Throttles")}
    assert sums == {"Invocations": 3.0, "Errors": 2.0, "Throttles": 1.0}
    assert lab.statistic("AWS/Lambda", "ConcurrentExecutions", "Maximum", of) == [1.0]
    assert sum(lab.statistic("AWS/Lambda", "Duration", "SampleCount", of)) == 3
    assert sum(lab.statistic("AWS/Lambda", "Invocations", "Sum", of | {"Resource": name})) == 3
    assert sum(lab.statistic("AWS/Lambda", "Errors", "Sum", {})) >= 1


def test_a_rule_counts_what_it_matched_and_what_it_could_not_deliver(lab: AlarmLab) -> None:
    events, sqs = lab.server.client("events"), lab.server.client("sqs")
    (good, good_url), (dead, dead_url) = make_queue(lab), make_queue(lab)
    name = f"rule-{uuid.uuid4().hex[:8]}"
    rule = events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))["RuleArn"]
    for queue, url in ((good, good_url), (dead, dead_url)):
        let_events_send(sqs, url, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}", rule)
    gone = f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone"
    arns = {queue: f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}" for queue in (good, dead)}
    events.put_targets(
        Rule=name,
        Targets=[
            {"Id": "good", "Arn": arns[good]},
            {"Id": "bad", "Arn": gone, "DeadLetterConfig": {"Arn": arns[dead]}},
        ],
    )
    events.put_events(Entries=[{"Source": name, "DetailType": "x", "Detail": "{}"}])
    of = {"RuleName": name}
    assert lab.published("AWS/Events", "InvocationsSentToDlq", of, 1) == 1
    assert lab.published("AWS/Events", "Invocations", of, 2) == 2
    assert lab.published("AWS/Events", "FailedInvocations", of, 1) == 1
    assert lab.published("AWS/Events", "MatchedEvents", of, 1) == 1


def test_a_schedule_counts_its_attempts_by_group(lab: AlarmLab) -> None:
    scheduler = lab.server.client("scheduler")
    queue, url = make_queue(lab)
    name, arn = f"group-{uuid.uuid4().hex[:8]}", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"
    may = (allow("sqs:SendMessage", on=arn),)
    role = make_role(lab.server.client("iam"), name, "scheduler.amazonaws.com", may=may)
    scheduler.create_schedule_group(Name=name)
    scheduler.create_schedule(
        Name="soon",
        GroupName=name,
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": role, "Input": "{}"},
    )
    assert lab.server.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    lab.published("AWS/Scheduler", "InvocationAttemptCount", {"ScheduleGroup": name}, 1)
    scheduler.delete_schedule(Name="soon", GroupName=name)


def test_an_endpoint_counts_its_answers_and_how_long_they_took(lab: AlarmLab) -> None:
    served = EndpointLab(lab.server)
    endpoint = served.serve(served.config("measured"))
    served.invoke(endpoint, "1,2", ContentType="text/csv")
    for body in ("refuse", "raise"):
        with pytest.raises(served.runtime.exceptions.ModelError):
            served.invoke(endpoint, body, ContentType="text/csv")
    of = {"EndpointName": endpoint, "VariantName": "AllTraffic"}
    names = ("Invocations", "Invocation4XXErrors", "Invocation5XXErrors", "InvocationModelErrors")
    assert [sum(lab.statistic("AWS/SageMaker", name, "Sum", of)) for name in names] == [3.0, 1.0, 1.0, 2.0]
    assert min(lab.statistic("AWS/SageMaker", "ModelLatency", "Minimum", of)) > 0
