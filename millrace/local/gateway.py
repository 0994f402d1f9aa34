"""The one door of the embedded AWS: every HTTP request is identified here and goes to our service or to moto.

Who calls (account, region, principal) comes from the access key; what is asked (service, operation,
parameters) from the signature's scope and botocore's models. This is the place where a request is decided.
"""

from __future__ import annotations

import gzip
import io
import json
import logging
import re
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import parse_qs, unquote

from moto.core.request import Request

from millrace.local import from_moto, patches, queue_checks, requests, wire
from millrace.local.clients import account_of_root_key, root_access_key
from millrace.local.direct import OWN_KEY
from millrace.local.events import checks as event_checks
from millrace.local.faults.calls import Calls
from millrace.local.iam.needs import Place
from millrace.local.iam.principals import ExpiredError, Identified, UnknownKeyError
from millrace.local.iam.refusals import expired
from millrace.local.s3 import checks as s3_checks
from millrace.local.service import Caller, Handler, Service, ServiceError
from millrace.local.world import World

log = logging.getLogger("millrace.gateway")

INTERNAL = "/_millrace/"
MOTO_API = "/moto-api"
CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request")
SIGV2 = re.compile(r"^AWS ([^:]+):")
READS = ("Get", "List", "Describe", "Head", "Receive", "Batch", "Search", "Lookup", "Query", "Scan")
DEFAULT_REGION = "us-east-1"
FOREIGN_PAGE = "The embedded AWS answers programs on this machine, not the web pages that a browser shows"
UNKNOWN = "is unknown). Use the keys that `millrace env` prints"
TOKEN = (
    "came with the wrong AWS_SESSION_TOKEN, or without its own). The key of a session needs its token, other keys none"
)

# What these services refuse, and moto does not.
CHECKS = {
    "events": event_checks.check,
    "s3": s3_checks.check,
    "scheduler": event_checks.check,
    "sqs": queue_checks.check,
}

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Environ = dict[str, Any]
InternalRoute = Callable[[str, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Incoming:
    """A request on its way: `identified` is None when the caller's session is over."""

    service: str
    access_key: str
    identified: Identified | None
    place: Place
    environ: Environ


class Gateway:
    """A WSGI application in front of our services and of moto's."""

    def __init__(
        self,
        world: World,
        services: Iterable[Service],
        internal: Mapping[str, InternalRoute],
        *,
        changed: Callable[[], None],
    ) -> None:
        self._world = world
        self._changed = changed
        self._calls = Calls(world.faults, world.invocations)
        self._moto = patches.moto_application()
        self._internal = internal
        self._handlers: dict[tuple[str, str], Handler] = {}
        self._complete: set[str] = set()
        self._partial: set[str] = set()
        for service in services:
            (self._complete if service.complete else self._partial).add(service.name)
            self._handlers.update({(service.name, name): each for name, each in service.operations.items()})

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if requests.is_of_a_page(environ):
            return _send(_json(403, {"__type": "AccessDeniedException", "message": FOREIGN_PAGE}), start_response)
        if path.startswith(INTERNAL):
            return self._answer_internal(path.removeprefix(INTERNAL), environ, start_response)
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            self._changed()
        key, region, signing_name = credential_scope(environ)
        if path.startswith(MOTO_API) or (signing_name is None and not anonymous_may_ask(environ)):
            return _send(_no_key(), start_response)
        requests.by_path(environ)
        access_key = key or ""
        try:
            identified = self._world.iam.identify(access_key)
        except UnknownKeyError:
            return _send(_unknown_key(access_key, signing_name), start_response)
        except ExpiredError:
            identified = None
        if identified and not _has_token(environ, identified):
            return _send(_unknown_key(access_key, signing_name, TOKEN), start_response)
        service = wire.service_of(signing_name or "s3", path)
        account = (identified.principal.account if identified else "") or patches.account_of(access_key) or ""
        return self._serve(Incoming(service, access_key, identified, Place(account, region), environ), start_response)

    def _serve(self, incoming: Incoming, start_response: StartResponse) -> Iterable[bytes]:
        """Read, decide and answer a request."""
        environ = incoming.environ
        request = _unpacked(environ) if incoming.service != "s3" else Request(environ)
        route = wire.route(incoming.service, request)
        if route is None:
            return self._serve_unidentified(incoming, start_response)
        # An object's bytes say nothing about the request: only moto reads them.
        whole = incoming.service != "s3" or not route.streams
        if whole and incoming.service == "s3":
            request = _whole(environ)
        try:
            operation = wire.parse(route, request, body=whole)
        except wire.Unreadable as error:
            unreadable = ServiceError("SerializationException", str(error))
            return _send(_refusal(wire.empty(route), unreadable), start_response)
        if whole:
            environ["wsgi.input"].seek(0)
        try:
            caller = self._decide(incoming, operation)
            with self._calls.during(operation, caller, environ.get("HTTP_X_AMZN_TRACE_ID", "")):
                return self._answer(incoming, route, operation, caller, start_response)
        except ServiceError as error:
            return _send(_refusal(operation, error), start_response)

    def _answer(
        self, incoming: Incoming, route: wire.Route, operation: wire.Operation, caller: Caller, start: StartResponse
    ) -> Iterable[bytes]:
        """Our service's answer, or moto's."""
        handler = self._handlers.get((incoming.service, operation.name))
        if handler is not None or incoming.service in self._complete:
            return _send(self._handle(operation, handler, caller), start)
        self._prepare_for_moto(incoming, route, operation)
        with s3_checks.alone(operation) if incoming.service == "s3" else nullcontext():
            return self._moto_served(operation, caller, incoming.environ, start)

    def _decide(self, incoming: Incoming, operation: wire.Operation) -> Caller:
        """Who calls, when the caller may; the service's own refusal otherwise."""
        if incoming.identified is None:
            raise expired(operation)
        requests.check_presigned(incoming.environ, self._now_of(incoming.access_key))
        requests.check_unambiguous(incoming.environ, incoming.service)
        self._world.iam.check(incoming.identified, operation, incoming.place, incoming.environ)
        arn = incoming.identified.principal.arn
        return Caller(incoming.place.account, incoming.place.region, incoming.access_key, arn)

    def _now_of(self, access_key: str) -> float:
        """What time it is for who has the key: a client outside of the embedded AWS has the machine's."""
        return self._world.clock.now() if self._world.aws.gave(access_key) else time.time()

    def _prepare_for_moto(self, incoming: Incoming, route: wire.Route, operation: wire.Operation) -> None:
        """Tell moto what was decided, so that it reads the request in the same way."""
        environ = incoming.environ
        environ.pop("HTTP_X_MOTO_ACCOUNT_ID", None)
        key = incoming.access_key or root_access_key(requests.bucket_account(operation.params))
        requests.sign_for_moto(environ, key, incoming.place.region, route.model.service_model.signing_name)
        environ[patches.OPERATION] = operation.name, route.path_params

    def _serve_unidentified(self, incoming: Incoming, start_response: StartResponse) -> Iterable[bytes]:
        """What no operation of the service matches goes to moto only for those who may do everything."""
        service, identified, environ = incoming.service, incoming.identified, incoming.environ
        if identified is None or not self._world.iam.check_unidentified(identified, service, incoming.place, environ):
            return _send(_refused_unidentified(service, environ), start_response)
        if service in self._complete:
            return _send(_unknown_operation(service, environ), start_response)
        try:
            return from_moto.answer(self._moto, _asked(service, environ), environ, start_response)
        except ServiceError as error:
            return _send(_json(error.status, {"__type": error.code, "message": error.message}), start_response)

    def _handle(self, operation: wire.Operation, handler: Handler | None, caller: Caller) -> wire.Answer:
        try:
            if handler is None:
                raise from_moto.lacking(_name(operation))
            wire.validate(operation)
            return wire.answer(operation, handler(caller, operation.params))
        except ServiceError as error:
            return _refusal(operation, error)
        except Exception as error:
            log.exception("%s:%s failed", operation.service, operation.name)
            broken = ServiceError("InternalFailure", f"{type(error).__name__}: {error}", status=500)
            return _refusal(operation, broken)

    def _moto_served(
        self, operation: wire.Operation, caller: Caller, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Let moto serve the request, then tell those who watch the service when it changed something."""
        from_moto.check(_name(operation))
        if operation.service in CHECKS:
            CHECKS[operation.service](operation, environ)
        if operation.name.startswith(READS) or not self._world.watches(operation.service):
            return from_moto.answer(self._moto, _name(operation), environ, start_response)
        status = ["500"]

        def remember(line: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            status[0] = line
            return start_response(line, headers, *rest)

        result = from_moto.answer(self._moto, _name(operation), environ, remember)
        if status[0].startswith("2"):
            self._world.changed(operation.service, caller, operation.name, operation.params)
        return result

    def _answer_internal(self, name: str, environ: Environ, start_response: StartResponse) -> list[bytes]:
        route = self._internal.get(name)
        if route is None:
            known = ", ".join(sorted(self._internal))
            return _send(_json(404, {"error": f"no route {name}; there are: {known}"}), start_response)
        try:
            params = json.loads(_buffer(environ) or b"{}")
            return _send(_json(200, route(environ["REQUEST_METHOD"], params)), start_response)
        except (ValueError, KeyError, TypeError) as error:
            return _send(_json(400, {"error": str(error)}), start_response)


def credential_scope(environ: Environ) -> tuple[str | None, str, str | None]:
    """Access key, region and signing name of a request, from its header or presigned query."""
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    found = CREDENTIAL.search(authorization)
    if not found and "X-Amz-Credential" in environ.get("QUERY_STRING", ""):
        query = parse_qs(environ["QUERY_STRING"])
        found = CREDENTIAL.search("Credential=" + unquote(query["X-Amz-Credential"][0]))
    if found:
        return found[1], found[3], found[4].lower()
    if old := SIGV2.match(authorization):
        return old[1], DEFAULT_REGION, "s3"
    if "AWSAccessKeyId=" in environ.get("QUERY_STRING", ""):
        return parse_qs(environ["QUERY_STRING"])["AWSAccessKeyId"][0], DEFAULT_REGION, "s3"
    return None, DEFAULT_REGION, None


def anonymous_may_ask(environ: Environ) -> bool:
    """Without credentials there is S3, and taking a role with another identity provider's token."""
    form = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
    return not environ.get("HTTP_X_AMZ_TARGET") and not (form and environ["REQUEST_METHOD"] == "POST")


def _whole(environ: Environ) -> Request:
    """The request with its body in memory."""
    _buffer(environ)
    return Request(environ)


def _unpacked(environ: Environ) -> Request:
    """The whole request; SDKs compress large ones (metrics) and say so. Of an S3 object it would be the content's."""
    if environ.get("HTTP_CONTENT_ENCODING", "").lower() == "gzip":
        body = gzip.decompress(_buffer(environ))
        del environ["HTTP_CONTENT_ENCODING"]
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    return _whole(environ)


def _name(operation: wire.Operation) -> str:
    return f"{operation.service}:{operation.name}"


def _refusal(operation: wire.Operation, error: ServiceError) -> wire.Answer:
    with warnings.catch_warnings():
        # Common AWS error codes are not in the service models; moto warns of each.
        warnings.simplefilter("ignore")
        return wire.refusal(operation, error)


def _buffer(environ: Environ) -> bytes:
    """Read the whole body and leave a fresh reader of it in the environment."""
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        body = environ["wsgi.input"].read()
        environ["CONTENT_LENGTH"] = str(len(body))
    else:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _has_token(environ: Environ, identified: Identified) -> bool:
    """Whether the request carries the token of its session, and none where there is no session."""
    if environ.get(OWN_KEY):
        return True
    given = environ.get("HTTP_X_AMZ_SECURITY_TOKEN", "")
    if not given and "X-Amz-Security-Token=" in environ.get("QUERY_STRING", ""):
        given = parse_qs(environ["QUERY_STRING"])["X-Amz-Security-Token"][0]
    return bool(given == identified.token)


def _unknown_key(access_key: str, signing_name: str | None, why: str = UNKNOWN) -> wire.Answer:
    root = account_of_root_key(access_key)
    message = f"The security token included in the request is invalid ({access_key} {why}."
    if signing_name == "s3" and not root:
        body = f"<Error><Code>InvalidAccessKeyId</Code><Message>{message}</Message></Error>"
        return wire.Answer(403, {"Content-Type": "application/xml"}, body.encode())
    if signing_name in ("sts", "iam", "sns", "cloudformation"):
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code>"
            f"<Message>{message}</Message></Error></ErrorResponse>"
        )
        return wire.Answer(403, {"Content-Type": "text/xml"}, body.encode())
    return _json(403, {"__type": "UnrecognizedClientException", "message": message})


def _no_key() -> wire.Answer:
    return _json(403, {"__type": "MissingAuthenticationTokenException", "message": "Missing Authentication Token"})


def _refused_unidentified(service: str, environ: Environ) -> wire.Answer:
    message = f"Access denied: {environ['REQUEST_METHOD']} {environ.get('PATH_INFO')} is no operation of {service}"
    if service == "s3":
        body = f"<Error><Code>AccessDenied</Code><Message>{escape(message)}</Message></Error>"
        return wire.Answer(403, {"Content-Type": "application/xml"}, body.encode())
    return _json(403, {"__type": "AccessDeniedException", "message": message})


def _unknown_operation(service: str, environ: Environ) -> wire.Answer:
    message = f"The embedded AWS does not have {_asked(service, environ)}"
    return _json(400, {"__type": "UnknownOperationException", "message": message})


def _asked(service: str, environ: Environ) -> str:
    """What a request of no known operation says that it wants: `servicequotas:ListServices`, or method and path."""
    target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    return f"{service}:{target or environ['REQUEST_METHOD'] + ' ' + environ.get('PATH_INFO', '/')}"


def _json(status: int, value: dict[str, Any]) -> wire.Answer:
    return wire.Answer(status, {"Content-Type": "application/json"}, json.dumps(value).encode())


def _send(answer: wire.Answer, start_response: StartResponse) -> list[bytes]:
    headers = {**answer.headers, "Content-Length": str(len(answer.body))}
    start_response(f"{answer.status} {'OK' if answer.status < 400 else 'Error'}", list(headers.items()))
    return [answer.body]
