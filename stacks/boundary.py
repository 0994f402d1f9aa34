"""The permissions boundary: the most that any role of the system can do, whatever its own policy says.

`AccountStage` puts it on every role. It names each action that some role is given, so a new kind of grant has to be
added here too: `tests/stacks/test_boundary.py` tells which one is missing, and which one nobody needs any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import ArnFormat, DefaultStackSynthesizer, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.endpoint_network import NETWORK
from stacks.naming import Naming
from stacks.permissions import allow, deny
from stacks.registry import Registry
from stacks.serving_rights import SCALING, scaling_changes, scaling_looks
from stacks.version_rights import STAGE, STATUS

SERVICES = (
    *("cloudformation:*", "cloudwatch:*", "dynamodb:*", "ecr:*", "events:PutEvents", "iam:PassRole", "kms:*"),
    *("lambda:InvokeFunction", "logs:*", "s3:*", "sagemaker:*", "sqs:*"),
)
NETWORK_SERVICES = ("ec2:*",)
SCALING_SERVICES = ("application-autoscaling:*", "iam:CreateServiceLinkedRole")
"""Everything else is denied, to roles and to what other policies grant their sessions."""
NEVER = (
    *("s3:DeleteBucket*", "s3:DeleteObject*", "s3:PutBucket*", "s3:PutLifecycleConfiguration", "s3:PutObjectAcl"),
    *("dynamodb:DeleteTable", "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable"),
    *("kms:DisableKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "logs:DeleteLog*"),
    *("sagemaker:DeleteModelPackage*", "sagemaker:PutModelPackageGroupPolicy", "sagemaker:*Pipeline"),
    *("cloudformation:CreateStack", "cloudformation:DeleteStack", "cloudformation:SetStackPolicy"),
)
"""What only people and deployments do: delete data or open it to others, approve a model, change the system."""


STEP_ANSWERS = ("SendPipelineExecutionStepFailure", "SendPipelineExecutionStepSuccess")
"""What a step of a pipeline waits for, if it waits for anyone."""
REGISTRY_BUSES = "arn:{}:events:*:*:event-bus/millrace-*-registry"
"""Of any account; the denial below says which accounts there are."""


@dataclass(frozen=True)
class Uses:
    """What the settings make an account do, beyond what each does."""

    others: Sequence[Naming]
    """The accounts to which the registry's events go; from anywhere but home there are none."""
    captures: bool
    """Some endpoint keeps requests and answers."""
    scales: bool
    """Some endpoint adds instances under load."""
    answers_pipelines: bool
    """Some model is deployed by a pipeline as well."""


class Boundary(Construct):
    """`millrace-<account>-boundary`; it grants nothing by itself."""

    def __init__(self, scope: Construct, id_: str, *, naming: Naming, registry: Registry, uses: Uses) -> None:
        super().__init__(scope, id_)
        self._naming, self._registry, self._uses = naming, registry, uses
        self._trains = naming == registry.home
        self._partition, self._account = Stack.of(self).partition, Stack.of(self).account
        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            managed_policy_name=naming.of("boundary"),
            description="The most that any role of Millrace may do",
            statements=[
                *self._data(),
                *(self._training() if self._trains else self._registry_elsewhere()),
                *self._serving(),
                *self._alarms(),
                *(self._scaling() if uses.scales else ()),
                *self._operations(),
                *self._denied(),
            ],
        )

    def _data(self) -> list[iam.PolicyStatement]:
        names = [self._naming.of("*")]
        if self._trains:
            names.append(
                f"cdk-{DefaultStackSynthesizer.DEFAULT_QUALIFIER}-assets-{self._account}-{Stack.of(self).region}*"
            )
        buckets = [f"arn:{self._partition}:s3:::{name}" for name in names]  # the * matches what is in them, too
        reading = ("s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:ListBucketVersions")
        actions = [
            *(reading if self._trains else ()),
            *(("s3:AbortMultipartUpload", "s3:PutObject") if self._trains or self._uses.captures else ()),
        ]
        return [
            *([allow(*actions, on=buckets)] if actions else []),
            allow(
                *("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"),
                *(("kms:Encrypt",) if self._trains else ()),
                on=[self._arn("kms", "key", "*")],
            ),
            allow(
                *("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"),
                *(("sqs:ChangeMessageVisibility",) if self._trains else ()),
                on=[self._arn("sqs", self._naming.of("*"))],
            ),
            allow(
                *("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
                # AWS keeps SageMaker's images in accounts of its own, another one in each region.
                on=[f"arn:{self._partition}:ecr:{Stack.of(self).region}:*:repository/*"],
            ),
        ]

    def _training(self) -> list[iam.PolicyStatement]:
        """The ledger, the jobs of pipelines, registration, and the buses that the registry's events go to."""
        jobs = [
            f"{verb}{kind}"
            for kind in ("ProcessingJob", "TrainingJob", "HyperParameterTuningJob", "TransformJob")
            for verb in ("Create", "Describe", "Stop")
        ]
        runs = [f"{verb}PipelineExecution" for verb in ("Describe", "Start", "Stop")]
        others = (
            *("CreateModelPackage", "DescribeModelPackageGroup", "ListPipelineExecutions"),
            "ListTrainingJobsForHyperParameterTuningJob",
            *(STEP_ANSWERS if self._uses.answers_pipelines else ()),
        )
        return [
            allow(
                *("dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem"),
                *("dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"),
                on=[self._arn("dynamodb", "table", self._naming.of("*"))],
            ),
            allow(
                *(f"sagemaker:{action}" for action in (*jobs, *runs, *others)),
                on=[self._arn("sagemaker", "*")],
            ),
            allow(
                "lambda:InvokeFunction",
                on=[self._arn("lambda", "function", self._naming.of("*"), form=ArnFormat.COLON_RESOURCE_NAME)],
            ),
            *([allow("events:PutEvents", on=[REGISTRY_BUSES.format(self._partition)])] if self._uses.others else []),
        ]

    def _registry_elsewhere(self) -> list[iam.PolicyStatement]:
        """Read models of the training account, and what its registry says of them."""
        return self._registry.read_models()

    def _serving(self) -> list[iam.PolicyStatement]:
        """Models, configurations and endpoints; versions where the registry is."""
        served = [
            f"{verb}{kind}"
            for kind in ("Model", "EndpointConfig", "Endpoint")
            for verb in ("Create", "Delete", "Describe")
        ]
        others = [
            *("AddTags", "InvokeEndpoint", "ListTags", "UpdateEndpoint"),
            *(["UpdateEndpointWeightsAndCapacities"] if self._uses.scales else []),
        ]
        versions = ("DescribeModelPackage", "UpdateModelPackage")
        elsewhere = [] if self._trains else [self._registry.packages_arn("*")]
        return [
            allow(
                *(f"sagemaker:{action}" for action in (*served, *others, *versions)),
                on=[self._arn("sagemaker", "*"), *elsewhere],
            )
        ]

    def _alarms(self) -> list[iam.PolicyStatement]:
        """Of the serving stacks; whoever scales changes those of Application Auto Scaling, too."""
        served = [self._naming.of("serving-*"), *(("TargetTracking-endpoint/*",) if self._uses.scales else ())]
        return [
            allow(
                *("cloudwatch:DeleteAlarms", "cloudwatch:ListTagsForResource", "cloudwatch:PutMetricAlarm"),
                on=[self._arn("cloudwatch", "alarm", name, form=ArnFormat.COLON_RESOURCE_NAME) for name in served],
            ),
            allow(
                "cloudwatch:DescribeAlarms",
                on=[self._arn("cloudwatch", "alarm", "*", form=ArnFormat.COLON_RESOURCE_NAME)],
            ),
        ]

    def _scaling(self) -> list[iam.PolicyStatement]:
        roles = f"arn:{self._partition}:iam::{self._account}:role/aws-service-role"
        return [
            allow(*scaling_changes(), on=[self._arn("application-autoscaling", "scalable-target", "*")]),
            allow("iam:CreateServiceLinkedRole", on=[f"{roles}/{SCALING}/*"]),
        ]

    def _operations(self) -> list[iam.PolicyStatement]:
        groups = (f"/aws/lambda/{self._naming.of('*')}", "/aws/sagemaker/*")
        return [
            allow(
                *("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
                on=[self._arn("logs", "log-group", group, form=ArnFormat.COLON_RESOURCE_NAME) for group in groups],
            ),
            allow(
                "cloudformation:DescribeStackEvents",
                "cloudformation:DescribeStacks",
                "cloudformation:UpdateStack",
                on=[self._arn("cloudformation", "stack", self._naming.serving_stack("*"))],
            ),
            allow(
                "iam:PassRole",
                on=[f"arn:{self._partition}:iam::{self._account}:role/{self._naming.of('*')}"],
                when={
                    "StringEquals": {"iam:PassedToService": ["cloudformation.amazonaws.com", "sagemaker.amazonaws.com"]}
                },
            ),
            # For these actions IAM knows no resources.
            allow(
                *("cloudwatch:PutMetricData", "ecr:GetAuthorizationToken", "sagemaker:ListModelPackages"),
                *(f"ec2:{action}" for action in (NETWORK if self._naming.account.network else ())),
                *(scaling_looks() if self._uses.scales else ()),
                on=["*"],
            ),
        ]

    def _denied(self) -> list[iam.PolicyStatement]:
        services = (
            *SERVICES,
            *(NETWORK_SERVICES if self._naming.account.network else ()),
            *(SCALING_SERVICES if self._uses.scales else ()),
        )
        reached = sorted(
            {naming.account.account_id for naming in (self._naming, self._registry.home, *self._uses.others)}
        )
        return [
            deny("NothingOutsideTheServicesUsed", but=services),
            deny(
                "NothingOutsideTheAccounts",
                but=["ecr:*"],
                # A few actions do not say whose resource they are about: those are left to the statements above.
                when={
                    "StringNotEquals": {"aws:ResourceAccount": reached},
                    "Null": {"aws:ResourceAccount": "false"},
                },
            ),
            deny("NeverByARole", *NEVER),
            deny(
                "NeverApproving",
                "sagemaker:UpdateModelPackage",
                when={"StringNotEquals": {STATUS: "Rejected"}, "Null": {STATUS: "false"}},
            ),
            deny("NeverPromoting", "sagemaker:UpdateModelPackage", when={"Null": {STAGE: "false"}}),
        ]

    def _arn(
        self, service: str, resource: str, name: str | None = None, *, form: ArnFormat = ArnFormat.SLASH_RESOURCE_NAME
    ) -> str:
        return Stack.of(self).format_arn(
            service=service,
            resource=resource,
            resource_name=name,
            arn_format=form if name else ArnFormat.NO_RESOURCE_NAME,
        )
