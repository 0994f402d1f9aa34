"""Writes joined rows into the parts and counts what the fit needs; called by base_table.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from contract_rows import class_of
from fit import Fit
from hashing import Hashes
from numpy.typing import NDArray
from parts import PartWriter
from spec import ModelSpec
from split import PARTS, TEST, TRAIN, parts_of


class Builder:
    """The parts of one instance. `order` are all columns of the joined rows."""

    def __init__(self, output: Path, *, spec: ModelSpec, order: Sequence[str], host: int) -> None:
        self.spec, self.order, self._output = spec, tuple(order), output
        self._host = host
        self._classes = Counter[tuple[int, str]]()
        self._categories: dict[str, Counter[str]] = {name: Counter() for name in spec.categorical}
        discard(output, host)
        self._schemas = [self._schema(number) for number in range(len(PARTS))]
        self._writers = [
            PartWriter(output / part, schema=schema, host=host)
            for part, schema in zip(PARTS, self._schemas, strict=True)
        ]

    def add(self, rows: pa.Table, hashes: Hashes) -> None:
        """Rows with all columns of `order`, and the hashes that choose their parts."""
        parts = parts_of(hashes, self.spec.split)
        self._count_classes(rows, parts)
        for number, writer in enumerate(self._writers):
            chosen = np.flatnonzero(parts == number)
            if chosen.size:
                part = rows.select(self._schemas[number].names).take(pa.array(chosen))
                writer.write(part)
                if number == TRAIN:
                    self._count_categories(part)

    def close(self) -> Fit:
        for writer in self._writers:
            writer.close()
        fit = self._fit()
        path = self._output / "features" / f"fit-{self._host:05}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(fit.to_json(), encoding="utf-8")
        return fit

    def _schema(self, number: int) -> pa.Schema:
        spec = self.spec
        kept = {*spec.features, spec.label, spec.join_key}
        return pa.schema(
            (name, pa.float64() if self._is_number(name) else pa.string())
            for name in self.order
            if number == TEST or name in kept
        )

    def _is_number(self, name: str) -> bool:
        return name in self.spec.numeric or (name == self.spec.label and self.spec.problem == "regression")

    def _count_classes(self, rows: pa.Table, parts: NDArray[np.int8]) -> None:
        if self.spec.problem == "regression":
            return
        coded = rows[self.spec.label].combine_chunks()
        codes = coded.indices.to_numpy()
        for number in range(len(PARTS)):
            for text, count in _counted(coded.dictionary, codes[parts == number]):
                self._classes[number, class_of(text, self.spec.classes) or text] += count

    def _count_categories(self, rows: pa.Table) -> None:
        missing = frozenset(self.spec.missing)
        for name, counts in self._categories.items():
            coded = rows[name].combine_chunks()
            for text, count in _counted(coded.dictionary, coded.indices.to_numpy()):
                if text not in missing:
                    counts[text] += count

    def _fit(self) -> Fit:
        spec = self.spec
        labels = {
            part: {name: self._classes[number, name] for name in class_names(spec)} for number, part in enumerate(PARTS)
        }
        return Fit(
            model=spec.model,
            problem=spec.problem,
            label=spec.label,
            classes=spec.classes,
            missing=spec.missing,
            order=tuple(name for name in self.order if name in spec.features),
            numeric=spec.numeric,
            ignored=tuple(name for name in self.order if name not in spec.features),
            segments=spec.segments,
            rows={part: writer.rows for part, writer in zip(PARTS, self._writers, strict=True)},
            labels={} if spec.problem == "regression" else labels,
            categories={name: dict(counts) for name, counts in self._categories.items()},
            min_rows=spec.limits.min_rows,
        )


def class_names(spec: ModelSpec) -> tuple[str, ...]:
    """The classes of a classification; with the usual spellings 0 and 1."""
    return spec.classes or ("0", "1")


def discard(output: Path, host: int) -> None:
    """Takes away what an earlier or failed reading has left."""
    for part in PARTS:
        for path in (output / part).glob(f"part-{host:05}-*.parquet"):
            path.unlink()
    (output / "features" / f"fit-{host:05}.json").unlink(missing_ok=True)


def _counted(dictionary: Any, codes: NDArray[np.int32]) -> list[tuple[str, int]]:
    """The texts that the codes mean, and how often."""
    if len(dictionary) > 4 * len(codes):
        found, counts = np.unique(codes, return_counts=True)
    else:
        every = np.bincount(codes, minlength=len(dictionary))
        found = np.flatnonzero(every)
        counts = every[found]
    return list(zip(dictionary.take(pa.array(found)).to_pylist(), counts.tolist(), strict=True))
