"""AWS services as principals: what each says of itself, and the sessions that it has of its customers' roles.

A service that calls another one in its own name is decided by the resource's policy, one that assumes a role by
the role's trust policy. Both may ask for aws:SourceArn and aws:SourceAccount, which only the services listed here
are documented to send. Whatever acts as a role in the embedded AWS gets its session from `assume`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.clients import Clients, ServiceIdentity
from millrace.local.iam.records import Principal
from millrace.local.service import ServiceError
from millrace.local.world import World


def _the_resource(arn: str) -> str:
    return arn


def _its_schedule_group(arn: str) -> str:
    """The group of a schedule's ARN (`...:schedule/<group>/<name>`): never the schedule itself."""
    head, group, _ = arn.rsplit("/", 2)
    return f"{head}-group/{group}"


def _all_of_the_account(arn: str) -> str:
    """Hosting names no model or endpoint; the asterisk is sent as it stands."""
    return ":".join([*arn.split(":")[:5], "*"])


@dataclass(frozen=True)
class Deputy:
    """A service in one of its roles as somebody's deputy: `source` makes its aws:SourceArn, None sends neither key."""

    principal: str
    source: Callable[[str], str] | None
    section: str

    def identity(self, on: str, *, account: str, region: str) -> ServiceIdentity:
        """The service while it works on behalf of the resource `on`, in the account that it then acts in."""
        if self.source is None:
            return ServiceIdentity(self.principal, account, region)
        return ServiceIdentity(self.principal, account, region, self.source(on), on.split(":")[4])


EVENT_RULE = Deputy(
    "events.amazonaws.com",
    _the_resource,
    "EventBridge User Guide, Cross-service confused deputy prevention: Event buses (the rule's ARN)",
)
SCHEDULE = Deputy(
    "scheduler.amazonaws.com",
    _its_schedule_group,
    "EventBridge Scheduler User Guide, Confused deputy prevention (the schedule group's ARN, not the schedule's)",
)
SAGEMAKER_JOB = Deputy(
    "sagemaker.amazonaws.com",
    _the_resource,
    "SageMaker Developer Guide, Cross-service confused deputy prevention: Processing Jobs, Training Jobs",
)
SAGEMAKER_PIPELINE = Deputy(
    "sagemaker.amazonaws.com",
    _the_resource,
    "SageMaker Developer Guide, Cross-service confused deputy prevention: Pipelines (the execution's ARN)",
)
SAGEMAKER_HOSTING = Deputy(
    "sagemaker.amazonaws.com",
    _all_of_the_account,
    "SageMaker Developer Guide, Cross-service confused deputy prevention: Inference (arn:aws:sagemaker:...:*)",
)
TOPIC = Deputy(
    "sns.amazonaws.com",
    _the_resource,
    "SNS Developer Guide, Subscribing an SQS queue to an SNS topic: Step 2 (the topic's ARN)",
)
ALARM = Deputy(
    "cloudwatch.amazonaws.com",
    _the_resource,
    "CloudWatch User Guide, Notifying users on alarm changes: Amazon SNS permissions (the alarm's ARN and account)",
)
ALARM_FUNCTION = Deputy(
    "lambda.alarms.cloudwatch.amazonaws.com",
    _the_resource,
    "CloudWatch User Guide, Invoke a Lambda function from an alarm (the alarm's ARN and account)",
)
FUNCTION = Deputy(
    "lambda.amazonaws.com",
    None,
    "Lambda Developer Guide, Defining Lambda function permissions with an execution role (no key is named)",
)
STACK = Deputy(
    "cloudformation.amazonaws.com",
    None,
    "CloudFormation User Guide, CloudFormation service role (no key is named)",
)


@dataclass(frozen=True)
class RoleSession:
    """A role that a service has assumed."""

    aws: Clients
    role_arn: str
    region: str
    session: str
    by: ServiceIdentity
    via: str = ""  # the service that makes the calls in the name of whoever passed the role

    def client(self, service: str) -> Any:
        return self.aws.role_client(
            self.role_arn, service, region=self.region, by=self.by, session=self.session, via=self.via
        )

    def credentials(self) -> dict[str, str]:
        return self.aws.role_credentials(self.role_arn, by=self.by, session=self.session)

    @property
    def principal(self) -> Principal:
        account, name = self.role_arn.split(":")[4], self.role_arn.rsplit("/", 1)[1]
        arn = f"arn:aws:sts::{account}:assumed-role/{name}/{self.session}"
        return Principal("role", arn, account, self.role_arn)


def assume(world: World, deputy: Deputy, role_arn: str, *, on: str, region: str, session: str) -> RoleSession:
    """The service assumes a role on behalf of the resource `on`; ClientError unless the role's trust policy lets it.

    Sessions are kept and shared, so the trust policy is asked each time.
    """
    by = deputy.identity(on, account=role_arn.split(":")[4], region=region)
    sent = {"aws:SourceArn": by.source_arn, "aws:SourceAccount": by.source_account}
    try:
        world.iam.require(
            world.iam.service(deputy.principal),
            "sts:AssumeRole",
            role_arn,
            because=f"{deputy.principal} for {on}",
            context={key: value for key, value in sent.items() if value},
        )
    except ServiceError as error:
        raise as_client_error(error, "AssumeRole") from error
    found = RoleSession(world.aws, role_arn, region, session[:64], by)
    found.credentials()
    return found


def elsewhere(session: RoleSession, region: str) -> RoleSession:
    """The same session for calls in another region."""
    return replace(session, region=region)


def as_client_error(error: ServiceError, operation: str) -> ClientError:
    """A refusal as whoever called the API by boto3 would get it."""
    return ClientError(
        {
            "Error": {"Code": error.code, "Message": error.message},
            "ResponseMetadata": {"HTTPStatusCode": error.status},
        },
        operation,
    )
