"""The base table's way into the parts: read in blocks, joined, divided and written; called by preprocess.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from building import Builder
from contract_table import Batch, TableReader
from duplicates import Fates, read_and_settle, unrepeated
from features import DataError
from fit import Fit
from hashing import Hashes, text_hashes
from instance import Instance
from joining import SECOND_SALT, Partner, Places
from shortage import shortage_of
from spec import ModelSpec
from split import PARTS


@dataclass
class BaseTable:
    reader: TableReader
    partners: Sequence[Partner]
    output: Path
    spec: ModelSpec
    instance: Instance

    def run(self) -> Fit:
        if not self.reader.files and self.instance.count == 1:
            raise DataError(f"table {self.reader.table}: there is no file in {self.reader.folder}; upload one")
        if self.spec.join_key:
            read_and_settle(self.reader, self._read)
        else:
            self._read(Fates())
        builder = self._builder or self._build()
        fit = builder.close()
        self.reader.finish(self._problem(fit), rows_out=sum(fit.rows.values()), **self._unmatched_facts())
        self._tell(fit)
        return fit

    def _read(self, fates: Fates) -> list[Hashes]:
        self._builder: Builder | None = None
        self._without = {partner.table: 0 for partner in self.partners}
        self._asked = 0
        hashes, start = [], 0
        for batch in self.reader.batches():
            if self.spec.join_key:
                hashes.append(batch.hashes)
            alive = unrepeated(self.reader, batch, fates, start)
            start += batch.rows.num_rows
            self._builder = self._builder or self._build()
            self._add(batch, alive)
        return hashes

    def _add(self, batch: Batch, alive: Places) -> None:
        self._asked += len(alive)
        found: list[Places] = []
        if self.partners:
            second = text_hashes(batch.rows[self.spec.join_key].combine_chunks(), salt=SECOND_SALT)
            found = [partner.find(batch.hashes, second) for partner in self.partners]
        alive = self._with_partners(batch, alive, found)
        whole = len(alive) == batch.rows.num_rows
        rows = batch.rows if whole else batch.rows.take(pa.array(alive))
        assert self._builder is not None
        for partner, places in zip(self.partners, found, strict=True):
            names = [name for name in partner.names if name in self._builder.order and name not in rows.column_names]
            for name, column in partner.take(places[alive], names).items():
                rows = rows.append_column(name, column)
        self._builder.add(rows, batch.hashes[alive])

    def _with_partners(self, batch: Batch, alive: Places, found: Sequence[Places]) -> Places:
        """The rows that have a partner in each table; the others are told."""
        for partner, places in zip(self.partners, found, strict=True):
            lonely = alive[places[alive] < 0]
            self._without[partner.table] += len(lonely)
            for number, row in enumerate(lonely):
                if not self.reader.quarantine.lists("no-partner"):
                    self.reader.quarantine.count("no-partner", len(lonely) - number)
                    break
                reason = f"table {partner.table} has no row with this {self.spec.join_key}"
                self.reader.quarantine.row(batch.file, batch.fault(row, "no-partner", reason))
            alive = alive[places[alive] >= 0]
        return alive

    def _build(self) -> Builder:
        spec = self.spec
        names = {self.reader.table: self.reader.names or [spec.label]}
        names |= {partner.table: partner.names for partner in self.partners}
        used = {spec.label, *spec.features, *spec.segments}
        every = [name for columns in names.values() for name in columns]
        if doubled := [name for name in every if every.count(name) > 1 and name in used]:
            holders = [table for table, columns in names.items() if doubled[0] in columns]
            raise DataError(f"stands in {' and '.join(holders)}; rename it in one of them", column=doubled[0])
        if self.reader.names and (absent := sorted(used.difference(every))):
            raise DataError(
                f"is in none of the tables {', '.join(names)}; they have {', '.join(every)}: add it to a file or take "
                "it out of the settings",
                column=absent[0],
            )
        order = dict.fromkeys(every if self.reader.names else [*every, *spec.features])
        return Builder(self.output, spec=spec, order=list(order), host=self.instance.number)

    def _problem(self, fit: Fit) -> str:
        """Why the rows that are left are no data set; all instances together know of rows and classes, see train.py."""
        limits = self.spec.limits
        for table, count in self._without.items():
            if count > limits.largest_unmatched_share * self._asked:
                return (
                    f"{count} of {self._asked} rows of {self.reader.table} ({count / self._asked:.1%}) have no partner "
                    f"in {table}, more than largest_unmatched_share = {limits.largest_unmatched_share:g} allows; check "
                    "that the files belong together"
                )
        return shortage_of(fit) if self.instance.count == 1 else ""

    def _unmatched_facts(self) -> dict[str, object]:
        if not self.partners:
            return {}
        return {
            "unmatched": self._without,
            "largest_unmatched_share": self.spec.limits.largest_unmatched_share,
            "unused": {partner.table: partner.unmet for partner in self.partners},
        }

    def _tell(self, fit: Fit) -> None:
        for partner in self.partners:
            print(
                f"join {partner.table}: without partner {self._without[partner.table]} of {self._asked} rows of "
                f"{self.reader.table} and {partner.unmet} of {partner.rows} rows of {partner.table}"
            )
        for part in PARTS:
            classes = ", ".join(f"{count} of class {name}" for name, count in fit.labels.get(part, {}).items())
            print(f"{part}: {fit.rows[part]} rows{f' ({classes})' if classes else ''}")
