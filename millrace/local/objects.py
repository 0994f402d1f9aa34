"""Object bodies of the embedded S3 as ordinary files: <state>/objects/<bucket>/<key>@<version>.

moto keeps bodies in unnamed temporary files, one open descriptor each. `patches` gives every object one of
these instead, so that a user can open what is in a bucket, and ranges are read without the whole body.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

NAME_BYTES = 180
READABLE = " +=,~!()'"


class ObjectFiles:
    """Names the file of each object version below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, *, bucket: str | None, key: str, version: str | None) -> Path:
        """A new path for a version's body; parts of an unfinished upload have no bucket."""
        if bucket is None:
            return self.folder / ".parts" / uuid.uuid4().hex
        *folders, name = [_file_name(part) for part in key.split("/")]
        suffix = version if version not in (None, "null") else uuid.uuid4().hex[:12]
        return self.folder.joinpath(bucket, *folders, f"{name}@{suffix}")


class ObjectFile:
    """The part of a file's interface that moto uses for a body; open only while it is used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._position = 0

    def content(self) -> bytes:
        """The whole body, whoever else reads it at the same time; empty once the version is gone."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""

    def seek(self, position: int) -> None:
        self._position = position

    def read(self, size: int = -1) -> bytes:
        if not self.path.exists():
            return b""
        with self.path.open("rb") as file:
            file.seek(self._position)
            data = file.read(size)
        self._position += len(data)
        return data

    def truncate(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(b"")

    def write(self, data: bytes) -> None:
        """Replace the body; a reader sees the old one or the new one, never a part."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_name(f".{uuid.uuid4().hex}")
        unfinished.write_bytes(data)
        os.replace(unfinished, self.path)

    def close(self) -> None:
        """The version is gone: so is its file, and the folders that only it needed."""
        with suppress(OSError):
            self.path.unlink()
            for parent in self.path.parents:
                if parent.name == "objects":
                    break
                parent.rmdir()


def _file_name(part: str) -> str:
    name = quote(part, safe=READABLE)
    name = {"": "%empty", ".": "%2E", "..": "%2E%2E"}.get(name, name)
    if not name.isascii() or len(name) <= NAME_BYTES:
        return name
    return f"{name[: NAME_BYTES - 20]}~{hashlib.sha256(part.encode()).hexdigest()[:16]}"
