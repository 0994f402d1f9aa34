"""Seeded mistakes in expressions, in the graph and in what a step is besides its arguments."""

from __future__ import annotations

from tests.stacks.definition_mistakes import Mistake, comparison, condition, dict_at, get, model_input, parameter, train

GRAPH_MISTAKES = [
    Mistake(
        "an undeclared parameter",
        lambda d, s: model_input(s).update(S3Uri=get("Parameters.InputURI")),
        "Evaluate",
        "Arguments.ProcessingInputs[0].S3Input.S3Uri",
        ("Parameters.InputURI", "such as InputUri"),
    ),
    Mistake(
        "an unknown execution variable",
        lambda d, s: train(s)["OutputDataConfig"].update(S3OutputPath=get("Execution.PipelineExecutionID")),
        "Train",
        "Arguments.OutputDataConfig.S3OutputPath",
        ("PipelineExecutionId",),
    ),
    Mistake(
        "an unknown function",
        lambda d, s: train(s)["OutputDataConfig"].update(S3OutputPath={"Std:Jion": {"On": "/", "Values": []}}),
        "Train",
        "Arguments.OutputDataConfig.S3OutputPath",
        ("Std:Jion", "Std:Join"),
    ),
    Mistake(
        "a joined URI that is none",
        lambda d, s: train(s)["OutputDataConfig"].update(
            S3OutputPath={"Std:Join": {"On": "/", "Values": ["s3:", "bucket", get("Execution.PipelineExecutionId")]}}
        ),
        "Train",
        "Arguments.OutputDataConfig.S3OutputPath",
        ("form of S3Uri", "s3:/bucket/"),
    ),
    Mistake(
        "a reference to an unknown step",
        lambda d, s: model_input(s).update(S3Uri=get("Steps.Training.ModelArtifacts.S3ModelArtifacts")),
        "Evaluate",
        "Arguments.ProcessingInputs[0].S3Input.S3Uri",
        ("unknown step", "Train"),
    ),
    Mistake(
        "waiting for an unknown step",
        lambda d, s: s["Train"].update(DependsOn=["Preproces"]),
        "Train",
        "DependsOn[0]",
        ("Preproces", "did you mean Preprocess?"),
    ),
    Mistake(
        "steps that wait for each other",
        lambda d, s: s["Preprocess"].update(DependsOn=["Evaluate"]),
        "Evaluate",
        "",
        ("waits for itself", "Evaluate", "Preprocess", "->"),
    ),
    Mistake(
        "a step that waits for a step behind its own gate",
        lambda d, s: s["Evaluate"].update(DependsOn=["BelowFloor"]),
        "BelowFloor",
        "",
        ("waits for itself", "FloorReached"),
    ),
    Mistake(
        "two steps with one name",
        lambda d, s: s["BelowFloor"].update(Name="Train"),
        "Train",
        "Name",
        ("used by 2 steps",),
    ),
    Mistake(
        "a step name that is too long",
        lambda d, s: s["BelowFloor"].update(Name="B" * 65),
        "B" * 65,
        "Name",
        ("64",),
    ),
    Mistake(
        "an unknown type of step",
        lambda d, s: s["Evaluate"].update(Type="Procesing"),
        "Evaluate",
        "Type",
        ("Procesing", "Processing"),
    ),
    Mistake(
        "a property file in an output that does not exist",
        lambda d, s: s["Evaluate"]["PropertyFiles"][0].update(OutputName="evaluations"),
        "Evaluate",
        "PropertyFiles[0].OutputName",
        ("evaluations", "did you mean evaluation?"),
    ),
    Mistake(
        "a property file nobody declared",
        lambda d, s: condition(s)["QueryValue"]["Std:JsonGet"].update(
            PropertyFile=get("Steps.Evaluate.PropertyFiles.Verdicts")
        ),
        "Gate",
        "Arguments.Conditions[0].QueryValue",
        ("Verdicts", "Verdict", "PropertyFiles of step Evaluate"),
    ),
    Mistake(
        "an unknown condition",
        lambda d, s: condition(s).update(Type="GreaterThanOrEquals"),
        "Gate",
        "Arguments.Conditions[0].Type",
        ("GreaterThanOrEqualTo",),
    ),
    Mistake(
        "an ordering of texts",
        lambda d, s: comparison(s).update(Type="GreaterThan"),
        "FloorReached",
        "Arguments.Conditions[0].Condition.RightValue",
        ("a number",),
    ),
    Mistake(
        "a default of another type",
        lambda d, s: parameter(d, "AucFloor").update(DefaultValue="high"),
        "",
        "Parameters.AucFloor.DefaultValue",
        ("Float", "high"),
    ),
    Mistake(
        "a parameter declared twice",
        lambda d, s: d["Parameters"].append({"Name": "Eta", "Type": "Float"}),
        "",
        "Parameters.Eta",
        ("twice",),
    ),
    Mistake(
        "201 parameters",
        lambda d, s: d.update(Parameters=d["Parameters"] + [{"Name": f"P{n}", "Type": "String"} for n in range(188)]),
        "",
        "Parameters",
        ("201", "200 at most"),
    ),
    Mistake(
        "51 steps",
        lambda d, s: d["Steps"].extend(
            {"Name": f"Fail{n}", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}} for n in range(40)
        ),
        "",
        "Steps",
        ("51 steps", "50 at most"),
    ),
    Mistake(
        "an output outside of the container's data folder",
        lambda d, s: dict_at(s["Evaluate"], "Arguments", "ProcessingOutputConfig", "Outputs", 0, "S3Output").update(
            LocalPath="/tmp/output"
        ),
        "Evaluate",
        "Arguments.ProcessingOutputConfig.Outputs[0].S3Output.LocalPath",
        ("/opt/ml/processing/",),
    ),
    Mistake(
        "two channels with one name",
        lambda d, s: train(s)["InputDataConfig"].append(train(s)["InputDataConfig"][0]),
        "Train",
        "Arguments.InputDataConfig",
        ("ChannelName", '"train"'),
    ),
    Mistake(
        "a retry policy on a step that cannot retry",
        lambda d, s: s["Gate"].update(RetryPolicies=[]),
        "Gate",
        "RetryPolicies",
        ("Condition step",),
    ),
    Mistake(
        "a retry policy without an end",
        lambda d, s: s["Train"].update(RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"], "IntervalSeconds": 1}]),
        "Train",
        "RetryPolicies[0]",
        ("MaxAttempts",),
    ),
    Mistake(
        "a cache that expires after no duration",
        lambda d, s: s["Train"].update(CacheConfig={"Enabled": True, "ExpireAfter": "30 days"}),
        "Train",
        "CacheConfig.ExpireAfter",
        ("P30D",),
    ),
]
