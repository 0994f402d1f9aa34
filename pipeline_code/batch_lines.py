"""What the transform job reads: one JSON object a line, in files of a bounded size; called by prepare_batch.py.

    {"row": 1, "key": "A-1", "features": {"age": "42", "state": "WA"}}

All values are texts, as they stood in the upload: nobody on the way can round or reformat them. JSON escapes line
breaks, so that a line is always a whole row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

PART_BYTES = 64 << 20
_BREAKS = {code: f"\\u{code:04x}" for code in (0x7F, 0x85, 0x2028, 0x2029)}
"""JSON leaves these as they are; some readers of lines break there."""
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Unsendable(Exception):
    """A row that the model's server would refuse, and with it all rows of the same request."""

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        super().__init__(reason)


class LineWriter:
    """part-00000.jsonl and so on. `most_bytes` is the longest line that fits into a request; 0 means any."""

    def __init__(self, folder: Path, *, most_bytes: int, part_bytes: int = PART_BYTES) -> None:
        self.rows = 0
        self._folder, self._most_bytes, self._part_bytes = folder, most_bytes, part_bytes
        self._file: BinaryIO | None = None
        self._written = self._parts = 0
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, row: int, key: str, features: Mapping[str, str]) -> None:
        """Raises Unsendable, with nothing written."""
        line = line_of(row, key, features)
        if self._most_bytes and len(line) > self._most_bytes:
            raise Unsendable(
                "row-too-long",
                f"the row becomes a line of {len(line):,} bytes, more than the {self._most_bytes:,} of a request; "
                "shorten its values or raise MaxPayloadInMB",
            )
        if self._file is None or self._written + len(line) > self._part_bytes:
            self._next_part()
        assert self._file is not None
        self._file.write(line)
        self._written += len(line)
        self.rows += 1

    def close(self) -> None:
        if self._file:
            self._file.close()

    def _next_part(self) -> None:
        self.close()
        self._file = (self._folder / f"part-{self._parts:05}.jsonl").open("wb")
        self._written, self._parts = 0, self._parts + 1


def line_of(row: int, key: str, features: Mapping[str, str]) -> bytes:
    """The row as a line; raises Unsendable if it is no text that the server takes."""
    text = _encode({"row": row, "key": key, "features": features}).translate(_BREAKS)
    if "\ufffd" in text and any("\ufffd" in value for value in features.values()):
        raise Unsendable(
            "encoding", "the row holds the character U+FFFD, which stands for text that was lost; restore the text"
        )
    try:
        return text.encode("utf-8") + b"\n"
    except UnicodeEncodeError as error:
        raise Unsendable(
            "encoding", f"the row holds half a character ({error.object[error.start]!r}); write it whole"
        ) from None
