"""tar.gz archives of jobs and models: packed so that equal files give equal bytes, unpacked with suspicion."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from pathlib import Path

from millrace.errors import MillraceError


class ArchiveError(MillraceError):
    """An archive that is damaged or not safe to unpack."""


def pack(target: Path, *folders: Path) -> None:
    """All files of the folders, sorted, without times and owners; of two with one name the first folder's."""
    files = {
        path.relative_to(folder).as_posix(): path
        for folder in reversed(folders)
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, path in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                archive.addfile(info, content)


def unpack(archive: Path, folder: Path) -> None:
    """Files and folders only, and only below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                _check(member, archive)
                tar.extract(member, folder, filter="data")
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ArchiveError(f"{archive.name} cannot be unpacked: {error}") from error


def _check(member: tarfile.TarInfo, archive: Path) -> None:
    if not (member.isfile() or member.isdir()):
        raise ArchiveError(f"{archive.name} holds {member.name}, which is neither a file nor a folder")
    if member.name.startswith("/") or ".." in Path(member.name).parts:
        raise ArchiveError(f"{archive.name} holds {member.name}, which leads out of its folder")
