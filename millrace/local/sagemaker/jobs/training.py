"""Training jobs: channels and hyperparameters in, the script as the image's toolkit runs it, model.tar.gz out."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any

from millrace.local.images import environment_of
from millrace.local.sagemaker.jobs import archive
from millrace.local.sagemaker.jobs.errors import REASON_LENGTH, JobError
from millrace.local.sagemaker.jobs.job import Job
from millrace.local.sagemaker.jobs.metrics import Metrics
from millrace.local.sagemaker.jobs.process import Command, Ended
from millrace.local.sagemaker.jobs.script_mode import SUBMIT_DIRECTORY, ScriptMode
from millrace.local.sagemaker.jobs.transfer import Source, files_below

MAX_SECONDS = 86400.0
MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "Failed": "Training job failed",
}


class TrainingWork:
    def __init__(self, job: Job) -> None:
        self.job = job
        job.isolated = bool(job.record.get("EnableNetworkIsolation"))
        job.kms_key = job.record["OutputDataConfig"].get("KmsKeyId") or None
        self._algorithm = job.record["AlgorithmSpecification"]
        self._metrics = Metrics([])
        self._resources = resource_config(job.record)
        self._channels = job.record.get("InputDataConfig") or []
        self._began = job.world.clock.datetime()

    def fetch(self) -> None:
        self._metrics = Metrics(self._algorithm.get("MetricDefinitions") or [])
        self._secondary("Downloading")
        ml = self.job.folder.ml
        for part in ("model", "output/data", "code", "input/data", "input/config", "checkpoints"):
            (ml / part).mkdir(parents=True, exist_ok=True)
        for channel in self._channels:
            self._fetch_channel(channel)
        self.job.write_config("input/config/resourceconfig.json", self._resources)
        self.job.write_config("input/config/inputdataconfig.json", self._channel_config())
        self.job.write_config("input/config/hyperparameters.json", self.job.record.get("HyperParameters") or {})

    def _fetch_channel(self, channel: dict[str, Any]) -> None:
        name = channel["ChannelName"]
        source = channel["DataSource"].get("S3DataSource")
        if source is None:
            raise JobError(f"ClientError: channel {name}: the embedded AWS reads S3DataSource only")
        mode = channel.get("InputMode") or self._algorithm["TrainingInputMode"]
        if mode == "Pipe" or channel.get("CompressionType", "None") != "None":
            raise JobError(f"ClientError: channel {name}: only InputMode File without compression is available")
        if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
            raise JobError(f"ClientError: channel {name}: S3DataType {source['S3DataType']} is not available")
        folder = self.job.folder.ml / "input" / "data" / name
        self.job.download(Source(source["S3Uri"], source["S3DataType"]), folder)

    def _channel_config(self) -> dict[str, dict[str, str]]:
        return {
            channel["ChannelName"]: {
                "ContentType": channel.get("ContentType", ""),
                "TrainingInputMode": "File",
                "S3DistributionType": "FullyReplicated",
                "RecordWrapperType": channel.get("RecordWrapperType", "None"),
            }
            for channel in self._channels
        }

    def command(self) -> Command:
        environment = environment_of(self._algorithm.get("TrainingImage", ""))
        script = ScriptMode(
            self.job.folder,
            self.job.name,
            self.job.record.get("HyperParameters") or {},
            self._channel_config(),
            self._resources,
            self.job.place.region,
        )
        user = (self.job.record.get("Environment") or {}) | {
            "TRAINING_JOB_NAME": self.job.name,
            "TRAINING_JOB_ARN": self.job.record["TrainingJobArn"],
        }
        entrypoint = self._algorithm.get("ContainerEntrypoint")
        if entrypoint:
            argv = [*entrypoint, *(self._algorithm.get("ContainerArguments") or ())]
            variables: dict[str, str] = {}
        else:
            argv = ["python3", "-m", script.module, *script.arguments()]
            variables = script.variables()
            self._unpack_code(script)
        limit = (self.job.record.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", MAX_SECONDS)
        return Command(
            argv=[self.job.folder.inside(part) for part in argv],
            env=self.job.container_environment(user) | variables,
            cwd=self.job.folder.path if entrypoint else self.job.folder.ml / "code",
            environment=environment,
            network=not self.job.isolated,
            max_seconds=float(limit),
        )

    def _unpack_code(self, script: ScriptMode) -> None:
        code = self.job.folder.ml / "code"
        origin = str(script.own.get(SUBMIT_DIRECTORY, ""))
        if origin.startswith("s3://"):
            if self.job.isolated:
                raise JobError(f"ClientError: {SUBMIT_DIRECTORY} is {origin}: an isolated container cannot reach S3")
            self.job.download(Source(origin), self.job.folder.tmp)
            origin = str(self.job.folder.tmp / origin.rsplit("/", 1)[1])
        if origin and Path(origin).is_dir():
            shutil.copytree(origin, code, dirs_exist_ok=True)
        elif origin and Path(origin).is_file():
            archive.unpack(Path(origin), code)
        else:
            shown = self.job.folder.outside(origin)
            raise JobError(f"ClientError: {SUBMIT_DIRECTORY} {shown!r} is neither a tar.gz file nor a folder")
        if not (code / script.program).is_file():
            raise JobError(
                f"AlgorithmError: {script.program} is not in {self.job.folder.outside(origin)}, exit code: 1"
            )
        if (code / "requirements.txt").exists():
            raise JobError("ClientError: the code holds a requirements.txt; the embedded AWS installs nothing")

    def started(self) -> None:
        self._began = self.job.world.clock.datetime()
        self._secondary("Training", TrainingStartTime=self._began)

    def line(self, text: str) -> None:
        self._metrics.line(text, self.job.world.clock.datetime())

    def message(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self.job.folder.ml / "output" / "failure").read_text("utf-8", "replace")[:REASON_LENGTH]
        return ""

    def deliver(self, ended: Ended) -> None:
        self._secondary("Uploading")
        artifacts = self._upload()
        self._end("Completed", "Completed", ModelArtifacts={"S3ModelArtifacts": artifacts})

    def _upload(self) -> str:
        job, ml = self.job, self.job.folder.ml
        output = job.record["OutputDataConfig"]
        base = f"{output['S3OutputPath'].rstrip('/')}/{job.name}/output"
        if output.get("CompressionType") == "NONE":
            uri = f"{base}/model/"
            files = files_below(ml / "model", uri)
        else:
            uri = f"{base}/model.tar.gz"
            archive.pack(ml / "model", job.folder.path / "model.tar.gz")
            files = [(job.folder.path / "model.tar.gz", uri)]
        if any((ml / "output" / "data").iterdir()):
            archive.pack(ml / "output" / "data", job.folder.path / "output.tar.gz")
            files.append((job.folder.path / "output.tar.gz", f"{base}/output.tar.gz"))
        job.upload()(files)
        return uri

    def stopped(self, reason: str) -> None:
        """What the model folder holds by then is kept, as SageMaker does for a stopped job."""
        fields: dict[str, Any] = {}
        model = self.job.folder.ml / "model"
        if model.exists() and any(model.iterdir()):
            with contextlib.suppress(JobError):
                fields["ModelArtifacts"] = {"S3ModelArtifacts": self._upload()}
        self._end("Stopped", reason, **fields)

    def failed(self, reason: str) -> None:
        self._end("Failed", "Failed", FailureReason=reason)

    def _secondary(self, status: str, **fields: Any) -> None:
        if self.job.control.reason is None:
            transitions = transition(self.job.record, status, self.job.world.clock.datetime())
            self.job.update(SecondaryStatus=status, SecondaryStatusTransitions=transitions, **fields)

    def _end(self, status: str, secondary: str, **fields: Any) -> None:
        now = self.job.world.clock.datetime()
        seconds = max(1, round((now - self._began).total_seconds()))
        current = self.job.store.find(self.job.place, self.job.kind.name, self.job.name) or self.job.record
        final = self._metrics.final()
        self.job.update(
            TrainingJobStatus=status,
            SecondaryStatus=secondary,
            SecondaryStatusTransitions=transition(current, secondary, now, end=True),
            TrainingEndTime=now,
            TrainingTimeInSeconds=seconds,
            BillableTimeInSeconds=seconds,
            FinalMetricDataList=final or None,
            **fields,
        )
        if final:
            self._metrics.send(self.job.client("cloudwatch"), self.job.name)


def resource_config(record: dict[str, Any]) -> dict[str, Any]:
    instance = record["ResourceConfig"].get("InstanceType", "")
    return {
        "current_host": "algo-1",
        "current_instance_type": instance,
        "current_group_name": "homogeneousCluster",
        "hosts": ["algo-1"],
        "instance_groups": [
            {"instance_group_name": "homogeneousCluster", "instance_type": instance, "hosts": ["algo-1"]}
        ],
        "network_interface_name": "eth0",
    }


def transition(record: dict[str, Any], status: str, now: Any, *, end: bool = False) -> list[dict[str, Any]]:
    """The record's list of secondary states with the newest ended and `status` added."""
    past = [dict(entry) for entry in record.get("SecondaryStatusTransitions") or ()]
    if past and "EndTime" not in past[-1]:
        past[-1]["EndTime"] = now
    newest = {"Status": status, "StartTime": now, "StatusMessage": MESSAGES.get(status, status)}
    return [*past, newest | ({"EndTime": now} if end else {})]
