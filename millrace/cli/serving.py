"""What is served: the versions of a model in the registry, its endpoint, the stack that owns the endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from millrace.cli.connect import Connection
from millrace.errors import MillraceError

PENDING = "PendingManualApproval"
APPROVED = "Approved"
REJECTED = "Rejected"


@dataclass(frozen=True)
class Version:
    """One model package of a group."""

    arn: str
    state: str
    made: datetime
    reason: str = ""
    """Why it has its state, as whoever gave it that has written; told of a single version only."""

    @property
    def model(self) -> str:
        return self.arn.split("/")[1]

    @property
    def number(self) -> int:
        return int(self.arn.rsplit("/", 1)[-1])

    def __str__(self) -> str:
        return f"{self.model}/{self.number}"


@dataclass(frozen=True)
class Endpoint:
    """An endpoint and the model package that its first variant serves."""

    name: str
    state: str
    package: str
    failure: str


@dataclass(frozen=True)
class Event:
    """One event of a stack."""

    id: str
    resource: str
    kind: str
    state: str
    reason: str
    when: datetime


def groups(connection: Connection) -> list[str]:
    pages = connection.client("sagemaker").get_paginator("list_model_package_groups").paginate()
    return sorted(group["ModelPackageGroupName"] for page in pages for group in page["ModelPackageGroupSummaryList"])


def versions(connection: Connection, group: str, *, limit: int = 50) -> list[Version]:
    """The versions of a model, newest first."""
    answer = connection.client("sagemaker").list_model_packages(
        ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending", MaxResults=limit
    )
    found = [
        Version(summary["ModelPackageArn"], summary["ModelApprovalStatus"], summary["CreationTime"])
        for summary in answer["ModelPackageSummaryList"]
    ]
    return sorted(found, key=lambda version: version.number, reverse=True)


def find_version(connection: Connection, wanted: str | None, *, model: str | None = None) -> Version:
    """The version with this number (`3`, `claims-fraud/3` or an ARN); without one the newest that is pending.

    Never a guess between models: what fits versions of several is to be named in full.
    """
    named, _, number = (wanted or "").rpartition("/")
    model = model or named.rsplit("/", 1)[-1] or None
    known_groups = groups(connection)
    if model and model not in known_groups:
        raise MillraceError(f"there is no model {model!r}; there are: {', '.join(known_groups) or 'none'}")
    known = [version for group in ([model] if model else known_groups) for version in versions(connection, group)]
    if not known:
        raise MillraceError("no model version is registered yet: a run that passes its gate registers one")
    listed = ", ".join(f"{version} ({version.state})" for version in known[:5])
    if wanted:
        matching = [version for version in known if str(version.number) == number]
        if not matching:
            raise MillraceError(f"{wanted!r} is no registered version; there are {listed}")
    else:
        matching = [version for version in known if version.state == PENDING]
        if not matching:
            raise MillraceError(f"no version waits for approval; there are {listed} (name one to approve it again)")
    newest = {version.model: version for version in sorted(matching, key=lambda version: version.made)}
    if len(newest) > 1:
        what = f"{wanted!r} is a version" if wanted else "versions wait for approval"
        full = ", ".join(map(str, newest.values()))
        raise MillraceError(f"{what} of several models: name one in full ({full}), or choose with --model")
    return next(iter(newest.values()))


def version(connection: Connection, arn: str) -> Version:
    found = connection.client("sagemaker").describe_model_package(ModelPackageName=arn)
    reason = found.get("ApprovalDescription", "")
    return Version(found["ModelPackageArn"], found["ModelApprovalStatus"], found["CreationTime"], reason)


def endpoint(connection: Connection, name: str) -> Endpoint | None:
    """The endpoint with this name, or None when there is none yet."""
    sagemaker = connection.client("sagemaker")
    try:
        found = sagemaker.describe_endpoint(EndpointName=name)
    except sagemaker.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in ("ValidationException", "ResourceNotFound"):
            return None
        raise
    package = _package(sagemaker, found["EndpointConfigName"]) if found.get("EndpointConfigName") else ""
    return Endpoint(name, found["EndpointStatus"], package, found.get("FailureReason", ""))


def stacks(connection: Connection) -> list[dict[str, Any]]:
    pages = connection.client("cloudformation").get_paginator("describe_stacks").paginate()
    return [stack for page in pages for stack in page["Stacks"]]


def serving_stack(connection: Connection, model: str) -> str:
    """The name of the stack that owns the model's endpoint."""
    for stack in stacks(connection):
        if stack["StackName"].endswith(f"-Serving-{model}"):
            return str(stack["StackName"])
    raise MillraceError(f"no stack serves {model!r}: `millrace deploy` makes it")


def events(connection: Connection, stack: str) -> Iterator[Event]:
    """The events of a stack, newest first."""
    pages = connection.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack)
    for page in pages:
        for event in page["StackEvents"]:
            yield Event(
                id=event["EventId"],
                resource=event["LogicalResourceId"],
                kind=event.get("ResourceType", ""),
                state=event["ResourceStatus"],
                reason=event.get("ResourceStatusReason", ""),
                when=event["Timestamp"],
            )


def _package(sagemaker: Any, config: str) -> str:
    try:
        variant = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"][0]
        model = sagemaker.describe_model(ModelName=variant["ModelName"])
    except sagemaker.exceptions.ClientError:  # replaced while we looked
        return ""
    containers = [model.get("PrimaryContainer", {}), *model.get("Containers", [])]
    return next((each["ModelPackageName"] for each in containers if each.get("ModelPackageName")), "")
