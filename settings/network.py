"""The [<account>.network] table of `accounts.toml`: where endpoints have their network interfaces."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from settings.reader import Reader

MOST_SUBNETS, MOST_GROUPS = 16, 5
"""What SageMaker takes in a VpcConfig."""


@dataclass(frozen=True)
class NetworkSettings:
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]


def read_network(reader: Reader) -> NetworkSettings:
    network = NetworkSettings(
        subnets=reader.texts("subnets", check=_wrong("subnet"), most=MOST_SUBNETS),
        security_groups=reader.texts("security_groups", check=_wrong("sg"), most=MOST_GROUPS),
    )
    reader.close()
    return network


def _wrong(kind: str) -> Callable[[str], str | None]:
    pattern = re.compile(rf"{kind}-([0-9a-f]{{8}}|[0-9a-f]{{17}})")
    return lambda text: None if pattern.fullmatch(text) else f"write an id such as {kind}-0a1b2c3d"
