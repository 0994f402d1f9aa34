"""Waits for a deployed world as long as something moves in it, and tells what it looked like when nothing did.

A slow machine needs longer and is no error; a world that stands still is one, and then it must be seen where.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.embedded import Embedded

# Longer than anything here takes without a sign of it, on the slowest machine.
STILL_SECONDS = 120.0
LONGEST_SECONDS = 900.0
LOOK_SECONDS = 1.0
# So long without a sign that whatever waits must be waiting for the time to pass.
QUIET_SECONDS = 5.0
STEP_SECONDS = 60
SHOWN_LINES = 40


class Watch:
    """Looks at one embedded AWS; `ask` asks one of its internal routes."""

    def __init__(self, embedded: Embedded, ask: Callable[..., dict[str, Any]], *, function: str, table: str) -> None:
        self._embedded = embedded
        self._ask = ask
        self._function = function
        self._table = table

    def wait(self, look: Callable[[], bool], what: str) -> None:
        """Until `look` is true; when the world stands still before, say so with all that can be known."""
        began = moved = looked = time.monotonic()
        before = self._progress()
        while not look():
            now = time.monotonic()
            if now - looked > LOOK_SECONDS:
                looked, seen = now, self._progress()
                if seen != before:
                    before, moved = seen, now
                elif now - moved > QUIET_SECONDS and self._only_the_time_is_missing():
                    self._ask("clock", {"advance": STEP_SECONDS})
            if now - moved > STILL_SECONDS or now - began > LONGEST_SECONDS:
                self.tell(f"{what} did not come in {now - began:.0f} s, nothing has moved for {now - moved:.0f} s")
                return
            time.sleep(0.1)

    def _only_the_time_is_missing(self) -> bool:
        """Whether messages wait for their moment and nothing else does: the lease of a look that met another's, say."""
        counts = self._counts()[self._function]
        waiting, at_work, later = (
            int(counts[f"ApproximateNumberOfMessages{kind}"]) for kind in ("", "NotVisible", "Delayed")
        )
        if waiting or at_work or not later:
            return False
        return not any("Executing" in run for run in self._steps())  # a job has no more than its time

    def _progress(self) -> Any:
        """What changes whenever something gets on."""
        told = self._ask("lambda")
        batches = [(poller["queue"], poller["batches"]) for poller in told["pollers"]]
        return batches, told["workers"], self._rows(), self._steps(), sorted(self._counts().items())

    def tell(self, why: str) -> None:
        """Everything to stderr, each part for itself: what is broken may not answer."""
        print(why, file=sys.stderr)
        parts: dict[str, Callable[[], Any]] = {
            "messages": self._counts,
            "pollers and workers": lambda: self._ask("lambda"),
            "faults": lambda: self._ask("faults")["faults"],
            "the ledger": self._rows,
            "steps of runs": self._steps,
            f"the last lines of {self._function}": self._function_log,
            "the last lines of the server": lambda: self._embedded.log.splitlines()[-SHOWN_LINES:],
        }
        for name, look in parts.items():
            try:
                seen = look()
            except Exception as error:  # noqa: BLE001 - the other parts are wanted all the more
                seen = f"cannot be seen: {type(error).__name__}: {error}"
            lines = seen if isinstance(seen, list) and seen and isinstance(seen[0], str) else [json.dumps(seen)]
            print(f"- {name}:", *(f"    {line}" for line in lines), sep="\n", file=sys.stderr)

    def _counts(self) -> dict[str, dict[str, str]]:
        sqs = self._embedded.client("sqs")
        found = {}
        for name in (self._function, f"{self._function}-dlq"):
            url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
            counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            found[name] = {key: value for key, value in counts.items() if key.startswith("ApproximateNumber")}
        return found

    def _rows(self) -> list[str]:
        pages = self._embedded.client("dynamodb").get_paginator("scan").paginate(TableName=self._table)
        return sorted(json.dumps(item, sort_keys=True, default=str) for page in pages for item in page["Items"])

    def _steps(self) -> list[str]:
        sagemaker = self._embedded.client("sagemaker")
        found = []
        for pipeline in sagemaker.list_pipelines()["PipelineSummaries"]:
            runs = sagemaker.list_pipeline_executions(PipelineName=pipeline["PipelineName"])
            for run in runs["PipelineExecutionSummaries"]:
                arn = run["PipelineExecutionArn"]
                steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
                told = " ".join(f"{step['StepName']}={step['StepStatus']}" for step in steps)
                found.append(f"{arn.rpartition(':')[2]} {run['PipelineExecutionStatus']} {told}")
        return found

    def _function_log(self) -> list[str]:
        pages = self._embedded.client("logs").get_paginator("filter_log_events")
        events = [
            event for page in pages.paginate(logGroupName=f"/aws/lambda/{self._function}") for event in page["events"]
        ]
        events.sort(key=lambda event: event["timestamp"])
        return [f"{event['timestamp']} {event['message'].rstrip()}" for event in events[-SHOWN_LINES:]]
