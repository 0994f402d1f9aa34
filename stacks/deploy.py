"""What brings approved models to their endpoints: the function that updates serving stacks, and the roles it uses.

Approval -> rule -> queue -> `deploy_model` -> UpdateStack; the stack's own events come back through the same queue.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from settings import ModelSettings
from stacks.access import AccessStack
from stacks.log_group import LogGroup
from stacks.naming import Naming
from stacks.permissions import (
    allow,
    encrypt_volumes,
    pass_role,
    read_objects,
    use_key,
    write_logs,
)
from stacks.service_role import ServiceRole
from stacks.serving import SERVED_TYPES
from stacks.worker_queue import Rule, Worker, WorkerQueue

RUNS = "runs/"
CHECK_TIMEOUT, CHECK_MEMORY_MB = Duration.seconds(60), 1769
"""Enough to read and unpack the largest archive that is deployed; with this memory a function has a whole CPU."""
SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
"""The states in which a stack can be updated again."""


class DeployStack(Stack):
    """`endpoint_role` is what serving stacks run their models with; `worker` is what the watch stack watches."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        naming: Naming,
        models: Sequence[ModelSettings],
        access: AccessStack,
        key: kms.IKey,
        artifact_bucket: s3.IBucket,
    ) -> None:
        super().__init__(scope, id_, description="Millrace: brings approved models to their endpoints")
        self._names = [model.name for model in models]
        log_groups = [f"/aws/sagemaker/Endpoints/{name}" for name in self._names]
        for name, log_group in zip(self._names, log_groups, strict=True):
            LogGroup(self, f"Logs-{name}", name=log_group, naming=naming, key=key)
        self.endpoint_role = ServiceRole(
            self,
            "EndpointRole",
            name=naming.of("endpoint"),
            service="sagemaker.amazonaws.com",
            acting_for=self._arn("sagemaker", "*"),
            statements=[
                *read_objects(artifact_bucket, RUNS),
                use_key(key),
                *encrypt_volumes(key),
                write_logs(self, *log_groups),
            ],
            shared=[access.pull_images, access.report_metrics],
        )
        update_role = ServiceRole(
            self,
            "ServingUpdateRole",
            name=naming.of("serving-update"),
            service="cloudformation.amazonaws.com",
            acting_for=None,  # CloudFormation is not documented to say for whom it assumes a role
            statements=self._update_statements(key),
        )
        self.worker = self._worker(naming, key, artifact_bucket, update_role.arn, access)

    def _worker(
        self, naming: Naming, key: kms.IKey, bucket: s3.IBucket, update_role_arn: str, access: AccessStack
    ) -> WorkerQueue:
        stacks = {name: naming.serving_stack(name) for name in self._names}
        arns = [self._arn("cloudformation", "stack", f"{stack}/*") for stack in stacks.values()]
        worker = Worker(
            package="deploy_model",
            description="Updates the serving stack to the newest approved version of its model",
            timeout=CHECK_TIMEOUT,
            memory_mb=CHECK_MEMORY_MB,
            environment={
                "SERVING_STACKS": json.dumps(stacks),
                "UPDATE_ROLE_ARN": update_role_arn,
                "ARTIFACT_BUCKET": bucket.bucket_name,
            },
            statements=[
                allow("cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents", on=arns),
                allow(
                    "cloudformation:UpdateStack",
                    on=arns,
                    when={
                        "ArnEquals": {"cloudformation:RoleArn": update_role_arn},
                        "ForAllValues:StringEquals": {"cloudformation:ResourceTypes": list(SERVED_TYPES)},
                        "Null": {"cloudformation:ResourceTypes": "false"},
                    },
                ),
                pass_role(update_role_arn, to="cloudformation.amazonaws.com"),
                *self._check_statements(key, bucket),
            ],
            shared=[access.list_versions],
        )
        queue = WorkerQueue(self, "DeployModel", naming=naming, worker=worker, key=key)
        queue.receive(self._approval_rule(queue.name), self._stack_status_rule(queue.name, arns))
        return queue

    def _check_statements(self, key: kms.IKey, bucket: s3.IBucket) -> list[iam.PolicyStatement]:
        """Read what is to be deployed, and reject it: never approve it, nor change what the registry says of it."""
        packages = [self._arn("sagemaker", "model-package", f"{name}/*") for name in self._names]
        return [
            *read_objects(bucket, RUNS),
            allow("kms:Decrypt", on=[key.key_arn]),
            allow("sagemaker:DescribeModelPackage", on=packages),
            allow(
                "sagemaker:UpdateModelPackage",
                on=packages,
                when={
                    "StringEquals": {"sagemaker:ModelApprovalStatus": "Rejected"},
                    "Null": {
                        "sagemaker:CustomerMetadataProperties/model_sha256": "true",
                        "sagemaker:CustomerMetadataPropertiesToRemove": "true",
                    },
                },
            ),
        ]

    def _approval_rule(self, worker: str) -> Rule:
        return Rule(
            name=f"{worker}-approval",
            description="A model version was approved or rejected",
            pattern={
                "source": ["aws.sagemaker"],
                "detail-type": ["SageMaker Model Package State Change"],
                "detail": {
                    "ModelPackageGroupName": self._names,
                    "ModelApprovalStatus": ["Approved", "Rejected"],
                },
            },
        )

    def _stack_status_rule(self, worker: str, arns: Sequence[str]) -> Rule:
        return Rule(
            name=f"{worker}-stackstatus",
            description="A serving stack can be updated again",
            pattern={
                "source": ["aws.cloudformation"],
                "detail-type": ["CloudFormation Stack Status Change"],
                "detail": {
                    "stack-id": [{"prefix": arn.removesuffix("*")} for arn in arns],
                    "status-details": {"status": list(SETTLED)},
                },
            },
        )

    def _update_statements(self, key: kms.IKey) -> list[iam.PolicyStatement]:
        """Exactly the resources of the serving stacks; their names begin with the model's name."""
        models, configs = (
            [self._arn("sagemaker", resource, f"{name}-*") for name in self._names]
            for resource in ("model", "endpoint-config")
        )
        endpoints = [self._arn("sagemaker", "endpoint", name) for name in self._names]
        packages = [self._arn("sagemaker", "model-package", f"{name}/*") for name in self._names]
        return [
            allow("sagemaker:CreateModel", "sagemaker:DeleteModel", "sagemaker:DescribeModel", on=models),
            allow(
                "sagemaker:CreateEndpointConfig",
                "sagemaker:DeleteEndpointConfig",
                "sagemaker:DescribeEndpointConfig",
                on=configs,
            ),
            allow("sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint", on=[*endpoints, *configs]),
            allow("sagemaker:DeleteEndpoint", "sagemaker:DescribeEndpoint", on=endpoints),
            allow("sagemaker:DescribeModelPackage", on=packages),
            allow("sagemaker:AddTags", "sagemaker:ListTags", on=[*models, *configs, *endpoints]),
            pass_role(self.endpoint_role.arn, to="sagemaker.amazonaws.com"),
            *encrypt_volumes(key),
        ]

    def _arn(self, service: str, resource: str, name: str | None = None) -> str:
        form = ArnFormat.SLASH_RESOURCE_NAME if name else ArnFormat.NO_RESOURCE_NAME
        return self.format_arn(service=service, resource=resource, resource_name=name, arn_format=form)
