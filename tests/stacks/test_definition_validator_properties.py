"""What holds for the validator whatever the definition: no crash, and no missing or misspelt part goes unnoticed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from hypothesis import given
from hypothesis import strategies as st

from stacks.definition_validator import check
from tests.stacks.definition_sample import all_steps, document

Path = tuple[str | int, ...]
NAMES = {"Processing": "ProcessingJobName", "Training": "TrainingJobName", "RegisterModel": ""}
REQUESTS = {
    "Processing": "CreateProcessingJobRequest",
    "Training": "CreateTrainingJobRequest",
    "RegisterModel": "CreateModelPackageInput",
}


def at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def required_members(value: Any, shape: Shape, path: Path = ()) -> Iterator[Path]:
    """Every member in the arguments that AWS's own model marks as required."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for name in value:
            if name in shape.required_members:
                yield (*path, name)
            if name in shape.members:
                yield from required_members(value[name], shape.members[name], (*path, name))
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for position, child in enumerate(value):
            yield from required_members(child, shape.member, (*path, position))
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        for name, child in value.items():
            yield from required_members(child, shape.value, (*path, name))


def property_paths(value: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict) and isinstance(value.get("Get"), str):
        yield (*path, "Get")
    children: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from property_paths(child, (*path, key))


def members(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every name of a member in the arguments."""
    children: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        if isinstance(key, str):
            yield (*path, key)
        yield from members(child, (*path, key))


@cache
def model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


@cache
def all_required() -> list[tuple[str, Path]]:
    return [
        (step["Name"], path)
        for step in all_steps(document()).values()
        if step["Type"] in REQUESTS
        for path in required_members(step["Arguments"], model().shape_for(REQUESTS[step["Type"]]))
        if path != (NAMES[step["Type"]],)
    ]


@given(st.data())
def test_deleting_a_required_member_is_found_at_its_path(data: st.DataObject) -> None:
    name, path = data.draw(st.sampled_from(all_required()))
    built = document()
    del at(all_steps(built)[name]["Arguments"], path[:-1])[path[-1]]
    assert [one for one in check(json.dumps(built)) if one.step == name and one.path.endswith(str(path[-1]))]


@given(st.data())
def test_misspelling_a_property_path_is_found_in_its_step(data: st.DataObject) -> None:
    built = document()
    steps = all_steps(built)
    for name in ("Gate", "FloorReached", "EnoughRows"):  # their branches are steps of their own
        steps[name] = {**steps[name], "Arguments": {"Conditions": steps[name]["Arguments"]["Conditions"]}}
    paths = [(name, path) for name, step in sorted(steps.items()) for path in property_paths(step["Arguments"])]
    name, path = data.draw(st.sampled_from(paths))
    holder = at(steps[name]["Arguments"], path[:-1])
    text = holder["Get"]
    position = data.draw(st.sampled_from([index for index, letter in enumerate(text) if letter.isalpha()]))
    letter = data.draw(st.sampled_from("".join({*"aQz"} - {text[position]})))
    holder["Get"] = text[:position] + letter + text[position + 1 :]
    assert [one for one in check(json.dumps(built)) if one.step == name]


@given(st.data())
def test_misspelling_a_member_of_a_request_is_found_in_its_step(data: st.DataObject) -> None:
    built = document()
    steps = {name: step for name, step in all_steps(built).items() if step["Type"] in REQUESTS}
    free = {"HyperParameters", "Environment", "CustomerMetadataProperties"}  # the user's own names
    paths = [
        (name, path)
        for name, step in sorted(steps.items())
        for path in members(step["Arguments"])
        if not free & {str(part) for part in path[:-1]}
    ]
    name, path = data.draw(st.sampled_from(paths))
    holder = at(steps[name]["Arguments"], path[:-1])
    wrong = str(path[-1])[:-1] + "_"
    holder[wrong] = holder.pop(path[-1])
    assert [one for one in check(json.dumps(built)) if one.step == name]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=20,
)
WORDS = (
    "Name Type Arguments Steps Parameters Get Std:Join Std:JsonGet Values On Path PropertyFile PropertyFiles DependsOn "
    "Conditions IfSteps Condition Processing Training Fail Lambda RetryPolicies CacheConfig OutputParameters "
    "DefaultValue EnumValues ErrorMessage Steps.A.B Parameters.P Steps.A.B['x']"
)
words = st.sampled_from(WORDS.split())
near_misses = st.recursive(
    words | st.none() | st.booleans() | st.integers(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(words, children, max_size=5),
    max_leaves=30,
)


@given(json_values | near_misses)
def test_arbitrary_json_never_crashes_it(value: Any) -> None:
    assert check(json.dumps(value))


@given(st.text())
def test_arbitrary_text_never_crashes_it(value: str) -> None:
    assert check(value)


@given(st.data())
def test_any_value_in_any_place_never_crashes_it(data: st.DataObject) -> None:
    built = document()
    path = data.draw(st.sampled_from(list(members(built))))
    at(built, path[:-1])[path[-1]] = data.draw(json_values | near_misses)
    for violation in check(json.dumps(built)):
        assert str(violation)
