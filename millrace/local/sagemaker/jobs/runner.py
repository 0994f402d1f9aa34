"""Runs the jobs: one thread each, from Create to Completed, Failed or Stopped."""

from __future__ import annotations

import logging
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from millrace.errors import MillraceError
from millrace.local.sagemaker.jobs.control import Control
from millrace.local.sagemaker.jobs.errors import REASON_LENGTH, JobError, JobStopped
from millrace.local.sagemaker.jobs.folder import Folders, folder_of
from millrace.local.sagemaker.jobs.job import Job, Work
from millrace.local.sagemaker.jobs.rights import Rights
from millrace.local.sagemaker.kinds import Kind
from millrace.local.sagemaker.store import Place, Record, Store
from millrace.local.world import World

log = logging.getLogger("millrace")

MakeWork = Callable[[Job], Work]


class Jobs:
    """The running jobs of all accounts."""

    def __init__(self, world: World, store: Store) -> None:
        self._world = world
        self._store = store
        self._controls: dict[tuple[Place, str, str], Control] = {}
        self._folders = Folders(world.folder)

    def start(self, kind: Kind, place: Place, record: Record, make: MakeWork, rights: Rights) -> None:
        name = record[kind.key]
        control = Control(self._world)
        self._controls[place, kind.name, name] = control
        self._world.spawn(self._run, kind, place, record, make, control, rights, name=f"{kind.path} {name}")

    def stop(self, kind: Kind, place: Place, name: str) -> None:
        control = self._controls.get((place, kind.name, name))
        if control is not None:
            control.end()

    def _run(self, kind: Kind, place: Place, record: Record, make: MakeWork, control: Control, rights: Rights) -> None:
        name = record[kind.key]
        folder = folder_of(self._world.folder, place, kind.path, name)
        current = self._store.find(place, kind.name, name) or record
        if current[str(kind.status)] == "Stopping":
            # The stop request came before there was anything to stop.
            control.end()
        try:
            self._attempt(make(Job(self._world, self._store, kind, place, record, folder, control, rights)))
        finally:
            control.finished()
            self._controls.pop((place, kind.name, name), None)
            self._folders.close(folder)

    def _attempt(self, work: Work) -> None:
        """Every way a job can end, turned into its state."""
        try:
            self._execute(work)
        except JobStopped as stop:
            work.stopped(str(stop))
        except JobError as error:
            work.failed(str(error)[:REASON_LENGTH])
        except (MillraceError, ClientError, BotoCoreError, OSError, ValueError) as error:
            work.failed(f"ClientError: {error}"[:REASON_LENGTH])
        except Exception as error:
            log.exception("the job %s ended by an error of the embedded AWS", work.job.name)
            work.failed(f"InternalServerError: {type(error).__name__}: {error}"[:REASON_LENGTH])

    def _execute(self, work: Work) -> None:
        job = work.job
        job.control.check()
        self._folders.open(job.folder)
        job.hosts.open()
        job.rights.check(job.kind, job.place, job.record)
        work.fetch()
        job.control.check()
        work.execute()
        work.deliver()
