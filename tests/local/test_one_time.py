"""There is one time: functions, jobs, dates of objects and policies follow the clock that can be moved, as on AWS."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import urllib.error
import urllib.request
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.iam_lab import EVERYTHING, allow, make_role
from tests.sagemaker_lab import JobLab, until

DAY = 86400
IDLE = 600
"""Seconds of the clock after which a warm process ends."""
ASK = """
import os, time
from calendar import timegm
from datetime import UTC, datetime
from time import time as imported

def times():
    return {
        "time": time.time(), "time_ns": time.time_ns() / 1e9, "imported": imported(),
        "clock_gettime": time.clock_gettime(time.CLOCK_REALTIME),
        "now": datetime.now().timestamp(), "aware": datetime.now(UTC).timestamp(),
        "today": datetime.today().timestamp(), "utcnow": datetime.utcnow().replace(tzinfo=UTC).timestamp(),
        "gmtime": timegm(time.gmtime()), "localtime": time.mktime(time.localtime()),
        "strftime": timegm(time.strptime(time.strftime("%Y%m%d%H%M%S"), "%Y%m%d%H%M%S")),
        "ctime": timegm(time.strptime(time.ctime())), "asctime": timegm(time.strptime(time.asctime())),
    }

def handler(event, context):
    return {"times": times(), "monotonic": time.monotonic(), "pid": os.getpid()}
"""


class Lab:
    """Functions on one embedded AWS, and a bucket."""

    def __init__(self, embedded: Any) -> None:
        self.embedded = embedded
        self.s3 = embedded.client("s3")
        self.bucket = f"times-{uuid.uuid4().hex[:8]}"
        self.s3.create_bucket(
            Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": self.s3.meta.region_name}
        )

    @property
    def now(self) -> float:
        return float(self.embedded.internal("clock")["now"])

    def function(self, code: str, *, may: dict[str, Any] = EVERYTHING) -> Callable[..., Any]:
        """Make a function; calling it is invoking it with an event."""
        name, packed = f"times-{uuid.uuid4().hex[:8]}", io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("handler.py", code)
        self.embedded.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.12",
            Handler="handler.handler",
            Role=make_role(self.embedded.client("iam"), name, "lambda.amazonaws.com", may=(may,)),
            Code={"ZipFile": packed.getvalue()},
            Timeout=60,
        )

        def invoke(event: Any = None) -> Any:
            answer = self.embedded.client("lambda").invoke(
                FunctionName=name, Payload=json.dumps(event).encode(), LogType="Tail"
            )
            value = json.loads(answer["Payload"].read())
            assert "FunctionError" not in answer, value
            self.log = base64.b64decode(answer["LogResult"]).decode()
            return value

        return invoke

    @contextmanager
    def about_now(self, *, resolution: float = 1.0) -> Iterator[Callable[[float], bool]]:
        """Tells, afterwards, of a time whether it lies within the block; `resolution` is what times are cut to."""
        begun, ended = self.now, 0.0
        yield lambda moment: begun - resolution <= moment <= ended
        ended = self.now


@pytest.fixture(scope="module")
def lab(embedded: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """On a server of its own: days pass there, in which schedules of other tests would fire."""
    server = type(embedded)(tmp_path_factory.mktemp("times"))
    yield Lab(server)
    server.stop()


def test_a_function_sees_the_moved_time_however_it_asks(lab: Lab) -> None:
    invoke = lab.function(ASK)
    lab.embedded.advance(3 * DAY)

    with lab.about_now() as within:
        times = invoke()["times"]

    assert {name: within(moment) for name, moment in times.items()} == dict.fromkeys(times, True)


def test_a_warm_function_sees_a_clock_that_was_moved_since(lab: Lab) -> None:
    invoke = lab.function(ASK)
    before = invoke()

    lab.embedded.advance(IDLE - 100)
    after = invoke()

    assert after["pid"] == before["pid"]
    assert all(after["times"][name] - before["times"][name] >= IDLE - 101 for name in before["times"])
    assert after["monotonic"] - before["monotonic"] < IDLE - 100


def test_a_clock_moved_during_an_invocation_is_seen_by_it_and_takes_none_of_its_time(lab: Lab) -> None:
    invoke = lab.function(
        """
import boto3, time

def handler(event, context):
    begun = time.time()
    boto3.client("s3").put_object(Bucket=event, Key="begun", Body=b"")
    while time.time() < begun + 3600 and context.get_remaining_time_in_millis() > 20_000:
        time.sleep(0.01)
    return {"passed": time.time() - begun, "left": context.get_remaining_time_in_millis()}
"""
    )
    answers: list[dict[str, float]] = []
    running = threading.Thread(target=lambda: answers.append(invoke(lab.bucket)))
    running.start()
    until(lambda: lab.s3.list_objects_v2(Bucket=lab.bucket, Prefix="begun")["KeyCount"], bool)

    lab.embedded.advance(3600)
    running.join()

    [answer] = answers
    assert answer["passed"] >= 3600
    assert 20_000 < answer["left"] <= 60_000
    took = re.search(r"Duration: ([\d.]+) ms", lab.log)
    assert took
    assert 0 < float(took[1]) < 60_000


def test_what_a_function_asks_of_aws_is_signed_with_its_time_and_dated_by_it(lab: Lab) -> None:
    invoke = lab.function(
        """
import boto3

def handler(event, context):
    s3, signed = boto3.client("s3"), []
    s3.meta.events.register("before-send.s3", lambda request, **_: signed.append(request.headers["X-Amz-Date"]))
    s3.put_object(Bucket=event, Key="dated", Body=b"")
    return signed[0].decode() if isinstance(signed[0], bytes) else signed[0]
"""
    )
    lab.embedded.advance(DAY)

    with lab.about_now() as within:
        signed = datetime.strptime(invoke(lab.bucket), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)

    dated = lab.s3.head_object(Bucket=lab.bucket, Key="dated")["LastModified"]
    assert within(signed.timestamp())
    assert within(dated.timestamp())


def test_a_functions_log_lines_tell_the_moved_time(lab: Lab) -> None:
    invoke = lab.function("import logging\n\ndef handler(event, context):\n    logging.error('seen')\n")
    lab.embedded.advance(DAY)

    with lab.about_now() as within:
        invoke()

    told = re.search(r"^\[ERROR\]\t(\S+)\.\d+Z\t\S+\tseen$", lab.log, re.MULTILINE)
    assert told, lab.log
    assert within(datetime.fromisoformat(told[1]).replace(tzinfo=UTC).timestamp())


def test_a_function_finds_no_module_that_aws_would_not_give(lab: Lab) -> None:
    invoke = lab.function(
        """
import importlib.util, sys

def handler(event, context):
    names = ("moved_clock", "surroundings", "server", "worker", "millrace", "time_machine", "freezegun")
    return [name for name in names if name in sys.modules or importlib.util.find_spec(name)]
"""
    )
    assert invoke() == []


def test_utcnow_is_deprecated_where_python_says_so_and_the_warning_is_the_callers(lab: Lab) -> None:
    invoke = lab.function(
        """
import datetime, sys, warnings

def handler(event, context):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        datetime.datetime.utcnow()
    return [sys.version_info >= (3, 12), [each.filename.rsplit("/", 1)[1] for each in caught]]
"""
    )
    deprecated, told = invoke()
    assert told == (["handler.py"] if deprecated else [])


def test_a_job_sees_the_moved_time(lab: Lab) -> None:
    jobs = JobLab(lab.embedded)
    lab.embedded.advance(DAY)
    script = (
        "import datetime, pathlib, sys, time\nimport pandas\n"
        "times = time.time(), datetime.datetime.now().timestamp(), pandas.Timestamp.now().timestamp()\n"
        "pathlib.Path(sys.argv[2], 'times').write_text(' '.join(map(str, times)))\n"
    )

    job = jobs.run(script)

    times = [float(each) for each in jobs.text(f"out/{job['ProcessingJobName']}/times").split()]
    assert len(times) == 3
    for moment in times:
        assert job["ProcessingStartTime"].timestamp() <= moment <= job["ProcessingEndTime"].timestamp()


def test_a_presigned_url_of_a_function_ends_by_the_moved_clock_and_one_from_outside_by_the_machines(lab: Lab) -> None:
    invoke = lab.function(
        """
import boto3

def handler(event, context):
    signed = {"Bucket": event, "Key": "signed"}
    return boto3.client("s3").generate_presigned_url("get_object", Params=signed, ExpiresIn=600)
"""
    )
    lab.s3.put_object(Bucket=lab.bucket, Key="signed", Body=b"content")
    outside = lab.s3.generate_presigned_url("get_object", Params={"Bucket": lab.bucket, "Key": "signed"}, ExpiresIn=600)
    lab.embedded.advance(DAY)
    inside = invoke(lab.bucket)
    assert (status(inside), status(outside)) == (200, 200)

    lab.embedded.advance(601)

    assert (status(inside), status(outside)) == (403, 200)


def test_a_policy_asks_for_the_moved_time(lab: Lab) -> None:
    lab.embedded.advance(DAY)
    ends = datetime.fromtimestamp(lab.now + 3600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    invoke = lab.function(
        """
import boto3

def handler(event, context):
    s3 = boto3.client("s3")
    try:
        return s3.list_objects_v2(Bucket=event)["ResponseMetadata"]["HTTPStatusCode"]
    except s3.exceptions.ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]
""",
        may=allow("s3:ListBucket", DateLessThan={"aws:CurrentTime": ends}),
    )
    assert invoke(lab.bucket) == 200

    lab.embedded.advance(3600)

    assert invoke(lab.bucket) == 403


def test_a_client_with_the_machines_time_goes_on_and_its_session_too(lab: Lab) -> None:
    import boto3

    embedded = lab.embedded
    name = f"times-{uuid.uuid4().hex[:8]}"
    role = embedded.client("iam").create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": "sts:AssumeRole"},
                ],
            }
        ),
    )["Role"]["Arn"]
    keys = embedded.client("sts").assume_role(RoleArn=role, RoleSessionName="outside")["Credentials"]
    session = boto3.session.Session(
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        region_name="ap-northeast-2",
    ).client("sts", endpoint_url=embedded.url)

    embedded.advance(2 * DAY)

    assert session.get_caller_identity()["Arn"].endswith(f"{name}/outside")
    assert lab.s3.list_objects_v2(Bucket=lab.bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_restarted_server_keeps_its_time(embedded_factory: Any) -> None:
    first = embedded_factory()
    first.advance(DAY)
    before = float(first.internal("clock")["now"])
    first.stop()

    second = Lab(embedded_factory(first.folder))

    assert second.function(ASK)()["times"]["time"] >= before


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
