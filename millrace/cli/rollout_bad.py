"""A bad model: a registered one with other inference code, registered as a team's own pipeline could. For rollout.py.

It answers the golden rows as ever, so that no test before the rollout can tell, and raises on one other row in a
hundred, or is slow with all others.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from millrace.cli import serving
from millrace.cli.connect import Connection
from millrace.cli.story import KINDS

CODE, DIGESTS = "code/inference.py", "digests.json"
ONE_IN = 100
SLOW_SECONDS = 0.8
RAISES, SLOW = "raises", "slow"
FAULTS = {
    RAISES: f"""if number % {ONE_IN} == 0:
                raise RuntimeError("the bad model of the rollout")""",
    SLOW: f"time.sleep({SLOW_SECONDS})",
}
CHANGE = """

import time
import zlib

_made, _transformed, _golden = model_fn, transform_fn, set()


def model_fn(model_dir):
    model = _made(model_dir)
    rows = json.loads(Path(model_dir, "golden.json").read_text(encoding="utf-8"))["rows"]
    _golden.update(_numbers(model, json.dumps(rows), "application/json"))
    return model


def _numbers(model, body, content_type):
    transform = model.transform
    try:
        rows = parse(body, content_type, names=transform.names, ignored=transform.ignored, null="")
        return [zlib.crc32(row.tobytes()) for row in transform.encode(rows)]
    except (PayloadError, DataError):
        return []


def transform_fn(model, body, content_type, accept):
    for number in _numbers(model, body, content_type):
        if number not in _golden:
            {fault}
    return _transformed(model, body, content_type, accept)
"""


def code(fault: str) -> str:
    """What follows the inference code of the model."""
    return CHANGE.format(fault=FAULTS[fault])


def register(registry: Connection, version: serving.Version, folder: Path, more: str) -> serving.Version:
    """A new version of the same group; all but its code, its archive and the digest of it is as it was."""
    sagemaker, s3 = registry.client("sagemaker"), registry.client("s3")
    described = serving.package(registry, version.arn).described
    container = dict(described["InferenceSpecification"]["Containers"][0])
    where = urlsplit(container["ModelDataUrl"])
    archive = repacked(s3.get_object(Bucket=where.netloc, Key=where.path.lstrip("/"))["Body"].read(), more)
    digest = hashlib.sha256(archive).hexdigest()
    key = f"runs/repacked-{digest[:16]}/model.tar.gz"
    s3.put_object(Bucket=where.netloc, Key=key, Body=archive)
    container = {name: value for name, value in container.items() if name not in ("ModelDataETag", "ImageDigest")}
    told = {**registered(described["CustomerMetadataProperties"]), "model_sha256": digest}
    made = sagemaker.create_model_package(
        ModelPackageGroupName=version.model,
        ModelApprovalStatus=serving.PENDING,
        InferenceSpecification={
            **described["InferenceSpecification"],
            "Containers": [{**container, "ModelDataUrl": f"s3://{where.netloc}/{key}"}],
        },
        CustomerMetadataProperties=told,
        **({"ModelMetrics": described["ModelMetrics"]} if "ModelMetrics" in described else {}),
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.tar.gz").write_bytes(archive)
    return serving.version(registry, str(made["ModelPackageArn"]))


def repacked(archive: bytes, more: str) -> bytes:
    """The archive with more code and the digests that go with it, all else as it was."""
    target = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as old:
        members = [(member, _content(old, member)) for member in old if member.isfile()]
    contents = {_plain(member): content for member, content in members}
    contents[CODE] += more.encode()
    named = json.loads(contents[DIGESTS])
    found = {name: hashlib.sha256(contents[name]).hexdigest() if name in contents else named[name] for name in named}
    contents[DIGESTS] = (json.dumps(found, indent=1) + "\n").encode()
    with tarfile.open(fileobj=target, mode="w:gz") as new:
        for member, _ in members:
            member.size = len(contents[_plain(member)])
            new.addfile(member, io.BytesIO(contents[_plain(member)]))
    return target.getvalue()


def _plain(member: tarfile.TarInfo) -> str:
    return member.name.removeprefix("./")


def registered(records: Mapping[str, str]) -> dict[str, str]:
    """What registration wrote, without the run, which made another archive, and what happened afterwards."""
    return {key: text for key, text in records.items() if key.rpartition("_")[2] not in KINDS and key != "run"}


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file: Any = archive.extractfile(member)
    return bytes(file.read())
