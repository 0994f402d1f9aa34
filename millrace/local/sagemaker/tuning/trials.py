"""The training jobs of one tuning job: what they reached so far, read from the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from millrace.local.sagemaker.kinds import TRAINING_JOB
from millrace.local.sagemaker.store import Place, Record, Store
from millrace.local.sagemaker.tuning.request import Tuning
from millrace.local.sagemaker.tuning.search import Point, Tried

ENDED = ("Completed", "Failed", "Stopped")
RETRYABLE = "InternalServerError"


@dataclass
class Trial:
    name: str
    point: Point
    hopeless: bool = False


@dataclass
class Trials:
    store: Store
    place: Place
    tuning: Tuning
    all: list[Trial] = field(default_factory=list)

    def record(self, trial: Trial) -> Record:
        """Its job's record; a job that somebody deleted counts as stopped."""
        return self.store.find(self.place, TRAINING_JOB.name, trial.name) or {"TrainingJobStatus": "Stopped"}

    def running(self) -> list[Trial]:
        return [trial for trial in self.all if self.record(trial)["TrainingJobStatus"] not in ENDED]

    def with_status(self, status: str) -> list[Trial]:
        return [trial for trial in self.all if self.record(trial)["TrainingJobStatus"] == status]

    def curve(self, trial: Trial) -> Sequence[float]:
        return self.record(trial).get("_Curve") or ()

    def objective(self, trial: Trial) -> float | None:
        return objective_of(self.record(trial), self.tuning.objective)

    def tried(self) -> list[Tried]:
        """What a search wants to know."""
        running = self.running()
        sign = 1.0 if self.tuning.maximize else -1.0
        found = []
        for trial in self.all:
            value = None if trial in running else self.objective(trial)
            found.append(Tried(trial.point, None if value is None else sign * value))
        return found

    def best(self) -> Trial | None:
        """The completed job with the best objective, the earlier one of equals."""
        scored = {trial.name: value for trial in self.all if (value := self.objective(trial)) is not None}
        done = [trial for trial in self.with_status("Completed") if trial.name in scored]
        choose = max if self.tuning.maximize else min
        return choose(done, key=lambda trial: scored[trial.name], default=None)

    def since_best(self) -> int:
        """How many jobs have ended after the best one began, without being better."""
        best, running = self.best(), self.running()
        ended = [trial for trial in self.all if trial not in running]
        return len(ended) - ended.index(best) - 1 if best is not None else 0

    def counters(self) -> dict[str, Any]:
        """TrainingJobStatusCounters and ObjectiveStatusCounters as Describe shows them."""
        failed = self.with_status("Failed")
        retryable = [each for each in failed if self.record(each).get("FailureReason", "").startswith(RETRYABLE)]
        states = [objective_status(self.record(trial), self.tuning.objective) for trial in self.all]
        return {
            "TrainingJobStatusCounters": {
                "Completed": len(self.with_status("Completed")),
                "InProgress": len(self.running()),
                "RetryableError": len(retryable),
                "NonRetryableError": len(failed) - len(retryable),
                "Stopped": len(self.with_status("Stopped")),
            },
            "ObjectiveStatusCounters": {status: states.count(status) for status in ("Succeeded", "Pending", "Failed")},
        }


def objective_of(record: Record, metric: str) -> float | None:
    """The last value of the objective metric."""
    values = {entry["MetricName"]: entry["Value"] for entry in record.get("FinalMetricDataList") or ()}
    return values.get(metric)


def objective_status(record: Record, metric: str) -> str:
    if record["TrainingJobStatus"] not in ENDED:
        return "Pending"
    reached = record["TrainingJobStatus"] != "Failed" and objective_of(record, metric) is not None
    return "Succeeded" if reached else "Failed"


def summary(record: Record, objective: dict[str, str]) -> dict[str, Any]:
    """A HyperParameterTrainingJobSummary."""
    value = objective_of(record, objective["MetricName"])
    final = {"Type": objective["Type"], "MetricName": objective["MetricName"], "Value": value}
    shown = {
        "TrainingJobDefinitionName": record.get("_DefinitionName"),
        "TrainingJobName": record["TrainingJobName"],
        "TrainingJobArn": record["TrainingJobArn"],
        "CreationTime": record["CreationTime"],
        "TrainingStartTime": record.get("TrainingStartTime"),
        "TrainingEndTime": record.get("TrainingEndTime"),
        "TrainingJobStatus": record["TrainingJobStatus"],
        "TunedHyperParameters": record.get("_Tuned") or {},
        "FailureReason": record.get("FailureReason"),
        "FinalHyperParameterTuningJobObjectiveMetric": final if value is not None else None,
        "ObjectiveStatus": objective_status(record, objective["MetricName"]),
    }
    return {key: each for key, each in shown.items() if each is not None}
