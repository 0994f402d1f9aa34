"""Where a rollout is played: a fresh embedded AWS with all accounts deployed, and its clock. For rollout.py."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from millrace.cli import accounts, deploy, places, project, screen, server
from millrace.cli.connect import Connection, Options
from millrace.cli.places import Places
from millrace.cli.synth import synth_if_needed
from millrace.errors import MillraceError

STEP_SECONDS = 0.25


@dataclass(frozen=True)
class Stage:
    folder: Path
    server: server.Server
    places: Places

    @classmethod
    @contextmanager
    def fresh(cls, folder: Path, *, keep: bool) -> Iterator[Self]:
        """An embedded AWS of its own, beside the one that may be up; stopped at the end."""
        before = {name: os.environ.get(name) for name in ("MILLRACE_HOME", "MILLRACE_PORT")}
        os.environ |= {"MILLRACE_HOME": str(folder), "MILLRACE_PORT": "0"}
        try:
            _clear(folder)
            running, _ = server.start()
            try:
                yield cls(folder, running, _deploy(running))
            finally:
                if keep:
                    screen.say(f"It stays up: MILLRACE_HOME={project.short(folder)} millrace down stops it.")
                else:
                    server.stop(running)
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value

    @contextmanager
    def moving(self, pace: float) -> Iterator[None]:
        """Its time passes so many times as fast, in small steps, so that whatever is due happens on its way."""
        done = threading.Event()

        def move() -> None:
            while not done.wait(STEP_SECONDS):
                with contextlib.suppress(OSError):  # it is busy: the next step comes anyway
                    server.call(self.server, "/_millrace/clock", {"advance": STEP_SECONDS * (pace - 1)})

        thread = threading.Thread(target=move, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _clear(folder: Path) -> None:
    running = server.find(folder)
    if running:
        server.stop(running)
    if folder.is_dir() and any(folder.iterdir()):
        if not server.is_state(folder):
            raise MillraceError(f"{folder} does not look like the state of an embedded AWS: remove it by hand if it is")
        server.remove_state(folder)


def _deploy(running: server.Server) -> Places:
    screen.heading(f"1. A fresh embedded AWS at {running.url}, and every account in it")
    synth_if_needed(project.ASSEMBLY, embedded=True)
    known = accounts.known()
    if not any(account.stage for account in known):
        raise MillraceError(
            "settings/accounts.toml has no account that waits for a stage: the rollout needs one (prod)"
        )
    for account in known:
        deploy.run(Connection(url=running.url, account=account.id, region=account.region), project.ASSEMBLY)
    return places.find(Options())
