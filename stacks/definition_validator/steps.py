"""Rules of a step itself: its name, its members, what it waits for, its property files and retries."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from stacks.definition_validator.document import Definition, Step, items
from stacks.definition_validator.expressions import is_expression
from stacks.definition_validator.service_model import STEP_TYPES
from stacks.definition_validator.violation import Place, Report, choices, show

STEPS = 50
NAME_LENGTH = 64
RETRIED = {"Processing", "Training", "Tuning", "AutoML", "Model", "RegisterModel", "Transform"}
CACHED = {"Processing", "Training", "Tuning", "AutoML", "Transform", "Lambda", "QualityCheck", "ClarifyCheck", "EMR"}
TRIGGERS = ("Completed", "Failed", "Stopped", "Any")
LOCAL_PREFIX = "/opt/ml/processing/"
_COMMON = {"Name", "Type", "Arguments", "DependsOn", "DisplayName", "Description"}
_OUTPUTS = {"OutputParameters", "CacheConfig"}
_OWN = {"Processing": {"PropertyFiles"}, "Lambda": {"FunctionArn", *_OUTPUTS}, "Callback": {"SqsQueueUrl", *_OUTPUTS}}
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_DURATION = re.compile(r"P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?)?|T(?=.)(\d+H)?(\d+M)?", re.I)
"""Years to minutes: SageMaker counts no seconds."""


def check_steps(definition: Definition, report: Report) -> None:
    steps = definition.steps
    if not steps:
        report.add(Place("", "Steps"), "has no steps", advice="a pipeline needs one at least")
    if len(steps) > STEPS:
        report.add(Place("", "Steps"), f"has {len(steps)} steps", allowed=f"{STEPS} at most")
    for name, count in Counter(step.name for step in steps).items():
        if count > 1:
            report.add(Place(name, "Name"), f"is used by {count} steps", advice="names are unique in a pipeline")
    for step in steps:
        _check_step(step, definition, report)


def _check_step(step: Step, definition: Definition, report: Report) -> None:
    if not _NAME.fullmatch(step.name) or len(step.name) > NAME_LENGTH:
        allowed = f"1 to {NAME_LENGTH} letters, digits, - and _"
        report.add(step.place.member("Name"), "is no step name", value=step.name, allowed=allowed)
    if step.type not in STEP_TYPES:
        kind = step.body.get("Type")
        report.add(step.place.member("Type"), "is no type of step", value=kind, allowed=choices(kind, STEP_TYPES))
        return
    _check_members(step, report)
    _check_depends_on(step, definition, report)
    _check_cache(step, report)
    if step.type == "Processing":
        _check_property_files(step, report)
        _check_local_paths(step, report)
    _check_unique_names(step, report)


def _check_members(step: Step, report: Report) -> None:
    allowed = _COMMON | _OWN.get(step.type, set())
    if step.type in RETRIED:
        allowed |= {"RetryPolicies"}
    if step.type in CACHED:
        allowed |= {"CacheConfig"}
    if "Arguments" not in step.body:
        report.add(step.place.member("Arguments"), "is missing")
    for name in ("DisplayName", "Description"):
        if name in step.body and not isinstance(step.body[name], str):
            report.add(step.place.member(name), "is not a text", value=step.body[name])
    checked = step.type in {*RETRIED, *_OWN, "Condition", "Fail", "EndpointConfig", "Endpoint"}
    for name in step.body.keys() - allowed if checked else ():
        report.add(step.place.member(name), f"is unknown to a {step.type} step", allowed=choices(name, allowed))


def _check_depends_on(step: Step, definition: Definition, report: Report) -> None:
    place = step.place.member("DependsOn")
    listed = step.body.get("DependsOn", [])
    if not isinstance(listed, list):
        report.add(place, "is not a list of step names", value=listed)
        return
    for position, entry in enumerate(listed):
        here = place.index(position)
        name = entry.get("Step") if isinstance(entry, dict) else entry
        if not isinstance(name, str) or name not in definition.by_name:
            allowed = choices(name, definition.by_name)
            report.add(here, "refers to an unknown step", value=name, allowed=allowed)
        if isinstance(entry, dict) and entry.get("Trigger") not in TRIGGERS:
            report.add(here.member("Trigger"), "is wrong", value=entry.get("Trigger"), allowed=", ".join(TRIGGERS))


def _check_cache(step: Step, report: Report) -> None:
    if "CacheConfig" not in step.body or step.type not in CACHED:
        return
    place, cache = step.place.member("CacheConfig"), step.body["CacheConfig"]
    if not isinstance(cache, dict) or not isinstance(cache.get("Enabled"), bool):
        report.add(place.member("Enabled"), "is not true or false", value=cache)
        return
    for name in cache.keys() - {"Enabled", "ExpireAfter"}:
        report.add(place.member(name), "is unknown", allowed="Enabled, ExpireAfter")
    duration = cache.get("ExpireAfter") if cache["Enabled"] else cache.get("ExpireAfter", "P1D")
    if not isinstance(duration, str) or not _DURATION.fullmatch(duration):
        allowed = "an ISO 8601 duration such as P30D"
        report.add(place.member("ExpireAfter"), "is no duration", value=duration, allowed=allowed)


def _check_property_files(step: Step, report: Report) -> None:
    place, listed = step.place.member("PropertyFiles"), step.body.get("PropertyFiles", [])
    if not isinstance(listed, list):
        report.add(place, "is not a list", value=listed)
        return
    outputs = step.names("ProcessingOutputConfig", "Outputs", key="OutputName")
    for position, file in enumerate(listed):
        here = place.index(position)
        for key in ("PropertyFileName", "OutputName", "FilePath"):
            if not isinstance(file, dict) or not isinstance(file.get(key), str) or not file[key]:
                report.add(here.member(key), "is missing or not a text", value=file)
        _check_file_path(file.get("FilePath") if isinstance(file, dict) else None, here, report)
        output = file.get("OutputName") if isinstance(file, dict) else None
        if isinstance(output, str) and output not in outputs:
            advice = "a property file lies in an output of its own step"
            report.add(
                here.member("OutputName"), "is no output", value=output, allowed=choices(output, outputs), advice=advice
            )
    names = [file.get("PropertyFileName") for file in listed if isinstance(file, dict)]
    _repeated(names, place, "PropertyFileName", report)


def _check_file_path(path: Any, place: Place, report: Report) -> None:
    if isinstance(path, str) and (path.startswith("/") or ".." in path.split("/")):
        advice = "it is counted from the output's folder"
        report.add(place.member("FilePath"), "is outside of its output", value=path, advice=advice)


def _check_local_paths(step: Step, report: Report) -> None:
    for where, source in ((("ProcessingInputs",), "S3Input"), (("ProcessingOutputConfig", "Outputs"), "S3Output")):
        taken: set[str] = set()
        for position, item in enumerate(items(step.arguments, *where)):
            target = item.get(source)
            if not isinstance(target, dict) or is_expression(target) or item.get("AppManaged") is True:
                continue
            place = Place(step.name, ".".join(("Arguments", *where))).index(position).member(source)
            path = target.get("LocalPath")
            if isinstance(path, str) and path.rstrip("/") in taken:
                report.add(place.member("LocalPath"), "is taken by another one", value=path, advice="give it its own")
            taken.add(str(path).rstrip("/"))
            if path is None or (isinstance(path, str) and not path.startswith(LOCAL_PREFIX)):
                problem = "is missing" if path is None else "is outside of the container's data folder"
                report.add(place.member("LocalPath"), problem, value=path, allowed=f"{LOCAL_PREFIX}...")


def _check_unique_names(step: Step, report: Report) -> None:
    lists: dict[str, list[tuple[tuple[str, ...], str]]] = {
        "Processing": [
            (("ProcessingInputs",), "InputName"),
            (("ProcessingOutputConfig", "Outputs"), "OutputName"),
        ],
        "Training": [(("InputDataConfig",), "ChannelName")],
        "Tuning": [(("TrainingJobDefinition", "InputDataConfig"), "ChannelName")],
    }
    for where, key in lists.get(step.type, []):
        place = Place(step.name, ".".join(("Arguments", *where)))
        _repeated(step.names(*where, key=key), place, key, report)


def _repeated(names: list[Any], place: Place, key: str, report: Report) -> None:
    for name in dict.fromkeys(show(name) for name in names if isinstance(name, str)):
        if sum(show(other) == name for other in names) > 1:
            report.add(place, f"repeats the {key} {name}", advice="each is given once")
