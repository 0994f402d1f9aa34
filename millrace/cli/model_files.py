"""The archive of the version that an endpoint serves, and the environment of its image on this machine."""

from __future__ import annotations

import json
import os
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from millrace.cli.connect import Connection
from millrace.errors import MillraceError

ARCHIVE, FEATURES = "model.tar.gz", "features.json"
LARGEST = 100 << 20


@dataclass(frozen=True)
class Served:
    """What the archive tells of the rows that the model takes."""

    archive: Path
    image: str
    features: Sequence[str]
    label: str
    segments: Sequence[str]


def download(registry: Connection, package: str, folder: Path) -> Served:
    """Fetch model.tar.gz of a registered version; nothing of it is unpacked or run here."""
    described = registry.client("sagemaker").describe_model_package(ModelPackageName=package)
    container: Mapping[str, Any] = described["InferenceSpecification"]["Containers"][0]
    where = urlsplit(container.get("ModelDataUrl") or container["ModelDataSource"]["S3DataSource"]["S3Uri"])
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / ARCHIVE
    registry.client("s3").download_file(where.netloc, where.path.lstrip("/"), str(archive))
    told = _features(archive)
    try:
        names = [column["name"] for column in told["columns"]]
        return Served(archive, str(container["Image"]), names, str(told["label"]), list(told.get("segments") or ()))
    except (KeyError, TypeError) as error:
        raise MillraceError(f"{FEATURES} in {where.geturl()} is none of Train's: {error!r}") from error


def image_python(image: str) -> Path:
    """The Python with the packages of an image, as the embedded AWS uses it too."""
    folder = Path(os.environ.get("MILLRACE_ENVIRONMENTS") or Path(sys.prefix) / "environments")
    repository, _, tag = image.rsplit("/", 1)[-1].partition(":")
    version = tag.partition("-")[0]
    found = sorted(folder.glob(f"{repository}-{version}-*/bin/python"))
    if not found:
        raise MillraceError(f"there is no environment for {repository}:{tag} in {folder}: `make setup` makes it")
    return found[-1]


def _features(archive: Path) -> dict[str, Any]:
    try:
        with tarfile.open(archive, "r:gz") as members:
            for member in members:
                if member.name.removeprefix("./") == FEATURES and member.isfile() and member.size <= LARGEST:
                    file = members.extractfile(member)
                    if file:
                        return dict(json.loads(file.read()))
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise MillraceError(f"{archive} cannot be read: {error}") from error
    raise MillraceError(f"{archive} holds no {FEATURES}: it comes from no Train step")
