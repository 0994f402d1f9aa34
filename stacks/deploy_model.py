"""The queue whose function brings approved versions to their serving stacks. `deploy.py` makes it.

Approval -> rule -> queue -> `deploy_model` -> UpdateStack; the stack's own events come back through the same queue.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.access import AccessStack
from stacks.boundary import STEP_ANSWERS
from stacks.forward import version_pattern
from stacks.naming import Naming
from stacks.permissions import allow, pass_role
from stacks.registry import Registry
from stacks.serving_rights import SERVED_TYPES
from stacks.version_rights import only_back_or_records, smoke_record
from stacks.worker_queue import Rule, Worker, WorkerQueue

CHECK_TIMEOUT, CHECK_MEMORY_MB = Duration.seconds(60), 1769
"""Enough to read and unpack the largest archive that is deployed; with this memory a function has a whole CPU."""
SETTLED = (
    *("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"),
    "IMPORT_COMPLETE",
)
"""The states in which a stack can be updated again, or in which someone has to be told that it cannot."""


class DeployModel(WorkerQueue):
    """`bus` is where the registry's events arrive, if not on the account's default bus."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        naming: Naming,
        registry: Registry,
        access: AccessStack,
        key: kms.IKey,
        update_role_arn: str,
        bus: str | None,
        pipelines: Sequence[str] = (),
    ) -> None:
        """`pipelines` are the names of those that wait for its answers."""
        stacks = {model: naming.serving_stack(model) for model in registry.models}
        arns = stack_arns(scope, stacks.values())
        worker = Worker(
            package="deploy_model",
            description="Updates the serving stack to the newest approved version of its model",
            timeout=CHECK_TIMEOUT,
            memory_mb=CHECK_MEMORY_MB,
            environment={
                **place(naming, registry),
                "UPDATE_ROLE_ARN": update_role_arn,
                "DEPLOYS_ON": naming.account.deploys_on,
                "AFTER": naming.account.after,
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
                *judge_versions(registry, tester=None),
                *([answer_steps(scope, pipelines)] if pipelines else []),
            ],
            sends=bool(pipelines),
            shared=[access.list_versions],
        )
        super().__init__(scope, id_, naming=naming, worker=worker, key=key)
        decided = Rule(
            name=f"{self.name}-approval",
            description="A model version was approved or rejected",
            pattern=version_pattern(registry.models),
            bus=bus,
        )
        settled = stack_rule(f"{self.name}-stackstatus", "A serving stack can be updated again", arns, SETTLED)
        self.receive(decided, settled)


def answer_steps(scope: Construct, pipelines: Sequence[str]) -> iam.PolicyStatement:
    """Tell the steps that wait how a deployment ended."""
    runs = [
        Stack.of(scope).format_arn(service="sagemaker", resource="pipeline", resource_name=f"{name}/execution/*")
        for name in pipelines
    ]
    return allow(*(f"sagemaker:{action}" for action in STEP_ANSWERS), on=runs)


def place(naming: Naming, registry: Registry) -> dict[str, str]:
    """What a function that brings or judges versions must know of its account and of the registry."""
    return {
        "ACCOUNT": naming.account.name,
        "SERVING_STACKS": json.dumps({model: naming.serving_stack(model) for model in registry.models}),
        "GROUPS": json.dumps({model: registry.group_arn(model) for model in registry.models}),
        "ARTIFACT_BUCKET": registry.bucket_name,
    }


def judge_versions(registry: Registry, *, tester: str | None) -> list[iam.PolicyStatement]:
    """Read versions and their archives; mark one Rejected and add records, never approve or change what it is.

    `tester` is the account whose smoke test the role may tell of, if any: others rely on that record.
    """
    never = [smoke_record(name) for name in registry.accounts if name != tester]
    return [
        *registry.read_models(),
        allow("sagemaker:DescribeModelPackage", on=registry.packages),
        allow("sagemaker:UpdateModelPackage", on=registry.packages, when=only_back_or_records(never)),
    ]


def stack_arns(scope: Construct, names: Iterable[str]) -> list[str]:
    stack = Stack.of(scope)
    return [stack.format_arn(service="cloudformation", resource="stack", resource_name=f"{name}/*") for name in names]


def stack_rule(name: str, description: str, arns: Sequence[str], states: Sequence[str]) -> Rule:
    """One of the stacks came to one of the states."""
    return Rule(
        name=name,
        description=description,
        pattern={
            "source": ["aws.cloudformation"],
            "detail-type": ["CloudFormation Stack Status Change"],
            "detail": {
                "stack-id": [{"prefix": arn.removesuffix("*")} for arn in arns],
                "status-details": {"status": list(states)},
            },
        },
    )
