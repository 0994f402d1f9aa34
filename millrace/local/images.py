"""The table of container images: which local Python environment runs an ImageUri, and whose repositories are AWS's.

Jobs and endpoints ask for the environment, the gate for the owners.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from millrace.errors import MillraceError

TABLE = Path(__file__).with_name("images.toml")


@dataclass(frozen=True)
class Image:
    pattern: str
    environment: str


@cache
def images(table: Path = TABLE) -> tuple[Image, ...]:
    rows = tomllib.loads(table.read_text("utf-8"))["image"]
    return tuple(Image(row["pattern"], row["environment"]) for row in rows)


@cache
def aws_accounts(table: Path = TABLE) -> frozenset[str]:
    """The accounts whose image repositories are AWS's own and open to everyone."""
    return frozenset(tomllib.loads(table.read_text("utf-8"))["aws_accounts"])


def environment_of(image_uri: str, *, table: Path = TABLE) -> str:
    """The environment's name; an error that lists the known images when there is none."""
    known = images(table)
    for image in known:
        if re.search(image.pattern, image_uri):
            return image.environment
    patterns = ", ".join(image.pattern for image in known)
    raise MillraceError(
        f"Image {image_uri} has no local environment. Known images: {patterns}. "
        f"Add a row for it to millrace/local/{table.name}."
    )
