"""A stack's endpoint shifts its traffic as the template says; what SageMaker rolls back, the stack rolls back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.deployment_lab import SLOW, TERMINATION, WAIT, WAITS, DeploymentLab, canary
from tests.local.cloudformation_lab import REGION, Lab, arguments
from tests.local.test_cloudformation_sagemaker import IAM, IMAGE, ROLE
from tests.sagemaker_lab import SETTINGS, EndpointLab, until


def scaling() -> dict[str, Any]:
    """Two to three instances, by the requests that each gets."""
    variant_of = {
        "Fn::Sub": ["endpoint/${Name}/variant/AllTraffic", {"Name": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}}]
    }
    target = {
        "ServiceNamespace": "sagemaker",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ResourceId": variant_of,
        "MinCapacity": 2,
        "MaxCapacity": 3,
    }
    tracking = {
        "TargetValue": 1000,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    }
    policy = {
        "PolicyName": "track",
        "PolicyType": "TargetTrackingScaling",
        "ScalingTargetId": {"Ref": "Target"},
        "TargetTrackingScalingPolicyConfiguration": tracking,
    }
    return {
        "Target": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": target},
        "Policy": {"Type": "AWS::ApplicationAutoScaling::ScalingPolicy", "Properties": policy},
    }


class Serving(DeploymentLab):
    """A stack like the project's own: one parameter, and everything behind the endpoint follows from it."""

    def __init__(self, server: Any) -> None:
        super().__init__(server)
        self.stacks = Lab(server)
        self.endpoint = self.stacks.name("endpoint")
        self.sagemaker = self.stacks.client("sagemaker")
        self.runtime = self.stacks.client("sagemaker-runtime")
        self.alarms.api = self.stacks.client("cloudwatch")
        self.shared = EndpointLab(server)
        self.shared.s3 = self.stacks.client("s3")
        self.shared.bucket = self.stacks.name("models")
        self.shared.s3.create_bucket(
            Bucket=self.shared.bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
        )

    def resources(self, data: str, wait: int = WAIT) -> dict[str, Any]:
        """The names change with the data, as a replaced resource needs a new one."""
        version = data.split("/")[3]
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
            "InitialInstanceCount": 2,
            "InstanceType": "ml.m5.large",
            "InitialVariantWeight": 1,
        }
        model = {
            "ModelName": self.stacks.name(version),
            "ExecutionRoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
            "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": data, "Environment": SETTINGS},
        }
        config = {"EndpointConfigName": self.stacks.name(version), "ProductionVariants": [variant]}
        used = {"Fn::GetAtt": ["Config", "EndpointConfigName"]}
        alarm = {
            "AlarmName": self.stacks.name("latency"),
            "Namespace": "AWS/SageMaker",
            "MetricName": "ModelLatency",
            "Dimensions": [
                {"Name": "EndpointName", "Value": self.endpoint},
                {"Name": "VariantName", "Value": "AllTraffic"},
                {"Name": "EndpointConfigName", "Value": used},
            ],
            "Statistic": "Average",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 100000,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
        }
        endpoint = {
            "EndpointName": self.endpoint,
            "EndpointConfigName": used,
            "RetainDeploymentConfig": True,
            "DeploymentConfig": {
                **canary(wait=wait),
                "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": {"Ref": "Alarm"}}]},
            },
        }
        return {
            "Role": ROLE,
            "Model": {"Type": "AWS::SageMaker::Model", "Properties": model},
            "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": config},
            "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm},
            "Endpoint": {"Type": "AWS::SageMaker::Endpoint", "Properties": endpoint},
            **scaling(),
        }

    def deploy(self, data: str) -> None:
        """Update the stack and wait until the canary bakes."""
        self.stacks.api.update_stack(StackName=self.stacks.name("serving"), **arguments(self.resources(data), IAM))
        self.bakes(self.endpoint, "canary")

    def updates(self) -> int:
        """How often UpdateEndpoint was asked for."""
        asked = self.embedded.internal("audit", {"action": "sagemaker:UpdateEndpoint", "limit": 1000})
        return len({each["request"] for each in asked["decisions"]})

    def watched(self) -> str:
        """The configuration that the alarm looks at."""
        api = self.stacks.client("cloudwatch")
        [alarm] = api.describe_alarms(AlarmNames=[self.stacks.name("latency")])["MetricAlarms"]
        return next(str(each["Value"]) for each in alarm["Dimensions"] if each["Name"] == "EndpointConfigName")


@pytest.fixture(scope="module")
def serving(deployments: DeploymentLab) -> Serving:
    made = Serving(deployments.embedded)
    made.stacks.create("serving", made.resources(made.shared.archive("first")), **IAM)
    assert made.name_served(made.endpoint) == "first", made.stacks.failures("serving")
    return made


def test_a_stack_update_shifts_traffic_and_ends_when_the_deployment_does(serving: Serving) -> None:
    serving.deploy(serving.shared.archive("second"))
    assert serving.share(serving.endpoint) == {"first": 10, "second": 10}
    serving.advance(WAIT + 1)
    serving.bakes(serving.endpoint, "full")
    serving.advance(TERMINATION + 1)
    assert serving.stacks.ended("serving")["StackStatus"] == "UPDATE_COMPLETE"
    assert serving.watched() == serving.stacks.name("second")
    assert serving.share(serving.endpoint) == {"second": 20}


def test_an_alarm_rolls_the_stack_back_and_the_endpoint_is_touched_once(serving: Serving) -> None:
    before = serving.describe(serving.endpoint)["EndpointConfigName"]
    assert before == serving.watched()
    earlier = serving.updates()
    serving.deploy(serving.shared.archive("slow", SLOW))
    assert serving.watched() == serving.stacks.name("slow")
    serving.alarms.early()
    until(lambda: serving.share(serving.endpoint, 4), lambda found: found["slow"] > 1)
    serving.advance(60)
    ended = serving.stacks.ended("serving")

    assert ended["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    reason = serving.stacks.reason("serving", "Endpoint", "UPDATE_FAILED")
    assert f"went back to {before}" in reason
    assert serving.stacks.name("latency") in reason
    described = serving.describe(serving.endpoint)
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == before == serving.watched()
    assert serving.share(serving.endpoint, 4) == {before.rsplit("-", 1)[0]: 4}
    assert serving.updates() == earlier + 1
    models = serving.sagemaker.list_models(NameContains=serving.stacks.suffix)["Models"]
    assert [each["ModelName"] for each in models] == [before]


def test_a_deleted_stack_leaves_no_endpoint_target_or_alarm(serving: Serving) -> None:
    scaling, alarms = serving.stacks.client("application-autoscaling"), serving.stacks.client("cloudwatch")
    described = {"ServiceNamespace": "sagemaker", "ResourceIds": [f"endpoint/{serving.endpoint}/variant/AllTraffic"]}
    assert len(scaling.describe_scalable_targets(**described)["ScalableTargets"]) == 1
    tracking = {"AlarmNamePrefix": f"TargetTracking-endpoint/{serving.endpoint}/"}
    assert len(alarms.describe_alarms(**tracking)["MetricAlarms"]) == 2
    serving.stacks.delete("serving")
    until(
        lambda: serving.stacks.api.list_stacks(StackStatusFilter=["DELETE_COMPLETE", "DELETE_FAILED"])[
            "StackSummaries"
        ],
        lambda found: any(each["StackName"] == serving.stacks.name("serving") for each in found),
    )
    assert scaling.describe_scalable_targets(**described)["ScalableTargets"] == []
    assert alarms.describe_alarms(**tracking)["MetricAlarms"] == []
    assert serving.sagemaker.list_endpoints(NameContains=serving.endpoint)["Endpoints"] == []


def test_a_stack_that_a_stop_interrupts_has_failed_and_can_be_rolled_back(
    embedded_factory: Callable[..., Any], tmp_path: Path
) -> None:
    serving = Serving(embedded_factory(tmp_path))
    serving.stacks.create("serving", serving.resources(serving.shared.archive("first")), **IAM)
    serving.deploy(serving.shared.archive("waits", WAITS))
    with serving.rolling_back(serving.endpoint, serving.stacks.name("latency"), tmp_path / "begun"):
        serving.embedded.stop()

    again = Serving(embedded_factory(tmp_path))
    again.endpoint, again.stacks.suffix = serving.endpoint, serving.stacks.suffix
    interrupted = again.stacks.ended("serving")
    again.stacks.api.rollback_stack(StackName=again.stacks.name("serving"))

    stopped = ("UPDATE_FAILED", "The embedded AWS was stopped during the operation")
    assert (interrupted["StackStatus"], interrupted["StackStatusReason"]) == stopped
    assert again.stacks.ended("serving")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    first = again.stacks.name("first")
    assert again.describe(again.endpoint)["EndpointConfigName"] == first == again.watched()
    models = again.sagemaker.list_models(NameContains=again.stacks.suffix)["Models"]
    assert [each["ModelName"] for each in models] == [first]
    assert again.share(again.endpoint) == {"first": 20}
