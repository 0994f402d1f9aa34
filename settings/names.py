"""Checks of names that AWS or the file formats restrict. AWS's own lists come from botocore, offline."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection
from functools import cache

import botocore.loaders

PROCESSING = "ProcessingInstanceType"
TRAINING = "TrainingInstanceType"
ENDPOINT = "ProductionVariantInstanceType"
TRANSFORM = "TransformInstanceType"

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LOCAL_STORAGE = re.compile(r"ml\.([a-z]+\d+[a-z]*d[a-z]*|g[5-9]e?|p[5-9][a-z]*(-[a-z0-9]+)?|trn\d+n?|dl1)\..+")
_TABLE = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")


@cache
def instance_types(kind: str) -> frozenset[str]:
    """The instance types SageMaker accepts for `PROCESSING`, `TRAINING`, `ENDPOINT` or `TRANSFORM`."""
    return frozenset(_botocore().load_service_model("sagemaker", "service-2")["shapes"][kind]["enum"])


def has_local_storage(instance_type: str) -> bool:
    """Whether disks are built in: SageMaker takes no key for such an instance's volume, and every job here has one."""
    return bool(_LOCAL_STORAGE.fullmatch(instance_type))


def wrong_volume(instance_type: str) -> str | None:
    if has_local_storage(instance_type):
        return "it has disks of its own, for which SageMaker takes no key; allowed: types without, such as ml.m5.large"
    return None


@cache
def regions() -> frozenset[str]:
    """The regions that have SageMaker, in every partition."""
    partitions = _botocore().load_data("endpoints")["partitions"]
    return frozenset(
        name
        for partition in partitions
        for name in partition["services"].get("api.sagemaker", {}).get("endpoints", ())
        if name in partition["regions"]
    )


def wrong_account_id(text: str) -> str | None:
    return None if re.fullmatch(r"[0-9]{12}", text) else "an account id is 12 digits in quotes"


def wrong_name(text: str) -> str | None:
    """Names become part of bucket, pipeline and endpoint names, so the strictest of those rules holds."""
    if _NAME.fullmatch(text) and len(text) <= 32:
        return None
    return "use small letters, digits and single hyphens, a letter first, 32 characters at most"


def wrong_table(text: str) -> str | None:
    if _TABLE.fullmatch(text) and len(text) <= 64:
        return None
    return "a table names a folder: small letters, digits, - and _, a letter first, 64 characters at most"


def wrong_column(text: str) -> str | None:
    if text and text == text.strip() and not set(text) & set(',"') and len(text) <= 128 and not _holds_controls(text):
        return None
    return "a column has 1 to 128 characters, no comma, quote, tab or line break, and no space at the ends"


def _holds_controls(text: str) -> bool:
    """Control characters, line separators, halves of characters, and what is no character."""
    return any(unicodedata.category(character) in ("Cc", "Cs", "Cn", "Zl", "Zp") for character in text)


def wrong_member(text: str, allowed: Collection[str]) -> str | None:
    """What to write instead of a text that must be one of many."""
    return None if text in allowed else f"allowed: {choices(text, allowed)}"


def choices(text: str, allowed: Collection[str]) -> str:
    """The allowed values, or the nearest ones if there are too many to read."""
    if len(allowed) <= 12:
        found = difflib.get_close_matches(text, sorted(allowed), n=1)
        return ", ".join(sorted(allowed)) + (f" (did you mean {found[0]}?)" if found else "")
    nearest = difflib.get_close_matches(text, sorted(allowed), n=3, cutoff=0.5) or sorted(allowed)[:3]
    return f"{len(allowed)} values such as {', '.join(nearest)}"


@cache
def _botocore() -> botocore.loaders.Loader:
    # Not a session: that would read the user's profiles, and fail on one that does not exist.
    return botocore.loaders.Loader()
