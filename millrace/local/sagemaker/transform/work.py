"""One run of a transform job: its files divided among its instances, and the outputs of all that could be read."""

from __future__ import annotations

from typing import Any

from millrace.local.sagemaker.jobs.errors import JobError
from millrace.local.sagemaker.jobs.job import Job
from millrace.local.sagemaker.jobs.transfer import list_objects
from millrace.local.sagemaker.transform.machine import Machine, Object
from millrace.local.sagemaker.transform.request import read_request
from millrace.local.serving.plan import VariantPlan

PLAN = "_Plan"
SEE_LOGS = "{kind}: See job logs for more information"


class TransformWork:
    def __init__(self, job: Job) -> None:
        self.job = job
        self._transform = read_request(job.record)
        plan = VariantPlan.load(job.record[PLAN])
        job.isolated = plan.isolated
        job.kms_key = job.record["TransformOutput"].get("KmsKeyId") or None
        self._machines = [Machine(job, host, plan, self._transform) for host in job.hosts.all]
        self._objects: list[Object] = []

    def fetch(self) -> None:
        self._objects = list_objects(self.job.client("s3"), self._transform.source, self.job.role)
        for machine in self._machines:
            machine.fetch()

    def execute(self) -> None:
        self.job.update(TransformStartTime=self.job.world.clock.datetime())
        broken: list[BaseException] = []

        def run(number: int) -> None:
            try:
                self._machines[number].run(self._objects[number :: len(self._machines)])
            except BaseException as error:  # noqa: BLE001 - raised again by the thread that runs the job
                broken.append(error)

        others = range(1, len(self._machines))
        threads = [self.job.world.spawn(run, number, name=f"{self.job.name} {number}") for number in others]
        run(0)
        for thread in threads:
            thread.join()
        self.job.control.finished()
        self.job.control.check()
        if broken:
            raise broken[0]

    def deliver(self) -> None:
        """What could be processed is there, even if the job has failed over another file."""
        self.job.upload()([entry for machine in self._machines for entry in machine.done])
        kinds = [machine.failed for machine in self._machines if machine.failed]
        if kinds:
            raise JobError(SEE_LOGS.format(kind=kinds[0]))
        self._end("Completed")

    def stopped(self, reason: str) -> None:
        """A stopped job leaves no output."""
        self._end("Stopped")

    def failed(self, reason: str) -> None:
        self._end("Failed", FailureReason=reason)

    def _end(self, status: str, **fields: Any) -> None:
        self.job.update(TransformJobStatus=status, TransformEndTime=self.job.world.clock.datetime(), **fields)
