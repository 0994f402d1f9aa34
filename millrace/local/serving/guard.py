"""The alarms that roll a deployment back, read through CloudWatch with the role of the endpoint's model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from millrace.local.iam.services import RoleSession
from millrace.local.sagemaker.store import Place
from millrace.local.serving.variant import DeploymentFailed
from millrace.local.world import World

ALARM, BREACHING = "ALARM", "breaching"
DENIED = "Ensure that the role has permission to perform cloudwatch:DescribeAlarms on the auto-rollback alarms: "


class Guard:
    """While it is entered, an alarm that goes off calls `stop` before anybody can see it, and sets `alerted`."""

    def __init__(self, world: World, place: Place, names: tuple[str, ...], role: Callable[[], RoleSession]) -> None:
        self._world = world
        self._place = place
        self._names = names
        self._role = role
        self._tripped: list[str] = []
        self._late = False
        self.alerted = threading.Event()

    @contextmanager
    def watching(self, stop: Callable[[], None]) -> Iterator[None]:
        def raised(name: str) -> None:
            self._tripped.append(name)
            self.alert()

        account, region = self._place
        with self._world.alarms.on(account, region, self._names, raising=lambda _: stop(), raised=raised):
            yield

    def alert(self) -> None:
        """Wake whoever waits for `alerted` on the clock."""
        self.alerted.set()
        self._world.clock.wake()

    def settle(self, moment: float) -> None:
        """Until the alarms have been judged at the moment; one that counts missing data, once all has come."""
        if self._names:
            self._world.alarms.wait(moment, settled=self._late)

    def check(self) -> None:
        """DeploymentFailed when an alarm has gone off, is not there or may not be read."""
        if not self._names:
            return
        try:
            client = self._role().client("cloudwatch")
            found = client.describe_alarms(AlarmNames=list(self._names), MaxRecords=100)["MetricAlarms"]
        except (ClientError, BotoCoreError) as error:
            raise DeploymentFailed(f"{DENIED}{error}") from error
        missing = [name for name in self._names if name not in {each["AlarmName"] for each in found}]
        if missing:
            raise DeploymentFailed(f"The auto-rollback alarm(s) [{', '.join(missing)}] do not exist.")
        self._late = any(each.get("TreatMissingData") == BREACHING for each in found)
        ringing = [each["AlarmName"] for each in found if each["StateValue"] == ALARM]
        if bad := list(dict.fromkeys([*self._tripped, *ringing])):
            raise DeploymentFailed(
                f"The deployment was rolled back because the following alarm(s) are in ALARM state: [{', '.join(bad)}]."
            )
