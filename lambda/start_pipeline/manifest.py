"""The identity of a data set: a canonical list of its file versions, and the digest of that list. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from start_pipeline.dataset import DataSet, RawFile


@dataclass(frozen=True)
class Manifest:
    """The same files always give the same text, the same digest and so the same place for their copy."""

    dataset: DataSet

    @property
    def text(self) -> str:
        tables = {table: [asdict(file) for file in files] for table, files in self.dataset.tables.items()}
        content = {"model": self.dataset.model, "tables": tables}
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()

    @property
    def prefix(self) -> str:
        return f"inputs/{self.digest}/"

    @property
    def key(self) -> str:
        return f"{self.prefix}manifest.json"

    @property
    def started_key(self) -> str:
        return f"{self.prefix}started.json"

    def request_token(self, attempt: int) -> str:
        """The same attempt on the same data set is the same request, however often it is sent."""
        return f"{self.digest}-{attempt}"

    def copies(self) -> Iterator[tuple[RawFile, str]]:
        """Each file and the key of its copy: numbered, so that no file name can surprise a step."""
        for table, files in self.dataset.tables.items():
            for number, file in enumerate(files):
                yield file, f"{self.prefix}{table}/{number:05}.csv"
