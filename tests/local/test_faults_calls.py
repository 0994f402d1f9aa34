"""Calls are refused or lose their answer on request, with the code of the service; nobody else notices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.faults_lab import Faults

ACCOUNT, REGION = "111111111111", "ap-northeast-2"


@pytest.fixture
def faults(embedded: Any) -> Iterator[Faults]:
    made = Faults(embedded)
    yield made
    made.stop()


@pytest.fixture
def client(embedded: Any) -> Any:
    """Makes clients that try once, or as often as is said."""

    def make(service: str, attempts: int = 1) -> Any:
        session = boto3.session.Session(f"AKIA0LOC{ACCOUNT}", "x", region_name=REGION)
        config = Config(retries={"total_max_attempts": attempts, "mode": "standard"})
        return session.client(service, endpoint_url=embedded.url, config=config)

    return make


def throttle(what: str, **further: Any) -> dict[str, Any]:
    return {"kind": "throttle", "what": what, "rate": 1, **further}


@pytest.mark.parametrize(
    ("service", "operation", "call", "code", "status"),
    [
        ("cloudformation", "ListStacks", "list_stacks", "Throttling", 400),
        ("dynamodb", "ListTables", "list_tables", "ThrottlingException", 400),
        ("events", "ListRules", "list_rules", "ThrottlingException", 400),
        ("lambda", "ListFunctions", "list_functions", "TooManyRequestsException", 429),
        ("s3", "ListBuckets", "list_buckets", "SlowDown", 503),
        ("sagemaker", "ListPipelines", "list_pipelines", "ThrottlingException", 400),
        ("sns", "ListTopics", "list_topics", "Throttled", 429),
        ("sqs", "ListQueues", "list_queues", "RequestThrottled", 403),
        ("sts", "GetCallerIdentity", "get_caller_identity", "Throttling", 400),
    ],
)
def test_each_service_refuses_with_its_own_code(
    faults: Faults, client: Any, service: str, operation: str, call: str, code: str, status: int
) -> None:
    faults.put(throttle(f"{service}:{operation}"))

    with pytest.raises(ClientError) as refused:
        getattr(client(service), call)()

    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    # The server's own first requests, in another account, may be struck as well.
    assert [each["by"] for each in faults.told()["injected"] if ACCOUNT in each["about"]] == ["root"]


def test_the_code_can_be_chosen(faults: Faults, client: Any) -> None:
    faults.put(throttle("dynamodb:*", code="ProvisionedThroughputExceededException"))
    dynamodb = client("dynamodb")

    with pytest.raises(dynamodb.exceptions.ProvisionedThroughputExceededException):
        dynamodb.list_tables()


def test_a_client_that_tries_again_gets_over_it(faults: Faults, client: Any) -> None:
    faults.put(throttle("sqs:CreateQueue", times=1))

    answer = client("sqs", attempts=2).create_queue(QueueName="made-at-the-second-attempt")

    assert answer["ResponseMetadata"]["RetryAttempts"] == 1


def test_a_refused_call_has_no_effect(faults: Faults, client: Any) -> None:
    faults.put(throttle("sqs:CreateQueue"))
    sqs = client("sqs")

    with pytest.raises(ClientError):
        sqs.create_queue(QueueName="never-made")

    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix="never-made")


def test_a_call_whose_answer_is_lost_has_its_effect(faults: Faults, client: Any) -> None:
    faults.put({"kind": "lose-answer", "what": "sqs:CreateQueue", "rate": 1})
    sqs = client("sqs")

    with pytest.raises(ClientError) as lost:
        sqs.create_queue(QueueName="made-in-secret")

    assert lost.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert len(sqs.list_queues(QueueNamePrefix="made-in-secret")["QueueUrls"]) == 1


def test_uploads_can_be_refused_too(faults: Faults, client: Any) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="slowed-down", CreateBucketConfiguration={"LocationConstraint": REGION})
    faults.put({"kind": "throttle", "what": "s3:PutObject", "nth": 1})

    with pytest.raises(ClientError, match="SlowDown"):
        s3.put_object(Bucket="slowed-down", Key="a", Body=b"x" * 100_000)
    s3.put_object(Bucket="slowed-down", Key="b", Body=b"x")

    assert [each["Key"] for each in s3.list_objects_v2(Bucket="slowed-down")["Contents"]] == ["b"]


def test_only_the_caller_that_is_named_is_refused(faults: Faults, client: Any) -> None:
    faults.put(throttle("sqs:ListQueues", by="millrace-dev-*"))
    client("sqs").list_queues()

    faults.put(throttle("sqs:ListQueues", by="root"))
    with pytest.raises(ClientError):
        client("sqs").list_queues()


def test_a_name_that_no_service_has_is_refused_as_it_would_never_strike(faults: Faults) -> None:
    assert "did you mean PutItem?" in faults.refusal(throttle("dynamodb:put_item"))
    assert "no service 'dynamo'" in faults.refusal(throttle("dynamo:PutItem"))
    assert "write service:Operation" in faults.refusal(throttle("PutItem"))
    assert "kind is 'explode'" in faults.refusal({"kind": "explode"})
    faults.put(throttle("dynamodb:*Item", by="nobody"), throttle("*", by="nobody"))
