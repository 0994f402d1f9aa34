"""Where alarms go: an encrypted topic that only the system's own alarms may publish to. `watch.py` makes one."""

from __future__ import annotations

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.naming import Naming


class AlarmTopic(sns.Topic):
    """`millrace-<account>-alarms`; whoever is named in the settings gets a mail to confirm first."""

    def __init__(self, scope: Construct, id_: str, *, naming: Naming, key: kms.IKey) -> None:
        super().__init__(scope, id_, topic_name=naming.of("alarms"), master_key=key, enforce_ssl=True)
        stack = Stack.of(self)
        alarms = stack.format_arn(
            service="cloudwatch",
            resource="alarm",
            resource_name=naming.of("*"),
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsMayPublish",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic_arn],
                conditions={
                    "ArnLike": {"aws:SourceArn": alarms},
                    "StringEquals": {"aws:SourceAccount": stack.account},
                },
            )
        )
        for number, address in enumerate(naming.account.alarms.emails):
            sns.Subscription(
                self, f"Email{number}", topic=self, protocol=sns.SubscriptionProtocol.EMAIL, endpoint=address
            )
