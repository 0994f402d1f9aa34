"""The server around a model's code: what that code sees, and what no request can do to the process."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from millrace.local.serving.instance import SERVER
from tests.server_lab import ModelServer, serving

CODE = """
import importlib.util, json, os, sys, time
from pathlib import Path

FOLDER = Path(__file__).parents[1]
LOADED = sorted(sys.modules)


class Page:
    def __init__(self, headers):
        self.headers = headers

    def __call__(self, environ, start_response):
        start_response("200 OK", self.headers)
        return [b"page"]


def model_fn(folder):
    return sys.argv[1:]


def transform_fn(model, body, content_type, accept):
    word = body if isinstance(body, str) else body.decode("latin-1")
    if word == "loaded":
        return json.dumps([LOADED, sys.path, model, list(os.environ)]), "application/json"
    if word.startswith("find "):
        return json.dumps(importlib.util.find_spec(word[5:]) is not None), "application/json"
    if word == "slow":
        time.sleep(0.5)
    if word in ("compute", "sleep"):
        (FOLDER / "begun").touch()
        while not (FOLDER / "may end").exists():
            time.sleep(0.01) if word == "sleep" else sum(range(100_000))
    if word == "asyncio":
        import asyncio
        return asyncio.run(asyncio.sleep(0, "done")), "text/plain"
    if word == "exit":
        sys.exit(3)
    if word == "memory":
        raise MemoryError
    if word == "nothing":
        return None
    if word == "line break":
        return Page([("X-A", "b\\r\\nX-Evil: 1")])
    if word == "length":
        return Page([("Content-Length", "9999"), ("Transfer-Encoding", "chunked"), ("Connection", "close")])
    return json.dumps([type(body).__name__, len(body), content_type, accept]), "application/json"
"""
MOST_BYTES = 1 << 20


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    (folder / "code").mkdir()
    (folder / "code" / "inference.py").write_text(CODE)
    return folder


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[ModelServer]:
    with serving(model, most_bytes=MOST_BYTES) as found:
        yield found


def test_the_models_code_sees_nothing_of_the_server(server: ModelServer) -> None:
    loaded, path, arguments, variables = json.loads(server.invoke(b"loaded").body)
    hidden = ("uvicorn", "click", "h11", "httptools", "uvloop", "server_application", "server_toolkit")
    assert not [name for name in loaded if name.partition(".")[0] in hidden]
    assert not [entry for entry in path if "model-server" in entry or entry.endswith("/serving")]
    assert arguments == []
    assert not [name for name in variables if "MILLRACE" in name]
    found = {name: json.loads(server.invoke(f"find {name}".encode()).body) for name in (*hidden, "instance", "numpy")}
    assert found == {**dict.fromkeys((*hidden, "instance"), False), "numpy": True}


@contextmanager
def under_way(server: ModelServer, model: Path, word: bytes) -> Iterator[None]:
    """A request that has begun, and does not end inside of the `with`."""
    begun, may_end = model / "begun", model / "may end"
    begun.unlink(missing_ok=True)
    may_end.unlink(missing_ok=True)
    thread = threading.Thread(target=server.invoke, args=(word,))
    thread.start()
    try:
        while not begun.exists():
            time.sleep(0.01)
        yield
        assert thread.is_alive()
    finally:
        may_end.touch()
        thread.join()


@pytest.mark.parametrize("busy", [b"compute", b"sleep"])
def test_a_long_prediction_holds_up_neither_the_ping_nor_another_request(
    server: ModelServer, model: Path, busy: bytes
) -> None:
    with under_way(server, model, busy):
        assert server.request("GET", "/ping").status == 200
        assert server.invoke(b"1", content_type="text/csv").status == 200


def test_code_that_is_quick_is_called_without_a_thread_until_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    named = "import threading\nSHORT_BYTES = 16\n" + CODE.replace(
        "    return json.dumps([type(body)",
        "    return json.dumps(threading.current_thread() is threading.main_thread())"
        ", 'a/b'\n    return json.dumps([type(body)",
    )
    (tmp_path / "code" / "inference.py").write_text(named)
    with serving(tmp_path) as server:
        assert [server.invoke(body).body for body in (b"1", b"1" * 17)] == [b"true", b"false"]
        assert server.invoke(b"slow").status == 200
        with under_way(server, tmp_path, b"sleep"):
            assert server.invoke(b"1").body == b"false"
            assert server.request("GET", "/ping").status == 200


def test_the_models_code_may_use_asyncio(server: ModelServer) -> None:
    assert server.invoke(b"asyncio").body == b"done"


@pytest.mark.parametrize("word", ["exit", "memory", "nothing", "line break"])
def test_whatever_the_code_does_is_a_500_and_the_process_lives(server: ModelServer, word: str) -> None:
    reply = server.invoke(word.encode(), content_type="text/csv")
    assert (reply.status, reply.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert b"Internal Server Error" in reply.body
    assert "x-evil" not in reply.headers
    assert server.lives()


def test_the_length_and_the_connection_are_the_servers_own(server: ModelServer) -> None:
    reply = server.invoke(b"length", content_type="text/csv")
    assert (reply.body, reply.headers["content-length"]) == (b"page", "4")
    assert "transfer-encoding" not in reply.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/ping", 200), ("HEAD", "/ping", 200), ("POST", "/ping", 405), ("GET", "/invocations", 405),
     ("POST", "/else", 404), ("GET", "/", 404), ("PUT", "/invocations", 405)],
)  # fmt: skip
def test_there_are_two_pages(server: ModelServer, method: str, path: str, status: int) -> None:
    assert server.request(method, path).status == status


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00", b"\x00" * 5000, b"GET", b"GET /ping HTTP/9.9\r\n\r\n", b"\r\n" * 1000,
        b"POST /invocations HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Length: ten\r\n\r\n0123456789",
        b"POST /invocations HTTP/1.1\r\nContent-Length: 100\r\n\r\nonly this",
        b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: \xff\xfe\r\nContent-Length: 1\r\n\r\n1",
        b"GET /%zz%00 HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /ping HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
    ],
)  # fmt: skip
def test_bytes_that_are_no_request_do_no_harm(server: ModelServer, raw: bytes) -> None:
    assert not server.send(raw).startswith(b"HTTP/1.1 5")
    assert server.lives()


def test_a_body_in_chunks_is_taken_too(server: ModelServer) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (b"1," * 200, b"2" * 100_000)) + b"0\r\n\r\n"
    head = b"POST /invocations HTTP/1.1\r\nContent-Type: text/csv\r\nConnection: close\r\n"
    reply = server.send(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks, ends=False)
    assert b'["str", 100400, "text/csv", "application/json"]' in reply


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_body_that_is_too_large_is_refused_without_being_held(server: ModelServer) -> None:
    before = server.memory()
    assert server.invoke(bytes(MOST_BYTES)).status == 200
    for _ in range(3):
        assert server.invoke(bytes(100 * MOST_BYTES)).status == 413
    chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    head = b"POST /invocations HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert server.send(head + chunk * 50 + b"0\r\n\r\n").startswith(b"HTTP/1.1 413")
    assert server.memory() - before < 16 * MOST_BYTES
    assert server.lives()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_many_large_bodies_at_once_take_turns(server: ModelServer) -> None:
    before, found = server.memory(), []
    body = bytes(MOST_BYTES)
    threads = [threading.Thread(target=lambda: found.append(server.invoke(body).status)) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 40
    assert server.memory() - before < 40 * MOST_BYTES


def test_the_code_cannot_be_reached_before_the_model_is_there(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text(f"import time; time.sleep(0.5)\n{CODE}")
    with serving(tmp_path) as server:
        assert server.invoke(b"1", content_type="text/csv").status == 200


def test_no_module_beside_the_server_has_a_name_of_the_standard_library() -> None:
    """Run as a script, the server would find it there first."""
    assert not {file.stem for file in SERVER.parent.glob("*.py")} & sys.stdlib_module_names
