"""Composition root of the embedded AWS: state folder and port in, a running server out.

    python -m millrace.local.server --folder .millrace --port 4580

Started by `millrace up` and by the tests. It binds 127.0.0.1 only: it executes code for whoever can reach it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import signal
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace.errors import MillraceError

HOST = "127.0.0.1"
DEFAULT_PORT = 4580
WANTED_FILES = 8192
ENDINGS = {signal.SIGTERM, signal.SIGINT}

log = logging.getLogger("millrace")


@dataclass(frozen=True)
class Settings:
    """Where the embedded AWS keeps its state and listens (port 0: any free one)."""

    folder: Path
    port: int = DEFAULT_PORT


class EmbeddedAWS:
    """The running server; `start` returns when it answers, `stop` ends it and all its children."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.folder.resolve()
        self.url = ""
        self.stopped = threading.Event()

    def start(self) -> None:
        self._prepare()
        from werkzeug.serving import make_server

        from millrace.local import patches
        from millrace.local.http import Application, RequestHandler
        from millrace.local.warm import warm
        from millrace.local.world import World

        application = Application()
        self._server = make_server(
            HOST, self._settings.port, application, threaded=True, request_handler=RequestHandler, fd=self._listen()
        )
        self.url = f"http://{HOST}:{self._server.port}"
        self.world = World(url=self.url, folder=self._folder)
        application.target = self._services()
        self.world.spawn(self._server.serve_forever, name="http")
        self.world.spawn(patches.collect_garbage, self.world.stopping, name="garbage")
        self.world.spawn(self._state.save_periodically, self.world.stopping, name="state")
        for start in self._starts:
            start()
        self._write_address()
        self.world.spawn(warm, self.world, name="warm")

    def _prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

    def _listen(self) -> int:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, self._settings.port))
        except OSError as error:
            listener.close()
            raise MillraceError(
                f"Port {self._settings.port} of {HOST} is taken ({error.strerror}). "
                "Stop what listens there, or choose another one: MILLRACE_PORT=4581 millrace up."
            ) from error
        listener.listen(256)
        return listener.detach()

    def _services(self) -> Any:
        from millrace.local import patches
        from millrace.local.cloudformation.service import CloudFormation
        from millrace.local.events.service import Events
        from millrace.local.gateway import Gateway
        from millrace.local.lambdas.service import Lambda
        from millrace.local.objects import ObjectFiles
        from millrace.local.sagemaker.service import SageMaker, SageMakerRuntime
        from millrace.local.service import Service
        from millrace.local.state import Persistent, State

        world = self.world
        events = Events(world)
        world.connect_events(events.publish)
        patches.apply(ObjectFiles(self._folder / "objects"), events)
        functions = Lambda(world)
        sagemaker = SageMaker(world)
        cloudformation = CloudFormation(world)
        services: list[Service] = [events, functions, sagemaker, SageMakerRuntime(world, sagemaker), cloudformation]
        self._starts = [each.start for each in services if hasattr(each, "start")]
        self._stops = [each.stop for each in services if hasattr(each, "stop")]
        stores: dict[str, Persistent] = {"clock": world.clock}
        stores.update({each.name: each.store for each in (events, functions, sagemaker, cloudformation)})
        self._state = State(self._folder, stores)
        self._state.load()
        internal = {"health": self._health, "clock": self._clock, "reset-sessions": self._forget}
        return Gateway(world, services, internal, changed=self._state.touch)

    def _health(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return {"pid": os.getpid(), "url": self.url, "folder": str(self._folder), "status": "ready"}

    def _clock(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if method == "POST":
            self.world.clock.advance(float(params["advance"]))
        return {"now": self.world.clock.now(), "offset": self.world.clock.offset}

    def _forget(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self.world.aws.forget()
        return {}

    def _write_address(self) -> None:
        address = {"pid": os.getpid(), "port": self._server.port, "url": self.url, "version": 1}
        unfinished = self._folder / ".server.json"
        unfinished.write_text(json.dumps(address))
        unfinished.replace(self._folder / "server.json")

    def stop(self) -> None:
        if self.stopped.is_set():
            return
        self.stopped.set()
        self.world.stopping.set()
        for stop in self._stops:
            with suppress(Exception):
                stop()
        self._server.shutdown()
        self._server.server_close()
        self._state.save()
        self.world.stop()
        with suppress(OSError):
            (self._folder / "server.json").unlink()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="millrace.local.server")
    parser.add_argument("--folder", type=Path, default=Path(os.environ.get("MILLRACE_HOME", ".millrace")))
    parser.add_argument("--port", type=int, default=int(os.environ.get("MILLRACE_PORT", DEFAULT_PORT)))
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("werkzeug", "botocore", "boto3", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Blocked in every thread and waited for below: a handler can be missed while the main thread falls asleep.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
    server = EmbeddedAWS(Settings(options.folder, options.port))
    try:
        server.start()
    except MillraceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"ready {server.url}", flush=True)
    signal.sigwait(ENDINGS)
    server.stop()
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Daemon threads may hold locks of C libraries; there is nothing left to wait for.
    os._exit(code)
