"""What CreatePipeline accepts and refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from millrace.local.sagemaker.pipelines.checks import read_definition
from millrace.local.sagemaker.pipelines.errors import DefinitionError

Json = dict[str, Any]
CACHE = {"Enabled": True, "ExpireAfter": "PT12H"}


def step(name: str, kind: str = "Processing", arguments: Json | None = None, **more: Any) -> Json:
    return {"Name": name, "Type": kind, "Arguments": arguments or {}, **more}


def fail(name: str, message: Any = "no", **more: Any) -> Json:
    return step(name, "Fail", {"ErrorMessage": message}, **more)


def gate(name: str, if_steps: list[Json], else_steps: list[Json], left: Any = 1) -> Json:
    conditions = [{"Type": "Equals", "LeftValue": left, "RightValue": 1}]
    return step(name, "Condition", {"Conditions": conditions, "IfSteps": if_steps, "ElseSteps": else_steps})


def text(*steps: Json, **more: Any) -> str:
    return json.dumps({"Version": "2020-12-01", "Metadata": {}, "Steps": list(steps), **more})


def environment(value: Any) -> Json:
    return {"Environment": {"X": value}}


def test_steps_within_conditions_are_steps_with_a_branch() -> None:
    inner = gate("Inner", [fail("A")], [fail("B")])
    definition, graph = read_definition(text(gate("Outer", [inner], [fail("C")])))
    assert [each.name for each in definition.steps] == ["Outer", "Inner", "A", "B", "C"]
    branches = {name: (node.branch.condition, node.branch.outcome) for name, node in graph.items() if node.branch}
    assert branches == {"Inner": ("Outer", True), "A": ("Inner", True), "B": ("Inner", False), "C": ("Outer", False)}


def test_data_dependencies_depends_on_and_branches_make_the_order() -> None:
    evaluation = {"PropertyFileName": "E", "OutputName": "e", "FilePath": "e.json"}
    json_get = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.E"}, "Path": "a.b"}}
    _, graph = read_definition(
        text(
            step("First"),
            step(
                "Evaluate", arguments=environment({"Get": "Steps.First.ProcessingJobArn"}), PropertyFiles=[evaluation]
            ),
            gate("Gate", [fail("Bad", DependsOn=["First"])], [], left=json_get),
        )
    )
    assert {name: set(node.needs) for name, node in graph.items()} == {
        "First": set(),
        "Evaluate": {"First"},
        "Gate": {"Evaluate"},
        "Bad": {"Gate", "First"},
    }


def test_every_step_type_is_accepted_with_what_the_sdk_emits() -> None:
    outputs = [{"OutputName": "uri", "OutputType": "String"}]
    get_uri = {"Get": "Steps.Resolve.OutputParameters['uri']"}
    definition, _ = read_definition(
        text(
            step(
                "Resolve", "Lambda", {"a": get_parameter("P")}, FunctionArn="arn:aws:lambda:x", OutputParameters=outputs
            ),
            step("Ask", "Callback", {"u": get_uri}, SqsQueueUrl="https://q", OutputParameters=outputs),
            step("Train", "Training", {"HyperParameters": {"a": get_parameter("P")}}, CacheConfig=CACHE),
            step(
                "Make",
                "Model",
                {"PrimaryContainer": {"ModelDataUrl": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}}},
            ),
            step("Tune", "Tuning", {"TrainingJobDefinition": {"StaticHyperParameters": {}}}, CacheConfig=CACHE),
            step(
                "Score",
                "Transform",
                {
                    "ModelName": {"Get": "Steps.Make.ModelName"},
                    "Environment": {
                        "A": {"Get": "Steps.Tune.BestTrainingJob.TrainingJobName"},
                        "B": {"Get": "Steps.Tune.TrainingJobSummaries[1].TrainingJobName"},
                    },
                },
            ),
            step(
                "Register",
                "RegisterModel",
                {"ModelPackageGroupName": "g", "ModelApprovalStatus": get_parameter("P")},
                RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 3}],
            ),
            Parameters=[{"Name": "P", "Type": "String", "DefaultValue": "x"}],
        )
    )
    assert len(definition.steps) == 7


def get_parameter(name: str) -> Json:
    return {"Get": f"Parameters.{name}"}


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ("{", "not valid JSON"),
        ('{"Version": NaN}', "no JSON number"),
        ('{"Version": "2020-12-01", "Version": "2020-12-01", "Steps": []}', "Duplicate field 'Version'"),
        ("[]", "start of Json Object"),
        (json.dumps({"Version": "2019", "Steps": []}), "Unknown version"),
        (json.dumps({"Version": "2020-12-01", "Steps": {}}), "start of Json Array"),
        (text(fail("A"), fail("A")), "several steps named 'A'"),
        (text(gate("G", [fail("A")], [fail("A")])), "several steps named 'A'"),
        (text(*[fail(f"F{number}") for number in range(51)]), "51 steps; 50 are allowed"),
        (text(Parameters=[{"Name": "P", "Type": "String"}] * 2), "several parameters named 'P'"),
        (text(fail("a b")), "Invalid step name"),
        (text(fail("x" * 65)), "Invalid step name"),
        (text(step("A", "Dance")), "Unknown step type 'Dance'"),
        (text(step("A", "AutoML")), "step type AutoML is not supported by the embedded AWS yet"),
        (text(step("A", "Tuning", {"Nope": 1})), "Unknown Argument member 'Nope'"),
        (text(step("A", "Tuning"), fail("B", {"Get": "Steps.A.TrainingJobSummaries[0].Nope"})), "no 'TrainingJob"),
        (text(step("A", "Transform", {"TransformInput": "x"})), "start of Json Object"),
        (text(step("A", CacheConfig={"Enabled": True})), "has no ExpireAfter"),
        (text(step("A", CacheConfig={"Enabled": "yes"})), "Invalid CacheConfig"),
        (text(step("A", CacheConfig={"Enabled": True, "ExpireAfter": "12 hours"})), "Invalid ExpireAfter '12 hours'"),
        (text(fail("A", CacheConfig={"Enabled": True, "ExpireAfter": "PT1H"})), "Fail step 'A' cannot be cached"),
        (text(fail("A", DependsOn=["B"])), "undefined step 'B'"),
        (text(fail("A", {"Get": "Steps.B.C"})), "undefined step 'B'"),
        (text(fail("A", {"Get": "Parameters.P"})), "undefined parameter 'P'"),
        (text(fail("A", {"Get": "Execution.Nope"})), "execution variables are"),
        (text(fail("A", DependsOn=["B"]), fail("B", DependsOn=["A"])), "Cycle detected"),
        (text(gate("G", [step("A")], [], left={"Get": "Steps.A.ProcessingJobName"})), "Cycle detected"),
        (text(step("A", arguments={"Nope": 1})), "Unknown Argument member 'Nope'"),
        (text(step("A", arguments={"ProcessingInputs": {"Get": "Parameters.P"}})), "start of Json Array"),
        (text(step("A", arguments={"Environment": "x"})), "start of Json Object"),
        (text(step("A", arguments=environment({"Expression": 1}))), "unknown property 'Expression'"),
        (text(step("A", arguments=environment({"Std:Join": {"On": "/"}}))), "Std:Join expects"),
        (text(step("A", arguments=environment({"Std:Join": {"Values": [{"Get": 3}]}}))), "Get expects a string"),
        (text(step("A", arguments=environment({"Std:JsonGet": {"Path": "x"}}))), "Std:JsonGet expects"),
        (text(step("A", "RegisterModel", {"ModelPackageName": "x"})), "Unknown Argument member 'ModelPackageName'"),
        (text(step("A"), fail("B", {"Get": "Steps.A.Nope"})), "no 'Nope' in DescribeProcessingJobResponse"),
        (text(step("A"), fail("B", {"Get": "Steps.A.ProcessingOutputConfig.Outputs.x"})), "Invalid property reference"),
        (text(fail("A"), fail("B", {"Get": "Steps.A.ErrorMessage"})), "no properties"),
        (text(gate("G", [], []), fail("B", {"Get": "Steps.G.Nope"})), "property Outcome only"),
        (
            text(step("L", "Lambda", FunctionArn="arn"), fail("B", {"Get": "Steps.L.OutputParameters['x']"})),
            "has the properties nothing only",
        ),
        (
            text(
                step("A"),
                gate(
                    "G", [], [], left={"Std:JsonGet": {"PropertyFile": {"Get": "Steps.A.PropertyFiles.E"}, "Path": "x"}}
                ),
            ),
            "undefined property file 'E'",
        ),
        (text(step("L", "Lambda")), "needs FunctionArn"),
        (text(step("C", "Callback")), "needs SqsQueueUrl"),
        (text(step("F", "Fail")), "takes ErrorMessage"),
        (
            text(fail("A", PropertyFiles=[{"PropertyFileName": "a", "OutputName": "b", "FilePath": "c"}])),
            "belong to Processing",
        ),
        (text(step("A", OutputParameters=[{"OutputName": "a", "OutputType": "String"}])), "belong to Lambda"),
        (
            text(fail("A", RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 1}])),
            "does not take Retry",
        ),
        (text(step("A", RetryPolicies=[{"ExceptionType": ["Nope"], "MaxAttempts": 1}])), "Invalid ExceptionType"),
        (
            text(step("A", RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"]}])),
            "either MaxAttempts or ExpireAfterMin",
        ),
        (text(step("A", Colour="red")), "Unknown property in step 'A': 'Colour'"),
        (" " * 1_048_577, "1048576 are allowed"),
    ],
)
def test_a_broken_definition_is_refused_with_the_rule_it_breaks(definition: str, said: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        read_definition(definition)
    assert said in str(caught.value)
