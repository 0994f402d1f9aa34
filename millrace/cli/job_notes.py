"""What the job of a step says: the newest metrics of a training, the best trial of a tuning, the words of a failure.

Asked for while the step runs, and once more when it has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from millrace.cli import screen
from millrace.cli.connect import Connection
from millrace.cli.executions import Step

RUNNING = ("Starting", "Executing", "Stopping")
METRICS_NAMESPACE = "/aws/sagemaker/TrainingJobs"
LOOK_BACK = timedelta(hours=3)


class JobNotes:
    """The notes of one run's steps; those of steps that have ended are asked for once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._final: dict[str, str] = {}

    def of(self, step: Step) -> str:
        """What to say beside the step, an empty text if nothing is known."""
        if step.note or not step.job:
            return step.note
        if step.state in RUNNING:
            return self._ask(step)
        if step.job not in self._final:
            self._final[step.job] = self._ask(step)
        return self._final[step.job]

    def _ask(self, step: Step) -> str:
        kind, _, name = step.job.rpartition(":")[2].partition("/")
        sagemaker = self._connection.client("sagemaker")
        if kind == "training-job":
            return self._training(sagemaker.describe_training_job(TrainingJobName=name), step)
        if kind == "hyper-parameter-tuning-job":
            return tuning_note(sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name))
        return ""

    def _training(self, job: Mapping[str, Any], step: Step) -> str:
        """AWS promises the metrics in the description once the job has ended; until then CloudWatch has them."""
        said = training_note(job)
        if said or step.state not in RUNNING or not job.get("TrainingStartTime"):
            return said
        names = [each["Name"] for each in job["AlgorithmSpecification"].get("MetricDefinitions", ())]
        return self._from_cloudwatch(job, names) if names else ""

    def _from_cloudwatch(self, job: Mapping[str, Any], names: list[str]) -> str:
        dimensions = [{"Name": "TrainingJobName", "Value": job["TrainingJobName"]}]
        queries = [
            {
                "Id": f"m{place}",
                "MetricStat": {
                    "Metric": {"Namespace": METRICS_NAMESPACE, "MetricName": name, "Dimensions": dimensions},
                    "Period": 60,
                    "Stat": "Average",
                },
            }
            for place, name in enumerate(names)
        ]
        end = job["LastModifiedTime"] + LOOK_BACK
        answer = self._connection.client("cloudwatch").get_metric_data(
            MetricDataQueries=queries,
            StartTime=job["TrainingStartTime"] - timedelta(minutes=1),
            EndTime=end,
            ScanBy="TimestampDescending",
        )
        newest = {result["Id"]: result["Values"][0] for result in answer["MetricDataResults"] if result["Values"]}
        return _listed({name: newest[f"m{place}"] for place, name in enumerate(names) if f"m{place}" in newest})


def training_note(job: Mapping[str, Any]) -> str:
    """`validation:auc 0.8123`: the newest value of each metric."""
    return _listed({each["MetricName"]: each["Value"] for each in job.get("FinalMetricDataList", ())})


def tuning_note(job: Mapping[str, Any]) -> str:
    """`3 of 10 trials, 2 running; best validation:auc 0.8123 (eta 0.1, max_depth 3)`."""
    counters = job.get("TrainingJobStatusCounters", {})
    failed = counters.get("RetryableError", 0) + counters.get("NonRetryableError", 0)
    done = counters.get("Completed", 0) + counters.get("Stopped", 0) + failed
    most = job.get("HyperParameterTuningJobConfig", {}).get("ResourceLimits", {}).get("MaxNumberOfTrainingJobs")
    said = f"{done} of {most} trials" if most else f"{done} trials"
    said += f", {counters['InProgress']} running" if counters.get("InProgress") else ""
    said += f", {failed} failed" if failed else ""
    best = job.get("BestTrainingJob", {})
    objective = best.get("FinalHyperParameterTuningJobObjectiveMetric")
    if not objective:
        return said
    tuned = ", ".join(f"{name} {shown(value)}" for name, value in sorted(best.get("TunedHyperParameters", {}).items()))
    return f"{said}; best {objective['MetricName']} {objective['Value']:.4g}" + (f" ({tuned})" if tuned else "")


def exit_message(connection: Connection, step: Step) -> str:
    """The sentence that a failed processing job left, if it left one."""
    kind, _, name = step.job.rpartition(":")[2].partition("/")
    if kind != "processing-job" or step.state != "Failed":
        return ""
    job = connection.client("sagemaker").describe_processing_job(ProcessingJobName=name)
    return str(job.get("ExitMessage", "")).strip()


def shown(value: object) -> str:
    """A number with four digits; everything else as it is."""
    try:
        return f"{float(str(value)):.4g}"
    except ValueError:
        return str(value)


def _listed(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {screen.decimals(value)}" for name, value in sorted(metrics.items(), reverse=True))
