"""One run of the pipeline, from the upload of its last file to the registered model, and where its time went.

The programs' own time is what the embedded AWS logs for each job: from the moment the process exists (forked or
executed, before its first line) until its end is noticed. With the fork server off it holds the interpreter's start
and all imports, as it does by hand. Everything else between upload and registration counts as overhead, except
`debounce_seconds`, for which the starter waits on purpose: further files may come.
"""

from __future__ import annotations

import re
import time
import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from benchmarks.embedded import ACCOUNT, REGION, Embedded, eventually

MODEL = "claims-fraud"
SETTINGS = Path(__file__).resolve().parents[1] / "settings" / "models" / f"{MODEL}.toml"
DEBOUNCE_SECONDS = float(tomllib.loads(SETTINGS.read_text("utf-8"))["trigger"]["debounce_seconds"])
RAW = f"millrace-dev-raw-{ACCOUNT}-{REGION}"
STARTER, LEDGER = "millrace-dev-start-pipeline", "millrace-dev-ledger"
JOB_STEPS = ("Preprocess", "Train", "Evaluate")
# Rarely enough that asking does not slow what is measured; the times come from the run's own records.
LOOK_SECONDS = 0.2
WAITS = "waiting for a file"
ENDED = ("Succeeded", "Failed", "Stopped")
PROGRAM = re.compile(r"job (\S+): its program ran ([0-9.]+) s")


@dataclass(frozen=True)
class Arguments:
    """What the scripts of a run were given: the archives with the code, and words beyond their folders."""

    code_zip: str
    code_tar: str
    train: list[str]
    evaluate: list[str]


@dataclass(frozen=True)
class Run:
    """Seconds; `steps` from StartTime to EndTime, `programs` within them."""

    upload: float
    until_started: float
    steps: dict[str, float]
    programs: dict[str, float]
    total: float
    arguments: Arguments

    @property
    def overhead(self) -> float:
        return self.total - sum(self.programs.values()) - DEBOUNCE_SECONDS


def upload_first_table(embedded: Embedded, claims: Path) -> None:
    """Put the table that does not start a run yet, and wait until the starter has looked at it."""
    s3 = embedded.client("s3")
    eventually(lambda: _idle(embedded), what="the starter's look at the end of the run before")
    s3.delete_object(Bucket=RAW, Key=f"raw/{MODEL}/customers/customers.csv")  # of the rows before, if there were any
    told = starter_log(embedded).count(WAITS)
    s3.upload_file(str(claims), RAW, f"raw/{MODEL}/claims/claims.csv")
    eventually(lambda: starter_log(embedded).count(WAITS) > told, what="the starter's look at the first table")


def starter_log(embedded: Embedded) -> str:
    logs = embedded.client("logs")
    try:
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{STARTER}", filterPattern="waiting")
    except logs.exceptions.ResourceNotFoundException:
        return ""
    return "\n".join(event["message"] for event in found["events"])


def measure(embedded: Embedded, customers: Path) -> Run:
    """Upload the last table, wait for the registered model, and read the run's times."""
    sagemaker, s3 = embedded.client("sagemaker"), embedded.client("s3")
    known = set(_executions(sagemaker))
    eventually(lambda: _idle(embedded), what="the starter's look at the end of the run before")
    body = customers.read_bytes()
    began = time.time()
    s3.put_object(Bucket=RAW, Key=f"raw/{MODEL}/customers/customers.csv", Body=body)
    uploaded = time.time()
    [arn] = eventually(lambda: set(_executions(sagemaker)) - known, what="a run")
    described = eventually(lambda: _ended(sagemaker, arn), what=f"the end of {arn}", pause=LOOK_SECONDS)
    listed = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    steps = {step["StepName"]: step for step in sorted(listed, key=lambda step: step["StartTime"])}
    if described["PipelineExecutionStatus"] != "Succeeded":
        raise SystemExit(f"the run failed: { {name: step.get('FailureReason') for name, step in steps.items()} }")
    [register] = [step for name, step in steps.items() if name.startswith("Register")]
    return Run(
        upload=uploaded - began,
        until_started=_seconds(described["CreationTime"]) - uploaded,
        steps={name: _seconds(step["EndTime"]) - _seconds(step["StartTime"]) for name, step in steps.items()},
        programs=_programs(embedded, steps),
        total=_seconds(register["EndTime"]) - began,
        arguments=_arguments(sagemaker, steps),
    )


def _idle(embedded: Embedded) -> bool:
    """Nobody holds the lock, no look is due: a file that came now would otherwise be taken without its wait."""
    found = embedded.client("dynamodb").query(
        TableName=LEDGER,
        KeyConditionExpression="model = :m AND #i BETWEEN :lock AND :wake",
        ExpressionAttributeNames={"#i": "item"},
        ExpressionAttributeValues={":m": {"S": MODEL}, ":lock": {"S": "lock"}, ":wake": {"S": "wake"}},
        ConsistentRead=True,
    )["Items"]
    return not any(item.get("holder", {}).get("S") or item["item"]["S"] == "wake" for item in found)


def _executions(sagemaker: Any) -> list[str]:
    listed = sagemaker.list_pipeline_executions(PipelineName=MODEL, SortOrder="Descending", MaxResults=100)
    return [each["PipelineExecutionArn"] for each in listed["PipelineExecutionSummaries"]]


def _ended(sagemaker: Any, arn: str) -> dict[str, Any] | None:
    found: dict[str, Any] = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    return found if found["PipelineExecutionStatus"] in ENDED else None


def _programs(embedded: Embedded, steps: dict[str, dict[str, Any]]) -> dict[str, float]:
    logged = dict(PROGRAM.findall(embedded.log))
    return {name: float(logged[_job_name(steps[name])]) for name in JOB_STEPS}


def _job_name(step: dict[str, Any]) -> str:
    [job] = [each["Arn"] for each in step["Metadata"].values() if "Arn" in each]
    return str(job).rsplit("/", 1)[1]


def _arguments(sagemaker: Any, steps: dict[str, dict[str, Any]]) -> Arguments:
    """The run's own: hyperparameters of the training job, and what Evaluate has beside its folders."""
    trained = sagemaker.describe_training_job(TrainingJobName=_job_name(steps["Train"]))["HyperParameters"]
    evaluated = sagemaker.describe_processing_job(ProcessingJobName=_job_name(steps["Evaluate"]))["AppSpecification"]
    words = evaluated["ContainerArguments"]
    pairs = zip(words[::2], words[1::2], strict=True)
    own = [word for pair in pairs if not pair[1].startswith("/opt/ml") for word in pair]
    hyperparameters = {name: text for name, text in trained.items() if not name.startswith("sagemaker_")}
    return Arguments(
        code_zip=PurePosixPath(evaluated["ContainerEntrypoint"][1]).name,
        code_tar=PurePosixPath(trained["sagemaker_submit_directory"].strip('"')).name,
        train=[word for name, text in hyperparameters.items() for word in (f"--{name}", text.strip('"'))],
        evaluate=own,
    )


def _seconds(moment: datetime) -> float:
    return moment.timestamp()
