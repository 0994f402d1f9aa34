"""What the definition says: its steps and conditions, its parameters, what its functions and the registry are told."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from resolve_champion.champion import Champion

from pipeline_code import definition
from tests.stacks.definition_sample import REGION, all_steps, document, joined, model, values, variants


def test_the_graph_finds_the_champion_makes_a_model_and_has_three_conditions_side_by_side() -> None:
    built = document()
    names = ["ResolveChampion", "Preprocess", "Train", "Evaluate", "Gate", "FloorReached", "EnoughRows"]
    assert [step["Name"] for step in built["Steps"]] == names
    assert branches(built, "Gate") == ([("ReadVerdict", "Lambda"), ("RegisterModel", "RegisterModel")], [])
    assert branches(built, "FloorReached") == ([], [("BelowFloor", "Fail")])
    assert branches(built, "EnoughRows") == ([], [("TooFewPositives", "Fail")])


def branches(built: dict[str, Any], name: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    arguments = all_steps(built)[name]["Arguments"]
    then, otherwise = (
        [(step["Name"], step["Type"]) for step in arguments[branch]] for branch in ("IfSteps", "ElseSteps")
    )
    return then, otherwise


def test_each_condition_reads_the_outcome_that_evaluate_wrote() -> None:
    outcome = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Verdict"}, "Path": "gate.outcome"}}

    def is_not(value: str) -> dict[str, Any]:
        return {"Type": "Not", "Condition": {"Type": "Equals", "LeftValue": outcome, "RightValue": value}}

    steps = all_steps(document())
    assert steps["Evaluate"]["PropertyFiles"] == [
        {"PropertyFileName": "Verdict", "OutputName": "evaluation", "FilePath": "verdict.json"}
    ]
    assert steps["Gate"]["Arguments"]["Conditions"] == [
        {"Type": "In", "QueryValue": outcome, "Values": ["first", "better"]}
    ]
    assert steps["FloorReached"]["Arguments"]["Conditions"] == [is_not("below-floor")]
    assert steps["EnoughRows"]["Arguments"]["Conditions"] == [is_not("too-few")]


@pytest.mark.parametrize(
    ("variant", "name", "words"),
    [
        ("binary", "BelowFloor", ("AUC on the test part is below AucFloor =", "so it was not registered. Report: ")),
        ("multiclass", "BelowFloor", ("accuracy on the test part is below AccuracyFloor =", "not registered")),
        ("regression", "BelowFloor", ("RMSE on the test part is above RmseCeiling =", "not registered")),
        ("binary", "TooFewPositives", ("Not enough positives to tell:", "MinSupport =", "was not judged. Report: ")),
        ("multiclass", "TooFewRows", ("Not enough rows to tell: a class has fewer", "MinSupport =")),
        ("regression", "TooFewRows", ("Not enough rows to tell: the test part has fewer", "MinSupport =")),
    ],
)
def test_a_run_that_fails_says_why_what_was_asked_and_where_the_report_is(
    variant: str, name: str, words: tuple[str, ...]
) -> None:
    message = all_steps(document(variant))[name]["Arguments"]["ErrorMessage"]
    said = joined(message)
    assert all(word in said for word in words), said
    gate = variants()[variant].gate
    parameter = "MinSupport" if name.startswith("TooFew") else gate.parameter
    assert f"{parameter} = <Parameters.{parameter}>" in said
    assert said.endswith("<Steps.Evaluate.ProcessingOutputConfig.Outputs['evaluation'].S3Output.S3Uri>/report.html")


def test_every_parameter_but_the_input_has_the_settings_as_its_default() -> None:
    settings = model()
    assert settings.costs
    assert parameters("binary") == {
        "InputUri": None,
        "AucFloor": settings.gate.floor,
        "MinSupport": settings.gate.min_support,
        "Confidence": settings.gate.confidence,
        "MaxDepth": settings.xgboost.max_depth,
        "NumRound": settings.xgboost.num_round,
        "Eta": settings.xgboost.eta,
        "FalseNegativeCost": settings.costs.false_negative,
        "FalsePositiveCost": settings.costs.false_positive,
        "ProcessingInstanceType": settings.processing.instance_type,
        "TrainingInstanceType": settings.training.instance_type,
        "ModelApprovalStatus": "PendingManualApproval",
        "CorrelationId": "none",
    }


def parameters(variant: str) -> dict[str, Any]:
    return {one["Name"]: one.get("DefaultValue") for one in document(variant)["Parameters"]}


@pytest.mark.parametrize(
    ("variant", "more", "less"),
    [
        ("multiclass", {"AccuracyFloor": 0.6}, {"AucFloor", "FalseNegativeCost", "FalsePositiveCost"}),
        ("regression", {"RmseCeiling": 2.6}, {"AucFloor", "FalseNegativeCost", "FalsePositiveCost"}),
        ("tuned", {}, {"MaxDepth", "Eta"}),
        ("grid", {}, {"MaxDepth"}),
    ],
)
def test_a_parameter_that_would_have_no_effect_is_not_there(
    variant: str, more: dict[str, float], less: set[str]
) -> None:
    binary = parameters("binary")
    assert parameters(variant) == {**{name: binary[name] for name in binary if name not in less}, **more}


def test_a_problem_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="problem 'ranking' of claims-fraud is not one of: binary, multiclass"):
        definition.build(dataclasses.replace(model(), problem="ranking"), region=REGION)


@pytest.mark.parametrize("variant", variants())
def test_every_parameter_is_used(variant: str) -> None:
    used = {value["Get"] for value in values(document(variant)["Steps"]) if isinstance(value, dict) and "Get" in value}
    assert {f"Parameters.{one['Name']}" for one in document(variant)["Parameters"]} <= used


def test_the_functions_get_what_they_need_and_answer_texts() -> None:
    steps = all_steps(document())
    champion, verdict = steps["ResolveChampion"], steps["ReadVerdict"]
    assert champion["FunctionArn"] == definition.SENTINELS["resolve_champion"]
    assert champion["Arguments"] == {"model": "claims-fraud"}
    assert verdict["FunctionArn"] == definition.SENTINELS["read_verdict"]
    assert joined(verdict["Arguments"]["verdict_uri"]).endswith("S3Output.S3Uri>/verdict.json")
    assert {output["OutputType"] for step in (champion, verdict) for output in step["OutputParameters"]} == {"String"}
    answered = Champion("", "", "").answer()
    assert [output["OutputName"] for output in champion["OutputParameters"]] == list(answered)


def test_the_registered_model_tells_why_it_was_let_in_and_what_it_is_made_of() -> None:
    arguments = all_steps(document())["RegisterModel"]["Arguments"]
    assert arguments["ModelPackageGroupName"] == "claims-fraud"
    metadata = {name: joined(value) for name, value in arguments["CustomerMetadataProperties"].items()}
    evaluation = "<Steps.Evaluate.ProcessingOutputConfig.Outputs['evaluation'].S3Output.S3Uri>"
    told = ("outcome", "sentence", "metric", "value", "threshold", "model_sha256", "manifest_sha256")
    read = {name: f"<Steps.ReadVerdict.OutputParameters['{name}']>" for name in (*told, "low", "high")}
    assert metadata == {
        **{name: read[name] for name in told},
        "interval": f"{read['low']} to {read['high']}",
        "champion": "<Steps.ResolveChampion.OutputParameters['version']>",
        "manifest_uri": "<Parameters.InputUri>/manifest.json",
        "code_digest": definition.SENTINELS["code_digest"],
        "image": definition.image_uri(REGION),
        "run": "<Execution.PipelineExecutionId>",
        "report_uri": f"{evaluation}/report.html",
        "verdict_uri": f"{evaluation}/verdict.json",
        "input_uri": "<Parameters.InputUri>",
        "correlation_id": "<Parameters.CorrelationId>",
    }
    statistics = arguments["ModelMetrics"]["ModelQuality"]["Statistics"]
    assert joined(statistics["S3Uri"]) == f"{evaluation}/evaluation.json"
