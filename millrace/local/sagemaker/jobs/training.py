"""Training jobs: channels and hyperparameters in, the script as the image's toolkit runs it, model.tar.gz out."""

from __future__ import annotations

import contextlib
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from millrace.local.images import environment_of
from millrace.local.sagemaker.jobs import archive
from millrace.local.sagemaker.jobs.cluster import Program, run
from millrace.local.sagemaker.jobs.errors import REASON_LENGTH, JobError
from millrace.local.sagemaker.jobs.hosts import Host, Hosts
from millrace.local.sagemaker.jobs.job import Job, instance_count
from millrace.local.sagemaker.jobs.metrics import Metrics
from millrace.local.sagemaker.jobs.process import Command
from millrace.local.sagemaker.jobs.script_mode import SUBMIT_DIRECTORY, ScriptMode
from millrace.local.sagemaker.jobs.transfer import SHARDED, WHOLE, Shard, Source, files_below

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
        self._channels = job.record.get("InputDataConfig") or []
        self._began = job.world.clock.datetime()

    def fetch(self) -> None:
        self._metrics = Metrics(self._algorithm.get("MetricDefinitions") or [])
        self._secondary("Downloading")
        hosts = self.job.hosts
        for host in hosts.all:
            for part in ("model", "output/data", "code", "input/data", "input/config", "checkpoints"):
                (host.folder.ml / part).mkdir(parents=True, exist_ok=True)
            for channel in self._channels:
                self._fetch_channel(host, channel)
            written = {
                "resourceconfig": resource_config(self.job.record, host, hosts),
                "inputdataconfig": self._channel_config(),
                "hyperparameters": self.job.record.get("HyperParameters") or {},
            }
            for name, content in written.items():
                self.job.write_config(host, f"input/config/{name}.json", content)

    def _fetch_channel(self, host: Host, channel: dict[str, Any]) -> None:
        name = channel["ChannelName"]
        source = channel["DataSource"].get("S3DataSource")
        if source is None:
            raise JobError(f"ClientError: channel {name}: the embedded AWS reads S3DataSource only")
        mode = channel.get("InputMode") or self._algorithm["TrainingInputMode"]
        if mode == "Pipe" or channel.get("CompressionType", "None") != "None":
            raise JobError(f"ClientError: channel {name}: only InputMode File without compression is available")
        if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
            raise JobError(f"ClientError: channel {name}: S3DataType {source['S3DataType']} is not available")
        folder = host.folder.ml / "input" / "data" / name
        sharded = source.get("S3DataDistributionType") == SHARDED
        shard = Shard(host.number, instance_count(self.job.record)) if sharded else WHOLE
        self.job.download(Source(source["S3Uri"], source["S3DataType"]), folder, shard=shard)

    def _channel_config(self) -> dict[str, dict[str, str]]:
        return {
            channel["ChannelName"]: {
                "ContentType": channel.get("ContentType", ""),
                "TrainingInputMode": "File",
                "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                    "S3DataDistributionType", "FullyReplicated"
                ),
                "RecordWrapperType": channel.get("RecordWrapperType", "None"),
            }
            for channel in self._channels
        }

    def execute(self) -> None:
        hosts = self.job.hosts
        programs = [
            Program(host, self._command(host, hosts), self._line, partial(_message, host)) for host in hosts.all
        ]
        run(self.job, programs, started=self._started)

    def _command(self, host: Host, hosts: Hosts) -> Command:
        script = ScriptMode(
            host.folder,
            self.job.name,
            self.job.record.get("HyperParameters") or {},
            self._channel_config(),
            resource_config(self.job.record, host, hosts),
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
            self._unpack_code(host, script)
        limit = (self.job.record.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", MAX_SECONDS)
        return Command(
            argv=[host.folder.inside(part) for part in argv],
            env=self.job.container_environment(host, user) | variables,
            cwd=host.folder.path if entrypoint else host.folder.ml / "code",
            environment=environment_of(self._algorithm.get("TrainingImage", "")),
            ml=host.folder.ml,
            network=not self.job.isolated,
            max_seconds=float(limit),
            hosts=hosts.addresses,
            peers=hosts.peers,
        )

    def _unpack_code(self, host: Host, script: ScriptMode) -> None:
        code = host.folder.ml / "code"
        origin = str(script.own.get(SUBMIT_DIRECTORY, ""))
        if origin.startswith("s3://"):
            if self.job.isolated:
                raise JobError(f"ClientError: {SUBMIT_DIRECTORY} is {origin}: an isolated container cannot reach S3")
            self.job.download(Source(origin), host.folder.tmp)
            origin = str(host.folder.tmp / origin.rsplit("/", 1)[1])
        if origin and Path(origin).is_dir():
            shutil.copytree(origin, code, dirs_exist_ok=True)
        elif origin and Path(origin).is_file():
            archive.unpack(Path(origin), code)
        else:
            shown = host.folder.outside(origin)
            raise JobError(f"ClientError: {SUBMIT_DIRECTORY} {shown!r} is neither a tar.gz file nor a folder")
        if not (code / script.program).is_file():
            raise JobError(f"AlgorithmError: {script.program} is not in {host.folder.outside(origin)}, exit code: 1")
        if (code / "requirements.txt").exists():
            raise JobError("ClientError: the code holds a requirements.txt; the embedded AWS installs nothing")

    def _started(self) -> None:
        self._began = self.job.world.clock.datetime()
        self._secondary("Training", TrainingStartTime=self._began)

    def _line(self, text: str) -> None:
        """Metrics are seen while the job runs: in Describe at once, in CloudWatch a little later."""
        if self._metrics.line(text, self.job.world.clock.datetime()):
            objective = self.job.record.get("_Objective")
            curve = self._metrics.curve(objective) if objective else None
            self.job.note(FinalMetricDataList=self._metrics.final(), _Curve=curve)
            if self._metrics.due():
                self.job.world.spawn(self._send_metrics, name=f"metrics of {self.job.name}")

    def _send_metrics(self) -> None:
        self._metrics.send(self.job.client("cloudwatch"), self.job.name)

    def deliver(self) -> None:
        self._secondary("Uploading")
        artifacts = self._upload()
        self._end("Completed", "Completed", ModelArtifacts={"S3ModelArtifacts": artifacts})

    def _upload(self) -> str:
        job, folders = self.job, [host.folder.ml for host in self.job.hosts.all]
        output = job.record["OutputDataConfig"]
        base = f"{output['S3OutputPath'].rstrip('/')}/{job.name}/output"
        if output.get("CompressionType") == "NONE":
            uri = f"{base}/model/"
            merged = {to: path for ml in reversed(folders) for path, to in files_below(ml / "model", uri)}
            files = [(path, to) for to, path in merged.items()]
        else:
            uri = f"{base}/model.tar.gz"
            archive.pack(job.folder.path / "model.tar.gz", *(ml / "model" for ml in folders))
            files = [(job.folder.path / "model.tar.gz", uri)]
        if any(any((ml / "output" / "data").iterdir()) for ml in folders):
            archive.pack(job.folder.path / "output.tar.gz", *(ml / "output" / "data" for ml in folders))
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
            self._send_metrics()


def _message(host: Host) -> str:
    """What the program left as its own failure message."""
    with contextlib.suppress(FileNotFoundError):
        return (host.folder.ml / "output" / "failure").read_text("utf-8", "replace")[:REASON_LENGTH]
    return ""


def resource_config(record: dict[str, Any], host: Host, hosts: Hosts) -> dict[str, Any]:
    instance = record["ResourceConfig"].get("InstanceType", "")
    return {
        "current_host": host.name,
        "current_instance_type": instance,
        "current_group_name": "homogeneousCluster",
        "hosts": hosts.names,
        "instance_groups": [
            {"instance_group_name": "homogeneousCluster", "instance_type": instance, "hosts": hosts.names}
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
