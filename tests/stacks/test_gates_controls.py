"""Our own controls: the templates pass, and for each control a change to them turns it, and only it, red.

Long because it is a table: for each control the changes that it must find, side by side, so that none goes without.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from settings import model_reader
from stacks.controls import jobs
from stacks.controls.plugin import RULES, violations
from tests.stacks.template_lab import PIPELINE, Change, Lab

BUCKET, ROLE, POLICY = "AWS::S3::Bucket", "AWS::IAM::Role", "AWS::IAM::ManagedPolicy"


def _tuning(definition: dict[str, Any]) -> None:
    """The training step as a tuning job whose training jobs write unencrypted."""
    (train,) = [step for step in definition["Steps"] if step["Name"] == "Train"]
    train["Type"] = "Tuning"
    train["Arguments"]["OutputDataConfig"].pop("KmsKeyId")
    train["Arguments"] = {"TrainingJobDefinition": train["Arguments"]}


def _nested(definition: dict[str, Any]) -> None:
    """A job inside of a condition."""
    (gate,) = [step for step in definition["Steps"] if step["Name"] == "Gate"]
    (preprocess,) = [step for step in definition["Steps"] if step["Name"] == "Preprocess"]
    again = json.loads(json.dumps(preprocess)) | {"Name": "Again"}
    del again["Arguments"]["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"]
    gate["Arguments"]["ElseSteps"].append(again)


def _a_thousand_instances(job: dict[str, Any]) -> None:
    job["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = 1000
    job["NetworkConfig"]["EnableInterContainerTrafficEncryption"] = True


def _transform(definition: dict[str, Any]) -> None:
    arguments = {
        "TransformOutput": {"S3OutputPath": "s3://b/p", "KmsKeyId": "arn:aws:kms:ap-northeast-2:111111111111:key/k"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    }
    definition["Steps"].append({"Name": "Score", "Type": "Transform", "Arguments": arguments})


FIXTURES: list[tuple[str, str, Change]] = [
    (
        "job-outputs-encrypted",
        "a processing job without a key",
        lambda lab: lab.change_job("Preprocess", lambda job: job["ProcessingOutputConfig"].pop("KmsKeyId")),
    ),
    (
        "job-outputs-encrypted",
        "AWS's own key",
        lambda lab: lab.change_job("Train", lambda job: job["OutputDataConfig"].update(KmsKeyId="alias/aws/s3")),
    ),
    ("job-outputs-encrypted", "inside of a tuning job", lambda lab: lab.change_definition(_tuning)),
    (
        "job-volumes-encrypted",
        "a training job without a key",
        lambda lab: lab.change_job("Train", lambda job: job["ResourceConfig"].pop("VolumeKmsKeyId")),
    ),
    ("job-volumes-encrypted", "a job inside of a condition", lambda lab: lab.change_definition(_nested)),
    ("job-volumes-encrypted", "a batch transform", lambda lab: lab.change_definition(_transform)),
    (
        "job-runtime-limited",
        "no limit",
        lambda lab: lab.change_job("Evaluate", lambda job: job.pop("StoppingCondition")),
    ),
    (
        "job-runtime-limited",
        "a limit of five days",
        lambda lab: lab.change_job("Train", lambda job: job["StoppingCondition"].update(MaxRuntimeInSeconds=432_000)),
    ),
    (
        "job-instances-limited",
        "a thousand instances",
        lambda lab: lab.change_job("Preprocess", _a_thousand_instances),
    ),
    (
        "job-isolated",
        "a training job with network",
        lambda lab: lab.change_job("Train", lambda job: job.update(EnableNetworkIsolation=False)),
    ),
    (
        "job-isolated",
        "a processing job that says nothing",
        lambda lab: lab.change_job("Preprocess", lambda job: job.pop("NetworkConfig")),
    ),
    (
        "job-traffic-encrypted",
        "two instances in the clear",
        lambda lab: lab.change_job("Train", lambda job: job["ResourceConfig"].update(InstanceCount=2)),
    ),
    (
        "job-role",
        "the pipeline's own role",
        lambda lab: lab.change_job(
            "Train", lambda job: job.update(RoleArn="arn:aws:iam::111111111111:role/millrace-dev-pipeline")
        ),
    ),
    (
        "job-image",
        "an image of a public registry",
        lambda lab: lab.change_job(
            "Train", lambda job: job["AlgorithmSpecification"].update(TrainingImage="docker.io/library/xgboost:latest")
        ),
    ),
    (
        "step-known",
        "a kind of job that nobody checks",
        lambda lab: lab.change_definition(
            lambda definition: definition["Steps"].append({"Name": "Spark", "Type": "EMR", "Arguments": {}})
        ),
    ),
    (
        "step-function",
        "a function of somebody else",
        lambda lab: lab.change_definition(
            lambda definition: definition["Steps"][0].update(
                FunctionArn="arn:aws:lambda:ap-northeast-2:222222222222:function:theirs"
            )
        ),
    ),
    (
        "job-traffic-encrypted",
        "two instances of Preprocess in the clear",
        lambda lab: lab.change_job(
            "Preprocess", lambda job: job["ProcessingResources"]["ClusterConfig"].update(InstanceCount=2)
        ),
    ),
    ("role-boundary", "no boundary", lambda lab: lab.properties(ROLE, "JobRole").pop("PermissionsBoundary")),
    (
        "role-boundary",
        "another policy as boundary",
        lambda lab: lab.properties(ROLE, "JobRole").update(
            PermissionsBoundary="arn:aws:iam::111111111111:policy/millrace-dev-job"
        ),
    ),
    (
        "policy-own",
        "AWS's managed policy",
        lambda lab: lab.properties(ROLE, "JobRole")["ManagedPolicyArns"].append(
            "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
        ),
    ),
    (
        "policy-own",
        "an inline policy",
        lambda lab: lab.properties(ROLE, "JobRole").update(Policies=[{"PolicyName": "p", "PolicyDocument": {}}]),
    ),
    (
        "policy-own",
        "an inline policy as a resource",
        lambda lab: lab.bodies["Dev-Build"]["Resources"].update(Inline={"Type": "AWS::IAM::Policy", "Properties": {}}),
    ),
    (
        "policy-actions-named",
        "a wildcard in an action",
        lambda lab: lab.statements(POLICY, "JobRole")[0].update(Action=["s3:Get*"]),
    ),
    (
        "policy-actions-named",
        "all actions but one",
        lambda lab: lab.statements(POLICY, "JobRole").append(
            {"Effect": "Allow", "NotAction": ["iam:PassRole"], "Resource": "arn:aws:s3:::b"}
        ),
    ),
    (
        "policy-actions-named",
        "a wildcard in the key's policy",
        lambda lab: lab.statements("AWS::KMS::Key", document="KeyPolicy")[0].update(Action="kms:*"),
    ),
    (
        "policy-size",
        "a policy for too many models",
        lambda lab: lab.statements(POLICY, "JobRole").append(
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject"],
                "Resource": [f"arn:aws:s3:::b/{number:0100}" for number in range(60)],
            }
        ),
    ),
    (
        "policy-size",
        "a role of too many policies",
        lambda lab: lab.properties("AWS::IAM::Role", "JobRole").update(
            ManagedPolicyArns=lab.properties("AWS::IAM::Role", "JobRole")["ManagedPolicyArns"] * 10
        ),
    ),
    (
        "template-size",
        "a template of more than a megabyte",
        lambda lab: lab.properties(PIPELINE, "Modelclaimsfraud").update(PipelineDescription="x" * 2**20),
    ),
    (
        "template-size",
        "a template of too many resources",
        lambda lab: _body_with(lab, PIPELINE).update(
            {f"Queue{number}": {"Type": "AWS::SNS::Subscription"} for number in range(500)}
        ),
    ),
    ("passrole-limited", "to any service", lambda lab: _pass_role(lab).pop("Condition")),
    ("passrole-limited", "any role", lambda lab: _pass_role(lab).update(Resource="*")),
    (
        "trust-limited",
        "SageMaker for whoever asks it",
        lambda lab: lab.statements(ROLE, "JobRole", "AssumeRolePolicyDocument")[0].pop("Condition"),
    ),
    (
        "trust-limited",
        "EventBridge for whoever asks it",
        lambda lab: [
            statement.pop("Condition")
            for statement in lab.statements("AWS::SQS::QueuePolicy", "StartPipelineQueue")
            if statement["Effect"] == "Allow"
        ],
    ),
    (
        "trust-limited",
        "alarms of whoever asks for them",
        lambda lab: lab.statements("AWS::SNS::TopicPolicy")[1].pop("Condition"),
    ),
    (
        "principals-own",
        "a bucket for everyone",
        lambda lab: lab.statements("AWS::S3::BucketPolicy", "Raw").append(
            {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}
        ),
    ),
    (
        "principals-own",
        "a key for another account",
        lambda lab: lab.statements("AWS::KMS::Key", document="KeyPolicy")[0].update(
            Principal={"AWS": "arn:aws:iam::222222222222:root"}
        ),
    ),
    (
        "principals-own",
        "a bucket for all roles of another account",
        lambda lab: lab.statements("AWS::S3::BucketPolicy", "Artifacts")[-1].pop("Condition"),
    ),
    (
        "principals-own",
        "versions for roles by a pattern",
        lambda lab: lab.statements("AWS::SageMaker::ModelPackageGroup", document="ModelPackageGroupPolicy")[0].update(
            Condition={"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::222222222222:role/*"}}
        ),
    ),
    (
        "principals-own",
        "versions for another account than the roles'",
        lambda lab: lab.statements("AWS::SageMaker::ModelPackageGroup", document="ModelPackageGroupPolicy")[0].update(
            Principal={"AWS": "arn:aws:iam::444444444444:root"}
        ),
    ),
    (
        "bucket-tls",
        "old TLS",
        lambda lab: lab.properties("AWS::S3::BucketPolicy", "Raw")["PolicyDocument"].update(
            Statement=[s for s in lab.statements("AWS::S3::BucketPolicy", "Raw") if "TlsVersion" not in json.dumps(s)]
        ),
    ),
    (
        "bucket-tls",
        "no TLS",
        lambda lab: lab.properties("AWS::S3::BucketPolicy", "Artifacts")["PolicyDocument"].update(Statement=[]),
    ),
    (
        "data-kept",
        "runs that expire",
        lambda lab: lab.properties(BUCKET, "Artifacts")["LifecycleConfiguration"]["Rules"].append(
            {"Id": "tidy", "Prefix": "runs/", "Status": "Enabled", "ExpirationInDays": 30}
        ),
    ),
    (
        "logs-encrypted-and-limited",
        "no key",
        lambda lab: lab.properties("AWS::Logs::LogGroup", "StartPipeline").pop("KmsKeyId"),
    ),
    (
        "logs-encrypted-and-limited",
        "no end",
        lambda lab: lab.properties("AWS::Logs::LogGroup", "TrainingJob").pop("RetentionInDays"),
    ),
    (
        "model-isolated",
        "a model with network",
        lambda lab: lab.properties("AWS::SageMaker::Model").pop("EnableNetworkIsolation"),
    ),
    (
        "endpoint-volumes-encrypted",
        "no key",
        lambda lab: lab.properties("AWS::SageMaker::EndpointConfig").pop("KmsKeyId"),
    ),
    (
        "failures-kept",
        "a rule's target",
        lambda lab: lab.properties("AWS::Events::Rule")["Targets"][0].pop("DeadLetterConfig"),
    ),
    (
        "failures-kept",
        "a schedule",
        lambda lab: lab.properties("AWS::Scheduler::Schedule")["Target"].pop("DeadLetterConfig"),
    ),
    (
        "failures-kept",
        "a function",
        lambda lab: lab.properties("AWS::Lambda::Function").pop("DeadLetterConfig"),
    ),
    (
        "failures-kept",
        "a queue that a function reads",
        lambda lab: lab.properties("AWS::SQS::Queue", "StartPipelineQueue").pop("RedrivePolicy"),
    ),
]


def _pass_role(lab: Lab) -> dict[str, Any]:
    (statement,) = [s for s in lab.statements(POLICY, "PipelineRole") if s["Action"] == "iam:PassRole"]
    return statement


def test_the_templates_pass(assembly: Any) -> None:
    assert violations(Lab(assembly).templates()) == []


@pytest.mark.parametrize(
    ("control", "change"),
    [(control, change) for control, _, change in FIXTURES],
    ids=[f"{c}: {w}" for c, w, _ in FIXTURES],
)
def test_a_violation_turns_its_control_red_and_says_what_why_and_what_to_change(
    assembly: Any, control: str, change: Change
) -> None:
    lab = Lab(assembly)
    change(lab)
    found = violations(lab.templates())
    assert {violation.control for violation in found} == {control}
    for violation in found:
        assert all((violation.what, violation.why, violation.change)), violation


def _body_with(lab: Lab, type_: str) -> dict[str, Any]:
    """The resources of the first template that has one of this type."""
    every: list[dict[str, Any]] = [body["Resources"] for body in lab.bodies.values()]
    return next(found for found in every if any(each["Type"] == type_ for each in found.values()))


def _serverless(lab: Lab) -> None:
    """Of such an endpoint SageMaker isolates no model and takes no key."""
    config = lab.properties("AWS::SageMaker::EndpointConfig")
    (variant,) = config["ProductionVariants"]
    del config["KmsKeyId"], variant["InstanceType"], variant["InitialInstanceCount"]
    variant["ServerlessConfig"] = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    del lab.properties("AWS::SageMaker::Model")["EnableNetworkIsolation"]


def _own_disks(lab: Lab) -> None:
    """They encrypt themselves, and SageMaker takes no key for them."""
    config = lab.properties("AWS::SageMaker::EndpointConfig")
    del config["KmsKeyId"]
    config["ProductionVariants"][0]["InstanceType"] = "ml.g4dn.xlarge"


@pytest.mark.parametrize("change", [_serverless, _own_disks])
def test_nobody_is_asked_for_what_sagemaker_refuses(assembly: Any, change: Change) -> None:
    lab = Lab(assembly)
    change(lab)
    assert list(violations(lab.templates())) == []


def test_what_the_settings_let_a_job_cost_passes_the_controls() -> None:
    assert model_reader.MOST_INSTANCES == jobs.MOST_INSTANCES
    assert model_reader.LONGEST_JOB == jobs.LONGEST_SECONDS


def test_every_control_has_a_fixture() -> None:
    assert {control for control, _, _ in FIXTURES} == set(RULES)


def test_a_violation_fails_the_synth_and_is_explained(tmp_path: Path) -> None:
    from aws_cdk import Environment, Stack
    from aws_cdk import aws_s3 as s3

    from stacks.app import new_app

    app = new_app(outdir=tmp_path)
    stack = Stack(app, "Open", env=Environment(account="111111111111", region="ap-northeast-2"))
    s3.Bucket(stack, "Bucket", bucket_name="anything")
    with pytest.raises(Exception, match="ValidationFailed") as raised:
        app.synth()
    told = str(raised.value)
    assert "Open/Bucket" in told
    assert "its policy does not deny requests without TLS" in told
    assert "Why it matters: whoever listens on the way" in told
    assert "fix: make it with SecureBucket" in told


def test_findings_are_accepted_in_one_file_and_nowhere_in_the_code() -> None:
    """CDK offers to acknowledge a finding in the code; then nobody would see when it ends."""
    root = Path(__file__).parents[2]
    sources = [root / "app.py", *(path for folder in ("stacks", "checks") for path in (root / folder).rglob("*.py"))]
    words = (".acknowledge(", "Acknowledgment(", "checkov:skip", "NagSuppressions")
    assert [path for path in sources if any(word in path.read_text("utf-8") for word in words)] == []
