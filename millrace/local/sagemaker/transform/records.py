"""Cuts input files into records and packs records into requests, as SplitType and BatchStrategy say."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO

from millrace.local.sagemaker.transform.errors import FileFailed

RECORD_IO_MAGIC = 0xCED7230A
LENGTH_BITS = 29
WHOLE, END = 0, 3
LARGEST = 1 << 31

Records = Iterator[bytes]


def whole(stream: BinaryIO) -> Records:
    yield stream.read()


def lines(stream: BinaryIO) -> Records:
    """Every line with its line break: quoted ones are cut too, as AWS does."""
    yield from stream


def record_io(stream: BinaryIO) -> Records:
    """MXNet's RecordIO; a record in several parts stays in one piece."""
    parts = b""
    while head := stream.read(8):
        magic, word = struct.unpack("<II", head) if len(head) == 8 else (0, 0)
        if magic != RECORD_IO_MAGIC:
            raise FileFailed("ClientError", "the file is not RecordIO: a record does not begin with its magic number")
        flag, length = word >> LENGTH_BITS, word & ((1 << LENGTH_BITS) - 1)
        padded = (length + 3) // 4 * 4
        body = stream.read(padded)
        if len(body) < padded:
            raise FileFailed("ClientError", "the file ends within a RecordIO record")
        parts += head + body
        if flag in (WHOLE, END):
            yield parts
            parts = b""
    if parts:
        raise FileFailed("ClientError", "the file ends within a RecordIO record of several parts")


def tf_record(stream: BinaryIO) -> Records:
    """TensorFlow's TFRecord: length and its checksum, data and its checksum."""
    while head := stream.read(12):
        length = struct.unpack("<Q", head[:8])[0] if len(head) == 12 else LARGEST
        body = stream.read(length + 4) if length < LARGEST else b""
        if len(body) < length + 4:
            raise FileFailed("ClientError", "the file ends within a TFRecord record")
        yield head + body


SPLITS: Mapping[str, Callable[[BinaryIO], Records]] = {
    "None": whole,
    "Line": lines,
    "RecordIO": record_io,
    "TFRecord": tf_record,
}


def batches(records: Iterable[bytes], *, most_bytes: int | None, single: bool) -> Iterator[list[bytes]]:
    """The records of each request: one, or as many as fit; FileFailed for a record that is too large by itself."""
    batch: list[bytes] = []
    size = 0
    for record in records:
        if most_bytes is not None and len(record) > most_bytes:
            raise FileFailed("ClientError", "Too much data for max payload size")
        full = most_bytes is not None and size + len(record) > most_bytes
        if batch and (single or full):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += len(record)
    if batch:
        yield batch
