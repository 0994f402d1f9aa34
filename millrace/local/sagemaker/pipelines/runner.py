"""Runs one execution: asks the schedule what may start, runs those steps in threads, keeps the journal."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from millrace.local.sagemaker.pipelines.cache import ATTRIBUTES, cache_key
from millrace.local.sagemaker.pipelines.cache_hits import find_hit
from millrace.local.sagemaker.pipelines.checks import read_definition
from millrace.local.sagemaker.pipelines.context import RunningStep
from millrace.local.sagemaker.pipelines.errors import PipelineProblem
from millrace.local.sagemaker.pipelines.journal import STEPS_FAILED, Journal
from millrace.local.sagemaker.pipelines.parameters import bind
from millrace.local.sagemaker.pipelines.retries import policy_for
from millrace.local.sagemaker.pipelines.schedule import Schedule, State
from millrace.local.sagemaker.pipelines.selection import restricted, selected_steps
from millrace.local.sagemaker.pipelines.steps import step_type
from millrace.local.sagemaker.pipelines.steps.base import Ended, ShuttingDown, StepFailed
from millrace.local.sagemaker.store import Store
from millrace.local.world import World

log = logging.getLogger("millrace.pipelines")

MOST_PARALLEL = 50


class Runner:
    """The life of one execution from Executing to its end."""

    def __init__(self, world: World, store: Store, journal: Journal) -> None:
        self._world = world
        self._store = store
        self._journal = journal
        self._record = journal.record
        self._definition, whole = read_definition(self._record["_Definition"])
        graph = restricted(whole, selected_steps(self._record))
        self._parameters = bind(
            self._definition.parameters, {each["Name"]: each["Value"] for each in self._record["_Parameters"]}
        )
        self._moved = threading.Condition()
        self._stopping = threading.Event()
        self._abandoned = False
        self._schedule = Schedule(graph, most_parallel=_parallel(self._record), succeeded=self._succeeded())

    def _succeeded(self) -> dict[str, bool | None]:
        """Steps of an earlier attempt that keep their result; the others start afresh."""
        steps = self._journal.steps
        kept = {name for name, step in steps.items() if step["StepStatus"] == "Succeeded"}
        self._journal.forget_steps(set(steps) - kept)
        return {name: steps[name].get("_Outcome") for name in kept}

    def run(self) -> None:
        """Return when the execution has ended (or the embedded AWS shuts down)."""
        with self._moved:
            while not (self._schedule.done or self._abandoned):
                for name in self._schedule.startable():
                    self._start(name)
                self._moved.wait()
            if self._abandoned:
                return
        result = self._schedule.result()
        self._journal.set_status(result.value, reason=STEPS_FAILED if result is State.FAILED else None)

    def stop(self) -> None:
        """Start nothing more and end what runs."""
        with self._moved:
            self._schedule.stop()
            self._stopping.set()
            self._moved.notify_all()
        self._journal.stop_steps()
        self._world.clock.wake()

    def set_parallel(self, most: int) -> None:
        with self._moved:
            self._schedule.most_parallel = most
            self._moved.notify_all()

    def _start(self, name: str) -> None:
        self._schedule.start(name)
        step = self._definition.step(name)
        assert step is not None
        self._journal.start_step(step)
        context = RunningStep(
            world=self._world,
            store=self._store,
            step=step,
            journal=self._journal,
            stopping=self._stopping,
            definition=self._definition,
            parameters=self._parameters,
            record=self._record,
        )
        self._world.spawn(self._run_step, context, name=f"step {name} of {context.execution_id}")

    def _run_step(self, context: RunningStep) -> None:
        try:
            ended = self._from_cache(context) or self._run_until_given_up(context)
        except ShuttingDown:
            self._abandon()
            return
        except Exception as error:
            log.exception("step %s of %s broke", context.step.name, context.execution_arn)
            ended = Ended(State.FAILED, f"InternalServerError: {type(error).__name__}: {error}")
        kept: dict[str, Any] = {"_Properties": dict(ended.properties), "_Outcome": ended.outcome}
        self._journal.end_step(context.step.name, ended.state.value, reason=ended.reason, **kept)
        with self._moved:
            self._schedule.finish(context.step.name, ended.state, outcome=ended.outcome)
            self._moved.notify_all()

    def _from_cache(self, context: RunningStep) -> Ended | None:
        """The result of an earlier run of the step with the same values, if it may be taken."""
        step = context.step
        if step.cache is None or step.type not in ATTRIBUTES:
            return None
        try:
            key = cache_key(step.type, context.resolve(dict(step.arguments)))
        except PipelineProblem as problem:
            return Ended(State.FAILED, f"ClientError: {problem}")
        hit = find_hit(
            self._store,
            context.place,
            pipeline=self._record["PipelineArn"],
            step=step.name,
            key=key,
            now=self._world.clock.datetime(),
            expire_after=step.cache.expire_after,
        )
        if hit is None:
            self._journal.update_step(step.name, _CacheKey=key)
            return None
        result = {"SourcePipelineExecutionArn": hit.execution_arn}
        self._journal.update_step(step.name, CacheHitResult=result, Metadata=hit.step["Metadata"])
        return Ended(State.SUCCEEDED, properties=hit.step["_Properties"])

    def _abandon(self) -> None:
        with self._moved:
            self._abandoned = True
            self._moved.notify_all()

    def _run_until_given_up(self, context: RunningStep) -> Ended:
        clock, retries = self._world.clock, 0
        started = clock.now()
        while True:
            ended = _attempt(context)
            minutes = (clock.now() - started) / 60
            policy = policy_for(context.step.retry_policies, ended.fault, retries=retries, minutes=minutes)
            if ended.state is not State.FAILED or policy is None or self._stopping.is_set():
                return ended
            if not clock.wait_until(clock.now() + policy.pause(retries), self._stopping):
                return Ended(State.STOPPED, ended.reason)
            retries += 1
            self._journal.update_step(context.step.name, AttemptCount=retries + 1)


def _attempt(context: RunningStep) -> Ended:
    try:
        return step_type(context.step.type).run(context)
    except StepFailed as failure:
        return Ended(State.FAILED, failure.reason, fault=failure.fault)
    except PipelineProblem as problem:
        return Ended(State.FAILED, f"ClientError: {problem}")


def _parallel(record: Mapping[str, Any]) -> int:
    return int(record.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps", MOST_PARALLEL))
