"""AWS's wire protocols on the server side: which operation a request is, its parameters, the answer's bytes.

moto's router, parsers and serialisers do the protocols; the limits of each member (enum, pattern, length,
range), which botocore's own validator leaves out, are checked here as the service would check them.
"""

from __future__ import annotations

import functools
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import ParseError

from botocore.exceptions import UnknownServiceError
from botocore.model import Shape
from botocore.utils import parse_timestamp
from botocore.validate import ParamValidator
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS, RequestParserError
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import SerializationContext, get_serializer_class
from werkzeug.exceptions import MethodNotAllowed, NotFound

from millrace.local.service import ServiceError

# Services of their own in botocore that sign as another one.
RUNTIME_PATHS = {
    "sagemaker": (
        (re.compile(r"^/endpoints/[^/]+/(invocations|async-invocations)"), "sagemaker-runtime"),
        (re.compile(r"^/FeatureGroup/"), "sagemaker-featurestore-runtime"),
        (re.compile(r"^/BatchPutMetrics"), "sagemaker-metrics"),
    ),
    "s3": ((re.compile(r"^/v20180820/"), "s3control"),),
}
SIGNING_NAMES = {
    "eventbridge": "events",
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}
# Matching some of the service's patterns in Python takes for ever on long values.
PATTERN_LENGTH_LIMIT = 1024


class Unreadable(Exception):
    """The body of a request is not what its protocol says."""


@dataclass(frozen=True)
class Operation:
    """A request's operation and its parameters, not yet validated."""

    service: str
    name: str
    model: OperationModel
    protocol: str
    params: dict[str, Any]


def service_of(signing_name: str, path: str) -> str:
    """The botocore service name for a signing name and request path."""
    for pattern, service in RUNTIME_PATHS.get(signing_name, ()):
        if pattern.match(path):
            return service
    return SIGNING_NAMES.get(signing_name, signing_name)


@dataclass(frozen=True)
class Route:
    """The operation that a request is, and what of its parameters the path holds."""

    service: str
    model: OperationModel
    path_params: dict[str, Any]

    @property
    def streams(self) -> bool:
        """Whether the body is one parameter, of any size, that says nothing about the request."""
        return bool(self.model.has_streaming_input)


def route(service: str, request: Request) -> Route | None:
    """Which operation of the service a request is; None when it matches none."""
    try:
        model, path_params = get_service_router(service).match(request)
    except (NotFound, MethodNotAllowed, KeyError, UnknownServiceError):
        return None
    return Route(service, model, path_params)


def parse(route: Route, request: Request, *, body: bool = True) -> Operation:
    """The request's operation with its parameters; without the body when that is only a stream of bytes."""
    model = route.model
    try:
        protocol = determine_request_protocol(model.service_model, request.content_type)
        params = PROTOCOL_PARSERS[protocol](model, timestamp_parser=_moment, map_type=dict).parse(
            {
                "method": request.method,
                "values": request.values if body else request.args,
                "headers": request.headers,
                "body": request.get_data() if body else b"",
                "url_path": request.path,
                "url_params": route.path_params,
            }
        )
    except (RequestParserError, ParseError, ValueError, NotImplementedError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error
    return Operation(route.service, model.name, model, protocol, params or {})


def _moment(value: Any) -> datetime:
    """A moment of a request, with its time zone: without one it is UTC."""
    parsed: datetime = parse_timestamp(value)
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def empty(route: Route) -> Operation:
    """The operation without parameters, for answers to requests that cannot be read."""
    return Operation(route.service, route.model.name, route.model, str(route.model.service_model.protocol), {})


def validate(operation: Operation) -> None:
    """Raise the service's validation error that names every parameter outside its limits."""
    shape = operation.model.input_shape
    if shape is None:
        return
    report = ParamValidator().validate(operation.params, shape)
    found = [report.generate_report()] if report.has_errors() else list(_limits(operation.params, shape, ""))
    if found:
        code = "ValidationError" if operation.protocol == "query" else "ValidationException"
        count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: "
        raise ServiceError(code, count + "; ".join(found))


def _limits(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _limits(value[name], member, f"{path}.{name}".lstrip("."))
    elif shape.type_name == "list":
        yield from _size(len(value), shape, path, "length")
        for index, item in enumerate(value):
            yield from _limits(item, shape.member, f"{path}.{index + 1}.member")
    elif shape.type_name == "map":
        yield from _size(len(value), shape, path, "length")
        for key, item in value.items():
            yield from _limits(item, shape.value, f"{path}.{key}")
    elif shape.type_name == "string":
        yield from _string(value, shape, path)
    elif shape.type_name in ("integer", "long", "float", "double"):
        yield from _size(value, shape, path, "value")


def _string(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        return
    too_long = list(_size(len(value), shape, path, "length", shown=value))
    yield from too_long
    enum = getattr(shape, "enum", None) or shape.metadata.get("enum")
    if enum and value not in enum:
        allowed = ", ".join(enum[:40]) + (", ..." if len(enum) > 40 else "")
        yield _broken(value, path, f"Member must satisfy enum value set: [{allowed}]")
    pattern = shape.metadata.get("pattern")
    if pattern and not too_long and len(value) <= PATTERN_LENGTH_LIMIT:
        compiled = _compiled(pattern)
        if compiled and not compiled.fullmatch(value):
            yield _broken(value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _size(number: float, shape: Shape, path: str, what: str, shown: Any = None) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    shown = number if shown is None else shown
    if low is not None and number < low:
        yield _broken(shown, path, f"Member must have {what} greater than or equal to {low}")
    if high is not None and number > high:
        yield _broken(shown, path, f"Member must have {what} less than or equal to {high}")


def _broken(value: Any, path: str, rule: str) -> str:
    return f"Value '{str(value)[:200]}' at '{path}' failed to satisfy constraint: {rule}"


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """The service's pattern, or None for those that Python's re cannot compile."""
    try:
        return re.compile(pattern)
    except re.error:
        return None


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: status, headers and body."""

    status: int
    headers: dict[str, str]
    body: bytes


def answer(operation: Operation, result: dict[str, Any] | None) -> Answer:
    """The bytes of a successful result, given as plain values in the operation's output shape."""
    given = result or {}
    made = _serialise(operation, given)
    media_type = _member(operation, given, location="header", name="Content-Type")
    headers = made.headers | ({"Content-Type": media_type} if media_type else {})
    return replace(made, status=_member(operation, given, location="statusCode") or made.status, headers=headers)


def _member(operation: Operation, result: dict[str, Any], **where: str) -> Any:
    """What the result gives for the member with this place in the answer: its status (Lambda's Invoke), a header."""
    shape = operation.model.output_shape
    members = shape.members.items() if shape is not None else ()
    found = (name for name, member in members if where.items() <= member.serialization.items())
    return next((result[name] for name in found if name in result), None)


def refusal(operation: Operation, error: ServiceError) -> Answer:
    """The bytes of an error in the operation's protocol."""
    failure = _wire_error(error)
    made = _serialise(operation, failure)
    status = error.status if error.status != 400 else made.status
    return Answer(status, made.headers, made.body)


def _serialise(operation: Operation, result: Any) -> Answer:
    request_id = str(uuid.uuid4())
    serializer = get_serializer_class(operation.service, operation.protocol)(
        operation.model, context=SerializationContext(request_id)
    )
    response = serializer.serialize(result)
    body = response["body"] or b""
    headers = {**response["headers"], "x-amzn-RequestId": request_id}
    return Answer(response["status_code"], headers, body.encode() if isinstance(body, str) else body)


def _wire_error(error: ServiceError) -> Exception:
    made = type(error.code, (Exception,), {})(error.message)
    made.__dict__.update(code=error.code, message=error.message, **error.fields)
    return made
