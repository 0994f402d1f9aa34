"""Processing jobs: S3 inputs to LocalPath, the container's entrypoint, LocalPath outputs to S3 at the end."""

from __future__ import annotations

import contextlib
from typing import Any

from millrace.local.images import environment_of
from millrace.local.sagemaker.jobs.errors import REASON_LENGTH, JobError
from millrace.local.sagemaker.jobs.job import Job
from millrace.local.sagemaker.jobs.process import Command, Ended
from millrace.local.sagemaker.jobs.transfer import Source, files_below

MAX_SECONDS = 86400.0


class ProcessingWork:
    def __init__(self, job: Job) -> None:
        self.job = job
        network = job.record.get("NetworkConfig") or {}
        job.isolated = bool(network.get("EnableNetworkIsolation"))
        self._outputs = job.record.get("ProcessingOutputConfig") or {}
        job.kms_key = self._outputs.get("KmsKeyId")

    def fetch(self) -> None:
        for entry in self.job.record.get("ProcessingInputs") or ():
            self._fetch_input(entry)
        for output in self._outputs.get("Outputs") or ():
            self.job.folder.local(output["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
        self._write_configuration()

    def _fetch_input(self, entry: dict[str, Any]) -> None:
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
        folder = self.job.folder.local(source["LocalPath"])
        self.job.download(Source(source["S3Uri"], source.get("S3DataType", "S3Prefix")), folder)

    def _write_configuration(self) -> None:
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
        self.job.write_config("config/processingjobconfig.json", {key: record.get(key) for key in request})
        self.job.write_config("config/resourceconfig.json", {"current_host": "algo-1", "hosts": ["algo-1"]})
        (self.job.folder.ml / "output").mkdir(parents=True, exist_ok=True)

    def command(self) -> Command:
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
            argv=[self.job.folder.inside(part) for part in argv],
            env=self.job.container_environment(self.job.record.get("Environment") or {}),
            cwd=self.job.folder.path,
            environment=environment,
            network=not self.job.isolated,
            max_seconds=float(limit),
        )

    def started(self) -> None:
        self.job.update(ProcessingStartTime=self.job.world.clock.datetime())

    def line(self, text: str) -> None:
        """Nothing: a processing job has no metrics."""

    def message(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self.job.folder.ml / "output" / "message").read_text("utf-8", "replace")[:REASON_LENGTH]
        return ""

    def deliver(self, ended: Ended) -> None:
        files = [
            entry
            for output in self._outputs.get("Outputs") or ()
            for entry in files_below(
                self.job.folder.local(output["S3Output"]["LocalPath"]), output["S3Output"]["S3Uri"]
            )
        ]
        self.job.control.check()
        self.job.upload()(files)
        self._end("Completed")

    def stopped(self, reason: str) -> None:
        self._end("Stopped", FailureReason=None if reason == "Stopped" else reason)

    def failed(self, reason: str) -> None:
        self._end("Failed", FailureReason=reason)

    def _end(self, status: str, **fields: Any) -> None:
        now = self.job.world.clock.datetime()
        message = self.message() or None
        self.job.update(ProcessingJobStatus=status, ProcessingEndTime=now, ExitMessage=message, **fields)
