"""What AWS says about each action: its resource types, their ARN templates, condition keys. Read from `data/`.

`actions` and `context` ask it. A service without a file is decided on `<prefix>:<operation>` and resource "*".
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "data"
VARIABLE = re.compile(r"\$\{(\w+)\}")
PLACES = ("Partition", "Region", "Account")

# The prefix of a service's actions where botocore calls the service otherwise.
PREFIXES = {
    "monitoring": "cloudwatch",
    "stepfunctions": "states",
    "resourcegroupstaggingapi": "tag",
    "resource-groups-tagging-api": "tag",
    "sagemaker-runtime": "sagemaker",
    "sagemaker-featurestore-runtime": "sagemaker",
    "sagemaker-metrics": "sagemaker",
    "dynamodbstreams": "dynamodb",
    "s3control": "s3",
}


@dataclass(frozen=True)
class ResourceType:
    """A kind of resource, its ARN template and what of the template a request has to name."""

    name: str
    template: str
    pattern: re.Pattern[str]
    variables: tuple[str, ...]


@dataclass(frozen=True)
class Action:
    """An action as the Service Authorization Reference has it."""

    name: str  # "s3:GetObject"
    required: tuple[ResourceType, ...] = ()
    optional: tuple[ResourceType, ...] = ()
    keys: tuple[str, ...] = ()
    dependent: tuple[str, ...] = ()
    known: bool = True


@dataclass(frozen=True)
class Service:
    """The actions of one prefix; names compare without case."""

    actions: Mapping[str, Action]
    types: Mapping[str, ResourceType]


def prefix_of(service: str) -> str:
    """The prefix of a botocore service's actions."""
    return PREFIXES.get(service, service)


@functools.cache
def service(prefix: str) -> Service:
    path = FOLDER / f"{prefix}.json"
    if not path.is_file():
        return Service({}, {})
    data = json.loads(path.read_text())
    types = {name: resource_type(name, template) for name, template in data["resources"].items()}
    actions = {}
    for name, found in data["actions"].items():
        actions[name.lower()] = Action(
            f"{prefix}:{name}",
            tuple(types[each] for each in found.get("required", ()) if each in types),
            tuple(types[each] for each in found.get("optional", ()) if each in types),
            tuple(found.get("keys", ())),
            tuple(found.get("dependent", ())),
        )
    return Service(actions, types)


@functools.lru_cache(4096)
def action(name: str) -> Action:
    """The action called `prefix:Name`; one that AWS's reference lacks has no resource types."""
    prefix, _, bare = name.partition(":")
    return service(prefix).actions.get(bare.lower()) or Action(name, known=False)


def resource_type(name: str, template: str) -> ResourceType:
    variables = tuple(each for each in VARIABLE.findall(template) if each not in PLACES)
    expression = re.escape(template)
    last = variables[-1] if variables else ""
    for each in (*PLACES, *variables):
        # Names hold no slash or colon, but for the last one: an object's key, a parameter's path.
        expression = expression.replace(re.escape(f"${{{each}}}"), ".*" if each == last else "[^/:]*", 1)
    return ResourceType(name, template, re.compile(expression), variables)
