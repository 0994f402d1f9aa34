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


class Variant:
    """Starts, restarts, lends and ends the processes of a variant."""

    def __init__(
        self, world: World, place: Place, endpoint: str, plan: VariantPlan, *, failed: Callable[[str], None]
    ) -> None:
        self.plan = plan
        self.weight = plan.weight
        self._world = world
        self._place = place
        self._endpoint = endpoint
        self._failed = failed
        base = world.folder / "endpoints" / place.account / place.region / endpoint
        self._folder = JobFolder((base / f"{plan.name}-{uuid.uuid4().hex[:8]}").absolute())
        self._changed = threading.Condition()
        self._instances: list[Instance] = []
        self._busy: dict[Instance, int] = {}
        self._retired: set[Instance] = set()
        self._ending = False
        self._deaths = 0

    @property
    def count(self) -> int:
        return len(self._instances)

    def start(self) -> None:
        """Model data, then the processes; DeploymentFailed says why not."""
        try:
            self._role = self._assume()
            self._check_rights()
            self._fetch()
            for _ in range(self.plan.count):
                self._add(self._launch())
        except BaseException:
            self.end()
            raise

    def scale(self, count: int) -> None:
        while self.count < count:
            self._add(self._launch())
        while self.count > max(count, 1):
            with self._changed:
                instance = self._instances.pop()
            self._retire(instance)

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
            instance = min(self._instances, key=lambda each: self._busy.get(each, 0))
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

    def end(self, *, drain: bool = True) -> None:
        """Take no more requests, let those under way finish, end the processes."""
        with self._changed:
            self._ending = True
            instances, self._instances = self._instances, []
            self._changed.notify_all()
        for instance in instances:
            self._retire(instance, drain=drain)
        shutil.rmtree(self._folder.path, ignore_errors=True)

    def _retire(self, instance: Instance, *, drain: bool = True) -> None:
        with self._changed:
            self._retired.add(instance)
            if drain:
                self._changed.wait_for(lambda: not self._busy.get(instance), DRAIN_SECONDS)
        instance.stop()
        with self._changed:
            self._busy.pop(instance, None)

    def _assume(self) -> RoleSession:
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

    def _fetch(self) -> None:
        try:
            container.fetch_model(self._role.client("s3"), self.plan, self._folder)
        except (MillraceError, OSError) as error:
            raise DeploymentFailed(
                f"Failed to extract model data from {self.plan.model_data} for production variant {self.plan.name}: "
                f"{error}"
            ) from error

    def _launch(self) -> Instance:
        """A process that answers /ping."""
        try:
            instance = Instance(
                self._world,
                environment=container.environment_of_image(self.plan),
                env=container.variables(self._world, self.plan, self._folder, self._role),
                cwd=self._folder.path,
                network=not self.plan.isolated,
                log=self._log_stream(),
            )
        except MillraceError as error:
            raise DeploymentFailed(str(error)) from error
        if instance.ready(self.plan.startup_seconds):
            return instance
        instance.child.kill()
        instance.wait()
        said = exception_of(list(instance.lines), inside=str(self._folder.path)) or last_line(list(instance.lines))
        raise DeploymentFailed(
            f"The primary container for production variant {self.plan.name} did not pass the ping health check. "
            "Please check CloudWatch logs for this endpoint. " + self._folder.outside(said)
        )

    def _log_stream(self) -> LogStream:
        return LogStream(
            self._world,
            self._role.client("logs"),
            group=f"/aws/sagemaker/Endpoints/{self._endpoint}",
            stream=f"{self.plan.name}/i-{uuid.uuid4().hex[:17]}",
        )

    def _add(self, instance: Instance) -> None:
        with self._changed:
            self._instances.append(instance)
            self._changed.notify_all()
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
                    f"The container for production variant {self.plan.name} ended {self._deaths} times, "
                    f"the last time with {code}."
                )
            self._replace()
        except DeploymentFailed as error:
            self._failed(str(error))

    def _replace(self) -> None:
        instance = self._launch()
        with self._changed:
            ending = self._ending
        if ending:
            instance.stop()
        else:
            self._add(instance)
