"""The kinds of targets and the one API call that each of them is.

Rules and schedules share them; what only a schedule may have, a universal target, is here too.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from millrace.local.events.transform import MISSING, find
from millrace.local.iam.services import Deputy, assume
from millrace.local.world import World

UNIVERSAL = re.compile(r"^arn:aws[\w-]*:scheduler:::aws-sdk:([\w-]+):(\w+)(?:\.[\w.]+)?$")
# EventBridge Scheduler refuses operations that only read.
READ_ONLY = re.compile(
    r"^(get|describe|list|poll|receive|search|scan|query|select|read|lookup|discover|validate|batchGet|"
    r"batchDescribe|batchRead|transactGet|adminGet|adminList|testMigration|retrieve|testConnection|"
    r"translateDocument|isAuthorized|invokeModel)",
    re.IGNORECASE,
)
# Of these services only one kind of resource is a target.
KINDS_MATTER = ("events", "sagemaker", "logs")
SESSION = "EventBridge"
SDK_NAMES = {"sfn": "stepfunctions", "eventbridge": "events", "cloudwatchlogs": "logs"}


class Undeliverable(Exception):
    """A target that can never be reached: its kind is unknown or its settings make no sense."""


@dataclass(frozen=True)
class Target:
    """Where something goes: the ARN, the role to go there with, and the settings of that kind of target."""

    arn: str
    role: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def service(self) -> str:
        return self.arn.split(":")[2]

    @property
    def resource(self) -> str:
        return self.arn.split(":", 5)[5]


@dataclass(frozen=True)
class Parcel:
    """What is delivered: the input's text and the event it was made from, for dynamic path parameters.

    The deputy delivers it on behalf of `sender`, the ARN of a rule or schedule.
    """

    account: str
    region: str
    text: str
    event: dict[str, Any]
    deputy: Deputy
    sender: str


Send = Callable[[World, Target, Parcel], None]


def queue_url(url: str, arn: str) -> str:
    account, name = arn.split(":")[4:6]
    return f"{url}/{account}/{name}"


def send(world: World, target: Target, parcel: Parcel) -> None:
    """Make the API call that reaches the target; raises Undeliverable or botocore's errors."""
    if universal := UNIVERSAL.match(target.arn):
        _call_universal(world, target, parcel, universal[1], universal[2])
        return
    kind = re.split("[:/]", target.resource)[0] if target.service in KINDS_MATTER else ""
    sender = SENDERS.get((target.service, kind))
    if sender is None:
        raise Undeliverable(
            f"the embedded AWS has no target of this kind: {target.arn}; there are: "
            + ", ".join(sorted(" ".join(filter(None, key)) for key in SENDERS))
        )
    sender(world, target, parcel)


def client_for(world: World, target: Target, parcel: Parcel, service: str) -> Any:
    """A client as the target's role, else as the service itself, which acts in the target's account."""
    parts = target.arn.split(":")
    region = parts[3] or parcel.region
    if target.role:
        role = assume(world, parcel.deputy, target.role, on=parcel.sender, region=region, session=SESSION)
        return role.client(service)
    account = parts[4] or parcel.account
    return world.aws.identity_client(parcel.deputy.identity(parcel.sender, account=account, region=region), service)


def _send_sqs(world: World, target: Target, parcel: Parcel) -> None:
    group = (target.settings.get("SqsParameters") or {}).get("MessageGroupId")
    extra = {"MessageGroupId": resolved(group, parcel.event)} if group else {}
    client_for(world, target, parcel, "sqs").send_message(
        QueueUrl=queue_url(world.url, target.arn), MessageBody=parcel.text, **extra
    )


def _invoke_lambda(world: World, target: Target, parcel: Parcel) -> None:
    client_for(world, target, parcel, "lambda").invoke(
        FunctionName=target.arn, InvocationType="Event", Payload=parcel.text.encode()
    )


def _publish_sns(world: World, target: Target, parcel: Parcel) -> None:
    client_for(world, target, parcel, "sns").publish(TopicArn=target.arn, Message=parcel.text)


def _start_pipeline(world: World, target: Target, parcel: Parcel) -> None:
    given = (target.settings.get("SageMakerPipelineParameters") or {}).get("PipelineParameterList") or []
    client_for(world, target, parcel, "sagemaker").start_pipeline_execution(
        PipelineName=target.resource.removeprefix("pipeline/"),
        PipelineParameters=[{"Name": p["Name"], "Value": resolved(p["Value"], parcel.event)} for p in given],
    )


def _start_state_machine(world: World, target: Target, parcel: Parcel) -> None:
    client_for(world, target, parcel, "stepfunctions").start_execution(stateMachineArn=target.arn, input=parcel.text)


def _write_log(world: World, target: Target, parcel: Parcel) -> None:
    group = target.resource.removeprefix("log-group:").removesuffix(":*")
    client, stream = client_for(world, target, parcel, "logs"), str(uuid.uuid4())
    client.create_log_stream(logGroupName=group, logStreamName=stream)
    client.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": int(world.clock.now() * 1000), "message": parcel.text}],
    )


def _put_event(world: World, target: Target, parcel: Parcel) -> None:
    """A schedule's templated target; a rule forwards the event itself, which the bus does."""
    settings = target.settings.get("EventBridgeParameters") or {}
    entry = {
        "Source": settings["Source"],
        "DetailType": settings["DetailType"],
        "Detail": parcel.text,
        "EventBusName": target.arn,
    }
    client_for(world, target, parcel, "events").put_events(Entries=[entry])


SENDERS: dict[tuple[str, str], Send] = {
    ("sqs", ""): _send_sqs,
    ("lambda", ""): _invoke_lambda,
    ("sns", ""): _publish_sns,
    ("sagemaker", "pipeline"): _start_pipeline,
    ("states", ""): _start_state_machine,
    ("logs", "log-group"): _write_log,
    ("events", "event-bus"): _put_event,
}


def _call_universal(world: World, target: Target, parcel: Parcel, service: str, operation: str) -> None:
    if READ_ONLY.match(operation):
        raise Undeliverable(f"{target.arn}: a universal target cannot be an operation that only reads")
    client = client_for(world, target, parcel, SDK_NAMES.get(service, service))
    names = {api.lower(): method for method, api in client.meta.method_to_api_mapping.items()}
    method = names.get(operation.lower())
    if method is None:
        raise Undeliverable(f"{target.arn}: {service} has no operation {operation}")
    given = json.loads(parcel.text or "{}")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
    members = {name.lower(): name for name in (shape.members if shape else {})}
    getattr(client, method)(**{members.get(name.lower(), name): value for name, value in given.items()})


def resolved(value: str, event: dict[str, Any]) -> str:
    """A parameter's value; `$.detail.x` is a path into the event."""
    if not value.startswith("$."):
        return value
    found = find(event, value)
    if found is MISSING:
        raise Undeliverable(f"the event has nothing at {value}")
    return found if isinstance(found, str) else json.dumps(found)
