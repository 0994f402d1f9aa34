"""What is remembered of stacks: plain, picklable records. Only `store.py` keeps them, only executions change them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from millrace.local.cloudformation.parameters import Parameter
from millrace.local.cloudformation.template import Declaration, Template, parse_template

STABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
UPDATABLE = (*STABLE, "CREATE_FAILED", "UPDATE_FAILED")


@dataclass(frozen=True)
class Resource:
    """One resource of a stack, as it was last made or changed; each change is a new record."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    status: str
    updated: datetime
    physical_id: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    needs: tuple[str, ...] = ()
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"
    metadata: Mapping[str, Any] | None = None
    generation: int = 0

    def declared_as(self, declared: Declaration) -> bool:
        """Whether everything but the properties is as the template says."""
        mine = (self.deletion_policy, self.update_replace_policy, self.metadata)
        return mine == (declared.deletion_policy, declared.update_replace_policy, declared.metadata)


@dataclass(frozen=True)
class Undo:
    """What a rollback must take back: `before` is None for a resource that did not exist."""

    kind: Literal["created", "updated", "replaced"]
    logical_id: str
    before: Resource | None


@dataclass(frozen=True)
class StackEvent:
    id: str
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str | None
    at: datetime
    token: str | None
    properties: str | None = None


@dataclass(frozen=True)
class Output:
    key: str
    value: str
    description: str | None = None
    export_name: str | None = None


@dataclass(frozen=True)
class Request:
    """What a caller wants a stack to be: the common part of CreateStack, UpdateStack and CreateChangeSet."""

    template_body: str
    parameters: Mapping[str, Parameter]
    tags: tuple[Mapping[str, str], ...] = ()
    capabilities: tuple[str, ...] = ()
    notification_arns: tuple[str, ...] = ()
    role_arn: str | None = None
    disable_rollback: bool = False
    on_failure: str = "ROLLBACK"
    retain_except_on_create: bool = False

    @property
    def template(self) -> Template:
        return parse_template(self.template_body)


@dataclass
class ChangeSet:
    id: str
    name: str
    type: str
    request: Request
    created: datetime
    description: str | None
    status: str
    execution_status: str
    reason: str | None
    changes: list[dict[str, Any]]
    include_nested: bool = False


@dataclass
class Stack:
    """One stack, alive or deleted."""

    id: str
    name: str
    account: str
    region: str
    status: str
    created: datetime
    request: Request
    reason: str | None = None
    updated: datetime | None = None
    deleted: datetime | None = None
    termination_protection: bool = False
    change_set_id: str | None = None
    resources: dict[str, Resource] = field(default_factory=dict)
    obsolete: list[Resource] = field(default_factory=list)
    undo: list[Undo] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    imports: tuple[str, ...] = ()
    events: list[StackEvent] = field(default_factory=list)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    generation: int = 0

    @property
    def in_progress(self) -> bool:
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"
