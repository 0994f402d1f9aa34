"""AWS::SQS::Queue and QueuePolicy: everything but the name and the tags is a queue attribute given as text."""

from __future__ import annotations

from millrace.local.cloudformation.providers.base import Base, Context, Made, Properties
from millrace.local.cloudformation.providers.coerce import coerce, input_shape
from millrace.local.cloudformation.providers.iam import gone, text
from millrace.local.cloudformation.providers.tags import retag, tags_of
from millrace.local.cloudformation.schema import changed

# What an attribute becomes when its property is taken away.
DEFAULTS = {
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "DelaySeconds": "0",
    "FifoThroughputLimit": "perQueue",
    "KmsDataKeyReusePeriodSeconds": "300",
    "KmsMasterKeyId": "",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "RedriveAllowPolicy": "",
    "RedrivePolicy": "",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}


class Queue(Base):
    """Ref is the queue's URL."""

    attributes = frozenset({"Arn", "QueueName", "QueueUrl"})
    name_property = "QueueName"
    handled = frozenset(DEFAULTS) | {"FifoQueue", "QueueName", "Tags"}

    def create(self, ctx: Context, properties: Properties) -> Made:
        sqs = ctx.client("sqs")
        fifo = str(properties.get("FifoQueue", "false")).lower() == "true"
        name = properties.get("QueueName") or ctx.name(limit=75) + (".fifo" if fifo else "")
        shape = input_shape(sqs, "create_queue").members["Attributes"]
        attributes = {key: value for key, value in properties.items() if key in DEFAULTS}
        if fifo:
            attributes["FifoQueue"] = "true"
        url = sqs.create_queue(
            QueueName=name, Attributes=coerce(attributes, shape, "Attributes"), tags=tags_of(properties)
        )["QueueUrl"]
        return Made(url, {"Arn": ctx.arn("sqs", name), "QueueName": name, "QueueUrl": url})

    def update(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        sqs = ctx.client("sqs")
        differing = [name for name in changed(old, new) if name in DEFAULTS]
        shape = input_shape(sqs, "create_queue").members["Attributes"]
        if differing:
            values = {name: new.get(name, DEFAULTS[name]) for name in differing}
            sqs.set_queue_attributes(QueueUrl=made.physical_id, Attributes=coerce(values, shape, "Attributes"))
        if "Tags" in changed(old, new):
            retag(sqs, old, new, tag="tag_queue", untag="untag_queue", QueueUrl=made.physical_id)
        return made

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        gone(ctx.client("sqs").delete_queue, QueueUrl=made.physical_id)


class QueuePolicy(Base):
    """One policy document on several queues; Ref is a name of CloudFormation's own."""

    attributes = frozenset({"Id"})
    handled = frozenset({"PolicyDocument", "Queues"})

    def create(self, ctx: Context, properties: Properties) -> Made:
        name = ctx.name(limit=80)
        return Made(name, {"Id": name})

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        sqs, document = ctx.client("sqs"), new.get("PolicyDocument", "")
        for url in new.get("Queues", []):
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": text(document)})
        for url in set(old.get("Queues", [])) - set(new.get("Queues", [])):
            gone(sqs.set_queue_attributes, QueueUrl=url, Attributes={"Policy": ""})
        return made

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        self.apply(ctx, made, properties, {})


PROVIDERS = {"AWS::SQS::Queue": Queue(), "AWS::SQS::QueuePolicy": QueuePolicy()}
