"""The files of one table, one batch of good rows after the other; called by preprocess.py and joining.py."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow as pa
from contract import BadFile, Fault
from contract_files import BLOCK_BYTES, head_of, utf8_chunks
from contract_records import LONGEST_ROW, Block, blocks
from contract_rows import Checked, Rules, check
from contract_start import FileStart
from features import DataError
from hashing import Hashes, row_hashes, text_hashes
from lookahead import ahead
from quarantine import FileFault, Quarantine
from spec import ModelSpec

KEY_SALT = 1


@dataclass(frozen=True)
class Batch:
    """Good rows of one file; `hashes` are of their keys, without a key of all their values."""

    rows: pa.Table
    hashes: Hashes
    file: str
    before: int
    """Rows of the file before this block."""
    checked: Checked

    def fault(self, row: int, code: str, reason: str) -> Fault:
        block, place = self.checked.block, int(self.checked.places[row])
        return Fault(self.before + block.number(place), code, reason, block.text(place))


@dataclass
class TableReader:
    """Reads a table as often as wanted; each reading begins the quarantine anew."""

    table: str
    folder: Path
    spec: ModelSpec
    quarantine_folder: Path
    suffix: str = ""
    names: list[str] = field(default_factory=list)
    """The columns, in the order of the first good file."""

    def __post_init__(self) -> None:
        self.rules = Rules.of(self.spec, self.table)
        self.files = sorted(path for path in self.folder.glob("*") if path.is_file())
        self.quarantine = self._begin()
        self._reported = False
        self._told: set[str] = set()

    def __enter__(self) -> TableReader:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Whatever happens, what was put aside until then is told."""
        self.quarantine.flush()
        if not self._reported:
            self._report(str(error) if isinstance(error, DataError) else "")

    def tell(self, sentence: str) -> None:
        """Prints it once, however often the table is read."""
        if sentence not in self._told:
            self._told.add(sentence)
            print(sentence)

    @property
    def is_base(self) -> bool:
        return self.table == self.spec.tables[0]

    def batches(self) -> Iterator[Batch]:
        """The good rows of the good files; the others are told to the quarantine."""
        self.quarantine.flush()
        self.quarantine = self._begin()
        for path in self.files:
            try:
                yield from self._file(path)
            except BadFile as error:
                self.quarantine.file(FileFault(path.name, error.code, error.reason, path.stat().st_size))
                self.tell(f"{self.table}/{path.name} is put aside: {error.code}: {error.reason}")

    def finish(self, problem: str = "", **facts: object) -> None:
        """Writes the report; raises DataError if there is too much in quarantine, or with the caller's problem."""
        sentence = self._too_much() or problem
        self._report(sentence, **facts)
        print(f"read {self.table}: {self.rows_read} rows, {self.quarantine.bad_rows} bad, {len(self.names)} columns")
        if sentence:
            raise DataError(sentence)

    def _too_much(self) -> str:
        limit, aside, rows = self.spec.limits.largest_bad_share, self.quarantine, self.rows_read
        allowed = f"more than largest_bad_share = {limit:g} allows"
        if aside.bad_bytes > limit * self._bytes:
            first = "; ".join(f"{fault.file}: {fault.code}: {fault.reason}" for fault in aside.files[:3])
            return (
                f"table {self.table}: {len(aside.files)} of {len(self.files)} files "
                f"({aside.bad_bytes / self._bytes:.1%} of the bytes) cannot be read, {allowed}: {first}"
            )
        if aside.bad_rows > limit * rows:
            return (
                f"table {self.table}: {aside.bad_rows} of {rows} rows ({aside.bad_rows / rows:.1%}) are bad, "
                f"{allowed}: {self._worst()}; see quarantine/{self.table}/rows{self.suffix}.csv"
            )
        return ""

    def _report(self, sentence: str, **facts: object) -> None:
        self._reported = True
        self.quarantine.report(
            files_read=len(self.files),
            rows_read=self.rows_read,
            bad_rows=self.quarantine.bad_rows,
            bytes_read=self._bytes,
            bad_bytes=self.quarantine.bad_bytes,
            largest_bad_share=self.spec.limits.largest_bad_share,
            **facts,
            sentence=sentence,
        )

    @property
    def _bytes(self) -> int:
        return sum(path.stat().st_size for path in self.files)

    def _begin(self) -> Quarantine:
        self.rows_read = 0
        return Quarantine(self.quarantine_folder / self.table, self.table, self.suffix)

    def _worst(self) -> str:
        counts = [item for item in self.quarantine.counts.most_common() if item[0] != "no-partner"]
        told = [f"{count} {code} ({self.quarantine.first[code]})" for code, count in counts[:3]]
        return "; ".join(told)

    def _file(self, path: Path) -> Iterator[Batch]:
        head = head_of(path, self.spec.encoding)
        size = max(BLOCK_BYTES, 2 * LONGEST_ROW + 2)
        before = 0
        with closing(utf8_chunks(path, encoding=self.spec.encoding, size=size)) as chunks:
            start = FileStart.of(next(chunks), head, spec=self.spec, table=self.table, others=self.names)
            names = start.names
            self.names = self.names or names
            for old, new in start.changed.items():
                self.tell(f"{self.table}/{path.name}: column {old!r} is taken for {new!r}")
            work = partial(self._check, names)
            whole = blocks(itertools.chain([start.rest], chunks), delimiter=self.spec.delimiter.encode())
            for checked, rows, hashes in ahead(work, whole):
                for fault in checked.faults:
                    self.quarantine.row(path.name, Fault(fault.row + before, fault.code, fault.reason, fault.text))
                self.rows_read += checked.total
                yield Batch(rows, hashes, path.name, before, checked)
                before += checked.total
        if not before:
            raise BadFile("no-rows", "the file has column names but no rows")

    def _check(self, names: list[str], block: Block) -> tuple[Checked, pa.Table, Hashes]:
        checked = check(block, names, self.rules)
        rows = checked.rows.select(self.names)
        if not self.spec.join_key:
            return checked, rows, row_hashes(rows, salt=KEY_SALT)
        return checked, rows, text_hashes(_only_chunk(rows[self.spec.join_key]), salt=KEY_SALT)


def _only_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
