"""Runs a job's program as a child of its image's fork server and carries its output into CloudWatch Logs."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from millrace.local.cloudwatch_logs import LogStream
from millrace.local.forkserver.client import environments_folder
from millrace.local.sagemaker.jobs.control import Control
from millrace.local.world import World

TAIL_LINES = 400
# A daemon that left the process group may hold the pipe open; its output is not waited for.
DRAIN_SECONDS = 5.0


@dataclass(frozen=True)
class Command:
    argv: list[str]
    env: dict[str, str]
    cwd: Path
    environment: str
    ml: Path
    network: bool = True
    max_seconds: float = 86400.0
    hosts: Mapping[str, str] = field(default_factory=dict)
    peers: str | None = None


@dataclass
class Ended:
    """How the program ended, how long its process lived, and the last lines it printed."""

    code: int = 0
    seconds: float = 0.0
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))


def run(world: World, command: Command, *, log: LogStream, control: Control, on_line: Callable[[str], None]) -> Ended:
    """Run it to its end."""
    ended = Ended()
    reader, writer = os.pipe()
    try:
        child = world.runtimes.get(command.environment).spawn(
            command.argv,
            env=command.env | {"PATH": f"{_programs(command.environment)}:{command.env['PATH']}"},
            cwd=command.cwd,
            stdout=writer,
            stderr=writer,
            network=command.network,
            peers=command.peers,
            hosts=command.hosts,
            ml=command.ml,
        )
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    # The process exists now but has not run a line of its program: what came before is ours, not the program's.
    began = time.perf_counter()

    def pump() -> None:
        for line in lines_of(reader):
            ended.lines.append(line)
            log.write(line)
            on_line(line)

    pumping = world.spawn(pump, name=f"log of {child.pid}")
    control.attach(child, seconds=command.max_seconds)
    code = child.wait()
    ended.seconds = time.perf_counter() - began
    pumping.join(DRAIN_SECONDS)
    ended.code = code if code is not None else -9
    return ended


def _programs(environment: str) -> Path:
    """Where `python` is that a shell script starts: the image's own, with its packages."""
    return environments_folder() / environment / "bin"


def lines_of(descriptor: int) -> Iterator[str]:
    """The lines written to a pipe, until all writers have closed it."""
    with os.fdopen(descriptor, "r", encoding="utf-8", errors="replace", newline="\n") as stream:
        for line in stream:
            yield line.rstrip("\r\n")
