"""The worker processes of all Lambda functions: a warm one is reused, else a new one starts.

A function has as many workers as it had invocations at the same time; idle ones end after a while.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections import defaultdict

from botocore.exceptions import ClientError

from millrace.errors import MillraceError
from millrace.local.events.timer import Timer
from millrace.local.iam.services import RoleSession
from millrace.local.lambdas import measures
from millrace.local.lambdas.functions import Function, Functions
from millrace.local.lambdas.process import Invocation, Outcome, Worker
from millrace.local.service import ServiceError
from millrace.local.world import World

log = logging.getLogger("millrace.lambda")

PYTHON_RUNTIMES = ("python3.10", "python3.11", "python3.12", "python3.13", "python3.14")
IDLE_SECONDS = 600.0


class Pool:
    """Runs invocations, each on a worker of its own."""

    def __init__(self, world: World, functions: Functions, timer: Timer) -> None:
        self._world = world
        self._functions = functions
        self._timer = timer
        self._lock = threading.Lock()
        self._idle: dict[str, list[Worker]] = defaultdict(list)
        self._busy: dict[str, int] = defaultdict(int)
        self._reaping = False
        self._folder = world.folder / "lambda" / "tmp"
        # What the workers of a server that was killed left behind.
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, function: Function, invocation: Invocation) -> Outcome:
        """Run an invocation; ServiceError when Lambda would not even start the function."""
        if function.runtime not in PYTHON_RUNTIMES:
            raise ServiceError(
                "InvalidRuntimeException",
                f"The embedded AWS does not run {function.runtime} functions ({function.arn}); "
                f"it runs {', '.join(PYTHON_RUNTIMES)}",
                status=502,
            )
        role = self._assume(function)
        self._enter(function)
        worker, alive = None, False
        try:
            worker = self._take(function, role.credentials()["AccessKeyId"]) or self._start_surely(function, role)
            outcome, alive = worker.invoke(invocation)
            return outcome
        finally:
            self._leave(function, worker, alive)

    def retire(self, arn: str | None = None) -> None:
        """End the idle workers of a function and its versions, or of all functions."""
        with self._lock:
            gone = [
                worker
                for known in list(self._idle)
                if arn is None or known == arn or known.startswith(f"{arn}:")
                for worker in self._idle.pop(known)
            ]
        for worker in gone:
            worker.retire()

    def describe(self) -> dict[str, dict[str, int]]:
        """How many workers of each function are at work and how many wait for it."""
        with self._lock:
            arns = sorted({*self._busy, *self._idle})
            return {arn: {"busy": self._busy.get(arn, 0), "idle": len(self._idle.get(arn, ()))} for arn in arns}

    def _assume(self, function: Function) -> RoleSession:
        try:
            return self._functions.assume(function)
        except ClientError as error:
            raise ServiceError(
                "AccessDeniedException",
                f"The role defined for the function cannot be assumed by Lambda: {function.role} "
                f"({error.response['Error'].get('Message', '')})",
                status=403,
            ) from error

    def _enter(self, function: Function) -> None:
        with self._lock:
            if function.reserved is not None and self._busy[function.arn] >= function.reserved:
                raise ServiceError(
                    "TooManyRequestsException",
                    "Rate Exceeded.",
                    status=429,
                    Reason="ReservedFunctionConcurrentInvocationLimitExceeded",
                    Type="User",
                )
            self._busy[function.arn] += 1
            at_once = self._busy[function.arn]
        measures.running(self._world, function, at_once)

    def _leave(self, function: Function, worker: Worker | None, alive: bool) -> None:
        now = self._world.clock.now()
        with self._lock:
            self._busy[function.arn] -= 1
            keep = worker is not None and alive and not self._world.stopping.is_set()
            if worker and keep:
                worker.idle_since = now
                self._idle[function.arn].append(worker)
            plan = keep and not self._reaping
            self._reaping |= plan
        if worker and not keep:
            worker.retire()
        if plan:
            self._timer.at(now + IDLE_SECONDS, self._reap)

    def _take(self, function: Function, access_key: str) -> Worker | None:
        """A warm worker of what the function is now; those of what it was are ended."""
        while True:
            with self._lock:
                idle = self._idle[function.arn]
                worker = idle.pop() if idle else None
            if worker is None or (worker.function == function and worker.access_key == access_key):
                return worker
            worker.retire()

    def _start_surely(self, function: Function, role: RoleSession) -> Worker:
        """Where no process can be started now, AWS's own trouble is told, after which callers try again."""
        try:
            return self._start(function, role)
        except (MillraceError, OSError, RuntimeError) as error:
            log.exception("%s cannot start", function.arn)
            raise ServiceError("ServiceException", f"{function.arn} cannot start: {error}", status=500) from error

    def _start(self, function: Function, role: RoleSession) -> Worker:
        self._folder.mkdir(parents=True, exist_ok=True)
        return Worker(
            self._world,
            function,
            role=role,
            task_root=self._functions.task_root(function),
            folder=self._folder,
        )

    def _reap(self) -> None:
        limit = self._world.clock.now() - IDLE_SECONDS
        with self._lock:
            everything = [worker for idle in self._idle.values() for worker in idle]
            old = [worker for worker in everything if worker.idle_since <= limit]
            for arn, idle in self._idle.items():
                self._idle[arn] = [worker for worker in idle if worker.idle_since > limit]
            young = [worker.idle_since for worker in everything if worker.idle_since > limit]
            self._reaping = bool(young)
        for worker in old:
            worker.retire()
        if young:
            self._timer.at(min(young) + IDLE_SECONDS, self._reap)
