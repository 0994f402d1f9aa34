"""CloudWatch of the embedded AWS: metrics are recorded, alarms evaluated; the server makes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from millrace.local.cloudwatch.actions import Actions
from millrace.local.cloudwatch.alarm_operations import AlarmOperations
from millrace.local.cloudwatch.alarms import Alarms
from millrace.local.cloudwatch.dashboards import Dashboards
from millrace.local.cloudwatch.evaluator import Evaluator
from millrace.local.cloudwatch.metric_operations import MetricOperations
from millrace.local.cloudwatch.queues import QueueMetrics
from millrace.local.service import Handler
from millrace.local.world import World


class CloudWatch:
    """What it does not have (anomaly detection, metric streams, insights) is refused."""

    name = "cloudwatch"
    complete = True

    def __init__(self, world: World) -> None:
        self.queues = QueueMetrics(world)
        self._metrics = world.metrics
        self._alarms = Alarms()
        self._dashboards = Dashboards(world)
        actions = Actions(world, self._alarms)
        world.samplers.append(self.queues.sample)
        self._evaluator = Evaluator(world, self._alarms, changed=actions.changed)
        parts = (
            AlarmOperations(world, self._alarms, self._evaluator, actions),
            MetricOperations(world),
            self._dashboards,
        )
        self._operations = {name: handler for part in parts for name, handler in part.operations.items()}

    @property
    def operations(self) -> Mapping[str, Handler]:
        return self._operations

    @property
    def store(self) -> CloudWatch:
        return self

    def tags(self, arn: str) -> Mapping[str, str]:
        """The tags of an alarm, for policies."""
        return self._alarms.tags(arn)

    def start(self) -> None:
        self._evaluator.start()

    def dump(self) -> dict[str, Any]:
        return {
            "alarms": self._alarms.dump(),
            "dashboards": self._dashboards.dump(),
            "metrics": self._metrics.dump(),
            "queues": self.queues.dump(),
        }

    def load(self, content: dict[str, Any]) -> None:
        self._alarms.load(content["alarms"])
        self._dashboards.load(content["dashboards"])
        self._metrics.load(content["metrics"])
        self.queues.load(content["queues"])
