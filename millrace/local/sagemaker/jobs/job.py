"""One run of one job: what the parts of it (inputs, program, outputs, states) work on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from millrace.local.iam.services import RoleSession
from millrace.local.sagemaker import events
from millrace.local.sagemaker.jobs.control import Control
from millrace.local.sagemaker.jobs.folder import JobFolder
from millrace.local.sagemaker.jobs.hosts import Host, Hosts, hosts_of
from millrace.local.sagemaker.jobs.rights import Rights
from millrace.local.sagemaker.jobs.transfer import WHOLE, Shard, Source, Upload, download
from millrace.local.sagemaker.kinds import Kind
from millrace.local.sagemaker.store import Place, Record, Store
from millrace.local.world import World


@dataclass
class Job:
    world: World
    store: Store
    kind: Kind
    place: Place
    record: Record
    folder: JobFolder
    control: Control
    rights: Rights
    isolated: bool = False
    kms_key: str | None = None

    @property
    def name(self) -> str:
        return str(self.record[self.kind.key])

    @property
    def role(self) -> str:
        return self.rights.role.role_arn

    def client(self, service: str) -> Any:
        """Whatever a job does, it does as its role."""
        return self.rights.role.client(service)

    @property
    def hosts(self) -> Hosts:
        """The job's instances."""
        return hosts_of(self.folder, instance_count(self.record))

    def download(self, source: Source, folder: Path, *, shard: Shard = WHOLE) -> int:
        check = self.control.check
        return download(self.client("s3"), source, folder, role=self.role, check=check, shard=shard)

    def upload(self) -> Upload:
        return Upload(self.client("s3"), self.kms_key)

    def update(self, **fields: Any) -> None:
        """Set fields of the record and publish the new state; nothing once the server is going down."""
        if self.world.stopping.is_set():
            return
        now = self.world.clock.datetime()
        record = self.store.update(self.place, self.kind.name, self.name, LastModifiedTime=now, **fields)
        if record is not None:
            self.record = record
            events.publish(self.world, self.store, self.kind, record)

    def note(self, **fields: Any) -> None:
        """Set fields of the record that are no change of state."""
        if not self.world.stopping.is_set():
            self.store.update(self.place, self.kind.name, self.name, **fields)

    def write_config(self, host: Host, name: str, content: Any) -> None:
        """A file the container finds under /opt/ml/input/config or /opt/ml/config."""
        path = host.folder.ml / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2, default=str), "utf-8")

    def container_environment(self, host: Host, user: Mapping[str, str]) -> dict[str, str]:
        """What every container has, the job's own variables, and credentials unless it is isolated."""
        region, folder = self.place.region, host.folder
        env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder.home),
            "TMPDIR": str(folder.tmp),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "MPLBACKEND": "agg",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "SAGEMAKER_BASE_DIR": str(folder.ml),
        }
        if not self.isolated:
            env |= credentials(self.world, self.rights.role)
        return env | {name: folder.inside(value) for name, value in user.items()}


def instance_count(record: Mapping[str, Any]) -> int:
    """How many instances a job asks for, wherever its kind says so."""
    processing = (record.get("ProcessingResources") or {}).get("ClusterConfig")
    resources = record.get("ResourceConfig") or record.get("TransformResources") or processing or {}
    return int(resources.get("InstanceCount") or 1)


def credentials(world: World, session: RoleSession) -> dict[str, str]:
    """A session of a role, and where AWS is."""
    keys = session.credentials()
    return {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
        "AWS_ENDPOINT_URL": world.url,
    }


class Work(Protocol):
    """What is special about a kind of job; the runner calls these in order."""

    job: Job

    def fetch(self) -> None:
        """Bring the inputs and configuration into the folder."""
        ...

    def execute(self) -> None:
        """Run the program to its end; JobError when it did not end well."""
        ...

    def deliver(self) -> None:
        """Upload the outputs of a program that ended well, and say so."""
        ...

    def stopped(self, reason: str) -> None: ...

    def failed(self, reason: str) -> None: ...
