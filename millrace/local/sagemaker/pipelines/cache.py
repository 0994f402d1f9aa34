"""Step caching: a step's CacheConfig, and the key by which an earlier run of the step is known to be the same.

The key is AWS's ("Default cache key attributes by pipeline step type"): the values of certain arguments, never what
lies in S3 under them. `definition` parses the configuration, `cache_hits` looks a key up.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from millrace.local.sagemaker.pipelines.errors import DefinitionError

_TRAINING = "AlgorithmSpecification", "HyperParameterRanges", "InputDataConfig", "StaticHyperParameters"
# Argument names; a dict where only some of an argument's own members count.
ATTRIBUTES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Processing": {"AppSpecification": (), "Environment": (), "ProcessingInputs": ()},
    "Training": {
        "AlgorithmSpecification": (),
        "CheckpointConfig": (),
        "DebugHookConfig": (),
        "DebugRuleConfigurations": (),
        "Environment": (),
        "HyperParameters": (),
        "InputDataConfig": (),
    },
    "Tuning": {
        "HyperParameterTuningJobConfig": (),
        "TrainingJobDefinition": (*_TRAINING, "TuningObjective"),
        "TrainingJobDefinitions": (),
    },
    "Transform": {"DataProcessing": (), "Environment": (), "ModelName": (), "TransformInput": ()},
}
# The SDK lets these have a CacheConfig, but AWS's list of cacheable step types does not name them: never a hit.
TOLERATED = ("Callback", "Lambda")
DURATION = re.compile(
    r"P?(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?)?",
    re.IGNORECASE,
)
DAYS = {"years": 365, "months": 30, "weeks": 7, "days": 1}


@dataclass(frozen=True)
class CacheConfig:
    """How old a run may be whose result a step takes."""

    expire_after: timedelta


def parse_cache_config(raw: Any, *, step: str, kind: str) -> CacheConfig | None:
    """The record of a step's CacheConfig; None when caching is off."""
    if not isinstance(raw, dict) or set(raw) - {"Enabled", "ExpireAfter"} or not isinstance(raw.get("Enabled"), bool):
        raise DefinitionError(f"Invalid CacheConfig of step '{step}': it holds Enabled (a boolean) and ExpireAfter.")
    if kind not in ATTRIBUTES and kind not in TOLERATED:
        raise DefinitionError(f"{kind} step '{step}' cannot be cached: CacheConfig belongs to {', '.join(ATTRIBUTES)}.")
    if not raw["Enabled"]:
        return None
    if "ExpireAfter" not in raw:
        raise DefinitionError(f"CacheConfig of step '{step}' has no ExpireAfter: give a timeout, such as PT12H.")
    return CacheConfig(parse_duration(raw["ExpireAfter"]))


def parse_duration(text: Any) -> timedelta:
    """An ISO 8601 duration of years to minutes; the P may be missing, as in AWS's own examples."""
    match = DURATION.fullmatch(text) if isinstance(text, str) else None
    found = {unit: int(number) for unit, number in match.groupdict().items() if number} if match else {}
    if not found:
        raise DefinitionError(f"Invalid ExpireAfter {text!r}: it must be an ISO 8601 duration, such as P30D or PT12H.")
    days = sum(DAYS[unit] * number for unit, number in found.items() if unit in DAYS)
    return timedelta(days=days, hours=found.get("hours", 0), minutes=found.get("minutes", 0))


def cache_key(kind: str, arguments: Mapping[str, Any]) -> str:
    """The digest of the arguments that count, once they hold values and no expressions."""
    counted: dict[str, Any] = {}
    for name, members in ATTRIBUTES[kind].items():
        value = arguments.get(name)
        if members and isinstance(value, dict):
            value = {member: value[member] for member in members if member in value}
        if value is not None:
            counted[name] = value
    text = json.dumps([kind, counted], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
