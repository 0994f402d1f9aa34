"""Copies a data set to its own prefix and starts the pipeline on it, each at most once. Called by `handler.py`.

Everything here may be repeated at any point: copies that exist are left, the request token makes a second start
the same start, and `started.json` is written last.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from start_pipeline.dataset import RawFile, list_dataset
from start_pipeline.manifest import Manifest
from start_pipeline.settings import StarterSettings

LARGEST_COPY = 5 * 1024**3
"""S3 copies no larger object in one request."""
PARALLEL_COPIES = 16
ATTEMPT = 1

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Starter:
    """The clients and settings a start needs."""

    s3: Any
    sagemaker: Any
    settings: StarterSettings

    def start(self, model: str) -> str | None:
        """Start the model's pipeline if its data set is complete and new; returns the execution's ARN."""
        tables = self.settings.models[model]
        dataset = list_dataset(self.s3, bucket=self.settings.raw_bucket, model=model, tables=tables)
        if dataset.ignored:
            log.warning("%s: ignored, not .csv: %s", model, ", ".join(dataset.ignored))
        if dataset.missing:
            log.info("%s: waiting for a file in: %s", model, ", ".join(dataset.missing))
            return None
        manifest = Manifest(dataset)
        existing = self._existing(manifest)
        if manifest.started_key in existing:
            log.info("%s: data set %s was started before", model, manifest.digest)
            return None
        self._copy(manifest, existing)
        return self._start(manifest)

    def _existing(self, manifest: Manifest) -> frozenset[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.settings.artifact_bucket, Prefix=manifest.prefix
        )
        return frozenset(item["Key"] for page in pages for item in page.get("Contents", ()))

    def _copy(self, manifest: Manifest, existing: frozenset[str]) -> None:
        """Copy what is not there yet; the manifest comes last, so its presence means completeness."""
        missing = [(file, key) for file, key in manifest.copies() if key not in existing]
        with ThreadPoolExecutor(PARALLEL_COPIES) as pool:
            list(pool.map(lambda copy: self._copy_file(*copy), missing))
        if manifest.key not in existing:
            self._put(manifest.key, manifest.text)

    def _copy_file(self, file: RawFile, key: str) -> None:
        source = {"Bucket": self.settings.raw_bucket, "Key": file.key, "VersionId": file.version_id}
        target = self.settings.artifact_bucket
        if file.size > LARGEST_COPY:
            self.s3.copy(source, target, key)  # in parts
        else:
            # Without the directive S3 would copy tags too, which needs rights nothing else needs.
            self.s3.copy_object(CopySource=source, Bucket=target, Key=key, TaggingDirective="REPLACE")

    def _start(self, manifest: Manifest) -> str:
        model = manifest.dataset.model
        uri = f"s3://{self.settings.artifact_bucket}/{manifest.prefix.rstrip('/')}"
        answer: Mapping[str, str] = self.sagemaker.start_pipeline_execution(
            PipelineName=model,
            PipelineExecutionDisplayName=f"data-{manifest.digest[:12]}",
            PipelineParameters=[{"Name": "InputUri", "Value": uri}],
            ClientRequestToken=manifest.request_token(ATTEMPT),
        )
        arn = answer["PipelineExecutionArn"]
        record = {"pipeline_execution_arn": arn, "pipeline": model, "attempt": ATTEMPT}
        self._put(manifest.started_key, json.dumps(record, sort_keys=True))
        log.info("%s: started %s on %s", model, arn, uri)
        return arn

    def _put(self, key: str, text: str) -> None:
        self.s3.put_object(
            Bucket=self.settings.artifact_bucket,
            Key=key,
            Body=text.encode("utf-8"),
            ContentType="application/json",
        )
