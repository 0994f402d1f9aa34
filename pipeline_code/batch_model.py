"""The live model's transform, read out of model.tar.gz; called by prepare_batch.py.

Nothing is unpacked: of the whole archive only one small member is looked at.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from pathlib import Path

from features import DataError, FeatureTransform

ARCHIVE, MEMBER = "model.tar.gz", "features.json"
LARGEST_MEMBER = 64 << 20
MOST_MEMBERS = 1000


def read_transform(folder: Path) -> FeatureTransform:
    """The transform of the archive in the folder; raises DataError if there is none that this code understands."""
    path = folder / ARCHIVE
    try:
        return FeatureTransform.from_json(_member(path).decode("utf-8"))
    except FileNotFoundError:
        held = ", ".join(sorted(entry.name for entry in folder.glob("*"))) or "nothing"
        raise DataError(f"there is no {ARCHIVE} in {folder}, only {held}; name a model of the Train step") from None
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}; name a model of the Train step") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: {error}; approve a model that this code has trained") from error


def _member(path: Path) -> bytes:
    with tarfile.open(path, "r:gz") as archive:
        for number, member in enumerate(archive):
            if number == MOST_MEMBERS:
                break
            if member.name.removeprefix("./") != MEMBER or not member.isfile():
                continue
            if member.size > LARGEST_MEMBER:
                raise DataError(f"{path}: {MEMBER} has {member.size:,} bytes; at most {LARGEST_MEMBER:,} are read")
            file = archive.extractfile(member)
            assert file is not None  # it is a file
            return file.read()
    raise DataError(f"{path} holds no {MEMBER}; name a model of the Train step")
