"""Runs one tuning job: starts training jobs as its search proposes them, until there are enough or it has to end."""

from __future__ import annotations

import logging
import uuid
from contextlib import suppress
from typing import Any

from millrace.local.sagemaker import events
from millrace.local.sagemaker.jobs.operations import JobOperations
from millrace.local.sagemaker.kinds import TRAINING_JOB, TUNING_JOB
from millrace.local.sagemaker.store import Place, Record, Store
from millrace.local.sagemaker.tuning.early_stopping import is_hopeless
from millrace.local.sagemaker.tuning.ranges import hyperparameters
from millrace.local.sagemaker.tuning.request import Tuning
from millrace.local.sagemaker.tuning.trials import Trial, Trials, summary
from millrace.local.service import Caller, ServiceError
from millrace.local.world import World

log = logging.getLogger("millrace")

STATUS = "HyperParameterTuningJobStatus"
REASON_LENGTH = 1024
# After so many failures and no success AWS gives up.
MOST_FAILURES = 5
GAVE_UP = (
    "No training job succeeded after {attempts} attempts. For additional details, please take a look at the training "
    "job failures by listing training jobs for the hyperparameter tuning job."
)


class Tuner:
    def __init__(
        self, world: World, store: Store, jobs: JobOperations, caller: Caller, record: Record, tuning: Tuning
    ) -> None:
        self._world = world
        self._store = store
        self._jobs = jobs
        self._caller = caller
        self._place = Place.of(caller)
        self._name: str = record["HyperParameterTuningJobName"]
        self._arn: str = record["HyperParameterTuningJobArn"]
        self._objective = record["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
        self._tuning = tuning
        self._search = tuning.search()
        self._trials = Trials(store, self._place, tuning)
        self._exhausted = False
        self._refusal = ""
        self._looked: list[tuple[Any, ...]] = []
        self._deadline = None if tuning.seconds is None else world.clock.now() + tuning.seconds

    def run(self) -> None:
        """Return when the job has ended, or the embedded AWS stops."""
        try:
            self._work()
        except Exception as error:
            log.exception("the tuning job %s ended by an error of the embedded AWS", self._name)
            self._end("Failed", f"InternalServerError: {type(error).__name__}: {error}")

    def _work(self) -> None:
        while not self._world.stopping.is_set():
            self._looked = self._seen()
            if self._over():
                self._exhausted = True
            if self._stopping():
                self._stop_running()
            else:
                self._launch()
            if self._tuning.early_stopping:
                self._stop_hopeless()
            self._update(**self._trials.counters(), **self._best())
            if not self._trials.running() and (self._exhausted or self._stopping()):
                self._conclude()
                return
            self._store.wait(self._moved, stop=self._world.stopping, timeout=1.0)

    def _moved(self) -> bool | None:
        return self._seen() != self._looked or None

    def _seen(self) -> list[tuple[Any, ...]]:
        """What the next look depends on: it is taken when this has changed."""
        states = [
            (trial.name, self._trials.record(trial)["TrainingJobStatus"], len(self._trials.curve(trial)))
            for trial in self._trials.all
        ]
        return [(self._stopping(),), *states]

    def _stopping(self) -> bool:
        record = self._store.find(self._place, TUNING_JOB.name, self._name)
        return record is None or record[STATUS] == "Stopping"

    def _over(self) -> bool:
        """Whether nothing more is to be started: enough jobs, time or success, or failures only."""
        trials, tuning = self._trials, self._tuning
        if tuning.most is not None and len(trials.all) >= tuning.most:
            return True
        if self._deadline is not None and self._world.clock.now() >= self._deadline:
            self._stop_running()
            return True
        if self._refusal or self._gave_up():
            return True
        best = trials.best()
        reached = trials.objective(best) if best else None
        if reached is not None and tuning.is_enough(reached):
            self._stop_running()
            return True
        return tuning.patience is not None and trials.since_best() >= tuning.patience

    def _gave_up(self) -> bool:
        return len(self._trials.with_status("Failed")) >= MOST_FAILURES and not self._trials.with_status("Completed")

    def _launch(self) -> None:
        """Start jobs as long as there is room for one."""
        while not self._exhausted and len(self._trials.running()) < self._tuning.parallel:
            point = self._search.propose(self._trials.tried())
            if point is None:
                self._exhausted = True
                return
            self._start(point)
            if self._over():
                self._exhausted = True

    def _start(self, point: tuple[float, ...]) -> None:
        tuning = self._tuning
        name = f"{self._name}-{len(self._trials.all) + 1:03d}-{uuid.uuid4().hex[:8]}"
        tuned = hyperparameters(tuning.ranges, point)
        request = dict(tuning.training) | {
            "TrainingJobName": name,
            "HyperParameters": {**tuning.static, **tuned, "_tuning_objective_metric": tuning.objective},
            "Tags": [{"Key": key, "Value": value} for key, value in self._store.tags(self._arn).items()],
        }
        fields = {
            "TuningJobArn": self._arn,
            "_Objective": tuning.objective,
            "_Tuned": tuned,
            "_DefinitionName": tuning.definition_name,
        }
        try:
            self._jobs.create_training_job(self._caller, request, **fields)
        except ServiceError as error:
            self._refusal = f"ClientError: {error.message}"
            self._exhausted = True
            return
        self._trials.all.append(Trial(name, point))

    def _stop_hopeless(self) -> None:
        done = [self._trials.curve(trial) for trial in self._trials.with_status("Completed")]
        for trial in self._trials.running():
            curve = self._trials.curve(trial)
            if not trial.hopeless and is_hopeless(curve, done, maximize=self._tuning.maximize):
                trial.hopeless = True
                self._stop(trial)

    def _stop_running(self) -> None:
        for trial in self._trials.running():
            self._stop(trial)

    def _stop(self, trial: Trial) -> None:
        # It may have ended in between.
        with suppress(ServiceError):
            self._jobs.stop(TRAINING_JOB, self._place, trial.name)

    def _best(self) -> dict[str, Any]:
        best = self._trials.best()
        return {"BestTrainingJob": summary(self._trials.record(best), self._objective)} if best else {}

    def _conclude(self) -> None:
        if self._stopping():
            self._end("Stopped")
        elif self._refusal:
            self._end("Failed", self._refusal)
        elif self._trials.with_status("Failed") and self._trials.best() is None:
            self._end("Failed", GAVE_UP.format(attempts=len(self._trials.with_status("Failed"))))
        elif self._trials.best() is None and self._trials.with_status("Completed"):
            self._end("Failed", f"ClientError: No training job told the objective metric {self._tuning.objective}.")
        elif self._trials.best() is None:
            self._end("Failed", "ClientError: No training job had completed when MaxRuntimeInSeconds was over.")
        else:
            self._end("Completed")

    def _end(self, status: str, reason: str | None = None) -> None:
        now = self._world.clock.datetime()
        fields = {"HyperParameterTuningEndTime": now, "FailureReason": reason[:REASON_LENGTH] if reason else None}
        self._update(**{STATUS: status}, **fields)

    def _update(self, **fields: Any) -> None:
        if self._world.stopping.is_set():
            return
        with self._store.lock:
            before = self._store.find(self._place, TUNING_JOB.name, self._name)
            if before is None or all(before.get(key) == value for key, value in fields.items()):
                return
            fields["LastModifiedTime"] = self._world.clock.datetime()
            after = self._store.update(self._place, TUNING_JOB.name, self._name, **fields)
        if after is not None and STATUS in fields:
            events.publish(self._world, self._store, TUNING_JOB, after)
