"""One production variant: its model data on disk and the processes that serve it."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator

from millrace.errors import MillraceError
from millrace.local.cloudwatch_logs import LogStream
from millrace.local.iam import implied
from millrace.local.iam.services import SAGEMAKER_HOSTING, RoleSession, assume
from millrace.local.sagemaker.jobs.failure import exception_of, last_line
from millrace.local.sagemaker.jobs.folder import JobFolder
from millrace.local.sagemaker.kinds import ENDPOINT
from millrace.local.sagemaker.resources import SESSION
from millrace.local.sagemaker.store import Place
from millrace.local.serving import container
from millrace.local.serving.capture import Capture, Seen
from millrace.local.serving.instance import Gone, Instance
from millrace.local.serving.plan import VariantPlan
from millrace.local.world import World

log = logging.getLogger("millrace")

RESTARTS = 5
DRAIN_SECONDS = 65.0
READY_SECONDS = 60.0


class DeploymentFailed(MillraceError):
    """The text is the endpoint's FailureReason."""


class Draining(Exception):
    """The variant takes no more requests: ask the endpoint's new one."""


class NoInstance(Exception):
    """No process of the variant is ready."""


class Throttled(Exception):
    """A serverless variant is asked for more at once than its MaxConcurrency."""


class Variant:
    """Starts, restarts, lends and ends the processes of a variant."""

    def __init__(
        self,
        world: World,
        place: Place,
        endpoint: str,
        config: str,
        plan: VariantPlan,
        *,
        failed: Callable[[str], None],
    ) -> None:
        self.plan = plan
        self.config = config
        self.weight = plan.weight
        self._world = world
        self._place = place
        self._endpoint = endpoint
        self._failed = failed
        self._limit = (plan.serverless or {}).get("MaxConcurrency", 0)
        self._base = world.folder / "endpoints" / place.account / place.region / endpoint
        self._folders: list[JobFolder] = []
        self._changed = threading.Condition()
        self._instances: list[Instance] = []
        self._starting: list[Instance] = []
        self._admitted: int | None = None
        self._busy: dict[Instance, int] = {}
        self._retired: set[Instance] = set()
        self._ending = False
        self._deaths = 0
        self._capture = (
            Capture(world, plan.capture, endpoint=endpoint, variant=plan.name, role=self.assume)
            if plan.capture
            else None
        )

    @property
    def count(self) -> int:
        return len(self._instances)

    def start(self) -> None:
        """Model data, then the processes; DeploymentFailed says why not."""
        try:
            self._role = self.assume()
            self._check_rights()
            folder = self._fetched()
            # All at once, so that a fleet is there as soon as one instance is.
            for instance in [self._spawn(folder) for _ in range(self.plan.count)]:
                self._add(self._when_ready(instance, folder))
        except BaseException:
            self.end()
            raise

    def scale(self, count: int) -> None:
        """A further instance gets the model's data as they are in S3 now, by the rights that the role has now."""
        while self.count < count:
            self._add(self._launch(self._fetched()))
        while self.count > max(count, 1):
            with self._changed:
                instance = self._instances.pop()
            self._retire(instance)

    def admit(self, count: int | None) -> None:
        """Give requests to so many instances only; None for all."""
        with self._changed:
            self._admitted = count

    @contextlib.contextmanager
    def lend(self) -> Iterator[Instance]:
        """The least busy process, waiting for one while it is being restarted."""
        deadline = time.monotonic() + READY_SECONDS
        with self._changed:
            while not self._instances and not self._ending:
                if not self._changed.wait(deadline - time.monotonic()):
                    raise NoInstance(self.plan.name)
            if self._ending:
                raise Draining(self.plan.name)
            if self._limit and sum(self._busy.values()) >= self._limit:
                raise Throttled(self.plan.name)
            instance = min(self._instances[: self._admitted], key=lambda each: self._busy.get(each, 0))
            self._busy[instance] = self._busy.get(instance, 0) + 1
        try:
            yield instance
        except Gone:
            # Whatever still is of it must not get another request; `_watch` starts a new one.
            with self._changed:
                if instance in self._instances:
                    self._instances.remove(instance)
            instance.child.kill()
            raise
        finally:
            with self._changed:
                self._busy[instance] = self._busy.get(instance, 1) - 1
                self._changed.notify_all()

    def seen(self, seen: Seen) -> None:
        """An answered request, for data capture."""
        if self._capture:
            self._capture.seen(seen)

    def end(self, *, drain: bool = True) -> None:
        """Take no more requests, let those under way finish, end the processes."""
        with self._changed:
            self._ending = True
            instances, self._instances = self._instances, []
            unready, self._starting = self._starting, []
            self._changed.notify_all()
        for instance in unready:
            instance.child.kill()
        for instance in instances:
            self._retire(instance, drain=drain)
        if self._capture:
            self._capture.end(wait=drain)
        for folder in self._folders:
            shutil.rmtree(folder.path, ignore_errors=True)

    def _retire(self, instance: Instance, *, drain: bool = True) -> None:
        with self._changed:
            self._retired.add(instance)
            if drain:
                self._changed.wait_for(lambda: not self._busy.get(instance), DRAIN_SECONDS)
        instance.stop()
        with self._changed:
            self._busy.pop(instance, None)

    def assume(self) -> RoleSession:
        """A session of the model's role."""
        place = self._place
        arn, role = ENDPOINT.arn(place, self._endpoint), self.plan.role
        return assume(self._world, SAGEMAKER_HOSTING, role, on=arn, region=place.region, session=SESSION)

    def _check_rights(self) -> None:
        """DeploymentFailed when the role could not pull the image, join the network or read the alarms."""
        plan, place = self.plan, self._place
        about = implied.subject(
            place.account,
            place.region,
            image=plan.image,
            vpc=plan.vpc,
            alarms=plan.alarms,
            log_group=f"/aws/sagemaker/Endpoints/{self._endpoint}",
            namespace="/aws/sagemaker/Endpoints",
        )
        try:
            implied.check(self._world, self._role.principal, implied.ENDPOINT, about)
        except implied.Refused as error:
            raise DeploymentFailed(f"{self._in_words(error)}{error}") from error
        implied.allowed(self._world, self._role.principal, implied.ENDPOINT, about, when="loss")

    def _in_words(self, error: implied.Refused) -> str:
        if not error.action.startswith("ecr:"):
            return ""
        return (
            f"Please make sure all images included in the model for the production variant {self.plan.name} exist, "
            "and that the execution role used to create the model has permissions to access them. "
        )

    def _fetched(self) -> JobFolder:
        """A new folder with the model's data."""
        folder = JobFolder((self._base / f"{self.plan.name}-{uuid.uuid4().hex[:8]}").absolute())
        self._folders.append(folder)
        try:
            container.fetch_model(self._role.client("s3"), self.plan, folder)
        except (MillraceError, OSError) as error:
            raise DeploymentFailed(
                f"Failed to extract model data from {self.plan.model_data} for production variant {self.plan.name}: "
                f"{error}"
            ) from error
        return folder

    def _launch(self, folder: JobFolder) -> Instance:
        """A process that answers /ping."""
        return self._when_ready(self._spawn(folder), folder)

    def _spawn(self, folder: JobFolder) -> Instance:
        try:
            instance = Instance(
                self._world,
                environment=container.environment_of_image(self.plan),
                env=container.variables(self._world, self.plan, folder, self._role),
                cwd=folder.path,
                ml=folder.ml,
                network=not self.plan.isolated,
                log=self._log_stream(),
            )
        except MillraceError as error:
            raise DeploymentFailed(str(error)) from error
        with self._changed:
            self._starting.append(instance)
            ending = self._ending
        if ending:
            instance.child.kill()
        return instance

    def _when_ready(self, instance: Instance, folder: JobFolder) -> Instance:
        ready = instance.ready(self.plan.startup_seconds)
        with self._changed:
            if instance in self._starting:
                self._starting.remove(instance)
        if ready:
            return instance
        instance.child.kill()
        instance.wait()
        said = exception_of(list(instance.lines), inside=str(folder.path)) or last_line(list(instance.lines))
        raise DeploymentFailed(
            f"The primary container for production variant {self.plan.name} did not pass the ping health check. "
            "Please check CloudWatch logs for this endpoint. " + folder.outside(said)
        )

    def _log_stream(self) -> LogStream:
        return LogStream(
            self._world,
            self._role.client("logs"),
            group=f"/aws/sagemaker/Endpoints/{self._endpoint}",
            stream=f"{self.plan.name}/i-{uuid.uuid4().hex[:17]}",
        )

    def _add(self, instance: Instance) -> None:
        """Take it in, unless the variant has ended while it started."""
        with self._changed:
            ended = self._ending
            if not ended:
                self._instances.append(instance)
                self._changed.notify_all()
        if ended:
            instance.stop()
            return
        self._world.spawn(self._watch, instance, name=f"endpoint {self._endpoint} {self.plan.name}")

    def _watch(self, instance: Instance) -> None:
        """Start another process when this one ends by itself."""
        code = instance.wait()
        with self._changed:
            if self._ending or instance in self._retired or self._world.stopping.is_set():
                return
            if instance in self._instances:
                self._instances.remove(instance)
            self._deaths += 1
        log.warning("endpoint %s, variant %s: a process ended with %s", self._endpoint, self.plan.name, code)
        try:
            if self._deaths > RESTARTS:
                raise DeploymentFailed(
                    f"The primary container for production variant {self.plan.name} did not pass the ping health "
                    f"check. Please check CloudWatch logs for this endpoint. It ended {self._deaths} times, the last "
                    f"time with {code}."
                )
            self._add(self._launch(self._folders[0]))
        except DeploymentFailed as error:
            with self._changed:
                ended = self._ending
            if not ended:  # else it was ended before it was ready
                self._failed(str(error))
