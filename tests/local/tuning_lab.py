"""What tests of tuning jobs share: a request whose training jobs are tiny scripts, and the wait for its end."""

from __future__ import annotations

import uuid
from typing import Any

from tests.sagemaker_lab import ENDED, OWN_IMAGE, JobLab, channel, tar_gz, until

# The objective is a parabola with its top, 1.0, at x = 0.3.
PARABOLA = """
import argparse, json, os, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("-x", type=float, required=True)
options, others = parser.parse_known_args()
print(f"score={1 - (options.x - 0.3) ** 2:.6f}")
pathlib.Path(os.environ["SM_MODEL_DIR"], "x.json").write_text(json.dumps(options.x))
"""


def x_range(low: str = "0", high: str = "1", **more: str) -> dict[str, Any]:
    return {"ContinuousParameterRanges": [{"Name": "x", "MinValue": low, "MaxValue": high, **more}]}


class TuningLab(JobLab):
    def definition(self, script: str = PARABOLA, **changes: Any) -> dict[str, Any]:
        """A TrainingJobDefinition that runs the script."""
        code = self.put(f"code/{uuid.uuid4().hex}/code.gz", tar_gz({"train.py": script}))
        static = {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": "/opt/ml/input/data/code/code.gz",
            **changes.pop("static", {}),
        }
        request: dict[str, Any] = {
            "StaticHyperParameters": static,
            "AlgorithmSpecification": {
                "TrainingImage": OWN_IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "score", "Regex": "score=([-0-9.]+)"}],
            },
            "RoleArn": self.role,
            "InputDataConfig": [channel("code", code)],
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/tuned"},
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        }
        return request | changes

    def config(
        self,
        *,
        jobs: int | None = 4,
        parallel: int = 2,
        strategy: str = "Random",
        ranges: dict[str, Any] | None = None,
        goal: str = "Maximize",
        **more: Any,
    ) -> dict[str, Any]:
        limits = {"MaxParallelTrainingJobs": parallel} | ({"MaxNumberOfTrainingJobs": jobs} if jobs else {})
        return {
            "Strategy": strategy,
            "HyperParameterTuningJobObjective": {"Type": goal, "MetricName": "score"},
            "ResourceLimits": limits,
            "ParameterRanges": ranges or x_range(),
            **more,
        }

    def begin(self, script: str = PARABOLA, *, more: dict[str, Any] | None = None, **config: Any) -> str:
        """Create a tuning job; its name. `more` changes the training job definition."""
        name = f"tune-{uuid.uuid4().hex[:8]}"
        self.sagemaker.create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name,
            HyperParameterTuningJobConfig=self.config(**config),
            TrainingJobDefinition=self.definition(script, **(more or {})),
            Tags=[{"Key": "team", "Value": "claims"}],
        )
        return name

    def described(self, name: str) -> dict[str, Any]:
        return dict(self.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name))

    def tuned(self, name: str) -> dict[str, Any]:
        """The description of the job once it has ended."""
        return dict(until(lambda: self.described(name), lambda found: found["HyperParameterTuningJobStatus"] in ENDED))

    def trained(self, name: str, **how: Any) -> list[dict[str, Any]]:
        """The summaries of its training jobs."""
        listed = self.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name, MaxResults=100, **how
        )
        return list(listed["TrainingJobSummaries"])
