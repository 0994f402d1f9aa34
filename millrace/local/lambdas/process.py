"""One worker process of a Lambda function, and the conversation with it.

The process runs `worker.py`; requests and answers are lines of JSON on two pipes, a third carries its output.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace.local.cloudwatch_logs import LogStream
from millrace.local.faults.invocations import Running, new_trace_id
from millrace.local.iam.services import RoleSession
from millrace.local.lambdas.environment import worker_environment
from millrace.local.lambdas.functions import Function
from millrace.local.lambdas.transcript import Transcript
from millrace.local.world import World

SCRIPT = Path(__file__).with_name("worker.py")
ENVIRONMENT = "lambda-python"
INIT_SECONDS = 10.0
END_SECONDS = 5.0
MOST_RESPONSE_BYTES = 6291556
CHUNK = PIPE_BYTES = 1 << 16
SIGNALS = {6: "aborted", 9: "killed", 11: "segmentation fault", 15: "terminated"}


@dataclass(frozen=True)
class Invocation:
    """One call of a function: its event as JSON text."""

    request_id: str
    event: str
    invoked_arn: str
    client_context: dict[str, Any] | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of an invocation: the payload, whether it is an error, the tail of the log and how long it took."""

    payload: bytes
    failed: bool
    tail: bytes
    seconds: float = 0.0


class Ended(Exception):
    """The process ended before it answered."""


class TimedOut(Exception):
    """The process did not answer in time."""


class Worker:
    """A process that holds one function's code and runs one invocation at a time."""

    def __init__(
        self,
        world: World,
        function: Function,
        *,
        role: RoleSession,
        task_root: Path,
        folder: Path,
    ) -> None:
        credentials = role.credentials()
        self.function = function
        self.access_key = credentials["AccessKeyId"]
        self.idle_since = 0.0
        self._world = world
        self._started = time.perf_counter()
        stream = f"{world.clock.datetime():%Y/%m/%d}/[{function.version}]{uuid.uuid4().hex}"
        self._log = LogStream(world, role.client("logs"), group=function.log_group, stream=stream)
        self._folder = Path(tempfile.mkdtemp(prefix=f"{function.name[:32]}-", dir=folder))
        environment = worker_environment(
            function,
            url=world.url,
            credentials=credentials,
            task_root=task_root,
            tmp=self._folder,
            stream=stream,
        )
        try:
            self._spawn(task_root, environment)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._pending = b""
        self._ready = False

    def _spawn(self, task_root: Path, environment: dict[str, str]) -> None:
        requests, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        self._output, output = os.pipe()
        try:
            self._child = self._world.runtimes.get(ENVIRONMENT).spawn(
                ["python", str(SCRIPT)],
                env=environment,
                cwd=task_root,
                stdin=requests,
                stdout=answers,
                stderr=output,
            )
        except BaseException:
            self._close()
            raise
        finally:
            for fd in (requests, answers, output):
                os.close(fd)
        os.set_blocking(self._requests, False)
        os.set_blocking(self._output, False)
        self._writable = select.poll()
        self._writable.register(self._requests, select.POLLOUT)
        self._poll = select.poll()
        self._poll.register(self._answers, select.POLLIN)
        self._poll.register(self._output, select.POLLIN)

    def invoke(self, invocation: Invocation) -> tuple[Outcome, bool]:
        """Run one invocation; also tells whether the worker can take another one."""
        transcript = Transcript(self._log)
        transcript.line(f"START RequestId: {invocation.request_id} Version: {self.function.version}")
        started, init, alive = time.perf_counter(), 0.0, False
        answer: dict[str, Any] = {"peakMegabytes": 0}
        try:
            if not self._ready:
                answer |= self._initialise(transcript)
                started, init = time.perf_counter(), time.perf_counter() - self._started
            if self._ready:
                answer |= self._ask(invocation, transcript)
                alive = True
        except TimedOut:
            answer["error"] = self._time_out(invocation, transcript)
        except Ended:
            answer["error"] = self._exit(invocation, transcript)
        payload, failed = _payload(answer)
        seconds = time.perf_counter() - started
        transcript.report(
            invocation.request_id,
            seconds=seconds,
            init=init,
            memory=self.function.memory,
            peak=int(answer["peakMegabytes"]),
        )
        return Outcome(payload, failed, transcript.tail(), seconds), alive

    def retire(self) -> None:
        """End the process and remove its files; its log is complete afterwards."""
        self._child.kill()
        self._child.wait(END_SECONDS)
        self._close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._log.close()

    def _close(self) -> None:
        for fd in (self._requests, self._answers, self._output):
            os.close(fd)

    def _initialise(self, transcript: Transcript) -> dict[str, Any]:
        answer = self._read(transcript, INIT_SECONDS + self.function.timeout)
        self._ready = "error" not in answer
        return answer

    def _ask(self, invocation: Invocation, transcript: Transcript) -> dict[str, Any]:
        trace_id = new_trace_id(self._world.clock.now())
        running = Running(self.function.name, invocation.request_id, self._child.kill)
        with self._world.invocations.running(trace_id, running):
            return self._answer(invocation, trace_id, transcript)

    def _answer(self, invocation: Invocation, trace_id: str, transcript: Transcript) -> dict[str, Any]:
        request = {
            "requestId": invocation.request_id,
            "event": invocation.event,
            "functionArn": invocation.invoked_arn,
            "clientContext": invocation.client_context,
            "traceId": trace_id,
            "seconds": self.function.timeout,
        }
        deadline = time.monotonic() + self.function.timeout
        self._write(memoryview(json.dumps(request).encode() + b"\n"), deadline)
        return self._read(transcript, deadline - time.monotonic())

    def _write(self, data: memoryview, deadline: float) -> None:
        """A process that reads nothing, for one that stopped itself, has its time and no more."""
        while data:
            if not self._writable.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise TimedOut
            try:
                data = data[os.write(self._requests, data) :]
            except BrokenPipeError as error:
                raise Ended from error

    def _read(self, transcript: Transcript, seconds: float) -> dict[str, Any]:
        """The next answer; meanwhile the output goes to the log, all of what came before the answer."""
        deadline, parts = time.monotonic() + seconds, [self._pending]
        while True:
            ready = self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
            if not ready:
                raise TimedOut
            if any(fd == self._answers for fd, _ in ready):
                chunk = os.read(self._answers, CHUNK)
                parts.append(chunk)
                self._drain(transcript)
                if not chunk:
                    raise Ended
                if b"\n" in chunk:
                    line, _, self._pending = b"".join(parts).partition(b"\n")
                    return dict(json.loads(line))
            self._drain(transcript)

    def _drain(self, transcript: Transcript) -> None:
        """All that is in the pipe; a process that prints without end may not keep us from looking at the time."""
        taken = 0
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._output, CHUNK):
                transcript.feed(chunk)
                taken += len(chunk)
                if taken > PIPE_BYTES:
                    return
            # The other end is closed: polling it further would only spin.
            with contextlib.suppress(KeyError):
                self._poll.unregister(self._output)

    def _time_out(self, invocation: Invocation, transcript: Transcript) -> dict[str, str]:
        self._child.kill()
        self._drain(transcript)
        transcript.finish()
        happened = f"Task timed out after {self.function.timeout:.2f} seconds"
        now = f"{self._world.clock.datetime():%Y-%m-%dT%H:%M:%S.%f}"[:-3]
        transcript.line(f"{now}Z {invocation.request_id} {happened}")
        message = f"RequestId: {invocation.request_id} Error: {happened}"
        return {"errorType": "Sandbox.Timedout", "errorMessage": message}

    def _exit(self, invocation: Invocation, transcript: Transcript) -> dict[str, str]:
        message = f"RequestId: {invocation.request_id} Error: {exit_reason(self._child.wait(END_SECONDS))}"
        transcript.finish()
        transcript.line(message)
        return {"errorType": "Runtime.ExitError", "errorMessage": message}


def exit_reason(code: int | None) -> str:
    """How Lambda words the end of a runtime process."""
    if not code:
        return "Runtime exited without providing a reason"
    if code < 0:
        return f"Runtime exited with error: signal: {SIGNALS.get(-code, -code)}"
    return f"Runtime exited with error: exit status {code}"


def _payload(answer: dict[str, Any]) -> tuple[bytes, bool]:
    """The response's payload and whether it is an error."""
    if "error" in answer:
        return json.dumps(answer["error"]).encode(), True
    payload = str(answer["result"]).encode()
    if len(payload) <= MOST_RESPONSE_BYTES:
        return payload, False
    message = f"Response payload size exceeded maximum allowed payload size ({MOST_RESPONSE_BYTES} bytes)."
    return json.dumps({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}).encode(), True
