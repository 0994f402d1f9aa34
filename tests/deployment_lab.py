"""What the tests of endpoint deployments share: a server whose clock they move, and short ways to shift traffic."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.alarm_lab import AlarmLab
from tests.iam_lab import let_events_send
from tests.sagemaker_lab import INFERENCE, EndpointLab, until

SLOW = INFERENCE.replace("    seen =", "    import time\n    time.sleep(0.25)\n    seen =")
WAITS = INFERENCE.replace(
    "    seen =",
    "    if body != 'x':\n        import time\n        open(body, 'w').close()\n        time.sleep(60)\n    seen =",
)
"""Has a request under way for a minute, if its body is a path: a file that says when it has begun."""
WAIT, TERMINATION = 300, 120


def canary(*alarms: str, value: int = 50, unit: str = "CAPACITY_PERCENT", **policy: Any) -> dict[str, Any]:
    return shifting({"Type": "CANARY", "CanarySize": {"Type": unit, "Value": value}}, *alarms, **policy)


def linear(*alarms: str, value: int = 50, unit: str = "CAPACITY_PERCENT", **policy: Any) -> dict[str, Any]:
    return shifting({"Type": "LINEAR", "LinearStepSize": {"Type": unit, "Value": value}}, *alarms, **policy)


def shifting(routing: dict[str, Any], *alarms: str, wait: int = WAIT, **policy: Any) -> dict[str, Any]:
    """A DeploymentConfig."""
    made = {
        "TrafficRoutingConfiguration": {"WaitIntervalInSeconds": wait, **routing},
        "TerminationWaitInSeconds": TERMINATION,
        **policy,
    }
    watched = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": each} for each in alarms]}} if alarms else {}
    return {"BlueGreenUpdatePolicy": made, **watched}


class Load:
    """Requests from two threads: who answered each, when it was sent, and what failed."""

    def __init__(self, ask: Callable[[], str]) -> None:
        self._ask = ask
        self._done = threading.Event()
        self.answers: list[tuple[float, str]] = []
        self.failures: list[Exception] = []
        self._threads = [threading.Thread(target=self._run) for _ in range(2)]

    def _run(self) -> None:
        while not self._done.is_set():
            sent = time.time()
            try:
                self.answers.append((sent, self._ask()))
            except Exception as error:  # noqa: BLE001 - any failure is the finding
                self.failures.append(error)

    @contextmanager
    def running(self) -> Iterator[Load]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._done.set()
            for thread in self._threads:
                thread.join()

    def saw(self, name: str, times: int = 1) -> None:
        until(lambda: Counter(each for _, each in list(self.answers))[name], lambda found: found >= times)


class DeploymentLab(EndpointLab):
    """Endpoints whose deployments bake on the embedded clock."""

    def __init__(self, server: Any) -> None:
        super().__init__(server)
        self.alarms = AlarmLab(server)

    def advance(self, seconds: float) -> None:
        self.embedded.advance(seconds)

    def update(self, name: str, config: str, **settings: Any) -> None:
        self.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config, **settings)

    def status(self, name: str) -> str:
        """What the pending deployment's first variant is about."""
        pending = self.describe(name).get("PendingDeploymentSummary") or {"ProductionVariants": [{}]}
        found = pending["ProductionVariants"][0].get("VariantStatus") or [{"Status": "", "StatusMessage": ""}]
        return f"{found[0]['Status']}: {found[0].get('StatusMessage', '')}"

    def bakes(self, name: str, what: str) -> None:
        """Wait until the deployment bakes, with `what` in its message."""
        until(lambda: self.status(name), lambda found: found.startswith("Baking") and what in found)

    @contextmanager
    def rolling_back(self, name: str, alarm: str, begun: Path) -> Iterator[None]:
        """Let the alarm of a deployment of WAITS ring; it rolls back as long as a request is under way there."""
        cloudwatch = self.alarms.api
        with Load(lambda: self.invoke(name, str(begun))["Body"].read().decode()).running():
            until(begun.exists, bool)
            cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="tried")
            until(lambda: self.describe(name)["EndpointStatus"], lambda status: status == "RollingBack")
            yield

    def subscribe(self, name: str, pattern: dict[str, Any]) -> Callable[[int], list[dict[str, Any]]]:
        """A function that waits for so many events of the pattern; their details."""
        events, sqs = self.embedded.client("events"), self.embedded.client("sqs")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        let_events_send(sqs, url, queue)
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue}])

        def receive(count: int) -> list[dict[str, Any]]:
            seen: list[dict[str, Any]] = []
            while len(seen) < count:
                answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, MaxNumberOfMessages=10)
                seen += [json.loads(message["Body"])["detail"] for message in answer["Messages"]]
            return seen

        return receive

    def share(self, name: str, requests: int = 20) -> Counter[str]:
        return Counter(self.name_served(name) for _ in range(requests))

    def latency_alarm(self, endpoint: str, config: str, *, threshold: float = 100_000.0) -> str:
        """On the latency of the fleet with that configuration, in microseconds."""
        dimensions = {"EndpointName": endpoint, "VariantName": "AllTraffic", "EndpointConfigName": config}
        return self.alarms.alarm(
            "latency",
            Namespace="AWS/SageMaker",
            MetricName="ModelLatency",
            Statistic="Average",
            Threshold=threshold,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        )
