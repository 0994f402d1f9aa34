"""Pipelines whose steps are tiny scripts that leave what the real ones leave: verdicts, metrics, messages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from millrace.cli.app import main
from tests.local.pipeline_bench import Json, Workbench, workbench

ACCOUNT = "111111111111"
REGION = "ap-northeast-2"
INPUT = f"s3://artifacts/inputs/{'d' * 64}/"
SUSPECT = "95% of what the model learned comes from area alone"
BETTER = "Better than claims-fraud/3: AUC 0.824 against 0.801"


def verdict(*, auc: float = 0.824, outcome: str = "better", sentence: str = BETTER) -> Json:
    interval = {"value": auc, "low": auc - 0.06, "high": auc + 0.05, "standard_deviation": 0.03}
    difference = {"value": 0.023, "low": -0.01, "high": 0.05, "probability_better": 0.95}
    return {
        "version": 1,
        "model": "claims-fraud",
        "problem": "binary",
        "gate": {
            "outcome": outcome,
            "register": int(outcome == "better"),
            "sentence": sentence,
            "metric": "auc",
            "floor": 0.7,
        },
        "metrics": {"auc": interval},
        "threshold": 0.12,
        "champion": {"version": "claims-fraud/3", "metrics": {}, "difference": difference, "problem": None},
        "artifact": {"sha256": "c" * 64, "bytes": 1000, "rounds": 40},
        "data": {"test_rows": 750, "positives": 33, "input_uri": INPUT, "manifest_sha256": "e" * 64},
        "suspects": [{"code": "dominant", "column": "area", "sentence": SUSPECT}],
        "drift": [{"column": "amount", "psi": 0.01, "sentence": ""}],
        "segments": [],
    }


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class VerdictLab:
    """Calling it runs a command in the account of the runs."""

    bench: Workbench
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> Answer:
        code = main(["--account", ACCOUNT, "--region", REGION, *arguments])
        printed = self.capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    def evaluate(self, told: Json | None, **more: Any) -> Json:
        """An Evaluate step that writes the report, and the verdict if there is one."""
        files = {"evaluation.json": json.dumps({"dataset": {}}), "report.html": "<!doctype html>"}
        if told is not None:
            files["verdict.json"] = json.dumps(told)
        code = (
            "os.makedirs(out + '/evaluation', exist_ok=True)\n"
            f"for name, text in {files!r}.items():\n"
            "    open(f'{out}/evaluation/{name}', 'w').write(text)\n"
        )
        return self.bench.processing("Evaluate", code, outputs=("evaluation",), **more)

    def run(self, *steps: Json, parameters: list[Json] | None = None, **given: str) -> str:
        """Run a pipeline of the steps to its end; its execution's id."""
        name = self.bench.create(*steps, parameters=parameters)
        return self.again(name, **given)

    def again(self, name: str, **given: str) -> str:
        values = [{"Name": key, "Value": value} for key, value in given.items()]
        arn = self.bench.start(name, PipelineParameters=values)
        self.bench.ended(arn)
        return arn.rsplit("/", 1)[-1]


def make(embedded: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> VerdictLab:
    monkeypatch.setenv("MILLRACE_HOME", str(embedded.folder))
    return VerdictLab(workbench(embedded), capsys)
