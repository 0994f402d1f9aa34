"""The model server of one endpoint instance: loads the model's inference code and answers /ping and /invocations.

    python server.py PACKAGES MOST_BYTES        (the listening socket is standard input)

Runs in the image's Python environment. uvicorn comes from PACKAGES, an environment of its own: it is loaded first and
then hidden, with our own modules, so that the model's code finds what the image has and nothing else.

server_toolkit.py       what the image's own server does with user code
server_application.py   the requests
"""

import contextlib
import importlib
import os
import pathlib
import signal
import socket
import sys
from collections.abc import Generator
from types import ModuleType
from typing import Any

BACKLOG = 256
KEEP_ALIVE_SECONDS = 7 * 24 * 3600
"""Who asks keeps its connections; a server that closed one while a request is on its way would lose it."""
SWITCH_SECONDS = 0.0005
"""A thread that computes lets the one that reads requests have its turn after this time."""


def load_server(packages: str, here: str) -> dict[str, ModuleType]:
    """The modules that the server is made of, all that they will ever need; nobody else can import them."""
    before, path = set(sys.modules), list(sys.path)
    sys.path[:0] = [packages, here]
    for name in (
        "server_application",
        "uvicorn.lifespan.off",
        "uvicorn.loops.uvloop",
        "uvicorn.protocols.http.httptools_impl",
    ):
        importlib.import_module(name)
    sys.path[:] = path
    return {
        name: sys.modules[name]
        for name in set(sys.modules) - before
        if (getattr(sys.modules[name], "__file__", None) or "").startswith((packages, here))
    }


def hide(modules: dict[str, ModuleType]) -> None:
    for name in modules:
        del sys.modules[name]
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()


def configured(modules: dict[str, ModuleType], application: Any) -> Any:
    """uvicorn's server, with everything loaded that it looks up by name."""
    uvicorn = modules["uvicorn"]
    config = uvicorn.Config(
        application,
        http=modules["uvicorn.protocols.http.httptools_impl"].HttpToolsProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        interface="asgi3",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    config.load()

    class Server(uvicorn.Server):  # type: ignore[name-defined]
        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None, None, None]:
            """SIGTERM ends the process at once: whoever sends it has seen to the requests."""
            yield

    return Server(config)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    listener = socket.socket(fileno=os.dup(0))
    packages, most_bytes = sys.argv[1], int(sys.argv[2])
    del sys.argv[1:]
    base = pathlib.Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    program = os.environ["SAGEMAKER_PROGRAM"]
    # The script's own folder must not be importable by the model's code.
    here = str(pathlib.Path(__file__).resolve().parent)
    sys.path[:] = [entry for entry in sys.path if entry not in (here, "")]
    modules = load_server(packages, here)
    toolkit = modules["server_toolkit"]
    application: Any = None

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await application(scope, receive, send)

    server = configured(modules, answer)
    loop = modules["uvicorn.loops.uvloop"].uvloop_loop_factory()()
    hide(modules)

    sys.path.insert(0, os.environ["SAGEMAKER_SUBMIT_DIRECTORY"])
    toolkit.provide_toolkit()
    module = importlib.import_module(pathlib.PurePath(program).stem)
    container = toolkit.Container(module, str(base / "model"))
    application = modules["server_application"].Application(container, most_bytes=most_bytes)
    sys.setswitchinterval(SWITCH_SECONDS)
    loop.run_until_complete(server.serve(sockets=[listener]))


if __name__ == "__main__":
    main()
