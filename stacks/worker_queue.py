"""A queue and the Lambda function that works it off. The trigger, the deploy and the batch stack have them.

Rules and schedules send to the queue, never to the function: what fails is retried, and then kept in the
dead-letter queue instead of being lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.handler_asset import handler_code
from stacks.log_group import LogGroup
from stacks.naming import Naming
from stacks.permissions import allow, use_key
from stacks.service_role import ServiceRole

BATCH_SIZE = 10
ATTEMPTS = 5
DELIVERY_ATTEMPTS, DELIVERY_AGE = 185, Duration.hours(24)
"""How long EventBridge tries to deliver an event; then it goes to the dead-letter queue."""


@dataclass(frozen=True)
class Worker:
    """One function: `package` is its folder below lambda/, `statements` are what it needs of its own."""

    package: str
    description: str
    timeout: Duration
    memory_mb: int
    environment: Mapping[str, str]
    statements: Sequence[iam.PolicyStatement]
    shared: Sequence[iam.IManagedPolicy] = ()
    """Policies that other roles have too."""
    files: Mapping[str, Any] = field(default_factory=dict)
    """JSON files beside the package, by name."""
    sends: bool = False
    """Whether it sends to its own queues (messages to itself, later) and hurries what it has to retry."""


@dataclass(frozen=True)
class Rule:
    """Which events of a bus go to the queue."""

    name: str
    description: str
    pattern: Mapping[str, Any]
    bus: str | None = None
    """The name of a bus of our own; the account's default one if there is none."""


class WorkerQueue(Construct):
    """Queue, dead-letter queue, role, log group, function and the mapping between queue and function."""

    def __init__(self, scope: Construct, id_: str, *, naming: Naming, worker: Worker, key: kms.IKey) -> None:
        super().__init__(scope, id_)
        self.name = naming.of(worker.package.replace("_", "-"))
        self._key = key
        self.dead_letters = self._make_queue("DeadLetters", f"{self.name}-dlq", retention_period=Duration.days(14))
        self.queue = self._make_queue(
            "Queue",
            self.name,
            visibility_timeout=Duration.seconds(6 * int(worker.timeout.to_seconds())),  # as AWS advises for Lambda
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=ATTEMPTS),
        )
        log_group = LogGroup(self, "Logs", name=f"/aws/lambda/{self.name}", naming=naming, key=key)
        role = ServiceRole(
            self,
            "Role",
            name=self.name,
            service="lambda.amazonaws.com",
            acting_for=None,  # Lambda is not documented to say for whom it assumes a role
            statements=[*self._own_statements(log_group, worker), *worker.statements],
            shared=worker.shared,
        )
        self._worker = self._function(worker, role, log_group)
        lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=self._worker,
            event_source_arn=self.queue.queue_arn,
            batch_size=BATCH_SIZE,
            max_batching_window=Duration.seconds(naming.account.queue.batch_window_seconds),
            max_concurrency=naming.account.queue.maximum_concurrency,
            report_batch_item_failures=True,
        )

    def receive(self, *rules: Rule) -> None:
        """Send the events that match one of the rules to the queue; to be called once."""
        made = [self._rule(rule) for rule in rules]
        for queue in (self.queue, self.dead_letters):
            queue.add_to_resource_policy(
                iam.PolicyStatement(  # one for all: a queue's policy takes 20 statements at most
                    sid="RulesMaySend",
                    principals=[iam.ServicePrincipal("events.amazonaws.com")],
                    actions=["sqs:SendMessage"],
                    resources=[queue.queue_arn],
                    conditions={"ArnEquals": {"aws:SourceArn": [rule.attr_arn for rule in made]}},
                )
            )

    def _rule(self, rule: Rule) -> events.CfnRule:
        return events.CfnRule(
            self,
            f"Rule-{rule.name}",
            name=rule.name,
            description=rule.description,
            event_bus_name=rule.bus,
            event_pattern=rule.pattern,
            state="ENABLED",
            targets=[
                events.CfnRule.TargetProperty(
                    arn=self.queue.queue_arn,
                    id="queue",
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self.dead_letters.queue_arn),
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=int(DELIVERY_AGE.to_seconds()),
                        maximum_retry_attempts=DELIVERY_ATTEMPTS,
                    ),
                )
            ],
        )

    @property
    def function_arn(self) -> str:
        return self._worker.function_arn

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

    def _function(self, worker: Worker, role: ServiceRole, log_group: logs.ILogGroup) -> lambda_.Function:
        own = {"QUEUE_URL": self.queue.queue_url, "DEAD_LETTERS_URL": self.dead_letters.queue_url}
        with handler_code(worker.package, worker.files) as code:
            return lambda_.Function(
                self,
                "Function",
                function_name=self.name,
                description=worker.description,
                runtime=lambda_.Runtime.PYTHON_3_12,
                code=code,
                handler=f"{worker.package}.handler.handler",
                role=role.role.without_policy_updates(),  # its policy is written out below
                log_group=log_group,
                memory_size=worker.memory_mb,
                timeout=worker.timeout,
                environment={**worker.environment, **(own if worker.sends else {})},
                environment_encryption=self._key,
                dead_letter_queue=self.dead_letters,  # for whoever calls it without the queue
            )

    def _own_statements(self, log_group: logs.ILogGroup, worker: Worker) -> list[iam.PolicyStatement]:
        received = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        sent_to = [self.dead_letters.queue_arn]
        if worker.sends:
            received.append("sqs:ChangeMessageVisibility")
            sent_to.append(self.queue.queue_arn)
        return [
            allow("logs:CreateLogStream", "logs:PutLogEvents", on=[log_group.log_group_arn]),
            allow(*received, on=[self.queue.queue_arn]),
            allow("sqs:SendMessage", on=sent_to),
            use_key(self._key),
        ]
