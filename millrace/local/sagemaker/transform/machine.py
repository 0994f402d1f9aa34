"""One instance of a transform job: the model's server, and the input files that are sent through it one by one."""

from __future__ import annotations

import gzip
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from millrace.local.cloudwatch_logs import LogStream
from millrace.local.sagemaker.jobs.errors import JobError
from millrace.local.sagemaker.jobs.failure import exception_of, last_line
from millrace.local.sagemaker.jobs.hosts import Host
from millrace.local.sagemaker.jobs.job import Job
from millrace.local.sagemaker.jobs.transfer import fetch
from millrace.local.sagemaker.transform.errors import ALGORITHM, CLIENT, FileFailed
from millrace.local.sagemaker.transform.records import SPLITS, batches
from millrace.local.sagemaker.transform.request import Transform
from millrace.local.serving import container
from millrace.local.serving.instance import TRANSFORM_BYTES, Gone, Instance
from millrace.local.serving.plan import VariantPlan

Object = tuple[str, str, str]


class Machine:
    """`failed` is the kind of the first fault that a file had; the files of `done` are ready to be uploaded."""

    def __init__(self, job: Job, host: Host, plan: VariantPlan, transform: Transform) -> None:
        self._job = job
        self._host = host
        self._plan = plan
        self._transform = transform
        self._instance = f"{job.name}/i-{uuid.uuid4().hex[:17]}"
        self.failed: str | None = None
        self.done: list[tuple[Path, str]] = []

    def _stream(self, name: str) -> LogStream:
        group = f"/aws/sagemaker/{self._job.kind.plural}"
        return LogStream(self._job.world, self._job.client("logs"), group=group, stream=name)

    def fetch(self) -> None:
        """The model's data, as an endpoint gets it."""
        s3, check = self._job.client("s3"), self._job.control.check
        container.fetch_model(s3, self._plan, self._host.folder, check=check)

    def run(self, objects: list[Object]) -> None:
        """Send the objects through the model; what fails is remembered and told in the data log."""
        transform, server = self._transform, self._start()
        data_log = self._stream(f"{self._instance}/data-log")
        try:
            data_log.write(
                f"[sagemaker logs]: MaxConcurrentTransforms={transform.concurrent}, "
                f"MaxPayloadInMB={transform.megabytes}, BatchStrategy={transform.strategy}"
            )
            for each in objects:
                self._job.control.check()
                try:
                    self._file(server, each)
                except FileFailed as error:
                    self._job.control.check()
                    self.failed = self.failed or error.kind
                    for line in str(error).splitlines():
                        data_log.write(f"[sagemaker logs]: {each[0]}/{each[1]}: {line}")
        finally:
            server.stop()
            data_log.close()

    def _start(self) -> Instance:
        server = Instance(
            self._job.world,
            environment=container.environment_of_image(self._plan),
            env=container.variables(self._job.world, self._plan, self._host.folder, self._job.rights.role),
            cwd=self._host.folder.path,
            ml=self._host.folder.ml,
            network=not self._plan.isolated,
            log=self._stream(self._instance),
            most_bytes=TRANSFORM_BYTES if self._transform.most_bytes else 0,
        )
        self._job.control.attach(server.child, seconds=None)
        if server.ready(self._plan.startup_seconds):
            return server
        server.child.kill()
        server.wait()
        self._job.control.check()
        lines = list(server.lines)
        said = exception_of(lines, inside=str(self._host.folder.path)) or last_line(lines)
        raise JobError(
            "AlgorithmError: The model's container did not respond to /ping with status 200. "
            + self._host.folder.outside(said)
        )

    def _file(self, server: Instance, each: Object) -> None:
        bucket, key, relative = each
        here, there = self._host.folder.tmp / "in" / relative, self._host.folder.tmp / "out" / f"{relative}.out"
        for path in (here, there):
            path.parent.mkdir(parents=True, exist_ok=True)
        fetch(self._job.client("s3"), bucket, key, here)
        try:
            with (gzip.open if self._transform.gzip else open)(here, "rb") as stream, there.open("wb") as out:
                for answer in self._answers(server, stream):  # type: ignore[arg-type]
                    out.write(answer)
                    if self._transform.assemble and answer and not answer.endswith(b"\n"):
                        out.write(b"\n")
        except (gzip.BadGzipFile, EOFError) as error:
            raise FileFailed(CLIENT, f"the file cannot be decompressed: {error}") from error
        finally:
            here.unlink()
        self.done.append((there, f"{self._transform.output}/{relative}.out"))

    def _answers(self, server: Instance, stream: BinaryIO) -> Iterator[bytes]:
        """The output of each request in the order of the records, a few requests at a time."""
        transform, waiting = self._transform, deque[Future[bytes]]()
        records = SPLITS[transform.split](stream)
        requests = batches(records, most_bytes=transform.most_bytes, single=transform.single)
        with ThreadPoolExecutor(transform.concurrent) as pool:
            for batch in requests:
                self._job.control.check()
                waiting.append(pool.submit(self._request, server, batch))
                if len(waiting) >= transform.concurrent:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _request(self, server: Instance, batch: list[bytes]) -> bytes:
        processing = self._transform.processing
        body = b"".join(processing.for_model(record) for record in batch)
        return processing.results(batch, self._invoke(server, body))

    def _invoke(self, server: Instance, body: bytes) -> bytes:
        for attempt in range(self._transform.retries + 1):
            last = attempt == self._transform.retries
            try:
                answer = server.invoke(body, dict(self._transform.headers), seconds=self._transform.timeout)
            except Gone as error:
                raise FileFailed(ALGORITHM, "Unable to get response from algorithm") from error
            except TimeoutError as error:
                if last:
                    raise FileFailed(ALGORITHM, "Model server did not respond to /invocations in time") from error
                continue
            if 200 <= answer.status < 300:
                return answer.body
            if last or answer.status < 500:
                kind = CLIENT if answer.status < 500 else ALGORITHM
                said = answer.body.decode("utf-8", "replace")
                raise FileFailed(kind, f"{kind}: {answer.status}\n \nMessage:\n{said}")
        raise AssertionError("there is always a last attempt")
