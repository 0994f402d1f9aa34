"""A history: what happens to the raw bucket and when, made from a seed. Pure; the world plays it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.chaos.files import IGNORED, NAMES, OTHER_SUFFIXES, TABLES, TABLES_OF, bad, good, longest, prefix

GOOD, BAD, IGNORE, SUFFIX = "good", "bad", "ignored", "suffix"
"""What must become of an upload: trained on, rejected, not noticed at all, rejected for its name."""

HOUR = 3600.0
BEGIN = 1_795_000_000.0 - 1_795_000_000.0 % HOUR
"""A full hour, at which every history begins."""


@dataclass(frozen=True)
class Put:
    at: float
    key: str
    body: bytes
    verdict: str


@dataclass(frozen=True)
class Delete:
    """A delete without a version: S3 adds a marker."""

    at: float
    key: str


@dataclass(frozen=True)
class DeleteVersion:
    """The permanent deletion of a version or marker; `back` counts from the newest."""

    at: float
    key: str
    back: int


@dataclass(frozen=True)
class Send:
    """A message that somebody puts into the queue; poison must end in the dead letters."""

    at: float
    kind: str
    model: str = ""
    key: str = ""


@dataclass(frozen=True)
class RunByHand:
    """Somebody starts the pipeline in the console; none of the starter's business."""

    at: float
    model: str


Action = Put | Delete | DeleteVersion | Send | RunByHand
POISON = ("not-json", "not-object", "no-detail", "foreign-bucket", "vanished")


@dataclass(frozen=True)
class History:
    """The actions in the order of their time, and how the world behaves until `quiet`."""

    seed: int
    actions: tuple[Action, ...]
    quiet: float
    trigger: dict[str, object]
    page: int
    complete: bool
    """Whether each table ends with at least one good file."""
    failing: float
    """How many executions fail, until it is quiet."""
    throttling: float
    troubles: bool = True
    """Whether events are duplicated, delayed and lost."""
    tables: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(TABLES_OF))


def generate(seed: int, *, actions: int | None = None) -> History:
    """The history of a seed; the same for ever."""
    chance = random.Random(f"history {seed}")
    number = actions or chance.choice((4, 8, 15, 15, 30, 50))
    end = BEGIN + chance.choice((0.2, 1.5, 3.0)) * HOUR
    contended = chance.random() < 0.2
    uploads = _Uploads(chance, looks=60 if contended else 1)
    for at in _moments(chance, number, BEGIN + 60, end, spreads=(0.5, 5.0) if contended else SPREADS):
        uploads.act(at)
    complete = chance.random() < 0.9
    if complete:
        uploads.complete(end + 1, name=chance.choice(("last.csv", "last.csv", "Unnoticed.Csv")))
    return History(
        seed=seed,
        actions=tuple(sorted(uploads.actions, key=lambda action: action.at)),
        quiet=end + 120,
        trigger={
            "debounce_seconds": chance.choice((0, 0, 2) if contended else (0, 2, 2, 30)),
            "max_wait_seconds": chance.choice((60, 300)),
            "suffixes": [".csv"],
            "attempts": chance.choice((1, 1, 2, 3)),
            "start": "always" if chance.random() < 0.1 else "new",
            "max_model_age_hours": chance.choice((0, 0, 0, 1)),
            "lock_hours": chance.choice((1, 24)),
            "largest_file_mb": 5000,
        },
        page=chance.choice((1, 3, 7, 1000, 1000)),
        complete=complete,
        failing=chance.choice((0.0, 0.25, 0.6)),
        throttling=chance.choice((0.0, 0.0, 0.01, 0.1)),
    )


SPREADS = (0.5, 5.0, 60.0, 600.0)


def _moments(
    chance: random.Random, number: int, begin: float, end: float, *, spreads: tuple[float, ...]
) -> list[float]:
    """Bursts of actions within seconds, and quiet between them."""
    moments: list[float] = []
    while len(moments) < number:
        start = chance.uniform(begin, end)
        spread = chance.choice(spreads)
        for _ in range(min(chance.randrange(1, 8), number - len(moments))):
            moments.append(min(start + chance.uniform(0, spread), end))
    return sorted(moments)


@dataclass
class _Uploads:
    """Remembers which keys were used, so that overwrites and deletions meet something. `looks` is how often
    somebody makes the schedule look out of its time."""

    chance: random.Random
    looks: int = 1
    actions: list[Action] = field(default_factory=list)
    used: list[str] = field(default_factory=list)

    def act(self, at: float) -> None:
        kinds = {
            self._put: 50,
            self._overwrite: 20,
            self._delete: 10,
            self._delete_version: 10,
            self._put_other: 6,
            self._send: 6,
            self._look: self.looks,
            self._run_by_hand: 2,
        }
        self.chance.choices(list(kinds), list(kinds.values()))[0](at)

    def complete(self, at: float, *, name: str) -> None:
        for model, table in TABLES:
            self._upload(at, prefix(model, table) + name, good(self.chance, model, table), GOOD)

    def _upload(self, at: float, key: str, body: bytes, verdict: str) -> None:
        self.actions.append(Put(at, key, body, verdict))
        self.used.append(key)

    def _table(self) -> tuple[str, str]:
        return self.chance.choice(list(TABLES))

    def _body(self, at: float, key: str, model: str, table: str) -> None:
        is_good = self.chance.random() < 0.85
        body = (good if is_good else bad)(self.chance, model, table)
        self._upload(at, key, body, GOOD if is_good else BAD)

    def _put(self, at: float) -> None:
        model, table = self._table()
        name = self.chance.choice(NAMES)
        key = longest(model, table) if self.chance.random() < 0.03 else prefix(model, table) + name
        self._body(at, key, model, table)

    def _overwrite(self, at: float) -> None:
        puts = [action for action in self.actions if isinstance(action, Put) and action.verdict in (GOOD, BAD)]
        if not puts:
            return self._put(at)
        key = self.chance.choice(puts).key
        _, model, table, _ = key.split("/", 3)
        return self._body(at, key, model, table)

    def _put_other(self, at: float) -> None:
        model, table = self._table()
        if self.chance.random() < 0.5:
            name, verdict = self.chance.choice(IGNORED), IGNORE
        else:
            name, verdict = self.chance.choice(OTHER_SUFFIXES), SUFFIX
        self._upload(at, prefix(model, table) + name, good(self.chance, model, table), verdict)

    def _delete(self, at: float) -> None:
        if self.used:
            self.actions.append(Delete(at, self.chance.choice(self.used)))

    def _delete_version(self, at: float) -> None:
        if self.used:
            self.actions.append(DeleteVersion(at, self.chance.choice(self.used), self.chance.choice((0, 0, 1, 2))))

    def _send(self, at: float) -> None:
        kind = self.chance.choice((*POISON, "encoded-key", "encoded-key", "replay", "start"))
        key = self.chance.choice(self.used) if self.used else f"{prefix(*self._table())}a.csv"
        self.actions.append(Send(at, kind, model=self._table()[0], key=key))

    def _look(self, at: float) -> None:
        self.actions.append(Send(at, "schedule"))

    def _run_by_hand(self, at: float) -> None:
        self.actions.append(RunByHand(at, self._table()[0]))
