"""What tells the other accounts that a version was approved, rejected or judged. The deploy stack has one.

Rule of the default bus -> role `millrace-<account>-forward` -> bus `millrace-<other>-registry` of each other account.
An account that is not deployed yet misses nothing: its serving stacks announce themselves once they are made, and
then the registry is asked, and every hour from then on. What could not be forwarded stays in the dead-letter queue for
two weeks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.naming import FORWARD, Naming
from stacks.permissions import allow
from stacks.service_role import ServiceRole
from stacks.worker_queue import DELIVERY_AGE, DELIVERY_ATTEMPTS

SOURCE = "aws.sagemaker"
MOST_TARGETS = 5
"""What EventBridge lets one rule have."""


def version_pattern(models: Sequence[str]) -> Mapping[str, Any]:
    """The events of versions that someone decided about; their records and stages are told in the same way."""
    return {
        "source": [SOURCE],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {
            "ModelPackageGroupName": list(models),
            "ModelApprovalStatus": ["Approved", "Rejected"],
        },
    }


class Forward(Construct):
    """`dead_letters_name` is what the watch stack watches."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        naming: Naming,
        models: Sequence[str],
        others: Sequence[Naming],
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, id_)
        partition = Stack.of(self).partition
        buses = {
            other.account.name: other.arn("events", f"event-bus/{other.registry_bus}", partition=partition)
            for other in others
        }
        self.dead_letters_name = naming.of(f"{FORWARD}-dlq")
        dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=self.dead_letters_name,
            retention_period=Duration.days(14),
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
        )
        names = list(buses)
        parts = [names[start : start + MOST_TARGETS] for start in range(0, len(names), MOST_TARGETS)]
        rule_names = [naming.of(FORWARD if not number else f"{FORWARD}-{number}") for number in range(len(parts))]
        role = ServiceRole(
            self,
            "Role",
            name=naming.of(FORWARD),
            service="events.amazonaws.com",
            acting_for=naming.arn("events", f"rule/{naming.of(FORWARD)}*", partition=partition),
            statements=[allow("events:PutEvents", on=list(buses.values()))],
        )
        rules = [
            events.CfnRule(
                self,
                f"Rule-{name}",
                name=name,
                description=f"What was decided about a version, told to {', '.join(part)}",
                event_pattern=version_pattern(models),
                state="ENABLED",
                targets=[self._target(other, buses[other], role.arn, dead_letters.queue_arn) for other in part],
            )
            for name, part in zip(rule_names, parts, strict=True)
        ]
        dead_letters.add_to_resource_policy(
            iam.PolicyStatement(
                sid="RulesMaySend",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[dead_letters.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": [rule.attr_arn for rule in rules]}},
            )
        )

    @staticmethod
    def _target(name: str, bus_arn: str, role_arn: str, dead_letters_arn: str) -> events.CfnRule.TargetProperty:
        return events.CfnRule.TargetProperty(
            arn=bus_arn,
            id=name,
            role_arn=role_arn,
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=dead_letters_arn),
            retry_policy=events.CfnRule.RetryPolicyProperty(
                maximum_event_age_in_seconds=int(DELIVERY_AGE.to_seconds()),
                maximum_retry_attempts=DELIVERY_ATTEMPTS,
            ),
        )
