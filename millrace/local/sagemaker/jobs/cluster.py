"""Runs a job's program on all of its instances at once: the job is done when every one has ended well."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from millrace.local.cloudwatch_logs import LogStream
from millrace.local.sagemaker.jobs import process
from millrace.local.sagemaker.jobs.errors import JobError
from millrace.local.sagemaker.jobs.failure import failure_reason
from millrace.local.sagemaker.jobs.hosts import Host
from millrace.local.sagemaker.jobs.job import Job
from millrace.local.sagemaker.jobs.process import Command, Ended

log = logging.getLogger("millrace")


@dataclass(frozen=True)
class Program:
    """What one instance runs, and who reads the lines that it prints."""

    host: Host
    command: Command
    on_line: Callable[[str], None]
    message: Callable[[], str]


@dataclass
class _Fate:
    """What became of the instances; the first that fails decides, the others are ended."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    failed: tuple[Program, Ended] | None = None
    broken: BaseException | None = None


def run(job: Job, programs: Sequence[Program], *, started: Callable[[], None]) -> None:
    """Return when all have ended well; JobError or JobStopped otherwise."""
    streams = [_log_stream(job, program.host) for program in programs]
    fate = _Fate()
    try:
        started()
        others = [
            job.world.spawn(_run_one, job, program, stream, fate, name=f"{job.name} {program.host.name}")
            for program, stream in zip(programs[1:], streams[1:], strict=True)
        ]
        _run_one(job, programs[0], streams[0], fate)
        for thread in others:
            thread.join()
        job.control.finished()
        job.control.check()
        if fate.broken is not None:
            raise fate.broken
        if fate.failed is not None:
            program, ended = fate.failed
            reason = failure_reason(
                ended.code, list(ended.lines), message=program.message(), inside=str(program.host.folder.path)
            )
            raise JobError(program.host.folder.outside(reason))
    finally:
        for stream in streams:
            stream.close()


def _run_one(job: Job, program: Program, stream: LogStream, fate: _Fate) -> None:
    try:
        ended = process.run(job.world, program.command, log=stream, control=job.control, on_line=program.on_line)
    except BaseException as error:  # noqa: BLE001 - raised again by the thread that runs the job
        with fate.lock:
            fate.broken = fate.broken or error
        job.control.kill()
        return
    log.info("job %s: its program ran %.4f s, exit code %d", job.name, ended.seconds, ended.code)
    if ended.code == 0:
        return
    stream.write(f"(the job's folder is kept for a while: {program.host.folder.path})")
    with fate.lock:
        if fate.failed is not None or fate.broken is not None:
            return
        fate.failed = program, ended
    job.control.kill()


def _log_stream(job: Job, host: Host) -> LogStream:
    return LogStream(
        job.world,
        job.client("logs"),
        group=f"/aws/sagemaker/{job.kind.plural}",
        stream=f"{job.name}/{host.name}-{int(job.world.clock.now())}",
    )
