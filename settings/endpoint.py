"""What serves a model in an account: [endpoint] of the model, then [<account>.endpoint], then [endpoint.<account>].

`settings.loader` merges the tables for each model and account; `stacks/serving.py` makes the endpoint of the result.
What AWS refuses is refused when the settings are loaded: `settings/endpoint_rules.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from settings import names
from settings.errors import Problem
from settings.reader import Reader

INSTANCES, SERVERLESS = "instances", "serverless"
ALL_AT_ONCE, CANARY, LINEAR = "all-at-once", "canary", "linear"
ROLLOUTS = (ALL_AT_ONCE, CANARY, LINEAR)
MOST_INSTANCES, MOST_CONCURRENCY, LONGEST_WAIT = 100, 200, 3_600
MEMORY_MB = tuple(range(1_024, 6_145, 1_024))
SLOWEST_ANSWER_MS = 60_000
"""SageMaker gives up on a container that has not answered after a minute."""
SUPPORTED = "supported_instance_types"


@dataclass(frozen=True)
class EndpointSettings:
    """One model's endpoint in one account. Zero means without: of scaling, of data capture.

    `supported_instance_types` is what the registry allows for the model. Of `instance_*` and of `memory_mb` and
    `max_concurrency` only those of the `kind` mean something.
    """

    kind: str = INSTANCES
    instance_type: str = ""
    instance_count: int = 0
    supported_instance_types: tuple[str, ...] = ()
    memory_mb: int = 0
    max_concurrency: int = 0
    max_instance_count: int = 0
    invocations_per_instance: int = 0
    capture_percent: int = 0
    rollout: str = ALL_AT_ONCE
    rollout_percent: int = 10
    rollout_wait_seconds: int = 0
    termination_wait_seconds: int = 0
    alarm_latency_ms: int = 500
    alarm_error_percent: float = 0.5
    smoke_latency_ms: int = 200

    @property
    def is_serverless(self) -> bool:
        return self.kind == SERVERLESS

    @property
    def scales(self) -> bool:
        return not self.is_serverless and self.max_instance_count > 0

    def endpoint_name(self, model: str) -> str:
        """An endpoint of instances cannot become serverless, so each kind has its own name."""
        of_instances, serverless = endpoint_names(model)
        return serverless if self.is_serverless else of_instances


def endpoint_names(model: str) -> tuple[str, str]:
    """What the model's endpoint is called with instances, and without."""
    return model, f"{model}-{SERVERLESS}"


@dataclass(frozen=True)
class EndpointTable:
    """One of the tables as it is written: what it says, and where it stands."""

    file: str
    path: str
    values: Mapping[str, Any]

    def problem(self, key: str, message: str) -> Problem:
        return Problem(self.file, f"{self.path}.{key}", message)


@dataclass(frozen=True)
class ModelEndpoint:
    """The tables of one `models/<name>.toml`: [endpoint], and [endpoint.<account>] by account."""

    base: EndpointTable
    own: Mapping[str, EndpointTable]
    supported_instance_types: tuple[str, ...]

    def layers(self, account: str, accounts_table: EndpointTable) -> tuple[EndpointTable, ...]:
        """The tables for an account, the strongest last."""
        own = self.own.get(account)
        return (self.base, accounts_table, own) if own else (self.base, accounts_table)


def merge(layers: tuple[EndpointTable, ...]) -> EndpointSettings:
    """The last table that says something is right; what fits another kind of endpoint only is left out."""
    said: dict[str, Any] = {}
    for table in layers:
        said |= table.values
    unfit = INSTANCE_KEYS if said.get("kind") == SERVERLESS else SERVERLESS_KEYS
    return EndpointSettings(**{key: value for key, value in said.items() if key not in unfit})


def read_model_endpoint(reader: Reader) -> ModelEndpoint:
    """[endpoint] of a model, with the tables in it: each is named after an account."""
    accounts = [key for key in reader.own_keys() if reader.is_table(key)]
    own = {name: read_endpoint_table(reader.table(name)) for name in accounts}
    base = read_endpoint_table(reader, of_model=True)
    return ModelEndpoint(base=base, own=own, supported_instance_types=base.values.get(SUPPORTED, ()))


def read_endpoint_table(reader: Reader, *, of_model: bool = False) -> EndpointTable:
    """What one table says, each value checked by itself; only [endpoint] of a model names the supported types."""
    if of_model:
        supported = _supported(reader)
    else:
        supported = ()
        reader.refuse(
            SUPPORTED,
            "is what the registry notes for a version, once for all accounts; write it into [endpoint] of the model",
        )
    values = {key: read(reader, key) for key, read in _VALUES.items()}
    said = {key: value for key, value in values.items() if reader.holds(key) and reader.good(key)}
    reader.close()
    return EndpointTable(reader.file, reader.path, {**said, SUPPORTED: supported} if supported else said)


def _supported(reader: Reader) -> tuple[str, ...]:
    allowed = names.instance_types(names.ENDPOINT) & names.instance_types(names.TRANSFORM)
    supported = reader.texts(SUPPORTED, check=lambda text: names.wrong_member(text, allowed))
    if reader.good(SUPPORTED) and (wrong := names.wrong_volume(supported[0])):
        reader.problem(SUPPORTED, f"begins with {supported[0]!r}, which scores batches; {wrong}")
    return supported if reader.good(SUPPORTED) else ()


def _integer(low: int, high: int) -> Callable[[Reader, str], int]:
    return lambda reader, key: reader.integer(key, low=low, high=high, default=low)


_VALUES: dict[str, Callable[[Reader, str], Any]] = {
    "kind": lambda reader, key: reader.text(key, allowed=(INSTANCES, SERVERLESS), default=INSTANCES),
    "instance_type": lambda reader, key: reader.text(
        key, allowed=names.instance_types(names.ENDPOINT), default="ml.m5.large"
    ),
    "instance_count": _integer(1, MOST_INSTANCES),
    "memory_mb": lambda reader, key: reader.one_of(key, MEMORY_MB, default=MEMORY_MB[0]),
    "max_concurrency": _integer(1, MOST_CONCURRENCY),
    "max_instance_count": _integer(0, MOST_INSTANCES),
    "invocations_per_instance": _integer(1, 1_000_000),
    "capture_percent": _integer(0, 100),
    "rollout": lambda reader, key: reader.text(key, allowed=ROLLOUTS, default=ALL_AT_ONCE),
    "rollout_percent": _integer(1, 50),
    "rollout_wait_seconds": _integer(0, LONGEST_WAIT),
    "termination_wait_seconds": _integer(0, LONGEST_WAIT),
    "alarm_latency_ms": _integer(1, SLOWEST_ANSWER_MS),
    "alarm_error_percent": lambda reader, key: reader.number(key, low=0, high=100, below=True, default=0.5),
    "smoke_latency_ms": _integer(1, SLOWEST_ANSWER_MS),
}
SERVERLESS_KEYS = frozenset({"memory_mb", "max_concurrency"})
INSTANCE_KEYS = frozenset(
    {
        *("instance_type", "instance_count", "max_instance_count", "invocations_per_instance", "capture_percent"),
        *("rollout", "rollout_percent", "rollout_wait_seconds", "termination_wait_seconds"),
    }
)
assert {*_VALUES, SUPPORTED} == {field.name for field in fields(EndpointSettings)}
