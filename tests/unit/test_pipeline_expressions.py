"""The resolver of pipeline expressions, over a scope made of plain dicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.sagemaker.pipelines.errors import DefinitionError, ResolutionError
from millrace.local.sagemaker.pipelines.expressions import as_text, resolve
from millrace.local.sagemaker.pipelines.references import (
    Key,
    ParameterReference,
    PropertyFileReference,
    StepReference,
    find_references,
    parse_path,
    parse_reference,
    path_text,
)

PREPROCESS = {
    "ProcessingJobName": "job",
    "ProcessingEndTime": datetime(2026, 11, 20, 8, 30, tzinfo=UTC),
    "Environment": {"A.B": "dotted"},
    "ProcessingOutputConfig": {
        "Outputs": [
            {"OutputName": "train", "S3Output": {"S3Uri": "s3://b/train"}},
            {"OutputName": "it's", "S3Output": {"S3Uri": "s3://b/odd"}},
        ]
    },
}


@dataclass
class Values:
    parameters: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, Any] = field(default_factory=lambda: {"Preprocess": PREPROCESS})
    files: Mapping[str, Any] = field(default_factory=dict)

    def properties(self, step: str) -> Mapping[str, Any]:
        return self.steps[step]

    def property_file(self, step: str, name: str) -> Any:
        return self.files[f"{step}/{name}"]

    def json_object(self, uri: str) -> Any:
        return self.files[uri]


def get(text: str) -> dict[str, Any]:
    return {"Get": text}


def json_get(path: str) -> dict[str, Any]:
    return {"Std:JsonGet": {"PropertyFile": get("Steps.Evaluate.PropertyFiles.Evaluation"), "Path": path}}


def join(on: str, *values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": on, "Values": list(values)}}


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text().filter(lambda key: key not in ("Get", "Std:Join", "Std:JsonGet")), inner, max_size=3
        )
    ),
    max_leaves=12,
)
names = st.from_regex(r"[A-Za-z0-9_\-]{1,20}", fullmatch=True)
segments = st.one_of(
    st.from_regex(r"[A-Za-z][A-Za-z0-9_\-]{0,8}", fullmatch=True),
    st.integers(min_value=0, max_value=99),
    st.text(st.characters(exclude_characters="'"), max_size=8).map(Key),
)


@given(plain)
def test_json_without_expressions_stays_as_it_is(value: Any) -> None:
    assert resolve(value, Values()) == value


@given(st.lists(segments, min_size=1, max_size=6))
def test_a_path_reads_back_as_it_was_written(path: list[Any]) -> None:
    assert parse_path(path_text(tuple(path))) == tuple(path)


@given(names, st.lists(segments, min_size=1, max_size=5))
def test_a_step_reference_keeps_step_and_path(step: str, path: list[Any]) -> None:
    text = path_text(tuple(path))
    reference = parse_reference(f"Steps.{step}{'' if text.startswith('[') else '.'}{text}")
    if path[0] != "PropertyFiles":
        assert reference == StepReference(step, tuple(path))


@given(st.dictionaries(names, st.integers() | st.text() | st.booleans() | st.floats(allow_nan=False), min_size=1))
def test_parameters_resolve_to_their_typed_value_wherever_they_stand(parameters: dict[str, Any]) -> None:
    value = {
        "list": [get(f"Parameters.{name}") for name in parameters],
        "map": {"x": get(f"Parameters.{next(iter(parameters))}")},
    }
    resolved = resolve(value, Values(parameters=parameters))
    assert resolved["list"] == list(parameters.values())
    assert resolved["map"]["x"] == next(iter(parameters.values()))


@given(st.text(), st.lists(st.text() | st.integers() | st.booleans(), max_size=5))
def test_join_writes_every_value_as_text(on: str, values: list[Any]) -> None:
    assert resolve(join(on, *values), Values()) == on.join(as_text(value) for value in values)


@given(st.text(max_size=3), st.lists(st.lists(st.text(max_size=4), max_size=3), max_size=3))
def test_joins_nest(on: str, groups: list[list[str]]) -> None:
    nested = join(on, *[join("", *group) for group in groups])
    assert resolve(nested, Values()) == on.join("".join(group) for group in groups)


def test_numbers_and_booleans_become_the_services_text() -> None:
    assert [as_text(value) for value in (True, False, 3, 0.75, 1.0)] == ["true", "false", "3", "0.75", "1.0"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Steps.Preprocess.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri", "s3://b/train"),
        ("Steps.Preprocess.ProcessingOutputConfig.Outputs[0].S3Output.S3Uri", "s3://b/train"),
        ('Steps.Preprocess.ProcessingOutputConfig.Outputs["it\'s"].S3Output.S3Uri', "s3://b/odd"),
        ("Steps.Preprocess.Environment['A.B']", "dotted"),
        ("Steps.Preprocess.ProcessingEndTime", "2026-11-20T08:30:00+00:00"),
        ("Steps.Preprocess.ProcessingOutputConfig.Outputs[1].OutputName", "it's"),
    ],
)
def test_properties_follow_members_indexes_and_names(text: str, value: str) -> None:
    assert resolve(get(text), Values()) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Steps.Preprocess.ProcessingOutputConfig.Outputs['test'].S3Output", "the list has train, it's"),
        ("Steps.Preprocess.ProcessingOutputConfig.Outputs[2]", "the list has 2 items"),
        ("Steps.Preprocess.FailureReason", "it has ProcessingJobName"),
        ("Steps.Preprocess.ProcessingJobName.More", "it is 'job'"),
        ("Parameters.Unknown", "has no value"),
        ("Execution.TrainingJobName", "has no value"),
    ],
)
def test_what_is_not_there_is_named(text: str, said: str) -> None:
    with pytest.raises(ResolutionError, match=r"There is no|has no value") as caught:
        resolve(get(text), Values())
    assert said in str(caught.value)


def test_json_get_reads_numbers_from_a_property_file() -> None:
    report = {"metrics": {"auc": {"value": 0.81}}, "folds": [{"auc": 0.8}], "validation:auc": 0.7}
    values = Values(files={"Steps": None, "Evaluate/Evaluation": report})
    assert resolve(json_get("metrics.auc.value"), values) == 0.81
    assert resolve(json_get("$.folds[0].auc"), values) == 0.8
    assert resolve(json_get("['validation:auc']"), values) == 0.7


def test_json_get_without_its_path_names_file_and_path() -> None:
    values = Values(files={"Evaluate/Evaluation": {"metrics": {"mse": 4}}})
    with pytest.raises(ResolutionError, match=r"no 'metrics.auc' in property file 'Evaluation'.*it has mse"):
        resolve(json_get("metrics.auc.value"), values)


def test_json_get_reads_an_s3_object_too() -> None:
    expression = {"Std:JsonGet": {"S3Uri": join("/", "s3:/", "b", "x.json"), "Path": "a"}}
    assert resolve(expression, Values(files={"s3://b/x.json": {"a": 1}})) == 1


def test_join_refuses_objects() -> None:
    with pytest.raises(ResolutionError, match="Std:Join needs strings"):
        resolve(join("", get("Steps.Preprocess.Environment")), Values())


def test_references_are_found_at_any_depth() -> None:
    value = {"a": [join("/", get("Parameters.P"), json_get("x"))], "b": {"c": get("Steps.S.T['u']")}}
    assert set(find_references(value)) == {
        ParameterReference("P"),
        PropertyFileReference("Evaluate", "Evaluation"),
        StepReference("S", ("T", Key("u"))),
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Parameters.",
        "Execution.Nope",
        "Steps.S",
        "Steps.S.",
        "Steps.S.a[",
        "Steps.S.a[x]",
        "Steps.S a",
        "Nope.X",
        3,
    ],
)
def test_malformed_references_are_refused(text: Any) -> None:
    with pytest.raises(DefinitionError):
        parse_reference(text)
