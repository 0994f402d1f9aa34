"""Transform steps: one batch transform job."""

from __future__ import annotations

from millrace.local.sagemaker.pipelines.steps.jobs import JobStep

TRANSFORM = JobStep(kind="TransformJob", metadata="TransformJob")
