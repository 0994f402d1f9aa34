"""Which of the job's instances this is; called by preprocess.py."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Instance:
    number: int = 0
    count: int = 1


ALONE = Instance()


def this_instance(base: Path) -> Instance:
    """The place of this instance among the job's hosts; run by hand it is the only one."""
    path = base / "config" / "resourceconfig.json"
    if not path.exists():
        return ALONE
    config = json.loads(path.read_text(encoding="utf-8"))
    hosts = sorted(config["hosts"])
    return Instance(hosts.index(config["current_host"]), len(hosts))
