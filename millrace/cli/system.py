"""What is deployed in an account: its name, the bucket for raw data, the models and their tables.

Read from the deployed starter function, so that it is true for whatever settings were deployed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from millrace.cli.connect import Connection
from millrace.errors import MillraceError

PREFIX = "millrace-"
STARTER = "-start-pipeline"


@dataclass(frozen=True)
class System:
    """One account's deployment; `tables` by model, the base table first."""

    name: str
    starter: str
    raw_bucket: str
    tables: dict[str, tuple[str, ...]]


def find(connection: Connection) -> System:
    deployed = search(connection)
    if deployed is None:
        raise MillraceError("nothing is deployed here yet: `millrace deploy`")
    return deployed


def search(connection: Connection) -> System | None:
    """The deployment of this account and region, or None."""
    pages = connection.client("lambda").get_paginator("list_functions").paginate()
    for page in pages:
        for function in page["Functions"]:
            name = function["FunctionName"]
            if name.startswith(PREFIX) and name.endswith(STARTER):
                return _system(name, function.get("Environment", {}).get("Variables", {}))
    return None


def _system(function: str, variables: dict[str, str]) -> System:
    tables = {model: tuple(names) for model, names in json.loads(variables["MODELS"]).items()}
    return System(
        name=function.removeprefix(PREFIX).removesuffix(STARTER),
        starter=function,
        raw_bucket=variables["RAW_BUCKET"],
        tables=tables,
    )
