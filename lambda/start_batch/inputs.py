"""Which uploads count, and the names of everything made for one. Pure.

batch/<model>/inputs/<id>/00000.csv    the copy that the run reads
batch/<model>/started/<id>.json        the marker: written last, so whoever finds it need do nothing
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import unquote_plus

from start_batch.settings import Model

PREFIX = "batch"
MEGABYTE = 1_000_000
"""As everywhere that largest_file_mb counts."""
ID_LENGTH = 40
"""Hexadecimal digits; the id is also the request token (32 to 128 characters) and the name of the execution."""


@dataclass(frozen=True)
class Input:
    """One version of one upload, and what is made of it."""

    model: str
    pipeline: str
    suffix: str
    bucket: str
    key: str
    version_id: str

    @property
    def id(self) -> str:
        """The same for each event about the same version."""
        identity = "\0".join((self.bucket, self.key, self.version_id))
        return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:ID_LENGTH]

    @property
    def folder(self) -> str:
        return f"{PREFIX}/{self.model}/inputs/{self.id}/"

    @property
    def copy_key(self) -> str:
        """The upload's own name may hold what no file name may; only its ending means something."""
        return f"{self.folder}00000{self.suffix}"

    @property
    def marker_key(self) -> str:
        return f"{markers_prefix(self.model)}{self.id}.json"


def markers_prefix(model: str) -> str:
    return f"{PREFIX}/{model}/started/"


def uploads_prefix(model: str) -> str:
    return f"{PREFIX}/{model}/"


def spellings(key: str) -> tuple[str, ...]:
    """The keys an event may mean: its key as it is, then decoded, for some senders encode it."""
    return tuple(dict.fromkeys((key, unquote_plus(key))))


def model_of(key: str) -> str:
    """The model of a key batch/<model>/<anything>; empty if it is no such key."""
    parts = key.split("/", 2)
    return parts[1] if len(parts) == 3 and parts[0] == PREFIX else ""


def is_ignored(key: str) -> bool:
    """Folder markers, hidden and half-written files: not worth a word."""
    name = key.rpartition("/")[2]
    return not name or name.startswith(("_", ".")) or name.lower().endswith(".tmp")


def suffix_of(key: str, model: Model) -> str:
    """The longest of the model's suffixes that the key ends with, in small letters; empty if there is none."""
    lower = key.lower()
    return max((suffix for suffix in model.suffixes if lower.endswith(suffix)), key=len, default="")


def input_of(model: Model, *, bucket: str, key: str, version_id: str) -> Input | None:
    """What is made of a version; None for a file that is no input of the model."""
    suffix = suffix_of(key, model)
    if is_ignored(key) or not suffix:
        return None
    return Input(model.name, model.pipeline, suffix, bucket, key, version_id)


def refusal(model: Model, size: int) -> str:
    """Why a file is not scored although its name fits; empty if it is scored."""
    if size == 0:
        return "it is empty"
    if size > model.largest_file_mb * MEGABYTE:
        return f"it has {size:,} bytes, more than {model.largest_file_mb:,} MB: divide it"
    return ""
