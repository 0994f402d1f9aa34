"""Model archives for tests of the deploy function: sound ones, and such as nobody should unpack."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping, Sequence

SOUND = {
    "model.json": b'{"learner": {}}',
    "features.json": b"{}",
    "decision.json": b"{}",
    "profile.json": b"{}",
    "golden.json": b"{}",
    "digests.json": b'{"model.json": "digest"}',
    "code/inference.py": b"x = 1\n",
}


def member(name: str, *, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


def tar(
    files: Mapping[str, bytes] = SOUND,
    others: Sequence[tarfile.TarInfo] = (),
    *,
    format: int = tarfile.PAX_FORMAT,
) -> bytes:
    """A tar of the files and of members without content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for name, content in files.items():
            archive.addfile(member(name, size=len(content)), io.BytesIO(content))
        for info in others:
            archive.addfile(info)
    return buffer.getvalue()


def packed(files: Mapping[str, bytes] = SOUND, others: Sequence[tarfile.TarInfo] = ()) -> bytes:
    return gzip.compress(tar(files, others), mtime=0)
