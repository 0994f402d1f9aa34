"""Processing jobs: S3 inputs to LocalPath, the container's entrypoint, LocalPath outputs to S3 at the end.

Of a job that fails or is stopped the continuous outputs arrive too: on AWS they would have been there before.
"""

from __future__ import annotations

import contextlib
import logging
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from millrace.local.images import environment_of
from millrace.local.sagemaker.jobs.cluster import Program, run
from millrace.local.sagemaker.jobs.errors import REASON_LENGTH, JobError
from millrace.local.sagemaker.jobs.hosts import Host, Hosts
from millrace.local.sagemaker.jobs.job import Job, instance_count
from millrace.local.sagemaker.jobs.process import Command
from millrace.local.sagemaker.jobs.transfer import SHARDED, WHOLE, Shard, Source, files_below

MAX_SECONDS = 86400.0
CONTINUOUS = "Continuous"

log = logging.getLogger("millrace")


class ProcessingWork:
    def __init__(self, job: Job) -> None:
        self.job = job
        network = job.record.get("NetworkConfig") or {}
        job.isolated = bool(network.get("EnableNetworkIsolation"))
        self._outputs = job.record.get("ProcessingOutputConfig") or {}
        job.kms_key = self._outputs.get("KmsKeyId")

    def fetch(self) -> None:
        hosts = self.job.hosts
        for host in hosts.all:
            for entry in self.job.record.get("ProcessingInputs") or ():
                self._fetch_input(host, entry)
            for output in self._outputs.get("Outputs") or ():
                host.folder.local(output["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
            self._write_configuration(host, hosts.names)

    def _fetch_input(self, host: Host, entry: dict[str, Any]) -> None:
        source = entry.get("S3Input")
        if source is None:
            raise JobError(
                f"ClientError: input {entry['InputName']}: the embedded AWS reads S3Input only, not DatasetDefinition"
            )
        for field, allowed in (("S3InputMode", "File"), ("S3CompressionType", "None")):
            if source.get(field, allowed) != allowed:
                raise JobError(
                    f"ClientError: input {entry['InputName']}: {field} {source[field]} is not available in the "
                    f"embedded AWS, only {allowed}"
                )
        if not source.get("LocalPath"):
            raise JobError(f"ClientError: input {entry['InputName']} has no LocalPath")
        folder = host.folder.local(source["LocalPath"])
        sharded = source.get("S3DataDistributionType") == SHARDED
        shard = Shard(host.number, instance_count(self.job.record)) if sharded else WHOLE
        self.job.download(Source(source["S3Uri"], source.get("S3DataType", "S3Prefix")), folder, shard=shard)

    def _write_configuration(self, host: Host, names: list[str]) -> None:
        record = self.job.record
        request = (
            "ProcessingJobArn",
            "ProcessingJobName",
            "ProcessingInputs",
            "ProcessingOutputConfig",
            "ProcessingResources",
            "AppSpecification",
            "Environment",
            "RoleArn",
            "StoppingCondition",
            "NetworkConfig",
        )
        self.job.write_config(host, "config/processingjobconfig.json", {key: record.get(key) for key in request})
        self.job.write_config(host, "config/resourceconfig.json", {"current_host": host.name, "hosts": names})
        (host.folder.ml / "output").mkdir(parents=True, exist_ok=True)

    def execute(self) -> None:
        hosts = self.job.hosts
        programs = [
            Program(host, self._command(host, hosts), lambda _: None, partial(_message, host)) for host in hosts.all
        ]
        run(self.job, programs, started=self._started)

    def _command(self, host: Host, hosts: Hosts) -> Command:
        application = self.job.record["AppSpecification"]
        environment = environment_of(application["ImageUri"])
        argv = [
            *(application.get("ContainerEntrypoint") or ()),
            *(application.get("ContainerArguments") or ()),
        ]
        if not application.get("ContainerEntrypoint"):
            raise JobError("ClientError: ContainerEntrypoint is missing: the image has none of its own for processing")
        limit = (self.job.record.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", MAX_SECONDS)
        return Command(
            argv=[host.folder.inside(part) for part in argv],
            env=self.job.container_environment(host, self.job.record.get("Environment") or {}),
            cwd=host.folder.path,
            environment=environment,
            ml=host.folder.ml,
            network=not self.job.isolated,
            max_seconds=float(limit),
            hosts=hosts.addresses,
            peers=hosts.peers,
        )

    def _started(self) -> None:
        self.job.update(ProcessingStartTime=self.job.world.clock.datetime())

    def deliver(self) -> None:
        files = self._files([output["S3Output"] for output in self._outputs.get("Outputs") or ()])
        self.job.control.check()
        self.job.upload()(files)
        self._end("Completed")

    def _files(self, outputs: list[dict[str, Any]]) -> list[tuple[Path, str]]:
        files = {
            uri: path
            for host in reversed(self.job.hosts.all)
            for output in outputs
            for path, uri in files_below(host.folder.local(output["LocalPath"]), output["S3Uri"])
        }
        return [(path, uri) for uri, path in files.items()]

    def _deliver_continuous(self) -> None:
        """What else went wrong stays the reason, so a failing upload is only told to the log."""
        outputs = [output["S3Output"] for output in self._outputs.get("Outputs") or ()]
        try:
            self.job.upload()(self._files([output for output in outputs if output.get("S3UploadMode") == CONTINUOUS]))
        except (JobError, ClientError, BotoCoreError, OSError) as error:
            log.warning("the continuous outputs of %s did not arrive: %s", self.job.name, error)

    def stopped(self, reason: str) -> None:
        self._deliver_continuous()
        self._end("Stopped", FailureReason=None if reason == "Stopped" else reason)

    def failed(self, reason: str) -> None:
        self._deliver_continuous()
        self._end("Failed", FailureReason=reason)

    def _end(self, status: str, **fields: Any) -> None:
        now = self.job.world.clock.datetime()
        message = next(filter(None, map(_message, self.job.hosts.all)), None)
        self.job.update(ProcessingJobStatus=status, ProcessingEndTime=now, ExitMessage=message, **fields)


def _message(host: Host) -> str:
    """What the program left as its own message."""
    with contextlib.suppress(FileNotFoundError):
        return (host.folder.ml / "output" / "message").read_text("utf-8", "replace")[:REASON_LENGTH]
    return ""
