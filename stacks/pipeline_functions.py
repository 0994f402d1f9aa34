"""The functions that pipelines call: which model is to beat, and what Evaluate said. `build.py` makes them.

A step waits for the answer, so there is no queue before them; a failure fails the step, and with it the run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.handler_asset import handler_code
from stacks.log_group import LogGroup
from stacks.naming import Naming
from stacks.permissions import allow, use_key
from stacks.placeholder_asset import Placeholder
from stacks.service_role import ServiceRole

RUNS = "runs/"
VERDICTS = "runs/*/evaluate/verdict.json"
LONGEST_WAIT = Duration.minutes(4)
"""For throttled calls, which are repeated for minutes; a step waits for ten at most."""


@dataclass(frozen=True)
class StepFunction:
    """One function: `package` is its folder below lambda/, `statements` are what it needs of its own."""

    package: str
    description: str
    statements: Sequence[iam.PolicyStatement]
    environment: Mapping[str, str] = field(default_factory=dict)
    shared: Sequence[iam.IManagedPolicy] = ()


class PipelineFunctions(Construct):
    """`resolve_champion_arn` and `read_verdict_arn` go into the definitions, `placeholder` is what jobs must read."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        naming: Naming,
        endpoints: Mapping[str, str],
        key: kms.IKey,
        artifact_bucket: s3.IBucket,
        artifact_key: kms.IKey,
        list_versions: iam.IManagedPolicy,
    ) -> None:
        """`endpoints`: the name of each model's endpoint."""
        super().__init__(scope, id_)
        self._naming, self._key = naming, key
        self.placeholder = Placeholder(self, "NoChampion")
        self.dead_letters_name = naming.of("pipeline-functions-dlq")
        self._dead_letters = sqs.Queue(
            self,
            "DeadLetters",  # for whoever calls a function without waiting for the answer
            queue_name=self.dead_letters_name,
            retention_period=Duration.days(14),
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
        )
        champion = StepFunction(
            package="resolve_champion",
            description="Finds the version of a model that a new one has to beat",
            statements=self._champion_statements(endpoints, artifact_bucket),
            environment={
                "ARTIFACT_BUCKET": artifact_bucket.bucket_name,
                "PLACEHOLDER_URI": self.placeholder.s3_object_url,
                "ENDPOINTS": json.dumps(endpoints),
            },
            shared=[list_versions],
        )
        verdict = StepFunction(
            package="read_verdict",
            description="Hands what Evaluate found out to the registry",
            statements=[
                allow("s3:GetObject", on=[artifact_bucket.arn_for_objects(VERDICTS)]),
                allow("kms:Decrypt", on=[artifact_key.key_arn]),
            ],
        )
        self.names = [naming.of(function.package.replace("_", "-")) for function in (champion, verdict)]
        self.resolve_champion_arn, self.read_verdict_arn = (self._make(one) for one in (champion, verdict))

    @property
    def arns(self) -> list[str]:
        return [self.resolve_champion_arn, self.read_verdict_arn]

    def _make(self, function: StepFunction) -> str:
        name = self._naming.of(function.package.replace("_", "-"))
        place = Construct(self, "".join(word.capitalize() for word in function.package.split("_")))
        log_group = LogGroup(place, "Logs", name=f"/aws/lambda/{name}", naming=self._naming, key=self._key)
        role = ServiceRole(
            place,
            "Role",
            name=name,
            service="lambda.amazonaws.com",
            acting_for=None,  # Lambda is not documented to say for whom it assumes a role
            statements=[
                allow("logs:CreateLogStream", "logs:PutLogEvents", on=[log_group.log_group_arn]),
                allow("sqs:SendMessage", on=[self._dead_letters.queue_arn]),
                use_key(self._key),
                *function.statements,
            ],
            shared=function.shared,
        )
        with handler_code(function.package, {}) as code:
            made = lambda_.Function(
                place,
                "Function",
                function_name=name,
                description=function.description,
                runtime=lambda_.Runtime.PYTHON_3_12,
                code=code,
                handler=f"{function.package}.handler.handler",
                role=role.role.without_policy_updates(),  # its policy is written out above
                log_group=log_group,
                memory_size=256,
                timeout=LONGEST_WAIT,
                environment=dict(function.environment),
                environment_encryption=self._key,
                dead_letter_queue=self._dead_letters,
            )
        return made.function_arn

    def _champion_statements(self, endpoints: Mapping[str, str], artifacts: s3.IBucket) -> list[iam.PolicyStatement]:
        """See what is served and registered; models themselves are listed, never read."""
        return [
            allow("sagemaker:DescribeEndpoint", on=[self._arn("endpoint", name) for name in endpoints.values()]),
            allow(
                "sagemaker:DescribeEndpointConfig",
                on=[self._arn("endpoint-config", f"{model}-*") for model in endpoints],
            ),
            allow("sagemaker:DescribeModel", on=[self._arn("model", f"{model}-*") for model in endpoints]),
            allow(
                "sagemaker:DescribeModelPackage", on=[self._arn("model-package", f"{model}/*") for model in endpoints]
            ),
            allow("s3:ListBucket", on=[artifacts.bucket_arn], when={"StringLike": {"s3:prefix": [f"{RUNS}*"]}}),
        ]

    def _arn(self, resource: str, name: str) -> str:
        return Stack.of(self).format_arn(
            service="sagemaker", resource=resource, resource_name=name, arn_format=ArnFormat.SLASH_RESOURCE_NAME
        )
