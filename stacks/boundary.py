"""The permissions boundary: the most that any role of the system can do, whatever its own policy says.

`AccountStage` puts it on every role. It names each action that some role is given, so a new kind of grant has to be
added here too: `tests/stacks/test_boundary.py` tells which one is missing, and which one nobody needs any more.
"""

from __future__ import annotations

from aws_cdk import ArnFormat, DefaultStackSynthesizer, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.naming import Naming
from stacks.permissions import allow, deny

SERVICES = (
    *("cloudformation:*", "cloudwatch:PutMetricData", "dynamodb:*", "ecr:*", "iam:PassRole", "kms:*"),
    *("lambda:InvokeFunction", "logs:*", "s3:*", "sagemaker:*", "sqs:*"),
)
"""Everything else is denied, to roles and to what other policies grant their sessions."""
NEVER = (
    *("s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:PutBucketPolicy", "s3:PutLifecycleConfiguration"),
    *("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutBucketVersioning", "s3:PutObjectAcl"),
    *("dynamodb:DeleteTable", "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable"),
    *("kms:DisableKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"),
    *("logs:DeleteLogGroup", "logs:DeleteLogStream"),
    *("sagemaker:DeleteModelPackage", "sagemaker:DeleteModelPackageGroup", "sagemaker:PutModelPackageGroupPolicy"),
    *("sagemaker:DeletePipeline", "sagemaker:UpdatePipeline"),
    *("cloudformation:CreateStack", "cloudformation:DeleteStack", "cloudformation:SetStackPolicy"),
)
"""What only people and deployments do: delete data or open it to others, approve a model, change the system."""


class Boundary(Construct):
    """`millrace-<account>-boundary`; it grants nothing by itself."""

    def __init__(self, scope: Construct, id_: str, *, naming: Naming) -> None:
        super().__init__(scope, id_)
        self._naming = naming
        self._partition, self._account = Stack.of(self).partition, Stack.of(self).account
        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            managed_policy_name=naming.of("boundary"),
            description="The most that any role of Millrace may do",
            statements=[*self._data(), *self._sagemaker(), *self._operations(), *self._denied()],
        )

    def _data(self) -> list[iam.PolicyStatement]:
        assets = f"cdk-{DefaultStackSynthesizer.DEFAULT_QUALIFIER}-assets-{self._account}-{Stack.of(self).region}"
        buckets = [f"arn:{self._partition}:s3:::{name}" for name in (self._naming.of("*"), assets)]
        return [
            allow(
                *("s3:AbortMultipartUpload", "s3:GetObject", "s3:GetObjectVersion"),
                *("s3:ListBucket", "s3:ListBucketVersions", "s3:PutObject"),
                on=[arn for bucket in buckets for arn in (bucket, f"{bucket}/*")],
            ),
            allow(
                *("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"),
                on=[self._arn("kms", "key", "*")],
            ),
            allow(
                *("dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem"),
                *("dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"),
                on=[self._arn("dynamodb", "table", self._naming.of("*"))],
            ),
            allow(
                *("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
                *("sqs:ReceiveMessage", "sqs:SendMessage"),
                on=[self._arn("sqs", self._naming.of("*"))],
            ),
            allow(
                *("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
                # AWS keeps SageMaker's images in accounts of its own, another one in each region.
                on=[f"arn:{self._partition}:ecr:{Stack.of(self).region}:*:repository/*"],
            ),
        ]

    def _sagemaker(self) -> list[iam.PolicyStatement]:
        jobs, models, served = (
            [f"sagemaker:{verb}{kind}" for kind in kinds for verb in verbs]
            for verbs, kinds in (
                (
                    ("Create", "Describe", "Stop"),
                    ("ProcessingJob", "TrainingJob", "HyperParameterTuningJob", "TransformJob"),
                ),
                (("Create", "Describe"), ("ModelPackage",)),
                (("Create", "Delete", "Describe"), ("Model", "EndpointConfig", "Endpoint")),
            )
        )
        runs = [f"sagemaker:{verb}PipelineExecution" for verb in ("Describe", "Start", "Stop")]
        others = (
            *("AddTags", "DescribeModelPackageGroup", "ListPipelineExecutions", "ListTags", "UpdateEndpoint"),
            "UpdateModelPackage",
            "ListTrainingJobsForHyperParameterTuningJob",
        )
        return [
            allow(
                *(*jobs, *models, *served, *runs, *(f"sagemaker:{action}" for action in others)),
                on=[self._arn("sagemaker", "*")],
            )
        ]

    def _operations(self) -> list[iam.PolicyStatement]:
        groups = (f"/aws/lambda/{self._naming.of('*')}", "/aws/sagemaker/*")
        return [
            allow(
                *("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
                on=[self._arn("logs", "log-group", group, form=ArnFormat.COLON_RESOURCE_NAME) for group in groups],
            ),
            allow(
                "lambda:InvokeFunction",
                on=[self._arn("lambda", "function", self._naming.of("*"), form=ArnFormat.COLON_RESOURCE_NAME)],
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
            allow("cloudwatch:PutMetricData", "ecr:GetAuthorizationToken", "sagemaker:ListModelPackages", on=["*"]),
        ]

    def _denied(self) -> list[iam.PolicyStatement]:
        return [
            deny("NothingOutsideTheServicesUsed", but=SERVICES),
            deny(
                "NothingOutsideTheAccount",
                but=["ecr:*"],
                # A few actions do not say whose resource they are about: those are left to the statements above.
                when={
                    "StringNotEquals": {"aws:ResourceAccount": self._account},
                    "Null": {"aws:ResourceAccount": "false"},
                },
            ),
            deny("NeverByARole", *NEVER),
            deny(
                "NeverApproving",
                "sagemaker:UpdateModelPackage",
                when={
                    "StringNotEquals": {"sagemaker:ModelApprovalStatus": "Rejected"}
                },  # true as well if none is given
            ),
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
