"""What a model archive must look like, found out without writing any of it anywhere. Called by `check.py`."""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import dataclass

from deploy_model.errors import RefusedError
from deploy_model.unpacked import MOST_AT_ONCE, BadStreamError, Source, Unpacked

DIGESTS = "digests.json"
"""Names the digests of the other files; its own is what a serving stack pins."""
NEEDED = ("model.json", "features.json", "decision.json", "golden.json", DIGESTS, "code/inference.py")
LARGEST_ARCHIVE = 512 << 20
LARGEST_UNPACKED = 2 << 30
MOST_MEMBERS = 1000
LONGEST_NAME = 255


@dataclass(frozen=True)
class Limits:
    """The most that an archive may hold; what is larger would not be read in the function's time."""

    packed: int = LARGEST_ARCHIVE
    unpacked: int = LARGEST_UNPACKED
    members: int = MOST_MEMBERS


def check_archive(source: Source, *, sha256: str, limits: Limits | None = None) -> str:
    """The sha256 of its digests.json; raises RefusedError unless it is the archive with this digest, and a sound one.

    The digest is told first: what else is wrong with foreign bytes matters less.
    """
    limits = limits or Limits()
    unpacked = Unpacked(source, most=limits.unpacked)
    pinned, wrong = _read(unpacked, limits)
    found = unpacked.sha256()
    if found != sha256:
        raise RefusedError(f"its sha256 is {found}, but {sha256} was registered: the archive was changed")
    if wrong:
        raise RefusedError(wrong)
    return pinned


def _read(unpacked: Unpacked, limits: Limits) -> tuple[str, str]:
    """The digest of digests.json, and what is wrong with the archive: empty if nothing is."""
    try:
        with tarfile.open(fileobj=unpacked, mode="r:") as archive:  # type: ignore[call-overload]
            files = _files(archive, unpacked, limits)
        if not unpacked.rest_is_zero():
            return "", "something follows the end of the archive"
    except (BadStreamError, RefusedError) as error:
        return "", str(error)
    except (tarfile.TarError, ValueError, EOFError, OverflowError, RecursionError, LookupError) as error:
        return "", f"it is no sound tar archive ({type(error).__name__}: {error})"
    absent = [name for name in NEEDED if name not in files]
    if absent:
        return "", f"it holds no {', no '.join(absent)}"
    return files[DIGESTS], ""


def _files(archive: tarfile.TarFile, unpacked: Unpacked, limits: Limits) -> dict[str, str]:
    """The names of the files, with the digest of digests.json; folders are checked as well, but are no files."""
    seen: set[str] = set()
    files: dict[str, str] = {}
    while (member := archive.next()) is not None:
        name = _checked(member)
        if len(seen) >= limits.members:
            raise RefusedError(f"it holds more than {limits.members:,} members")
        if name in seen:
            raise RefusedError(f"it holds {member.name!r} twice")
        seen.add(name)
        if member.isreg():
            files[name] = _digest(unpacked, member) if name == DIGESTS else ""
        archive.members = []  # type: ignore[attr-defined]  # they would be kept for looking up by name
    return files


def _digest(unpacked: Unpacked, member: tarfile.TarInfo) -> str:
    if member.size > MOST_AT_ONCE:
        raise RefusedError(f"its {DIGESTS} has {member.size:,} bytes, more than {MOST_AT_ONCE:,}")
    unpacked.seek(member.offset_data)
    content = unpacked.read(member.size)
    if len(content) != member.size:
        raise RefusedError(f"its {DIGESTS} ends in the middle")
    return hashlib.sha256(content).hexdigest()


def _checked(member: tarfile.TarInfo) -> str:
    """The plain name of a member that may be unpacked below any folder."""
    shown = repr(member.name[:LONGEST_NAME])
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise RefusedError(f"its member {shown} is neither a plain file nor a folder")
    if member.size < 0:
        raise RefusedError(f"its member {shown} has the size {member.size}")
    if len(member.name) > LONGEST_NAME or not member.name.isprintable() or "\\" in member.name:
        raise RefusedError(f"its member {shown} has a name that is too long or not plain")
    parts = [part for part in member.name.split("/") if part not in ("", ".")]
    if member.name.startswith("/") or ".." in parts:
        raise RefusedError(f"its member {shown} leads out of its folder")
    return "/".join(parts)
