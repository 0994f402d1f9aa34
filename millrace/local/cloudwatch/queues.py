"""The metrics that SQS publishes of each active queue, once a minute.

`patches` tells of every send, receive and delete; the state of the queues is read when a minute is over.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

from millrace.local import patches
from millrace.local.cloudwatch.metrics import Metric, Metrics
from millrace.local.world import World

NAMESPACE = "AWS/SQS"
# A queue that nobody used for this long, and that is empty, publishes nothing.
ACTIVE_SECONDS = 6 * 3600
COUNTED = ("NumberOfMessagesSent", "NumberOfMessagesReceived", "NumberOfMessagesDeleted", "NumberOfEmptyReceives")
VISIBLE, HIDDEN, DELAYED = (
    "ApproximateNumberOfMessagesVisible",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
AGE = "ApproximateAgeOfOldestMessage"
# A standard queue looks away from messages that were received more often than this.
POISON_RECEIVES = 3


class QueueMetrics:
    """Counts what happens to queues and looks at them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._metrics: Metrics = world.metrics
        self._lock = threading.Lock()
        self._used: dict[str, float] = {}

    def dump(self) -> dict[str, float]:
        with self._lock:
            return dict(self._used)

    def load(self, used: dict[str, float]) -> None:
        self._used = dict(used)

    def happened(self, queue_arn: str, name: str, value: float = 1.0, unit: str = "Count") -> None:
        """A message was sent, received, deleted; a receive found nothing."""
        with self._lock:
            self._used[queue_arn] = self._world.clock.now()
        self._metrics.record(_metric(queue_arn, name), value, unit=unit)

    def sample(self, minutes: Iterable[int]) -> None:
        """Record the state of every active queue for the minutes that are over, given by their ends."""
        ends = list(minutes)
        with self._lock:
            used = dict(self._used)
        for arn, queue in patches.queues():
            look = _Look(queue, self._world.clock.now())
            since = max(used.get(arn, 0.0), queue.created_timestamp)
            for end in ends:
                if look.sent or since < end <= since + ACTIVE_SECONDS:
                    self._publish(arn, look, end)

    def _publish(self, arn: str, look: _Look, end: int) -> None:
        start = end - 60
        for name, value, unit in look.at(end):
            self._metrics.record(_metric(arn, name), value, unit=unit, at=start)
        for name in COUNTED:
            metric = _metric(arn, name)
            if self._metrics.over(metric, start, end) is None:
                self._metrics.record(metric, 0.0, unit="Count", at=start)


class _Look:
    """The messages of a queue at a moment, by when they were sent."""

    def __init__(self, queue: Any, now: float) -> None:
        messages = list(queue._messages)
        milliseconds = now * 1000
        self._delayed = sorted(each.sent_timestamp for each in messages if each.delayed_until > milliseconds)
        rest = [each for each in messages if each.delayed_until <= milliseconds]
        self._hidden = sorted(each.sent_timestamp for each in rest if each.visible_at >= milliseconds)
        self._visible = sorted(each.sent_timestamp for each in rest if each.visible_at < milliseconds)
        self.sent = len(messages)
        sound = (each for each in messages if queue.fifo_queue or each.approximate_receive_count <= POISON_RECEIVES)
        self._oldest = min((each.sent_timestamp for each in sound), default=None)

    def at(self, end: int) -> list[tuple[str, float, str]]:
        """The gauges; a message that came later than `end` does not count."""
        moment = end * 1000
        age = 0.0 if self._oldest is None else max(0.0, (moment - self._oldest) // 1000)
        counts = {VISIBLE: self._visible, HIDDEN: self._hidden, DELAYED: self._delayed}
        gauges = [(name, float(bisect_right(sent, moment)), "Count") for name, sent in counts.items()]
        return [*gauges, (AGE, float(age), "Seconds")]


def _metric(arn: str, name: str) -> Metric:
    region, account, queue = arn.split(":")[3:6]
    return Metric(account, region, NAMESPACE, name, (("QueueName", queue),))
