"""What CreateTransformJob asks for, checked, as one record: `operations` makes it, `work` goes by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from millrace.local.sagemaker.jobs.transfer import Source
from millrace.local.sagemaker.transform.data_processing import DataProcessing, read_data_processing
from millrace.local.service import ServiceError

MEGABYTE = 1024 * 1024
DEFAULT_PAYLOAD, DEFAULT_CONCURRENT, MOST_MEGABYTES = 6, 1, 100
TIMEOUT_SECONDS, RETRIES = 600, 3


@dataclass(frozen=True)
class Transform:
    """One transform job as asked for, defaults filled in."""

    source: Source
    split: str
    gzip: bool
    output: str
    assemble: bool
    single: bool
    megabytes: int
    concurrent: int
    timeout: float
    retries: int
    headers: Mapping[str, str]
    environment: Mapping[str, str]
    processing: DataProcessing

    @property
    def most_bytes(self) -> int | None:
        """The largest request; None when it is streamed."""
        return self.megabytes * MEGABYTE or None

    @property
    def strategy(self) -> str:
        return "SINGLE_RECORD" if self.single else "MULTI_RECORD"


def read_request(params: Mapping[str, Any]) -> Transform:
    """The record of a request; a ValidationException says what is wrong or not available."""
    if params.get("DataCaptureConfig"):
        raise refused("DataCaptureConfig is not available for transform jobs of the embedded AWS.")
    given, output = params["TransformInput"], params["TransformOutput"]
    source = given["DataSource"]["S3DataSource"]
    if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise refused(f"S3DataType {source['S3DataType']} is not available for transform jobs of the embedded AWS.")
    client = params.get("ModelClientConfig") or {}
    transform = Transform(
        source=Source(source["S3Uri"], source["S3DataType"]),
        split=given.get("SplitType", "None"),
        gzip=given.get("CompressionType") == "Gzip",
        output=output["S3OutputPath"].rstrip("/"),
        assemble=output.get("AssembleWith") == "Line",
        single=params.get("BatchStrategy") == "SingleRecord",
        megabytes=params.get("MaxPayloadInMB", DEFAULT_PAYLOAD),
        concurrent=params.get("MaxConcurrentTransforms") or DEFAULT_CONCURRENT,
        timeout=client.get("InvocationsTimeoutInSeconds", TIMEOUT_SECONDS),
        retries=client.get("InvocationsMaxRetries", RETRIES),
        headers=_headers(given, output),
        environment=_environment(params),
        processing=read_data_processing(params),
    )
    if params.get("BatchStrategy") and transform.split == "None":
        raise refused("BatchStrategy needs a SplitType: Line, RecordIO or TFRecord.")
    if transform.megabytes * transform.concurrent > MOST_MEGABYTES:
        raise refused(
            f"MaxConcurrentTransforms * MaxPayloadInMB is {transform.megabytes * transform.concurrent}: it must not "
            f"exceed {MOST_MEGABYTES} MB."
        )
    return transform


def _headers(given: Mapping[str, Any], output: Mapping[str, Any]) -> dict[str, str]:
    named = {"Content-Type": given.get("ContentType"), "Accept": output.get("Accept")}
    return {name: value for name, value in named.items() if value}


def _environment(params: Mapping[str, Any]) -> dict[str, str]:
    """The request's own variables, and what it says about batches: what it leaves out is not passed."""
    strategies = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}
    told = {
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": params.get("MaxPayloadInMB"),
        "SAGEMAKER_BATCH_STRATEGY": strategies.get(params.get("BatchStrategy", "")),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": params.get("MaxConcurrentTransforms"),
    }
    known = {name: str(value) for name, value in told.items() if value is not None}
    return {**(params.get("Environment") or {}), "SAGEMAKER_BATCH": "true", **known}


def refused(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
