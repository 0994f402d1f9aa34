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
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millrace.errors import MillraceError

if TYPE_CHECKING:
    from millrace.local.cloudwatch.service import CloudWatch
    from millrace.local.sagemaker.service import SageMaker

HOST = "127.0.0.1"
DEFAULT_PORT = 4580
WANTED_FILES = 8192
# "off" switches the decisions off; for benchmarks/, which measure what deciding costs, and for nothing else.
ENFORCEMENT = "MILLRACE_IAM"
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

        from millrace.local import patches, warm
        from millrace.local.http import Application, RequestHandler
        from millrace.local.world import World

        application = Application()
        self._server = make_server(
            HOST, self._settings.port, application, threaded=True, request_handler=RequestHandler, fd=self._listen()
        )
        self.url = f"http://{HOST}:{self._server.port}"
        self.world = World(url=self.url, folder=self._folder)
        self.world.aws.serve_by(application)
        self.world.spawn(self.world.runtimes.get, warm.FIRST_ENVIRONMENT, name="warm Lambda")
        application.target = self._services()
        self.world.spawn(self._server.serve_forever, name="http")
        self.world.spawn(patches.collect_garbage, self.world.stopping, name="garbage")
        self.world.spawn(self._state.save_periodically, self.world.stopping, name="state")
        for start in self._starts:
            start()
        self._write_address()
        self.world.spawn(warm.warm, self.world, name="warm")

    def _prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        # Profiles, regions and endpoints of the user's own AWS must not reach the clients in here.
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
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
        from millrace.local.autoscaling.service import ApplicationAutoScaling
        from millrace.local.cloudformation.service import CloudFormation
        from millrace.local.cloudwatch.service import CloudWatch
        from millrace.local.events.service import Events
        from millrace.local.events.topics import Topics
        from millrace.local.faults.route import answer as faults
        from millrace.local.gateway import Gateway, InternalRoute
        from millrace.local.iam.audit import AuditLog
        from millrace.local.iam.simulation import PolicySimulator
        from millrace.local.lambdas.service import Lambda
        from millrace.local.objects import ObjectFiles
        from millrace.local.sagemaker.service import SageMaker, SageMakerRuntime
        from millrace.local.service import Service
        from millrace.local.state import Persistent, State

        world = self.world
        events = Events(world)
        world.connect_events(events.publish)
        patches.apply(ObjectFiles(self._folder / "objects"), events, Topics(world), world.clock)
        cloudwatch = CloudWatch(world)
        patches.tell_of_messages(cloudwatch.queues.happened)
        functions = Lambda(world)
        sagemaker = SageMaker(world)
        self._audit = AuditLog(self._folder)
        self._guard(cloudwatch, sagemaker)
        cloudformation = CloudFormation(world)
        runtime = SageMakerRuntime(world, sagemaker)
        scaling = ApplicationAutoScaling(world, sagemaker.endpoints)
        services: list[Service] = [events, functions, sagemaker, runtime, cloudwatch, scaling, cloudformation]
        services.append(PolicySimulator())
        self._audit.start()
        self._starts = [each.start for each in services if hasattr(each, "start")]
        self._stops = [each.stop for each in services if hasattr(each, "stop")]
        stores: dict[str, Persistent] = {"clock": world.clock}
        stores.update(
            {each.name: each.store for each in (events, functions, sagemaker, cloudwatch, scaling, cloudformation)}
        )
        self._state = State(self._folder, stores)
        self._state.load()
        internal: dict[str, InternalRoute] = {
            "audit": self._decisions,
            "clock": self._clock,
            "faults": partial(faults, world.faults),
            "health": self._health,
            "lambda": functions.describe,
            "reset-sessions": self._forget,
        }
        return Gateway(world, services, internal, changed=self._state.touch)

    def _guard(self, cloudwatch: CloudWatch, sagemaker: SageMaker) -> None:
        """From now on IAM decides about each request."""
        from millrace.local.iam.gate import Gate

        def tags(arn: str) -> Mapping[str, str]:
            return (cloudwatch if arn.startswith("arn:aws:cloudwatch:") else sagemaker).tags(arn)

        self.world.iam = gate = Gate(
            self.world.aws,
            self._audit,
            sagemaker.group_policy,
            clock=self.world.clock,
            tags=tags,
            current=sagemaker.package_keys,
            enforcing=os.environ.get(ENFORCEMENT) != "off",
        )
        self.world.on_change("iam", lambda *_: gate.principals.forget())

    def _health(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return {"pid": os.getpid(), "url": self.url, "folder": str(self._folder), "status": "ready"}

    def _clock(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if method == "POST":
            self.world.clock.advance(float(params["advance"]))
        return {"now": self.world.clock.now(), "offset": self.world.clock.offset}

    def _decisions(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return {"decisions": self._audit.read(params)}

    def _forget(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self.world.aws.forget()
        self.world.iam.principals.forget()
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
        self._audit.stop()
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
