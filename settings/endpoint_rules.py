"""Which endpoint settings exclude or need each other, as AWS has it. `settings.loader` calls `check` for each pair.

A mistake is noted where the value that has to change is written: in the model's file or in `accounts.toml`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from settings.endpoint import (
    ALL_AT_ONCE,
    INSTANCE_KEYS,
    INSTANCES,
    LINEAR,
    SERVERLESS,
    SERVERLESS_KEYS,
    SUPPORTED,
    EndpointSettings,
    EndpointTable,
    merge,
)
from settings.errors import Problem, shown

LONGEST_ROLLOUT, TO_START = 28_800, 3_600
"""SageMaker stops an update after eight hours at most; an hour of them is left for starting the new instances."""
SHORTEST_BAKE = 120
"""An alarm looks at a whole minute, and CloudWatch may need another one until it does."""
SAFE_INSTANCES = 2

_BURSTABLE, _INFERENTIA = ("ml.t2.", "ml.t3."), "ml.inf1."
_WHY_NOT_SERVERLESS = {
    "capture_percent": "SageMaker captures no data of a serverless endpoint",
    "rollout": "SageMaker shifts traffic between instances",
    "max_instance_count": "a serverless endpoint scales by itself, up to max_concurrency",
}


@dataclass(frozen=True)
class Place:
    """The account that an endpoint is for, as far as the rules care."""

    account: str
    by_stage: bool
    network: bool


def check(layers: tuple[EndpointTable, ...], place: Place | None) -> list[Problem]:
    """Everything that AWS, or sense, refuses; without a place, of the model's own [endpoint] alone."""
    endpoint = merge(layers)
    rules = _serverless if endpoint.is_serverless else _instances
    return [*_misplaced(layers, endpoint), *rules(_Layers(layers), endpoint, place)]


@dataclass(frozen=True)
class _Layers:
    tables: tuple[EndpointTable, ...]

    def problem(self, key: str, message: str) -> Problem:
        """At the table whose word counts, or at the model's own if none says anything."""
        said = [table for table in self.tables if key in table.values]
        return (said[-1] if said else self.tables[0]).problem(key, message)


def _misplaced(layers: tuple[EndpointTable, ...], endpoint: EndpointSettings) -> Iterator[Problem]:
    """Keys of the other kind, in the table that chooses the kind or in a stronger one of the model.

    A weaker table may speak of the kind that it has itself, and that of an account speaks to all its models.
    """
    unfit = INSTANCE_KEYS if endpoint.is_serverless else SERVERLESS_KEYS
    kinds = [number for number, table in enumerate(layers) if "kind" in table.values]
    chosen = kinds[-1] if kinds else 0
    last = len(layers) - 1
    for number, table in enumerate(layers):
        if number != chosen and not (number > chosen and number == last and table.file == layers[0].file):
            continue
        for key in sorted(unfit & table.values.keys()):
            if table.values[key] not in (0, ALL_AT_ONCE):
                yield table.problem(key, _why_misplaced(key, table.values[key], endpoint.kind))


def _why_misplaced(key: str, value: object, kind: str) -> str:
    other = INSTANCES if kind == SERVERLESS else SERVERLESS
    why = _WHY_NOT_SERVERLESS.get(key, f"it is for kind {shown(other)}")
    return f"is {shown(value)}, but the kind is {shown(kind)}: {why}; remove it, or set kind to {shown(other)}"


def _serverless(layers: _Layers, endpoint: EndpointSettings, place: Place | None) -> Iterator[Problem]:
    for key, what in (("memory_mb", "1024 to 6144"), ("max_concurrency", "1 to 200")):
        if not getattr(endpoint, key):
            yield layers.problem(key, f"is missing, which a serverless endpoint needs; add it ({what})")
    if place and place.network:
        yield layers.problem(
            "kind",
            f'is "serverless", but {place.account} keeps its endpoints in a network, which SageMaker offers to '
            f'instances only; set kind to "instances", or remove [{place.account}.network]',
        )


def _instances(layers: _Layers, endpoint: EndpointSettings, place: Place | None) -> Iterator[Problem]:
    if not endpoint.instance_type:
        yield layers.problem("instance_type", "is missing; add it (a text in quotes)")
    elif endpoint.supported_instance_types and endpoint.instance_type not in endpoint.supported_instance_types:
        yield layers.tables[0].problem(SUPPORTED, f"lacks {endpoint.instance_type!r}, the endpoint's own; add it")
    if not endpoint.instance_count:
        yield layers.problem("instance_count", "is missing; add it (a whole number)")
        return
    if place and place.by_stage and endpoint.instance_count < SAFE_INSTANCES:
        yield layers.problem(
            "instance_count",
            f"is {endpoint.instance_count} in {place.account}, which serves what life-cycle stages release: one "
            "instance that fails would leave none; set it to 2 or more",
        )
    yield from _scaling(layers, endpoint)
    yield from _rollout(layers, endpoint)


def _scaling(layers: _Layers, endpoint: EndpointSettings) -> Iterator[Problem]:
    if not endpoint.scales:
        return
    if endpoint.max_instance_count <= endpoint.instance_count:
        yield layers.problem(
            "max_instance_count",
            f"is {endpoint.max_instance_count}, but there are {endpoint.instance_count} instances to begin with "
            "(instance_count): nothing could be added; make it larger, or 0 for no scaling",
        )
    if not endpoint.invocations_per_instance:
        yield layers.problem(
            "invocations_per_instance",
            "is missing, and scaling (max_instance_count) adds instances when each gets more requests in a minute; "
            "add it (a whole number)",
        )
    if endpoint.instance_type.startswith(_BURSTABLE):
        yield layers.problem(
            "max_instance_count",
            f"is {endpoint.max_instance_count}, but SageMaker does not scale burstable instances such as "
            f"{endpoint.instance_type}; choose another instance_type, or 0 for no scaling",
        )


def _rollout(layers: _Layers, endpoint: EndpointSettings) -> Iterator[Problem]:
    if endpoint.rollout != ALL_AT_ONCE:
        yield from _shift(layers, endpoint)
    waits = waiting_seconds(endpoint)
    if waits > LONGEST_ROLLOUT - TO_START:
        yield layers.problem(
            "rollout_wait_seconds",
            f"is {endpoint.rollout_wait_seconds}, so an update would wait for {waits} seconds in all "
            f"(with termination_wait_seconds), and SageMaker gives up after {LONGEST_ROLLOUT}, of which {TO_START} "
            "are left for starting instances; make it shorter, or rollout_percent larger",
        )


def _shift(layers: _Layers, endpoint: EndpointSettings) -> Iterator[Problem]:
    kind = shown(endpoint.rollout)
    if endpoint.instance_count < SAFE_INSTANCES:
        yield layers.problem(
            "rollout",
            f"is {kind}, which moves traffic by at most half of the instances, and instance_count is "
            f'{endpoint.instance_count}; set instance_count to 2 or more, or rollout to "all-at-once"',
        )
    if endpoint.rollout == LINEAR and endpoint.rollout_percent < 10:
        yield layers.problem(
            "rollout_percent", f"is {endpoint.rollout_percent}, but SageMaker takes linear steps of 10 to 50 percent"
        )
    if endpoint.rollout_wait_seconds < SHORTEST_BAKE:
        yield layers.problem(
            "rollout_wait_seconds",
            f"is {endpoint.rollout_wait_seconds}, but the alarms need {SHORTEST_BAKE} seconds to notice a bad model: "
            f"a {endpoint.rollout} rollout would protect from nothing; set it to {SHORTEST_BAKE} or more, or rollout "
            'to "all-at-once"',
        )
    if endpoint.instance_type.startswith(_INFERENTIA):
        yield layers.problem(
            "rollout",
            f"is {kind}, but SageMaker updates Inf1 instances all at once and without looking at alarms; choose "
            'another instance_type, or set rollout to "all-at-once"',
        )


def steps(endpoint: EndpointSettings) -> int:
    """How often an update may wait: after each step of the traffic, for AWS does not except the last one."""
    if endpoint.rollout == ALL_AT_ONCE:
        return 1
    return math.ceil(100 / endpoint.rollout_percent) if endpoint.rollout == LINEAR else 2


def waiting_seconds(endpoint: EndpointSettings) -> int:
    """How long an update waits on purpose."""
    return steps(endpoint) * endpoint.rollout_wait_seconds + endpoint.termination_wait_seconds
