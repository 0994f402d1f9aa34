"""The instances of one training job, which grow the same trees together through XGBoost's collective.

The first host runs the tracker that brings them together. They meet at a door of the first host, a port that follows
from the job's name, where it tells the others the tracker's port. All of them train, each on its share of the rows.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from zlib import crc32

DOORS = range(15_000, 30_000)
"""Below the ports that systems give to outgoing connections; jobs on one machine need different ones."""
MEETING_SECONDS = 300
SILENCE_SECONDS = 900
POLL_SECONDS = 0.1
SIGNS_OF_A_LOSS = ("collective", "allreduce", "socket", "tracker", "comm.cc", "coll_c_api")


@dataclass(frozen=True)
class Cluster:
    hosts: tuple[str, ...]
    current: str
    job: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Cluster:
        """From SM_HOSTS and SM_CURRENT_HOST; without them there is one instance."""
        current = environment.get("SM_CURRENT_HOST", "localhost")
        hosts = tuple(json.loads(environment.get("SM_HOSTS", json.dumps([current]))))
        if current not in hosts:
            raise ValueError(f"SM_CURRENT_HOST is {current!r}, which is none of SM_HOSTS: {', '.join(hosts)}")
        return cls(hosts, current, environment.get("TRAINING_JOB_NAME", ""))

    @property
    def share(self) -> tuple[int, int]:
        """Which of how many instances this is, counted from 0."""
        return self.hosts.index(self.current), len(self.hosts)

    @property
    def is_first(self) -> bool:
        return self.current == self.hosts[0]

    @contextmanager
    def together(self) -> Iterator[None]:
        """Everything that XGBoost does in here, it does on all instances at once.

        If one of them ends early, the others raise ConnectionError.
        """
        if len(self.hosts) == 1:
            yield
            return
        from xgboost.core import XGBoostError

        try:
            with self._group():
                yield
        except BaseException as error:
            atexit.register(_end_at_once)
            if isinstance(error, XGBoostError) and any(sign in str(error) for sign in SIGNS_OF_A_LOSS):
                raise ConnectionError(
                    f"{self.current} lost another instance of the job; the reason stands in the log of that instance"
                ) from error
            raise

    @contextmanager
    def _group(self) -> Iterator[None]:
        from xgboost import collective

        address, port = self._open_door() if self.is_first else self._knock()
        collective.init(
            dmlc_tracker_uri=address,
            dmlc_tracker_port=port,
            dmlc_task_id=f"{self.share[0]:05}",
            dmlc_timeout=SILENCE_SECONDS,
        )
        yield
        collective.finalize()
        while _trackers:
            _trackers.pop().wait_for(MEETING_SECONDS)

    @property
    def _door(self) -> int:
        return DOORS[crc32(self.job.encode()) % len(DOORS)]

    def _open_door(self) -> tuple[str, int]:
        """Starts the tracker and tells each of the others where it listens."""
        from xgboost.tracker import RabitTracker

        address, others = _address_of(self.hosts[0]), len(self.hosts) - 1
        with socket.create_server((address, self._door)) as door:
            tracker = RabitTracker(len(self.hosts), address, sortby="task", timeout=MEETING_SECONDS)
            tracker.start()
            _trackers.append(tracker)
            port = int(tracker.worker_args()["dmlc_tracker_port"])
            for met in range(others):
                door.settimeout(MEETING_SECONDS)
                try:
                    visitor, _ = door.accept()
                except TimeoutError:
                    raise ConnectionError(
                        f"{met} of {others} other instances came to {address}:{self._door} in {MEETING_SECONDS} s; "
                        "the reason stands in the logs of those that did not"
                    ) from None
                with visitor:
                    visitor.sendall(str(port).encode())
        return address, port

    def _knock(self) -> tuple[str, int]:
        """Asks the first host where the tracker listens."""
        address, until = _address_of(self.hosts[0]), time.monotonic() + MEETING_SECONDS
        while True:
            try:
                with socket.create_connection((address, self._door), timeout=5) as line:
                    line.settimeout(MEETING_SECONDS)
                    with line.makefile() as answer:
                        return address, int(answer.read())
            except (OSError, ValueError) as error:
                if time.monotonic() > until:
                    raise ConnectionError(
                        f"the first instance did not answer at {address}:{self._door} in {MEETING_SECONDS} s "
                        f"({error}); the reason stands in its log"
                    ) from error
                time.sleep(POLL_SECONDS)


_trackers: list[Any] = []
"""One that is forgotten ends, and the job with it."""


def _end_at_once() -> None:
    """After a failure XGBoost's own end would wait for the other instances, or crash."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def _address_of(host: str) -> str:
    """A host may be known to the others only some seconds after it has started."""
    until = time.monotonic() + MEETING_SECONDS
    while True:
        try:
            return socket.gethostbyname(host)
        except OSError as error:
            if time.monotonic() > until:
                raise ConnectionError(f"no address for the host {host} in {MEETING_SECONDS} s: {error}") from error
            time.sleep(POLL_SECONDS)
