"""Runs one Lambda function in its own environment: reads invocations from stdin, answers on stdout.

Started by `process.Worker` as a plain script with the environment of the function; it uses the standard
library only and never imports millrace. One JSON object per line, both ways. What the function prints
goes to stderr, so that it cannot be taken for an answer.
"""

import importlib
import io
import json
import logging
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import BinaryIO

TASK_ROOT = os.environ["LAMBDA_TASK_ROOT"]
SHOWN_TASK_ROOT = "/var/task"
LOG_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)dZ\t%(aws_request_id)s\t%(message)s\n"


class Identity:
    """The Cognito identity of a mobile caller; there is none here."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class Context:
    """The second argument of a handler."""

    def __init__(self, request: dict) -> None:
        self.aws_request_id = request["requestId"]
        self.invoked_function_arn = request["functionArn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = Identity()
        self.client_context = request.get("clientContext")
        self._deadline = time.monotonic() + request["seconds"]

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.monotonic()) * 1000))

    def log(self, message: object) -> None:
        sys.stdout.write(str(message))


class InitError(Exception):
    """The function's module cannot be used; holds the answer that every invocation gets."""

    def __init__(self, error_type: str, message: str, trace: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.trace = list(trace)


class RequestHandler(logging.Handler):
    """Log records carry the request id, as Lambda's own handler writes them."""

    request_id = ""

    def emit(self, record: logging.LogRecord) -> None:
        record.aws_request_id = RequestHandler.request_id
        sys.stdout.write(self.format(record))
        sys.stdout.flush()


class Numbers(json.JSONEncoder):
    """Decimals of DynamoDB become numbers, as in Lambda's runtime."""

    def default(self, value: object) -> object:
        if isinstance(value, Decimal):
            return int(value) if value == value.to_integral_value() else float(value)
        return super().default(value)


def load_handler(name: str) -> Callable[..., object]:
    """The function that `module.function` names, imported from the task root."""
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise InitError(
            "Runtime.MalformedHandlerName",
            f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)",
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise InitError("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        raise InitError("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}") from error
    except Exception as error:
        raise InitError(type(error).__name__, str(error), stack(error)) from error
    try:
        handler: Callable[..., object] = getattr(module, function_name)
    except AttributeError as error:
        missing = f"Handler '{function_name}' missing on module '{module_name}'"
        raise InitError("Runtime.HandlerNotFound", missing) from error
    return handler


def stack(error: BaseException) -> list[str]:
    """The traceback from the function's own first frame on, with the paths Lambda would show."""
    frames = traceback.extract_tb(error.__traceback__)
    while frames and (frames[0].filename == __file__ or "importlib" in frames[0].filename):
        frames.pop(0)
    return [line.replace(TASK_ROOT, SHOWN_TASK_ROOT) for line in traceback.format_list(frames)]


def invoke(handler: Callable[..., object], request: dict) -> dict:
    """The answer to one invocation: {"result": text} or {"error": {...}}."""
    RequestHandler.request_id = request["requestId"]
    os.environ["_X_AMZN_TRACE_ID"] = request["traceId"]
    try:
        result = handler(json.loads(request["event"]), Context(request))
    except Exception as error:  # noqa: BLE001 - whatever the function raises is its answer
        return failed(type(error).__name__, str(error), request, stack(error))
    try:
        return {"result": json.dumps(result, cls=Numbers)}
    except (TypeError, ValueError) as error:
        return failed("Runtime.MarshalError", f"Unable to marshal response: {error}", request, [])


def failed(error_type: str, message: str, request: dict, trace: list[str]) -> dict:
    print_error(error_type, message, trace)
    return {
        "error": {
            "errorMessage": message,
            "errorType": error_type,
            "requestId": request["requestId"],
            "stackTrace": trace,
        }
    }


def print_error(error_type: str, message: str, trace: list[str]) -> None:
    shown = "".join(["Traceback (most recent call last):\n", *trace]) if trace else ""
    sys.stdout.write(f"[ERROR] {error_type}: {message}\n{shown}")
    sys.stdout.flush()


def peak_megabytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024 if sys.platform == "darwin" else 1024)


def take_streams() -> tuple[BinaryIO, BinaryIO]:
    """The pipes of the conversation; afterwards stdin is empty and stdout and stderr are the log."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    # Python's own stdout was made for the pipe of the answers.
    sys.stdout = sys.stderr = io.TextIOWrapper(
        io.FileIO(2, "w", closefd=False), encoding="utf-8", errors="backslashreplace", write_through=True
    )
    return requests, answers


def set_up() -> None:
    time.tzset()
    sys.argv = ["bootstrap"]
    sys.dont_write_bytecode = True
    here = os.path.dirname(os.path.abspath(__file__))
    kept = [entry for entry in sys.path if entry and os.path.abspath(entry) not in (here, TASK_ROOT)]
    sys.path[:] = [TASK_ROOT, *kept]
    handler = RequestHandler()
    formatter = logging.Formatter(LOG_FORMAT, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)


def main() -> None:
    requests, answers = take_streams()

    def answer(value: dict) -> None:
        sys.stdout.flush()
        answers.write(json.dumps(value).encode() + b"\n")
        answers.flush()

    set_up()
    try:
        handler = load_handler(os.environ["_HANDLER"])
    except InitError as error:
        answer(failed(error.error_type, str(error), {"requestId": ""}, error.trace))
        return
    answer({"ready": True})
    for line in requests:
        request = json.loads(line)
        answer({**invoke(handler, request), "peakMegabytes": peak_megabytes()})


if __name__ == "__main__":
    main()
