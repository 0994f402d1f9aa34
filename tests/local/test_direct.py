"""A request of our own clients must reach the application as it would through the socket."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.serving import make_server

from millrace.local.direct import Direct
from millrace.local.http import RequestHandler

COMPARED = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "RAW_URI", "REQUEST_URI", "CONTENT_LENGTH", "HTTP_HOST")
OF_THE_MOMENT = ("HTTP_AUTHORIZATION", "HTTP_X_AMZ_DATE", "HTTP_AMZ_SDK_INVOCATION_ID", "HTTP_AMZ_SDK_REQUEST")
KEYS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=40).filter(
    lambda key: key.strip("./") not in ("", "broken")
)


class Recorder:
    """An application that remembers the last request and answers S3's shortest answer."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}
        self.body = b""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.seen = dict(environ)
        self.body = environ["wsgi.input"].read()
        if environ["PATH_INFO"].endswith("/broken"):
            raise RuntimeError("dictionary changed size during iteration")
        start_response("200 OK", [("ETag", '"x"'), ("Content-Type", "application/xml")])
        return [b"<answer/>"]


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Recorder, Any, Any]]:
    """The application, a client that reaches it through a socket, and one that does not."""
    recorder = Recorder()
    server = make_server("127.0.0.1", 0, recorder, threaded=True, request_handler=RequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    through, direct = (_s3(f"http://127.0.0.1:{server.port}") for _ in range(2))
    direct.meta.events.register("before-send", Direct(recorder))
    yield recorder, through, direct
    for client in (through, direct):
        client.close()
    server.shutdown()
    server.server_close()


def _s3(url: str) -> Any:
    config = Config(
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.session.Session(
        aws_access_key_id="AKIA0LOC111111111111", aws_secret_access_key="x", region_name="ap-northeast-2"
    ).client("s3", endpoint_url=url, config=config)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=KEYS, body=st.binary(max_size=100))
def test_a_request_looks_the_same_with_and_without_a_socket(
    both: tuple[Recorder, Any, Any], key: str, body: bytes
) -> None:
    recorder, through, direct = both
    metadata = {"plain": "1", "under_score": "2"}

    found = []
    for client in (through, direct):
        client.put_object(Bucket="bucket", Key=key, Body=body, Metadata=metadata)
        found.append((_comparable(recorder.seen), recorder.body))

    assert found[0] == found[1]
    assert found[1][1] == body


def test_a_body_is_streamed_as_from_a_socket(both: tuple[Recorder, Any, Any]) -> None:
    _, through, direct = both

    bodies = [client.get_object(Bucket="bucket", Key="k")["Body"] for client in (through, direct)]

    assert [body.read(3) for body in bodies] == [b"<an", b"<an"]
    assert [body.read() for body in bodies] == [b"swer/>", b"swer/>"]


def test_what_breaks_in_a_service_is_an_error_of_the_service_for_whoever_asked(
    both: tuple[Recorder, Any, Any],
) -> None:
    for client in both[1:]:
        with pytest.raises(ClientError) as error:
            client.get_object(Bucket="bucket", Key="broken")
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500


def _comparable(environ: dict[str, Any]) -> dict[str, Any]:
    headers = {
        name: value
        for name, value in environ.items()
        if name.startswith(("HTTP_", "CONTENT_", "moto.")) and name not in OF_THE_MOMENT
    }
    # Who serves does not matter to who is asked: the names of the two connections do.
    for name in ("HTTP_CONNECTION", "HTTP_ACCEPT_ENCODING"):
        headers.pop(name, None)
    return headers | {name: environ.get(name) for name in COMPARED}
