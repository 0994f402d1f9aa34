"""The queue whose function asks a freshly deployed endpoint what it should know. `deploy.py` makes it.

A serving stack is complete -> rule -> queue -> `smoke_test`, which records the result in the registry; a version
that failed is marked Rejected, and that event brings the version before back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_cdk import Duration, Stack
from aws_cdk import aws_kms as kms
from constructs import Construct

from settings import EndpointSettings
from stacks.deploy_model import CHECK_MEMORY_MB, judge_versions, place, stack_arns, stack_rule
from stacks.naming import Naming
from stacks.permissions import allow
from stacks.registry import Registry
from stacks.worker_queue import Worker, WorkerQueue

LONGEST_TEST = Duration.minutes(2)
DEPLOYED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


class SmokeTest(WorkerQueue):
    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        naming: Naming,
        registry: Registry,
        endpoints: Mapping[str, EndpointSettings],
        key: kms.IKey,
    ) -> None:
        latencies = {model: endpoint.smoke_latency_ms for model, endpoint in endpoints.items()}
        arns = stack_arns(scope, [naming.serving_stack(model) for model in registry.models])
        stack = Stack.of(scope)
        served = [
            stack.format_arn(service="sagemaker", resource="endpoint", resource_name=endpoint.endpoint_name(model))
            for model, endpoint in endpoints.items()
        ]
        worker = Worker(
            package="smoke_test",
            description="Asks a freshly deployed endpoint what it should know, and records the result",
            timeout=LONGEST_TEST,
            memory_mb=CHECK_MEMORY_MB,
            environment={**place(naming, registry), "SMOKE_LATENCY_MS": json.dumps(latencies)},
            statements=[
                allow("cloudformation:DescribeStacks", on=arns),
                allow("sagemaker:InvokeEndpoint", on=served),
                *judge_versions(registry, tester=naming.account.name),
            ],
        )
        super().__init__(scope, id_, naming=naming, worker=worker, key=key)
        self.receive(stack_rule(f"{self.name}-deployed", "A serving stack was deployed", arns, DEPLOYED))
