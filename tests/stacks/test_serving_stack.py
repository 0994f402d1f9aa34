"""The stack that the deploy function updates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deploy_model.stacks import RESOURCE_TYPES

from pipeline_code.definition_register import SERVING_ENVIRONMENT
from settings import EndpointSettings, NetworkSettings, load
from stacks.serving_rights import SERVED_TYPES
from tests.stacks.serving_lab import PACKAGE, Variant, evaluated, properties, templates
from tests.stacks.template_lab import no_grants

SERVING = "Dev-Serving-claims-fraud"
ENDPOINT, CONFIG, MODEL = "AWS::SageMaker::Endpoint", "AWS::SageMaker::EndpointConfig", "AWS::SageMaker::Model"
ALARM, TARGET = "AWS::CloudWatch::Alarm", "AWS::ApplicationAutoScaling::ScalableTarget"
POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"

ONE = EndpointSettings(instance_type="ml.m5.large", instance_count=1, supported_instance_types=("ml.m5.large",))
TWO = replace(ONE, instance_count=2)
CANARY = replace(TWO, rollout="canary", rollout_percent=10, rollout_wait_seconds=300, termination_wait_seconds=120)
NETWORK = NetworkSettings(subnets=("subnet-0a1b2c3d",), security_groups=("sg-0a1b2c3d",))
VARIANTS = {
    "one": Variant(ONE),
    "two": Variant(TWO),
    "canary": Variant(CANARY),
    "linear": Variant(replace(CANARY, rollout="linear", rollout_percent=25)),
    "longer": Variant(replace(CANARY, rollout_wait_seconds=600)),
    "scaling": Variant(replace(CANARY, max_instance_count=4, invocations_per_instance=600)),
    "wider": Variant(replace(CANARY, max_instance_count=6, invocations_per_instance=600)),
    "capture": Variant(replace(TWO, capture_percent=100)),
    "sample": Variant(replace(TWO, capture_percent=10)),
    "network": Variant(TWO, network=NETWORK),
    "role": Variant(TWO, role="arn:aws:iam::111111111111:role/another"),
    "disks": Variant(replace(TWO, instance_type="ml.g4dn.xlarge")),
    "thresholds": Variant(replace(TWO, alarm_latency_ms=50, alarm_error_percent=2.0, smoke_latency_ms=50)),
    "serverless": Variant(EndpointSettings(kind="serverless", memory_mb=2048, max_concurrency=5)),
}


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return templates(VARIANTS, tmp_path_factory.mktemp("serving"))


def test_there_is_nothing_before_the_first_approval(stacks: dict[str, Any]) -> None:
    template = stacks["scaling"]
    resources = dict(template["Resources"])
    assert resources.pop("Empty") == {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    assert {resource["Condition"] for resource in resources.values()} == {"Approved"}
    assert template["Outputs"]["EndpointName"]["Condition"] == "Approved"
    assert template["Conditions"]["Approved"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "ModelPackageArn"}, "none"]}]}


def test_what_the_deploy_function_does_not_set_stays_as_it_was(stacks: dict[str, Any]) -> None:
    """Parameters with a default keep their previous values when someone else deploys the stack."""
    assert {name: each["Default"] for name, each in stacks["one"]["Parameters"].items()} == {
        "ModelPackageArn": "none",
        "ModelDigest": "none",
    }


def test_it_holds_no_role_and_no_function_but_what_the_updating_role_is_limited_to(stacks: dict[str, Any]) -> None:
    types = {resource["Type"] for template in stacks.values() for resource in template["Resources"].values()}
    assert set(RESOURCE_TYPES) == set(SERVED_TYPES) == types


def test_the_endpoint_keeps_its_name_but_for_its_kind(stacks: dict[str, Any]) -> None:
    """An endpoint of instances cannot become serverless."""
    names = {name: properties(template, ENDPOINT)["EndpointName"] for name, template in stacks.items()}
    assert names.pop("serverless") == "claims-fraud-serverless"
    assert {*names.values()} == {"claims-fraud"}


def test_the_container_knows_which_version_it_is_and_what_it_must_hold(stacks: dict[str, Any]) -> None:
    model = properties(stacks["one"], MODEL, digest="ab" * 32)
    assert model["PrimaryContainer"] == {
        "ModelPackageName": PACKAGE,
        "Environment": {**SERVING_ENVIRONMENT, "MODEL_VERSION": "claims-fraud/12", "MODEL_DIGEST": "ab" * 32},
    }
    assert (model["EnableNetworkIsolation"], "VpcConfig" in model) == (True, False)
    assert properties(stacks["network"], MODEL)["VpcConfig"] == {
        "Subnets": ["subnet-0a1b2c3d"],
        "SecurityGroupIds": ["sg-0a1b2c3d"],
    }


def test_model_and_configuration_are_named_after_the_version(stacks: dict[str, Any]) -> None:
    template = stacks["one"]
    names = _names(template)
    assert all(name.startswith("claims-fraud-12-") and len(name) <= 63 for name in names)
    other = PACKAGE.replace("/12", "/13")
    assert not {*names} & {*_names(template, package=other), *_names(template, digest="ab" * 32)}


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("one", "two", (False, True)),
        ("two", "capture", (False, True)),
        ("capture", "sample", (False, True)),
        ("two", "canary", (False, True)),
        ("canary", "linear", (False, True)),
        ("canary", "longer", (False, True)),
        ("canary", "scaling", (False, True)),
        ("scaling", "wider", (False, False)),
        ("two", "thresholds", (False, False)),
        ("two", "network", (True, True)),
        ("two", "role", (True, True)),
        ("two", "disks", (False, True)),
        ("two", "serverless", (True, True)),
    ],
)
def test_whatever_sagemaker_would_have_to_change_gets_another_name(
    stacks: dict[str, Any], before: str, after: str, changed: tuple[bool, bool]
) -> None:
    """CloudFormation makes the new one before it deletes the old one, and an update needs a new configuration."""
    pairs = zip(_names(stacks[before]), _names(stacks[after]), strict=True)
    assert tuple(old != new for old, new in pairs) == changed


def test_the_endpoint_changes_only_with_its_configuration(stacks: dict[str, Any]) -> None:
    """Else CloudFormation would ask SageMaker for an update to the configuration that is served already."""
    seen: dict[str, Any] = {}
    for template in stacks.values():
        endpoint = properties(template, ENDPOINT)
        assert seen.setdefault(endpoint["EndpointConfigName"], endpoint) == endpoint


def test_volumes_are_encrypted_with_the_customers_key_where_there_are_any(stacks: dict[str, Any]) -> None:
    keyless = {name for name, template in stacks.items() if "KmsKeyId" not in properties(template, CONFIG)}
    assert keyless == {"disks", "serverless"}


def test_serverless_asks_for_nothing_that_sagemaker_refuses(stacks: dict[str, Any]) -> None:
    template = stacks["serverless"]
    assert properties(template, CONFIG)["ProductionVariants"] == [
        {
            "VariantName": "AllTraffic",
            "ModelName": properties(template, MODEL)["ModelName"],
            "InitialVariantWeight": 1,
            "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5},
        }
    ]
    assert {"DataCaptureConfig", "KmsKeyId"}.isdisjoint(properties(template, CONFIG))
    assert {"EnableNetworkIsolation", "VpcConfig"}.isdisjoint(properties(template, MODEL))
    assert {"DeploymentConfig", "RetainDeploymentConfig"}.isdisjoint(properties(template, ENDPOINT))


def test_requests_and_answers_are_captured_under_a_key_of_their_own(stacks: dict[str, Any]) -> None:
    config = properties(stacks["capture"], CONFIG)
    capture = config["DataCaptureConfig"]
    assert capture.pop("KmsKeyId") != config["KmsKeyId"]
    assert capture.pop("DestinationS3Uri").startswith("s3://imported:Dev-Data:")
    assert capture == {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {
            "CsvContentTypes": ["text/csv"],
            "JsonContentTypes": ["application/json", "application/jsonlines"],
        },
    }
    assert "DataCaptureConfig" not in properties(stacks["two"], CONFIG)


@pytest.mark.parametrize(
    ("name", "routing", "longest"),
    [
        ("one", {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}, 3600),
        ("canary", {"Type": "CANARY", "WaitIntervalInSeconds": 300, "CanarySize": 10}, 3600 + 2 * 300 + 120),
        ("linear", {"Type": "LINEAR", "WaitIntervalInSeconds": 300, "LinearStepSize": 25}, 3600 + 4 * 300 + 120),
    ],
)
def test_traffic_moves_as_the_settings_say(
    stacks: dict[str, Any], name: str, routing: dict[str, Any], longest: int
) -> None:
    endpoint = properties(stacks[name], ENDPOINT)
    policy = endpoint["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    shares = {key: {"Type": "CAPACITY_PERCENT", "Value": routing[key]} for key in routing if key.endswith("Size")}
    assert policy["TrafficRoutingConfiguration"] == {**routing, **shares}
    assert policy["MaximumExecutionTimeoutInSeconds"] == longest
    assert endpoint["RetainDeploymentConfig"] is True


def test_the_alarms_that_take_an_update_back_watch_the_new_fleet_only(stacks: dict[str, Any]) -> None:
    alarms = _alarms(stacks["canary"])
    config = properties(stacks["canary"], CONFIG)["EndpointConfigName"]
    rollback = properties(stacks["canary"], ENDPOINT)["DeploymentConfig"]["AutoRollbackConfiguration"]
    assert [each["AlarmName"] for each in rollback["Alarms"]] == [
        f"millrace-dev-serving-{config}-{purpose}" for purpose in ("server-errors", "unanswered", "latency")
    ]
    assert {alarm["AlarmName"] for alarm in alarms} == {each["AlarmName"] for each in rollback["Alarms"]}
    dimensions = [{"Name": "EndpointName", "Value": "claims-fraud"}, {"Name": "VariantName", "Value": "AllTraffic"}]
    dimensions.append({"Name": "EndpointConfigName", "Value": config})
    assert all(metric["Dimensions"] == dimensions for alarm in alarms for metric in _metrics(alarm))


def test_the_alarms_ring_for_people_after_the_update_as_well(stacks: dict[str, Any]) -> None:
    for alarm in [each for template in stacks.values() for each in _alarms(template)]:
        topic = ["arn:aws:sns:ap-northeast-2:111111111111:millrace-dev-alarms"]
        assert alarm["AlarmActions"] == alarm["OKActions"] == topic
        assert alarm["TreatMissingData"] == "notBreaching"


def test_the_thresholds_are_in_the_units_of_the_metrics(stacks: dict[str, Any]) -> None:
    errors, unanswered, latency = _alarms(stacks["thresholds"])
    assert (errors["MetricName"], errors["Statistic"], errors["Threshold"]) == ("Invocation5XXErrors", "Average", 0.02)
    assert unanswered["Threshold"] == 2
    assert (latency["MetricName"], latency["ExtendedStatistic"], latency["Threshold"]) == (
        "ModelLatency",
        "p90",
        50_000,
    )


def test_the_caller_s_mistakes_are_not_the_model_s(stacks: dict[str, Any]) -> None:
    """InvocationModelErrors counts what the model refused with 4xx, too."""
    unanswered = _alarms(stacks["one"])[1]["Metrics"]
    assert unanswered[0]["Expression"] == "100 * (FILL(failed, 0) - FILL(refused, 0)) / invocations"
    assert {each["Id"]: each["MetricStat"]["Metric"]["MetricName"] for each in unanswered[1:]} == {
        "failed": "InvocationModelErrors",
        "refused": "Invocation4XXErrors",
        "invocations": "Invocations",
    }


def test_scaling_follows_the_requests_per_instance(stacks: dict[str, Any]) -> None:
    target, policy = properties(stacks["scaling"], TARGET), properties(stacks["scaling"], POLICY)
    assert target == {
        "ServiceNamespace": "sagemaker",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ResourceId": "endpoint/claims-fraud/variant/AllTraffic",
        "MinCapacity": 2,
        "MaxCapacity": 4,
    }
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert (policy["PolicyType"], tracking["TargetValue"]) == ("TargetTrackingScaling", 600)
    metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
    assert metric == "SageMakerVariantInvocationsPerInstance"


def test_the_variant_is_deregistered_before_the_endpoint_goes(stacks: dict[str, Any]) -> None:
    """CloudFormation deletes what depends on a resource before the resource."""
    resources = stacks["scaling"]["Resources"]
    (target,) = [each for each in resources.values() if each["Type"] == TARGET]
    assert target["DependsOn"] == ["Endpoint"]


def test_an_update_does_not_undo_scaling_but_takes_over_everything_else(stacks: dict[str, Any]) -> None:
    endpoint = properties(stacks["scaling"], ENDPOINT)
    assert endpoint["RetainAllVariantProperties"] is True
    kept = {each["VariantPropertyType"] for each in endpoint["ExcludeRetainedVariantProperties"]}
    assert kept == {"DesiredWeight", "DataCaptureConfig"}
    assert "RetainAllVariantProperties" not in properties(stacks["canary"], ENDPOINT)


def test_a_stack_that_captures_needs_the_bucket_for_it(tmp_path: Path) -> None:
    import aws_cdk as cdk
    from aws_cdk import aws_kms as kms

    from stacks.naming import Naming
    from stacks.serving import ServingStack

    stack = cdk.Stack(cdk.App(outdir=str(tmp_path)), "Data")
    with pytest.raises(ValueError, match="claims-fraud captures data: give its stack the account's bucket"):
        ServingStack(
            stack,
            "Serving",
            naming=Naming(load().account("dev")),
            model=load().model("claims-fraud"),
            endpoint=replace(ONE, capture_percent=1),
            execution_role_arn="arn:aws:iam::111111111111:role/r",
            key=kms.Key(stack, "Key"),
        )


@pytest.mark.parametrize("removal", ["retain", "destroy"])
def test_removal_decides_what_outlives_the_data_stack(removal: str, tmp_path: Path) -> None:
    from stacks.app import new_app
    from stacks.data import DataStack
    from stacks.naming import Naming

    app = new_app(outdir=tmp_path)
    naming = Naming(replace(load().account("dev"), removal=removal))
    DataStack(app, "Data", naming=naming, grants=no_grants(naming))
    resources = app.synth().get_stack_by_name("Data").template["Resources"].values()
    kept = {r["Type"] for r in resources if r.get("DeletionPolicy", "Delete") != "Delete"}
    assert kept == ({"AWS::S3::Bucket", "AWS::KMS::Key", "AWS::DynamoDB::Table"} if removal == "retain" else set())


def _names(template: dict[str, Any], *, package: str = PACKAGE, digest: str = "none") -> tuple[str, str]:
    """Of the model and of the configuration."""
    model = properties(template, MODEL, package=package, digest=digest)
    config = properties(template, CONFIG, package=package, digest=digest)
    return model["ModelName"], config["EndpointConfigName"]


def _alarms(template: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        evaluated(each["Properties"], template, package=PACKAGE, digest="none")
        for each in template["Resources"].values()
        if each["Type"] == ALARM
    ]


def _metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    queries = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", ()) if "MetricStat" in query]
    return queries or [alarm]
