"""What is deployed in an account: its name, its buckets, queues and ledger, the models and their tables.

Read from the deployed starter function and the outputs of its stack, so that it is true for whatever settings were
deployed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from millrace.cli.connect import Connection
from millrace.errors import MillraceError

PREFIX = "millrace-"
STARTER = "-start-pipeline"
MODEL_OUTPUT = re.compile(r"Model\d+")


@dataclass(frozen=True)
class Model:
    """One model's data: its tables, the base table first; which files count; how long a burst is waited for."""

    tables: tuple[str, ...]
    suffixes: tuple[str, ...] = (".csv",)
    debounce_seconds: float = 0.0


@dataclass(frozen=True)
class System:
    """One account's deployment; the last three are empty where an older one is deployed."""

    name: str
    starter: str
    raw_bucket: str
    models: Mapping[str, Model]
    artifact_bucket: str = ""
    ledger: str = ""
    queue: str = ""
    dead_letters: str = ""
    tables: Mapping[str, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", {name: model.tables for name, model in self.models.items()})

    def model(self, wanted: str) -> str:
        """The name, if there is such a model."""
        if wanted not in self.models:
            raise MillraceError(f"there is no model {wanted!r}; deployed: {', '.join(self.models)}")
        return wanted


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
                variables = function.get("Environment", {}).get("Variables", {})
                return _system(name, variables, dict(_models(connection, name)))
    return None


def _system(function: str, variables: Mapping[str, str], models: Mapping[str, Model]) -> System:
    return System(
        name=function.removeprefix(PREFIX).removesuffix(STARTER),
        starter=function,
        raw_bucket=variables["RAW_BUCKET"],
        models=models,
        artifact_bucket=variables.get("ARTIFACT_BUCKET", ""),
        ledger=variables.get("LEDGER_TABLE", ""),
        queue=variables.get("QUEUE_URL", ""),
        dead_letters=variables.get("DEAD_LETTERS_URL", ""),
    )


def _models(connection: Connection, function: str) -> Iterator[tuple[str, Model]]:
    """What the stack of the function says of each model: an output per model."""
    cloudformation = connection.client("cloudformation")
    resources = cloudformation.describe_stack_resources(PhysicalResourceId=function)["StackResources"]
    stack: Mapping[str, Any] = cloudformation.describe_stacks(StackName=resources[0]["StackName"])["Stacks"][0]
    for output in stack.get("Outputs", []):
        if MODEL_OUTPUT.fullmatch(output["OutputKey"]):
            told = json.loads(output["OutputValue"])
            suffixes = tuple(told["suffixes"])
            yield told["model"], Model(tuple(told["tables"]), suffixes, float(told["debounce_seconds"]))
