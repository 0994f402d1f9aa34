"""Seeded mistakes: each is found, and the sentence names the step, the field and what is allowed."""

from __future__ import annotations

import json

import pytest

from stacks.definition_validator import DefinitionError, Violation, check, require_valid
from tests.stacks.definition_graph_mistakes import GRAPH_MISTAKES
from tests.stacks.definition_job_mistakes import JOB_MISTAKES
from tests.stacks.definition_mistakes import (
    REQUEST_MISTAKES,
    Mistake,
    cluster,
    condition,
    get,
    model_input,
    train,
)
from tests.stacks.definition_sample import all_steps, document, text, variants
from tests.stacks.definition_search_mistakes import SEARCH_MISTAKES
from tests.stacks.definition_step_mistakes import STEP_MISTAKES

MISTAKES = [*REQUEST_MISTAKES, *GRAPH_MISTAKES, *STEP_MISTAKES, *SEARCH_MISTAKES, *JOB_MISTAKES]


def spoilt(mistake: Mistake) -> str:
    built = document(mistake.variant)
    mistake.spoil(built, all_steps(built))
    return json.dumps(built)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_seeded_mistake_is_found_with_its_step_and_field(mistake: Mistake) -> None:
    violations = check(spoilt(mistake))
    found = [one for one in violations if (one.step, one.path) == (mistake.step, mistake.path)]
    assert found, [str(one) for one in violations]
    sentence = str(found[0])
    assert mistake.step in sentence
    assert mistake.path in sentence
    for word in mistake.words:
        assert any(word in str(one) for one in found), sentence


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_one_mistake_makes_one_or_two_sentences_not_a_flood(mistake: Mistake) -> None:
    assert len(check(spoilt(mistake))) <= 2


def test_there_are_many_different_mistakes() -> None:
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES) >= 40


@pytest.mark.parametrize("variant", variants())
def test_a_good_definition_has_no_violation(variant: str) -> None:
    assert check(text(variant)) == []
    require_valid(text(variant), pipeline="claims-fraud")


def test_a_definition_that_goes_on_with_batch_scoring_has_no_violation() -> None:
    """CreateModel and Transform beside the registration, as a batch mode would have them."""
    built = document()
    gate = all_steps(built)["Gate"]["Arguments"]
    (container,) = all_steps(built)["RegisterModel"]["Arguments"]["InferenceSpecification"]["Containers"]
    create = {
        "Name": "CreateModel",
        "Type": "Model",
        "Arguments": {
            "ExecutionRoleArn": train(all_steps(built))["RoleArn"],
            "EnableNetworkIsolation": True,
            "PrimaryContainer": container,
        },
    }
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": get("Parameters.InputUri")}}
    score = {
        "Name": "Score",
        "Type": "Transform",
        "DependsOn": ["ReadVerdict"],
        "Arguments": {
            "ModelName": get("Steps.CreateModel.ModelName"),
            "TransformInput": {"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
            "TransformOutput": {"S3OutputPath": "s3://bucket/scores", "AssembleWith": "Line"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        },
        "RetryPolicies": [{"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "ExpireAfterMin": 60}],
    }
    gate["IfSteps"] += [create, score]
    assert check(json.dumps(built)) == []


def test_all_mistakes_are_reported_together() -> None:
    built = document()
    steps = all_steps(built)
    train(steps).pop("RoleArn")
    cluster(steps).update(InstanceType="ml.none")
    condition(steps).pop("QueryValue")
    with pytest.raises(DefinitionError) as caught:
        require_valid(json.dumps(built), pipeline="claims-fraud")
    message = str(caught.value)
    assert message.startswith("the definition of pipeline claims-fraud has 3 mistakes:")
    assert len(caught.value.violations) == 3
    assert all(str(one) in message for one in caught.value.violations)
    assert {one.step for one in caught.value.violations} == {"Preprocess", "Train", "Gate"}


def test_a_sentence_holds_place_problem_value_and_advice() -> None:
    violation = Violation("Train", "Arguments.X", "is wrong", '"a"', "b, c", "choose one of them")
    assert str(violation) == 'step Train: Arguments.X is wrong (found "a"); allowed: b, c; choose one of them'


NO_DEFINITIONS = ["", "{", "[]", "null", '{"Steps": NaN}', "[" * 100_000, '{"a":' * 500 + "1" + "}" * 500]


@pytest.mark.parametrize("broken", NO_DEFINITIONS, ids=range(len(NO_DEFINITIONS)))
def test_what_is_no_definition_at_all_is_one_sentence(broken: str) -> None:
    assert len(check(broken)) == 1


def test_a_definition_that_is_too_long_is_refused() -> None:
    built = document()
    built["Metadata"] = {"note": "x" * 1_048_576}
    (violation,) = check(json.dumps(built))
    assert "1048576 at most" in str(violation)


def test_outputs_of_a_lambda_step_are_typed() -> None:
    built = document()
    resolve = {
        "Name": "Resolve",
        "Type": "Lambda",
        "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:resolve",
        "Arguments": {"group": "claims-fraud"},
        "OutputParameters": [
            {"OutputName": "champion", "OutputType": "String"},
            {"OutputName": "count", "OutputType": "Integer"},
        ],
    }
    built["Steps"].append(resolve)
    source = model_input(all_steps(built))
    for output, words in (("champion", None), ("count", "of type integer"), ("champoin", "champion, count")):
        source["S3Uri"] = get(f"Steps.Resolve.OutputParameters['{output}']")
        sentences = [str(one) for one in check(json.dumps(built))]
        assert len(sentences) == (1 if words else 0), sentences
        assert all(words in sentence for sentence in sentences if words)


def test_conditions_nest() -> None:
    built = document()
    gate = all_steps(built)["Gate"]["Arguments"]
    good = gate["Conditions"][0]
    is_approved = {"Type": "In", "QueryValue": get("Parameters.ModelApprovalStatus"), "Values": ["Approved"]}
    gate["Conditions"] = [{"Type": "Or", "Conditions": [{"Type": "Not", "Condition": good}, is_approved]}]
    assert check(json.dumps(built)) == []
    is_approved["Values"] = []
    (violation,) = check(json.dumps(built))
    assert violation.path == "Arguments.Conditions[0].Conditions[1].Values"


def test_tuning_and_model_and_transform_steps_are_checked_too() -> None:
    built = document()
    built["Steps"] += [
        {"Name": "Tune", "Type": "Tuning", "Arguments": {}},
        {"Name": "Create", "Type": "Model", "Arguments": {"PrimaryContainer": {}}},
        {"Name": "Score", "Type": "Transform", "Arguments": {"ModelName": get("Steps.Create.ModelName")}},
    ]
    found = {(one.step, one.path) for one in check(json.dumps(built))}
    assert {
        ("Tune", "Arguments.HyperParameterTuningJobConfig"),
        ("Tune", "Arguments.TrainingJobDefinition"),
        ("Create", "Arguments.ExecutionRoleArn"),
        ("Create", "Arguments.PrimaryContainer.Image"),
        ("Score", "Arguments.TransformInput"),
        ("Score", "Arguments.TransformOutput"),
        ("Score", "Arguments.TransformResources"),
    } == found
