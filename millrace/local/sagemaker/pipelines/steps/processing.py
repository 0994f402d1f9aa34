"""Processing steps: one processing job, whose outputs may hold property files."""

from __future__ import annotations

from millrace.local.sagemaker.pipelines.steps.jobs import JobStep

PROCESSING = JobStep(kind="ProcessingJob", metadata="ProcessingJob")
