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
from millrace.local.sagemaker.jobs.process import Command, Ended
from millrace.local.sagemaker.jobs.rights import Rights
from millrace.local.sagemaker.jobs.transfer import Source, Upload, download
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
        return str(self.record["RoleArn"])

    def client(self, service: str) -> Any:
        """Whatever a job does, it does as its role."""
        return self.rights.role.client(service)

    def download(self, source: Source, folder: Path) -> int:
        return download(self.client("s3"), source, folder, role=self.role, check=self.control.check)

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

    def write_config(self, name: str, content: Any) -> None:
        """A file the container finds under /opt/ml/input/config or /opt/ml/config."""
        path = self.folder.ml / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2, default=str), "utf-8")

    def container_environment(self, user: Mapping[str, str]) -> dict[str, str]:
        """What every container has, the job's own variables, and credentials unless it is isolated."""
        region = self.place.region
        env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder.home),
            "TMPDIR": str(self.folder.tmp),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "MPLBACKEND": "agg",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "SAGEMAKER_BASE_DIR": str(self.folder.ml),
        }
        if not self.isolated:
            env |= credentials(self.world, self.rights.role)
        return env | {name: self.folder.inside(value) for name, value in user.items()}


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

    def command(self) -> Command: ...

    def started(self) -> None: ...

    def line(self, text: str) -> None:
        """A line the program printed."""
        ...

    def message(self) -> str:
        """What the program left as its own failure message."""
        ...

    def deliver(self, ended: Ended) -> None:
        """Upload the outputs of a program that ended well, and say so."""
        ...

    def stopped(self, reason: str) -> None: ...

    def failed(self, reason: str) -> None: ...
