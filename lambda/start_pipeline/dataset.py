"""The data set of a model: the current version of every CSV file under each table's prefix of the raw bucket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, order=True)
class RawFile:
    """One version of one object; its bytes can never change."""

    key: str
    version_id: str
    etag: str
    size: int


@dataclass(frozen=True)
class DataSet:
    """The files of each table, sorted by key. `ignored` are keys that are no CSV files."""

    model: str
    tables: Mapping[str, tuple[RawFile, ...]]
    ignored: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """The tables that have no file yet."""
        return tuple(table for table, files in self.tables.items() if not files)


def list_dataset(s3: Any, *, bucket: str, model: str, tables: Iterable[str]) -> DataSet:
    """Look at the raw bucket as it is now."""
    found: dict[str, tuple[RawFile, ...]] = {}
    ignored: list[str] = []
    pages = s3.get_paginator("list_object_versions")
    for table in tables:
        versions = [
            version
            for page in pages.paginate(Bucket=bucket, Prefix=f"raw/{model}/{table}/")
            for version in page.get("Versions", ())
        ]
        found[table], others = current_files(versions)
        ignored.extend(others)
    return DataSet(model, found, tuple(ignored))


def current_files(versions: Iterable[Mapping[str, Any]]) -> tuple[tuple[RawFile, ...], tuple[str, ...]]:
    """The current CSV files among the versions listed by S3, and the keys of other files."""
    latest = [version for version in versions if version["IsLatest"] and not version["Key"].endswith("/")]
    files = sorted(
        RawFile(version["Key"], version["VersionId"], version["ETag"].strip('"'), version["Size"])
        for version in latest
        if _is_csv(version["Key"])
    )
    return tuple(files), tuple(version["Key"] for version in latest if not _is_csv(version["Key"]))


def _is_csv(key: str) -> bool:
    return key.lower().endswith(".csv")
