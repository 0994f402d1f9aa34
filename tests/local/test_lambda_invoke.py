"""Functions run in processes of their own, as Lambda would run them, through the real API.

All about one call of a function, which shares the functions made above; queues and asynchronous calls are elsewhere.
"""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.iam_lab import make_role

ACCOUNT, REGION = "111111111111", "ap-northeast-2"
Invoke = Callable[..., dict[str, Any]]


def zipped(code: str, name: str = "handler.py") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, code)
    return buffer.getvalue()


@pytest.fixture
def function(embedded: Any, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Makes a function with a role of its own, named after the test."""
    base = request.node.name.removeprefix("test_")[:50]

    def make(code: str, **settings: Any) -> str:
        name = settings.pop("name", base)
        role = make_role(embedded.client("iam"), name, "lambda.amazonaws.com")
        embedded.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.12",
            Handler=settings.pop("Handler", "handler.handler"),
            Role=role,
            Code={"ZipFile": zipped(code)},
            **settings,
        )
        return name

    return make


@pytest.fixture
def invoke(embedded: Any) -> Invoke:
    def call(name: str, event: Any = None, **settings: Any) -> dict[str, Any]:
        answer = embedded.client("lambda").invoke(
            FunctionName=name, Payload=json.dumps(event).encode(), LogType="Tail", **settings
        )
        body = answer["Payload"].read()
        log = base64.b64decode(answer.get("LogResult", "")).decode()
        return {
            "value": json.loads(body) if body else None,
            "error": answer.get("FunctionError"),
            "log": log,
            "status": answer["StatusCode"],
            "version": answer.get("ExecutedVersion"),
        }

    return call


def test_a_function_answers_and_its_output_is_in_the_log(function: Any, invoke: Invoke) -> None:
    code = """
import logging
logging.getLogger().setLevel(logging.INFO)

def handler(event, context):
    print("printed", event)
    logging.info("logged")
    return {"event": event, "id": context.aws_request_id}
"""
    answer = invoke(function(code), {"a": [1, "ä", None]})

    assert (answer["status"], answer["error"], answer["version"]) == (200, None, "$LATEST")
    assert answer["value"]["event"] == {"a": [1, "ä", None]}
    lines = answer["log"].splitlines()
    request = answer["value"]["id"]
    assert lines[0] == f"START RequestId: {request} Version: $LATEST"
    assert lines[1].startswith("printed {'a'")
    assert lines[2].startswith("[INFO]\t")
    assert lines[2].endswith(f"\t{request}\tlogged")
    assert lines[-2] == f"END RequestId: {request}"
    assert lines[-1].startswith(f"REPORT RequestId: {request}\tDuration: ")


def test_the_log_reaches_cloudwatch_logs(embedded: Any, function: Any, invoke: Invoke) -> None:
    name = function("def handler(event, context):\n    print('kept')\n    return context.log_stream_name")
    stream = invoke(name)["value"]
    # An update ends the worker, which writes out its log.
    embedded.client("lambda").update_function_configuration(FunctionName=name, Description="new")

    events = embedded.client("logs").get_log_events(logGroupName=f"/aws/lambda/{name}", logStreamName=stream)

    assert [event["message"].split(" ")[0].split("\t")[0] for event in events["events"]] == [
        "START",
        "kept",
        "END",
        "REPORT",
    ]


def test_the_environment_and_the_credentials_are_the_functions_own(
    embedded: Any, function: Any, invoke: Invoke
) -> None:
    code = """
import os, boto3

def handler(event, context):
    return {"who": boto3.client("sts").get_caller_identity()["Arn"], "env": dict(os.environ)}
"""
    name = function(code, Environment={"Variables": {"TABLE": "ledger", "AWS_REGION": "us-east-1"}}, MemorySize=256)
    value = invoke(name)["value"]

    assert value["who"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{name}"
    environment = value["env"]
    assert environment["TABLE"] == "ledger"
    assert environment["AWS_REGION"] == REGION
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == name
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["AWS_ENDPOINT_URL"] == embedded.url
    assert environment["_HANDLER"] == "handler.handler"
    assert not [key for key in environment if key.startswith(("MILLRACE", "PYTHON", "VIRTUAL"))]


def test_the_context_tells_what_runs_and_how_long_it_may(function: Any, invoke: Invoke) -> None:
    code = """
def handler(event, context):
    return {
        "arn": context.invoked_function_arn, "left": context.get_remaining_time_in_millis(),
        "memory": context.memory_limit_in_mb, "name": context.function_name, "version": context.function_version,
    }
"""
    name = function(code, Timeout=7)
    value = invoke(name)["value"]

    assert 5000 < value.pop("left") <= 7000
    assert value == {
        "arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
        "memory": "128",
        "name": name,
        "version": "$LATEST",
    }


@pytest.mark.parametrize("module", ["millrace", "moto", "worker", "stacks", "pandas"])
def test_a_function_sees_only_its_own_code_and_the_runtime(module: str, embedded: Any, invoke: Invoke) -> None:
    client, name = embedded.client("lambda"), "isolated"
    code = "import importlib\ndef handler(event, context):\n    importlib.import_module(event)\n"
    try:
        client.get_function(FunctionName=name)
    except client.exceptions.ResourceNotFoundException:
        role = make_role(embedded.client("iam"), name, "lambda.amazonaws.com")
        client.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Handler="handler.handler",
            Role=role,
            Code={"ZipFile": zipped(code)},
        )
    answer = invoke(name, module)

    assert answer["error"] == "Unhandled"
    assert answer["value"]["errorType"] == "ModuleNotFoundError"
    assert answer["value"]["errorMessage"] == f"No module named '{module}'"


def test_an_exception_is_the_answer_with_its_stack(function: Any, invoke: Invoke) -> None:
    name = function("def handler(event, context):\n    return inner()\n\ndef inner():\n    raise KeyError('k')\n")
    answer = invoke(name)

    assert answer["error"] == "Unhandled"
    assert answer["value"]["errorType"] == "KeyError"
    assert answer["value"]["errorMessage"] == "'k'"
    first, second = answer["value"]["stackTrace"]
    assert first.startswith('  File "/var/task/handler.py", line 2, in handler\n    return inner()')
    assert second.startswith('  File "/var/task/handler.py", line 5, in inner')
    assert "[ERROR] KeyError: 'k'" in answer["log"]


@pytest.mark.parametrize(
    ("code", "handler", "error_type", "message"),
    [
        ("import nowhere", "handler.handler", "Runtime.ImportModuleError", "No module named 'nowhere'"),
        ("def handler(", "handler.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'handler'"),
        ("", "handler.missing", "Runtime.HandlerNotFound", "Handler 'missing' missing on module 'handler'"),
        ("1 / 0", "handler.handler", "ZeroDivisionError", "division by zero"),
    ],
)
def test_a_module_that_cannot_be_used_is_reported_by_every_invocation(
    code: str, handler: str, error_type: str, message: str, function: Any, invoke: Invoke
) -> None:
    name = function(code, name=f"init-{error_type.replace('.', '-')}", Handler=handler)

    for _ in range(2):
        answer = invoke(name)
        assert answer["error"] == "Unhandled"
        assert answer["value"]["errorType"] == error_type
        assert message in answer["value"]["errorMessage"]


def test_a_function_that_takes_too_long_is_killed_and_the_next_invocation_works(function: Any, invoke: Invoke) -> None:
    code = "import time\ndef handler(event, context):\n    print('begun')\n    time.sleep(event)\n    return 'done'\n"
    name = function(code, Timeout=1)

    answer = invoke(name, 60)

    assert answer["error"] == "Unhandled"
    assert answer["value"]["errorType"] == "Sandbox.Timedout"
    assert answer["value"]["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert "begun" in answer["log"]
    assert "Task timed out after 1.00 seconds" in answer["log"]
    assert invoke(name, 0)["value"] == "done"


def test_a_function_that_prints_without_end_is_killed_in_time(function: Any, invoke: Invoke) -> None:
    name = function("def handler(event, context):\n    while True:\n        print('x' * 20_000)\n", Timeout=1)

    assert invoke(name)["value"]["errorType"] == "Sandbox.Timedout"


def test_a_process_that_takes_no_event_any_more_is_killed_in_time(function: Any, invoke: Invoke) -> None:
    code = (
        "import os, signal, threading\n"
        "def handler(event, context):\n"
        "    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGSTOP)).start()\n"
        "    return os.getpid()\n"
    )
    name = function(code, Timeout=1)
    stopped = invoke(name)["value"]
    time.sleep(0.5)

    assert invoke(name, "more than a pipe holds" * 10_000)["value"]["errorType"] == "Sandbox.Timedout"
    assert invoke(name)["value"] != stopped


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "Runtime exited with error: signal: killed"),
    ],
)
def test_a_process_that_ends_is_reported(ending: str, reason: str, function: Any, invoke: Invoke) -> None:
    name = function(
        f"import os, signal, sys\ndef handler(event, context):\n    {ending}\n", name=f"ends-{abs(hash(ending))}"
    )
    answer = invoke(name)

    assert answer["error"] == "Unhandled"
    assert answer["value"]["errorType"] == "Runtime.ExitError"
    assert answer["value"]["errorMessage"].endswith(f"Error: {reason}")


def test_what_is_no_json_cannot_be_returned(function: Any, invoke: Invoke) -> None:
    answer = invoke(function("def handler(event, context):\n    return object()\n"))

    assert answer["value"]["errorType"] == "Runtime.MarshalError"
    assert "not JSON serializable" in answer["value"]["errorMessage"]


def test_a_warm_worker_keeps_its_memory_until_code_or_configuration_change(
    embedded: Any, function: Any, invoke: Invoke
) -> None:
    code = """
import os

count = 0

def handler(event, context):
    global count
    count += 1
    return [count, os.environ.get("X")]
"""
    name, client = function(code), embedded.client("lambda")
    assert [invoke(name)["value"] for _ in range(3)] == [[1, None], [2, None], [3, None]]

    client.update_function_configuration(FunctionName=name, Environment={"Variables": {"X": "1"}})
    assert invoke(name)["value"] == [1, "1"]

    client.update_function_code(FunctionName=name, ZipFile=zipped(code.replace("+= 1", "+= 10")))
    assert invoke(name)["value"] == [10, "1"]


def test_several_invocations_at_once_have_a_worker_each(embedded: Any, function: Any, invoke: Invoke) -> None:
    """Each of the three waits for the others: with fewer workers they would time out."""
    from concurrent.futures import ThreadPoolExecutor

    code = """
import pathlib, time

def handler(event, context):
    folder = pathlib.Path(event["folder"])
    (folder / str(event["n"])).touch()
    while len(list(folder.iterdir())) < 3:
        time.sleep(0.01)
    return event["n"]
"""
    name, folder = function(code, Timeout=20), embedded.folder / "together"
    folder.mkdir()
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda n: invoke(name, {"folder": str(folder), "n": n})["value"], range(3)))

    assert answers == [0, 1, 2]


def test_large_events_and_answers_go_through_and_too_large_ones_do_not(
    embedded: Any, function: Any, invoke: Invoke
) -> None:
    name = function("def handler(event, context):\n    return 'x' * event['answer']\n", Timeout=20)

    assert len(invoke(name, {"answer": 5_000_000, "padding": "y" * 5_000_000})["value"]) == 5_000_000
    assert invoke(name, {"answer": 6_300_000})["value"]["errorType"] == "Function.ResponseSizeTooLarge"
    with pytest.raises(ClientError, match="RequestTooLargeException"):
        invoke(name, "y" * 6_300_000)
    with pytest.raises(ClientError, match="RequestTooLargeException"):
        invoke(name, "y" * 1_100_000, InvocationType="Event")


def test_what_lambda_would_not_start_is_refused(embedded: Any, function: Any, invoke: Invoke) -> None:
    client = embedded.client("lambda")
    name = function("def handler(event, context):\n    return 1\n")

    with pytest.raises(client.exceptions.ResourceNotFoundException, match="Function not found"):
        invoke("nobody")
    with pytest.raises(client.exceptions.InvalidRequestContentException, match="json"):
        client.invoke(FunctionName=name, Payload=b"{not json")
    assert client.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204
    assert invoke(name)["value"] == 1

    with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
        client.update_function_configuration(FunctionName=name, Role=f"arn:aws:iam::{ACCOUNT}:role/nobody")
    embedded.client("iam").delete_role_policy(RoleName=name, PolicyName="permissions")
    embedded.client("iam").delete_role(RoleName=name)
    with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
        invoke(name)
    client.update_function_configuration(FunctionName=name, Runtime="nodejs22.x")
    with pytest.raises(ClientError, match="does not run nodejs"):
        invoke(name)


def test_a_function_at_its_reserved_concurrency_is_throttled(embedded: Any, function: Any, invoke: Invoke) -> None:
    code = """
import boto3

def handler(event, context):
    try:
        boto3.client("lambda").invoke(FunctionName=context.function_name)
    except Exception as error:
        return str(error)
"""
    client, name = embedded.client("lambda"), function(code, Timeout=20)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)

    assert "TooManyRequestsException" in invoke(name)["value"]


def test_a_version_runs_the_code_it_was_published_with(embedded: Any, function: Any, invoke: Invoke) -> None:
    client = embedded.client("lambda")
    name = function("def handler(event, context):\n    return 'one'\n")
    version = client.publish_version(FunctionName=name)["Version"]
    client.update_function_code(FunctionName=name, ZipFile=zipped("def handler(event, context):\n    return 'two'\n"))

    assert invoke(name)["value"] == "two"
    answer = invoke(name, Qualifier=version)
    assert (answer["value"], answer["version"]) == ("one", version)
