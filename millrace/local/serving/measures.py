"""The metrics that SageMaker publishes of an endpoint's invocations, by variant and also by the fleet's configuration.

By the configuration an alarm tells the new fleet from the old one during a deployment.
"""

from __future__ import annotations

import time
from types import TracebackType

from millrace.local.world import World

NAMESPACE = "AWS/SageMaker"
MICROSECONDS = 1_000_000


class Call:
    """One call of a container, measured while it is entered; `status` stays 0 when it answers nothing."""

    def __init__(
        self, world: World, *, account: str, region: str, endpoint: str, variant: str, config: str, instances: int
    ) -> None:
        self.status = 0
        self._world = world
        self._account, self._region = account, region
        self._instances = max(instances, 1)
        of_variant = {"EndpointName": endpoint, "VariantName": variant}
        self._dimensions = (of_variant, {**of_variant, "EndpointConfigName": config})
        self._made = self._entered = time.perf_counter()

    def __enter__(self) -> Call:
        self._entered = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        answered, refused = 200 <= self.status < 300, 400 <= self.status < 500
        counts = {
            "Invocations": True,
            "Invocation4XXErrors": refused,
            "Invocation5XXErrors": not answered and not refused,
            "InvocationModelErrors": not answered,
        }
        values = {name: (float(count), "None") for name, count in counts.items()}
        values["ModelLatency"] = ((time.perf_counter() - self._entered) * MICROSECONDS, "Microseconds")
        values["OverheadLatency"] = ((self._entered - self._made) * MICROSECONDS, "Microseconds")
        values["InvocationsPerInstance"] = (1.0 / self._instances, "None")
        self._world.metrics.publish(
            NAMESPACE, account=self._account, region=self._region, dimensions=self._dimensions, values=values
        )
