"""A queue and the Lambda function that works it off. The trigger and the deploy stack each have one.

Rules and schedules send to the queue, never to the function: what fails is retried, and then kept in the
dead-letter queue instead of being lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aws_cdk import Duration, IgnoreMode
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.log_group import LogGroup
from stacks.naming import Naming
from stacks.permissions import allow, use_key
from stacks.service_role import ServiceRole

HANDLERS = Path(__file__).parent.parent / "lambda"
BATCH_SIZE = 10
ATTEMPTS = 5
MEMORY_MB = 512


class WorkerQueue(Construct):
    """Queue, dead-letter queue, role, log group, function and the mapping between queue and function."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        naming: Naming,
        package: str,
        description: str,
        key: kms.IKey,
        timeout: Duration,
        environment: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement],
    ) -> None:
        """`package` is the folder below lambda/; statements are what the function itself needs."""
        super().__init__(scope, id_)
        self.name = naming.of(package.replace("_", "-"))
        self._key = key
        self.dead_letters = self._make_queue("DeadLetters", f"{self.name}-dlq", retention_period=Duration.days(14))
        self.queue = self._make_queue(
            "Queue",
            self.name,
            visibility_timeout=Duration.seconds(6 * int(timeout.to_seconds())),  # as AWS advises for Lambda
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=ATTEMPTS),
        )
        log_group = LogGroup(self, "Logs", name=f"/aws/lambda/{self.name}", naming=naming, key=key)
        role = ServiceRole(
            self,
            "Role",
            name=self.name,
            service="lambda.amazonaws.com",
            acting_for=None,  # Lambda is not documented to say for whom it assumes a role
            statements=[*self._own_statements(log_group), *statements],
        )
        function = lambda_.Function(
            self,
            "Function",
            function_name=self.name,
            description=description,
            runtime=lambda_.Runtime.PYTHON_3_12,
            code=_package_code(package),
            handler=f"{package}.handler.handler",
            role=role.role.without_policy_updates(),  # its policy is written out below
            log_group=log_group,
            memory_size=MEMORY_MB,
            timeout=timeout,
            environment=dict(environment),
            environment_encryption=key,
            dead_letter_queue=self.dead_letters,  # for whoever calls it without the queue
        )
        lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=function,
            event_source_arn=self.queue.queue_arn,
            batch_size=BATCH_SIZE,
            max_batching_window=Duration.seconds(naming.account.queue.batch_window_seconds),
            max_concurrency=naming.account.queue.maximum_concurrency,
            report_batch_item_failures=True,
        )

    def receive(self, id_: str, *, description: str, pattern: Mapping[str, Any]) -> None:
        """Send the events of the default bus that match the pattern to the queue."""
        rule = events.CfnRule(
            self,
            id_,
            name=f"{self.name}-{id_.lower()}",
            description=description,
            event_pattern=pattern,
            state="ENABLED",
            targets=[
                events.CfnRule.TargetProperty(
                    arn=self.queue.queue_arn,
                    id="queue",
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self.dead_letters.queue_arn),
                )
            ],
        )
        for queue in (self.queue, self.dead_letters):
            queue.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=f"Rule{id_}MaySend",
                    principals=[iam.ServicePrincipal("events.amazonaws.com")],
                    actions=["sqs:SendMessage"],
                    resources=[queue.queue_arn],
                    conditions={"ArnEquals": {"aws:SourceArn": rule.attr_arn}},
                )
            )

    def send_statements(self) -> list[iam.PolicyStatement]:
        """What a role needs to put messages, and undeliverable ones, into the queues."""
        queues = [self.queue.queue_arn, self.dead_letters.queue_arn]
        return [allow("sqs:SendMessage", on=queues), use_key(self._key)]

    def _make_queue(self, id_: str, name: str, **options: Any) -> sqs.Queue:
        return sqs.Queue(
            self,
            id_,
            queue_name=name,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=self._key,
            enforce_ssl=True,
            **options,
        )

    def _own_statements(self, log_group: logs.ILogGroup) -> list[iam.PolicyStatement]:
        return [
            allow("logs:CreateLogStream", "logs:PutLogEvents", on=[log_group.log_group_arn]),
            allow(
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
                on=[self.queue.queue_arn],
            ),
            allow("sqs:SendMessage", on=[self.dead_letters.queue_arn]),
            use_key(self._key),
        ]


def _package_code(package: str) -> lambda_.Code:
    """The package inside its parent folder, so that its modules import each other as they do in tests."""
    return lambda_.Code.from_asset(
        str(HANDLERS),
        exclude=["/*", f"!/{package}", "__pycache__", "*.pyc"],
        ignore_mode=IgnoreMode.GIT,
    )
