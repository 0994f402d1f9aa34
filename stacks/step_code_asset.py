"""Packs the step code of a model as CDK assets: a zip for Processing, a tar.gz for Training. `build.py` calls it.

Python runs the zip as it is (it holds `__main__.py`); the image's toolkit unpacks only tar.gz. The archives are
made of bytes that no library version, folder, clock or umask can change: their hash is the name of the object
in S3 and part of the pipeline's definition, so other bytes would mean another deployment and cold caches.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import AssetHashType
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

CODE_FOLDER = Path(__file__).parent.parent / "pipeline_code"
MAIN = "__main__.py"
SPEC = "model_spec.json"
ELSEWHERE = ("definition", "analyze")
_STORED_BLOCK = 65_535


class StepCode(Construct):
    """The two archives of one model. `bucket`, `zip_key`, `tar_key` and the zip's `digest` go into the definition."""

    def __init__(
        self, scope: Construct, id_: str, *, model_spec: Mapping[str, Any], folder: Path = CODE_FOLDER
    ) -> None:
        super().__init__(scope, id_)
        files = step_files(folder, model_spec)
        archive = zip_archive(files)
        self.digest = hashlib.sha256(archive).hexdigest()
        self._zip = self._asset("Zip", "code.zip", archive)
        self._tar = self._asset("Tar", "code.tar.gz", tar_archive(files))

    @property
    def bucket(self) -> str:
        """The name of the bucket that holds both archives."""
        return self._zip.s3_bucket_name

    @property
    def zip_key(self) -> str:
        """The zip's object key, which is also its file name in a processing container."""
        return _flat_key(self._zip)

    @property
    def tar_key(self) -> str:
        """The tar.gz's object key (`<hash>.gz`), which is also its file name in a training container."""
        return _flat_key(self._tar)

    @property
    def assets(self) -> tuple[s3_assets.Asset, s3_assets.Asset]:
        return self._zip, self._tar

    def _asset(self, id_: str, name: str, content: bytes) -> s3_assets.Asset:
        # An asset copies its file into cdk.out at once, so the file's own folder need not outlive the call.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            return s3_assets.Asset(self, id_, path=str(path), asset_hash_type=AssetHashType.CUSTOM, asset_hash=digest)


def step_files(folder: Path, model_spec: Mapping[str, Any]) -> dict[str, bytes]:
    """What runs inside SageMaker: all modules but `definition*.py` and `analyze*.py`, and the spec."""
    names = sorted(path.name for path in folder.glob("*.py") if not path.name.startswith(ELSEWHERE))
    if MAIN not in names:
        found = ", ".join(names) or "no modules"
        raise ValueError(f"{folder} is not the step code: it has no {MAIN} ({found}); name the pipeline_code folder")
    spec = json.dumps(model_spec, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
    return {**{name: (folder / name).read_bytes() for name in names}, SPEC: spec.encode()}


def zip_archive(files: Mapping[str, bytes]) -> bytes:
    """A zip without compression: each build of zlib compresses to other bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix: the default is the system that packs
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def tar_archive(files: Mapping[str, bytes]) -> bytes:
    """A tar.gz without compression, owned by root, from the beginning of time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)  # mtime, uid and gid are 0, the names of the owners empty
            entry.mode = 0o644
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return _stored_gzip(buffer.getvalue())


def _stored_gzip(content: bytes) -> bytes:
    """gzip (RFC 1952) of stored deflate blocks, written here because zlib's own stored blocks differ by build."""
    header = b"\x1f\x8b\x08\x00" + struct.pack("<L", 0) + b"\x00\xff"
    pieces = [content[start : start + _STORED_BLOCK] for start in range(0, len(content), _STORED_BLOCK)] or [b""]
    blocks = b"".join(
        struct.pack("<BHH", position == len(pieces) - 1, len(piece), len(piece) ^ 0xFFFF) + piece
        for position, piece in enumerate(pieces)
    )
    return header + blocks + struct.pack("<LL", zlib.crc32(content), len(content) & 0xFFFFFFFF)


def _flat_key(asset: s3_assets.Asset) -> str:
    key = asset.s3_object_key
    if "/" in key:
        raise ValueError(
            f"the key of a step-code asset is {key!r}, but it is also a file name inside the container; "
            "use a stack synthesizer without bucket_prefix"
        )
    return key
