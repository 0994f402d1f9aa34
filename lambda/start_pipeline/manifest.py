"""The identity of a data set: a canonical list of its file versions, and the digest of that list. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

from start_pipeline.rows import file_item


@dataclass(frozen=True, order=True)
class RawFile:
    """One version of one object; its bytes can never change."""

    key: str
    version_id: str
    etag: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """The same files always give the same text, the same digest and so the same place for their copy."""

    model: str
    tables: Mapping[str, tuple[RawFile, ...]]

    @classmethod
    def parse(cls, text: str) -> Manifest:
        content = json.loads(text)
        tables = {table: tuple(RawFile(**file) for file in files) for table, files in content["tables"].items()}
        return cls(content["model"], tables)

    @cached_property
    def text(self) -> str:
        tables = {table: [asdict(file) for file in sorted(files)] for table, files in self.tables.items()}
        content = {"model": self.model, "tables": tables}
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()

    @property
    def prefix(self) -> str:
        return f"{prefix_of(self.digest)}/"

    @property
    def key(self) -> str:
        return manifest_key(self.digest)

    @property
    def files(self) -> int:
        return sum(map(len, self.tables.values()))

    def items(self, bucket: str) -> Iterator[str]:
        """The sort keys of the files' rows in the ledger."""
        for table, files in self.tables.items():
            for file in files:
                yield file_item(table, bucket=bucket, key=file.key, version_id=file.version_id)

    def copies(self) -> Iterator[tuple[RawFile, str]]:
        """Each file and the key of its copy: numbered, so that no file name can surprise a step."""
        for table, files in self.tables.items():
            for number, file in enumerate(sorted(files)):
                yield file, f"{self.prefix}{table}/{number:05}.csv"


def prefix_of(digest: str) -> str:
    return f"inputs/{digest}"


def manifest_key(digest: str) -> str:
    return f"{prefix_of(digest)}/manifest.json"
