"""Training steps: one training job."""

from __future__ import annotations

from millrace.local.sagemaker.pipelines.steps.jobs import JobStep

TRAINING = JobStep(kind="TrainingJob", metadata="TrainingJob")
