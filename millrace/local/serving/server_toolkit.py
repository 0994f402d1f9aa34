"""What the image's own server does with user code (`sagemaker-containers` 2.8.6); used by server.py in its process.

model_fn once, then transform_fn, or input_fn, predict_fn and output_fn, for each request. Standard library only.
"""

import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

Headers = list[tuple[str, str]]
Response = tuple[int, Headers, bytes]

TEXT_TYPES = ("application/json", "text/csv")


class UnsupportedFormatError(Exception):
    """The toolkit's error for a content type that the code cannot read or write."""

    def __init__(self, content_type: str, **_: Any) -> None:
        super().__init__(f"Content type {content_type} is not supported by this framework.")


class ToolkitResponse:
    """The toolkit's `worker.Response`, which user code may answer with."""

    def __init__(
        self,
        response: Any = None,
        accept: str | None = None,
        status: Any = 200,
        headers: Any = None,
        mimetype: str | None = None,
        direct_passthrough: bool = False,
    ) -> None:
        self.body = as_bytes(response or b"")
        self.status_code = status_number(status)
        given = list(dict(headers or {}).items())
        self.headers: Headers = [("Content-Type", with_charset(mimetype or "application/json")), *given]


def provide_toolkit() -> None:
    """What the image's server has loaded by the time it imports the user's code, as far as that code uses it."""
    package = "sagemaker_containers"
    framework = ModuleType(f"{package}.beta.framework")
    parts: dict[str, dict[str, Any]] = {
        "worker": {"Response": ToolkitResponse},
        "errors": {"UnsupportedFormatError": UnsupportedFormatError},
        "content_types": {"JSON": "application/json", "CSV": "text/csv", "ANY": "*/*", "UTF8_TYPES": [*TEXT_TYPES]},
    }
    for name, members in parts.items():
        module = ModuleType(f"{package}._{name}")
        module.__dict__.update(members)
        setattr(framework, name, module)
    beta = ModuleType(f"{package}.beta")
    top = ModuleType(package)
    top.__path__, beta.__path__ = [], []
    top.__dict__["beta"], beta.__dict__["framework"] = beta, framework
    sys.modules.update({package: top, f"{package}.beta": beta, framework.__name__: framework})


class Container:
    """The user's functions and the model they loaded."""

    def __init__(self, module: ModuleType, model_dir: str) -> None:
        names = ("input_fn", "predict_fn", "output_fn")
        parts: dict[str, Any] = {name: getattr(module, name, None) for name in names}
        self.transform_fn = getattr(module, "transform_fn", None)
        if self.transform_fn and any(parts.values()):
            raise ValueError("Cannot use transform_fn implementation with input_fn, predict_fn, and/or output_fn")
        if not self.transform_fn:
            missing = [name for name, function in parts.items() if function is None]
            if missing:
                raise NotImplementedError(
                    f"{module.__name__} defines neither transform_fn nor {', '.join(missing)}: "
                    "the embedded AWS has no default for them"
                )
        self.parts = parts
        self.default_accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "application/json")
        self.short_bytes = int(getattr(module, "SHORT_BYTES", -1))
        self.model = module.model_fn(model_dir)

    def invoke(self, body: bytes, content_type: str | None, accept: str | None) -> Response:
        """Status, headers and body of the answer."""
        content_type = content_type or "application/json"
        accept = self.default_accept if not accept or accept == "*/*" else accept
        content = body.decode("utf-8", "replace") if content_type in TEXT_TYPES else body
        if self.transform_fn:
            result = self.transform_fn(self.model, content, content_type, accept)
        else:
            result = self._by_parts(content, content_type, accept)
        return as_response(result)

    def _by_parts(self, content: str | bytes, content_type: str, accept: str) -> Any:
        try:
            data = self.parts["input_fn"](content, content_type)
        except UnsupportedFormatError as error:
            return unsupported(error, 415)
        prediction = self.parts["predict_fn"](data, self.model)
        try:
            return self.parts["output_fn"](prediction, accept)
        except UnsupportedFormatError as error:
            return unsupported(error, 406)


def unsupported(error: Exception, status: int) -> ToolkitResponse:
    trace = traceback.format_exc()
    body = {"error": type(error).__name__, "error-message": str(error), "stack-trace": trace}
    return ToolkitResponse(json.dumps(body), status=status)


def as_response(result: Any) -> Response:
    """What Flask makes of a view's result, as far as the toolkit's contract goes."""
    if isinstance(result, tuple):
        return 200, [("Content-Type", with_charset(result[1]))], as_bytes(result[0])
    if isinstance(result, ToolkitResponse):
        return result.status_code, result.headers, result.body
    if callable(result):
        return call_wsgi(result)
    if isinstance(result, (dict, list)):
        return 200, [("Content-Type", "application/json")], json.dumps(result).encode()
    if isinstance(result, (str, bytes, bytearray)):
        return 200, [("Content-Type", "text/html; charset=utf-8")], as_bytes(result)
    raise TypeError(f"transform_fn returned a {type(result).__name__}, which is no valid response")


def call_wsgi(application: Callable[..., Iterable[bytes]]) -> Response:
    """A response object of werkzeug is a WSGI application; so may be the user's own."""
    answer: dict[str, Any] = {}
    written: list[bytes] = []

    def start_response(status: str, headers: Headers, _exc_info: Any = None) -> Callable[[bytes], None]:
        answer.update(status=status_number(status), headers=list(headers))
        return written.append

    environ = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/invocations",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    chunks = application(environ, start_response)
    body = b"".join(written) + b"".join(chunks)
    return answer["status"], answer["headers"], body


def status_number(status: Any) -> int:
    """Of 400, HTTPStatus.BAD_REQUEST or "400 BAD REQUEST"."""
    return int(status.split(" ", 1)[0]) if isinstance(status, str) else int(status)


def with_charset(mimetype: str) -> str:
    return f"{mimetype}; charset=utf-8" if mimetype.startswith("text/") and "charset" not in mimetype else mimetype


def as_bytes(body: Any) -> bytes:
    return body.encode("utf-8") if isinstance(body, str) else bytes(body)
