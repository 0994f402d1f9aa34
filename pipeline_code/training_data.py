"""The rows of a part as XGBoost takes them, encoded batch by batch and in bounded memory.

A small part is encoded once and becomes a DMatrix, which XGBoost makes ready twice as fast. Of a large one only one
batch exists at a time: XGBoost goes over them four times, each time read and encoded anew, and keeps one to five
bytes per value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import parts
import xgboost
from features import DataError, FeatureTransform
from numpy.typing import NDArray

SMALL_BYTES = 512 * 2**20
GROUPS_PER_SHARE = 8
"""With fewer row groups for each instance than this, single rows are shared out: the shares would differ too much."""


@dataclass(frozen=True)
class Batch:
    """Some rows of a part, encoded."""

    matrix: NDArray[np.float32]
    labels: NDArray[Any]


@dataclass(frozen=True)
class EncodedPart:
    """One part, or the share (k, n) of it: that of the k-th of n instances. Each row has the same `weight`."""

    folder: Path
    transform: FeatureTransform
    share: tuple[int, int] = (0, 1)
    small_bytes: int = SMALL_BYTES
    weight: float = 1.0

    def count(self) -> int:
        """The rows of the whole part."""
        return parts.count_rows(self.folder)

    def deviation(self) -> float:
        """The standard deviation of the numbers that are the labels of the whole part."""
        labels = [self.transform.labels(rows) for rows in parts.batches(self.folder, {self.transform.label})]
        return float(np.concatenate(labels).std())

    def weights(self, count: int) -> NDArray[np.float32] | None:
        """Those of so many rows; None, which XGBoost takes for 1, where they make no difference."""
        return None if self.weight == 1 else np.full(count, self.weight, dtype=np.float32)

    def __iter__(self) -> Iterator[Batch]:
        number, count = self.share
        names = {*self.transform.names, self.transform.label}
        by_group = self.count() >= count * GROUPS_PER_SHARE * parts.ROWS_PER_GROUP
        seen = 0
        for rows in parts.batches(self.folder, names, share=self.share if by_group else (0, 1)):
            matrix, labels = self.transform.encode(rows), self.transform.labels(rows)
            if not by_group and count > 1:
                own = slice((number - seen) % count, None, count)
                seen += len(labels)
                matrix, labels = np.ascontiguousarray(matrix[own]), labels[own]
            yield Batch(matrix, labels)

    def matrix(self, *, threads: int, reference: xgboost.DMatrix | None = None) -> xgboost.DMatrix:
        """XGBoost's own form of the rows; `reference` is the training part if this is another."""
        rows, count = self.count(), self.share[1]
        if rows < count:
            raise DataError(f"{self.folder} holds {rows} rows, too few for {count} instances")
        if rows // count * self.transform.width * 4 > self.small_bytes:
            return xgboost.QuantileDMatrix(_Passes(self), nthread=threads, ref=reference)
        whole = self._whole(rows)
        return xgboost.DMatrix(whole.matrix, whole.labels, weight=self.weights(len(whole.labels)), nthread=threads)

    def _whole(self, rows: int) -> Batch:
        """All batches as one, put into place one by one, so that they do not exist twice."""
        matrix: NDArray[np.float32] = np.empty((rows, self.transform.width), dtype=np.float32)
        labels: NDArray[np.float32] = np.empty(rows, dtype=np.float32)
        filled = 0
        for batch in self:
            end = filled + len(batch.labels)
            matrix[filled:end], labels[filled:end] = batch.matrix, batch.labels
            filled = end
        return Batch(matrix[:filled], labels[:filled])


class _Passes(xgboost.DataIter):
    """The face that XGBoost asks for."""

    def __init__(self, part: EncodedPart) -> None:
        self._part = part
        self._batches = iter(part)
        super().__init__()

    def next(self, input_data: Callable[..., Any]) -> bool:
        batch = next(self._batches, None)
        if batch is None:
            return False
        input_data(data=batch.matrix, label=batch.labels, weight=self._part.weights(len(batch.labels)))
        return True

    def reset(self) -> None:
        self._batches = iter(self._part)
