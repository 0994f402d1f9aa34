"""What is served: the versions of a model in the registry, its endpoint, the stack that owns the endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from millrace.cli.accounts import Account
from millrace.cli.connect import Connection
from millrace.errors import MillraceError

PENDING = "PendingManualApproval"
APPROVED = "Approved"
REJECTED = "Rejected"
PARAMETER = "ModelPackageArn"
MARK = "-Serving-"
"""Between stage and model in the name of a serving stack."""


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
class Package:
    """All that the registry tells of one version."""

    version: Version
    stage: str = ""
    """The stage of its life cycle that is approved, if one is."""
    records: Mapping[str, str] = field(default_factory=dict)
    described: Mapping[str, Any] = field(default_factory=dict)

    def smoke(self, account: str) -> str:
        """The result of its smoke test in an account, as recorded there; empty if there is none."""
        return self.records.get(f"{account}_smoke", "")

    def is_wanted_in(self, account: Account) -> bool:
        """Whether an account deploys it, if no newer version is wanted there."""
        if self.version.state != APPROVED or (account.stage and self.stage != account.stage):
            return False
        return not account.after or passed(self.smoke(account.after))


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


def versions(connection: Connection, group: str, *, limit: int | None = 50) -> list[Version]:
    """The versions of a model, newest first; without a limit all of them."""
    pages = (
        connection.client("sagemaker")
        .get_paginator("list_model_packages")
        .paginate(
            ModelPackageGroupName=group,
            SortBy="CreationTime",
            SortOrder="Descending",
            PaginationConfig={"PageSize": 100, **({"MaxItems": limit} if limit else {})},
        )
    )
    found = [
        Version(summary["ModelPackageArn"], summary["ModelApprovalStatus"], summary["CreationTime"])
        for page in pages
        for summary in page["ModelPackageSummaryList"]
    ]
    return sorted(found, key=lambda version: version.number, reverse=True)


def find_version(
    connection: Connection, wanted: str | None, *, model: str | None = None, state: str = PENDING
) -> Version:
    """The version with this number (`3`, `claims-fraud/3` or an ARN); without one the newest in this state.

    Never a guess between models: what fits versions of several is to be named in full.
    """
    named, _, number = (wanted or "").rpartition("/")
    model = model or named.rsplit("/", 1)[-1] or None
    known_groups = groups(connection)
    if model and model not in known_groups:
        raise MillraceError(f"there is no model {model!r}; there are: {', '.join(known_groups) or 'none'}")
    chosen = [model] if model else known_groups
    known = [version for group in chosen for version in versions(connection, group, limit=None)]
    if not known:
        raise MillraceError("no model version is registered yet: a run that passes its gate registers one")
    listed = ", ".join(f"{version} ({version.state})" for version in known[:5])
    if wanted:
        matching = [version for version in known if str(version.number) == number]
        if not matching:
            raise MillraceError(f"{wanted!r} is no registered version; there are {listed}")
    else:
        matching = [version for version in known if version.state == state]
        if not matching:
            told = "no version waits for approval" if state == PENDING else f"no version is {state}"
            raise MillraceError(f"{told}; there are {listed} (name one to approve it again)")
    newest = {version.model: version for version in sorted(matching, key=lambda version: version.made)}
    if len(newest) > 1:
        waiting = "versions wait for approval" if state == PENDING else f"versions are {state}"
        what = f"{wanted!r} is a version" if wanted else waiting
        full = ", ".join(map(str, newest.values()))
        raise MillraceError(f"{what} of several models: name one in full ({full}), or choose with --model")
    return next(iter(newest.values()))


def version(connection: Connection, arn: str) -> Version:
    return package(connection, arn).version


def package(connection: Connection, arn: str) -> Package:
    found = connection.client("sagemaker").describe_model_package(ModelPackageName=arn)
    reason = found.get("ApprovalDescription", "")
    cycle = found.get("ModelLifeCycle") or {}
    return Package(
        version=Version(found["ModelPackageArn"], found["ModelApprovalStatus"], found["CreationTime"], reason),
        stage=cycle.get("Stage", "") if cycle.get("StageStatus") == APPROVED else "",
        records=found.get("CustomerMetadataProperties") or {},
        described=found,
    )


def passed(record: str) -> bool:
    """Whether the record of a smoke test says that it passed."""
    return record.split(" ")[0].rstrip(":").lower() == "passed"


def wanted(
    connection: Connection, model: str, account: Account, *, but: Callable[[Version], bool] = lambda _: False
) -> Package | None:
    """The version that an account is to serve, by the rule of its deploy function: the newest that is let in there."""
    for each in versions(connection, model, limit=None):
        if each.state == APPROVED and not but(each):
            found = package(connection, each.arn)
            if found.is_wanted_in(account):
                return found
    return None


def live(connection: Connection, model: str) -> Endpoint | None:
    """The endpoint of a model in an account; None as long as there is none. Its name is that of its stack's output."""
    try:
        name = _outputs(connection, serving_stack(connection, model)).get("EndpointName", model)
    except MillraceError:
        return None
    return endpoint(connection, name)


def endpoint(connection: Connection, name: str) -> Endpoint | None:
    """The endpoint with this name, or None when there is none yet."""
    sagemaker = connection.client("sagemaker")
    try:
        found = sagemaker.describe_endpoint(EndpointName=name)
    except sagemaker.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in ("ValidationException", "ResourceNotFound"):
            return None
        raise
    served = _package(sagemaker, found["EndpointConfigName"]) if found.get("EndpointConfigName") else ""
    return Endpoint(name, found["EndpointStatus"], served, found.get("FailureReason", ""))


def deployed(connection: Connection, model: str) -> str:
    """The package that the model's stack is told to serve, which it may be about to; empty as long as there is none."""
    for stack in stacks(connection):
        if stack["StackName"].endswith(f"{MARK}{model}"):
            given = {each["ParameterKey"]: each.get("ParameterValue", "") for each in stack.get("Parameters", ())}
            coming = _coming(connection, stack, model) if stack["StackStatus"] == "UPDATE_IN_PROGRESS" else ""
            return coming or (given.get(PARAMETER, "") if given.get(PARAMETER, "").startswith("arn:") else "")
    return ""


def _coming(connection: Connection, stack: Mapping[str, Any], model: str) -> str:
    """The package that is being rolled out: until an update has ended its stack may tell the parameters of before."""
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
    sagemaker = connection.client("sagemaker")
    try:
        found = sagemaker.describe_endpoint(EndpointName=outputs.get("EndpointName", model))
    except sagemaker.exceptions.ClientError:  # the first one is just being made
        return ""
    config = found.get("PendingDeploymentSummary", {}).get("EndpointConfigName", "")
    return _package(sagemaker, config) if config else ""


def stacks(connection: Connection) -> list[dict[str, Any]]:
    pages = connection.client("cloudformation").get_paginator("describe_stacks").paginate()
    return [stack for page in pages for stack in page["Stacks"]]


def served_models(connection: Connection) -> list[str]:
    """The models that have a serving stack in the account."""
    marked = (stack["StackName"].partition(MARK) for stack in stacks(connection))
    return sorted(model for _, mark, model in marked if mark)


def _outputs(connection: Connection, stack: str) -> dict[str, str]:
    found = connection.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}


def serving_stack(connection: Connection, model: str) -> str:
    """The name of the stack that owns the model's endpoint."""
    for stack in stacks(connection):
        if stack["StackName"].endswith(f"{MARK}{model}"):
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
