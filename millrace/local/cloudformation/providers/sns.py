"""AWS::SNS::Topic, TopicPolicy and Subscription."""

from __future__ import annotations

from typing import Any

from millrace.local.cloudformation.errors import ResourceError
from millrace.local.cloudformation.providers.base import Base, Context, Made, Properties
from millrace.local.cloudformation.providers.iam import gone, text
from millrace.local.cloudformation.providers.tags import retag, tags_of
from millrace.local.cloudformation.schema import changed

TOPIC_ATTRIBUTES = (
    "ArchivePolicy",
    "ContentBasedDeduplication",
    "DisplayName",
    "FifoThroughputScope",
    "FifoTopic",
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
)
SUBSCRIPTION_ATTRIBUTES = (
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "SubscriptionRoleArn",
)


def _attributes(properties: Properties, names: tuple[str, ...]) -> dict[str, str]:
    return {name: _text(properties[name]) for name in names if name in properties}


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return text(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


class Topic(Base):
    """Ref is the topic's ARN."""

    attributes = frozenset({"TopicArn", "TopicName"})
    name_property = "TopicName"
    handled = frozenset(TOPIC_ATTRIBUTES) | {"Subscription", "Tags", "TopicName"}

    def create(self, ctx: Context, properties: Properties) -> Made:
        sns, attributes = ctx.client("sns"), _attributes(properties, TOPIC_ATTRIBUTES)
        fifo = attributes.get("FifoTopic") == "true"
        name = properties.get("TopicName") or ctx.name(limit=250) + (".fifo" if fifo else "")
        if any(topic["TopicArn"] == ctx.arn("sns", name) for topic in sns.list_topics()["Topics"]):
            # CreateTopic answers an existing name with success; CloudFormation refuses it.
            raise ResourceError(f"{name} already exists in stack")
        tags = [{"Key": key, "Value": value} for key, value in tags_of(properties).items()]
        arn = sns.create_topic(Name=name, Attributes=attributes, Tags=tags)["TopicArn"]
        return Made(arn, {"TopicArn": arn, "TopicName": name})

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        sns, differing = ctx.client("sns"), changed(old, new)
        if "Subscription" in differing:
            self._subscribe(sns, made.physical_id, new.get("Subscription", []))
        if not old:
            return made
        values = _attributes(new, TOPIC_ATTRIBUTES)
        for name in [name for name in differing if name in TOPIC_ATTRIBUTES]:
            sns.set_topic_attributes(TopicArn=made.physical_id, AttributeName=name, AttributeValue=values.get(name, ""))
        if "Tags" in differing:
            retag(sns, old, new, ResourceArn=made.physical_id)
        return made

    def _subscribe(self, sns: Any, arn: str, wanted: list[dict[str, str]]) -> None:
        have = {
            (entry["Protocol"], entry["Endpoint"]): entry["SubscriptionArn"]
            for entry in sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
        }
        keep = {(entry["Protocol"], entry["Endpoint"]) for entry in wanted}
        for protocol, endpoint in keep - have.keys():
            sns.subscribe(TopicArn=arn, Protocol=protocol, Endpoint=endpoint)
        for key in have.keys() - keep:
            sns.unsubscribe(SubscriptionArn=have[key])

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        gone(ctx.client("sns").delete_topic, TopicArn=made.physical_id)


class TopicPolicy(Base):
    """One policy document on several topics."""

    attributes = frozenset({"Id"})
    handled = frozenset({"PolicyDocument", "Topics"})

    def create(self, ctx: Context, properties: Properties) -> Made:
        name = ctx.name(limit=80)
        return Made(name, {"Id": name})

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        for arn in new["Topics"]:
            ctx.client("sns").set_topic_attributes(
                TopicArn=arn, AttributeName="Policy", AttributeValue=text(new["PolicyDocument"])
            )
        self._reset(ctx, set(old.get("Topics", [])) - set(new["Topics"]))
        return made

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        self._reset(ctx, set(properties["Topics"]))

    def _reset(self, ctx: Context, arns: set[str]) -> None:
        """Back to the policy that every topic is born with: its owner may do everything."""
        for arn in arns:
            own = {
                "Version": "2008-10-17",
                "Id": "__default_policy_ID",
                "Statement": [
                    {
                        "Sid": "__default_statement_ID",
                        "Effect": "Allow",
                        "Principal": {"AWS": "*"},
                        "Action": ["SNS:Publish", "SNS:Subscribe", "SNS:GetTopicAttributes", "SNS:SetTopicAttributes"],
                        "Resource": arn,
                        "Condition": {"StringEquals": {"AWS:SourceOwner": ctx.account}},
                    }
                ],
            }
            gone(ctx.client("sns").set_topic_attributes, TopicArn=arn, AttributeName="Policy", AttributeValue=text(own))


class Subscription(Base):
    """Ref is the subscription's ARN."""

    attributes = frozenset({"Arn"})
    handled = frozenset(SUBSCRIPTION_ATTRIBUTES) | {"Endpoint", "Protocol", "TopicArn"}

    def create(self, ctx: Context, properties: Properties) -> Made:
        endpoint = {"Endpoint": properties["Endpoint"]} if "Endpoint" in properties else {}
        arn = ctx.client("sns").subscribe(
            TopicArn=properties["TopicArn"],
            Protocol=properties["Protocol"],
            Attributes=_attributes(properties, SUBSCRIPTION_ATTRIBUTES),
            ReturnSubscriptionArn=True,
            **endpoint,
        )["SubscriptionArn"]
        return Made(arn, {"Arn": arn})

    def update(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        values = _attributes(new, SUBSCRIPTION_ATTRIBUTES)
        for name in [name for name in changed(old, new) if name in SUBSCRIPTION_ATTRIBUTES]:
            ctx.client("sns").set_subscription_attributes(
                SubscriptionArn=made.physical_id, AttributeName=name, AttributeValue=values.get(name, "")
            )
        return made

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        gone(ctx.client("sns").unsubscribe, SubscriptionArn=made.physical_id)


PROVIDERS = {
    "AWS::SNS::Topic": Topic(),
    "AWS::SNS::TopicPolicy": TopicPolicy(),
    "AWS::SNS::Subscription": Subscription(),
}
