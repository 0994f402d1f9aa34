"""What is compared of a run: its verdict, parameters, inputs and durations. Called by `compare.py`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from millrace.cli import evaluations, executions, screen
from millrace.cli.connect import Connection
from millrace.cli.executions import Run, Step
from millrace.cli.history import moment
from millrace.cli.job_notes import shown
from millrace.errors import MillraceError


@dataclass(frozen=True)
class RunFacts:
    """One run; `verdict` is empty where none was written, and `why_none` says why."""

    run: Run
    steps: tuple[Step, ...]
    parameters: dict[str, str]
    verdict: dict[str, Any]
    why_none: str

    @property
    def started(self) -> str:
        return moment(self.run.started)

    @property
    def sentence(self) -> str:
        return evaluations.sentence(self.verdict)

    @property
    def durations(self) -> dict[str, str]:
        """Of each step that has a job or took time, and of the run; `cached` for what was taken from an earlier run."""
        now = datetime.now(UTC)
        steps = {step.name: step for step in self.steps if step.job or step.failure}
        told = {name: step.shown_state if step.cached else _took(step, now) for name, step in steps.items()}
        return {**told, "the run": screen.duration(self.run.seconds(now))}

    def judged(self) -> Iterator[tuple[str, str]]:
        gate = self.verdict.get("gate", {})
        yield "outcome", str(gate.get("outcome", "none"))
        if not gate:
            return
        yield "floor", f"{gate.get('metric', '')} {shown(gate.get('floor', ''))}".strip()
        champion = self.verdict.get("champion") or {}
        yield "champion", str(champion.get("version", "none"))
        if champion.get("problem"):
            yield "not compared", str(champion["problem"])
        difference = champion.get("difference") or {}
        if difference:
            yield "difference", _interval(difference, sign="+")
            yield "resamples won", _percent(difference.get("probability_better"))
        if self.verdict.get("threshold") is not None:
            yield "threshold", shown(self.verdict["threshold"])
        for name in ("suspects", "drift"):
            told = [str(each.get("column") or each.get("code")) for each in evaluations.remarks(self.verdict, name)]
            if told:
                yield name, ", ".join(told[:3]) + (f" and {len(told) - 3} more" if len(told) > 3 else "")

    def measured(self) -> Iterator[tuple[str, str]]:
        for name, metric in (self.verdict.get("metrics") or {}).items():
            yield name, _interval(metric) if isinstance(metric, dict) else shown(metric)

    def inputs(self) -> Iterator[tuple[str, str]]:
        data = self.verdict.get("data", {})
        uri = str(data.get("input_uri") or self.parameters.get("InputUri", ""))
        if uri:
            yield "data", _short_uri(uri)
        for name in ("test_rows", "positives"):
            if data.get(name) is not None:
                yield name.replace("_", " "), f"{data[name]:,}"
        if self.verdict.get("artifact"):
            yield "model.tar.gz", str(self.verdict["artifact"].get("sha256", ""))[:12]

    def as_json(self) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {
            "run": self.run.id,
            "model": self.run.model,
            "state": self.run.state,
            "started": self.run.started.isoformat(),
            "seconds": round(self.run.seconds(now), 3),
            "parameters": self.parameters,
            "steps": [
                {"name": step.name, "state": step.state, "cached": step.cached, "seconds": step.seconds(now)}
                for step in self.steps
            ],
            "verdict": self.verdict or None,
            "why_no_verdict": self.why_none or None,
        }


def read(connection: Connection, run: Run) -> RunFacts:
    """Everything that is compared of a run."""
    steps = executions.steps(connection, run.arn)
    verdict, why = {}, ""
    try:
        verdict = evaluations.verdict(connection, run.arn, steps)
    except MillraceError as error:
        failed = [f"{step.name} failed: {step.failure}" for step in steps if step.state == "Failed"]
        why = "; ".join([str(error), *failed])
    return RunFacts(run, tuple(steps), parameters(connection, run), verdict, why)


def parameters(connection: Connection, run: Run) -> dict[str, str]:
    """Each parameter as the run had it: the pipeline's default where it was given none."""
    sagemaker = connection.client("sagemaker")
    defined = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=run.arn)
    found = {
        each["Name"]: str(each["DefaultValue"])
        for each in json.loads(defined["PipelineDefinition"]).get("Parameters", ())
        if "DefaultValue" in each
    }
    pages = sagemaker.get_paginator("list_pipeline_parameters_for_execution").paginate(PipelineExecutionArn=run.arn)
    found |= {each["Name"]: str(each["Value"]) for page in pages for each in page["PipelineParameters"]}
    return {name: found[name] for name in sorted(found)}


def _took(step: Step, now: datetime) -> str:
    took = screen.duration(step.seconds(now))
    return took if step.state == "Succeeded" else f"{took} ({step.state})".strip()


def _interval(metric: dict[str, Any], *, sign: str = "") -> str:
    """`0.824 (0.760 to 0.881)`"""
    numbers = [metric.get(name) for name in ("value", "low", "high")]
    if numbers[0] is None:
        return "unknown"
    value, *ends = [f"{number:{sign}.4g}" if number is not None else "" for number in numbers]
    return f"{value} ({ends[0]} to {ends[1]})" if all(ends) else value


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}"


def _short_uri(uri: str) -> str:
    """The part of an input's URI that tells it from others: its content's digest."""
    parts = [part for part in uri.rstrip("/").split("/") if part]
    return parts[-1][:12] if len(parts[-1]) > 40 else uri
