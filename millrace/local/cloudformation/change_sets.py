"""Change sets: a plan kept beside its stack, to be looked at and then executed or thrown away."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from millrace.local.cloudformation.errors import TemplateError
from millrace.local.cloudformation.intrinsics import UNKNOWN
from millrace.local.cloudformation.operations import Operations, check_same_types, check_updatable
from millrace.local.cloudformation.plan import Change
from millrace.local.cloudformation.records import ChangeSet, Stack
from millrace.local.cloudformation.requests import plan_of, read_request
from millrace.local.cloudformation.store import StackStore
from millrace.local.service import Caller, Handler, ServiceError
from millrace.local.world import World

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
POLICY = {"Delete": "Delete", "Retain": "Retain", "RetainExceptOnCreate": "Retain"}
Params = Mapping[str, Any]


class ChangeSets:
    """The operations on change sets."""

    def __init__(self, world: World, store: StackStore, operations: Operations) -> None:
        self._world = world
        self._store = store
        self._run = operations

    def handlers(self) -> dict[str, Handler]:
        return {
            "CreateChangeSet": self.create,
            "DescribeChangeSet": self.describe,
            "ExecuteChangeSet": self.execute,
            "DeleteChangeSet": self.delete,
            "ListChangeSets": self.list,
        }

    def create(self, caller: Caller, params: Params) -> dict[str, Any]:
        with self._store.lock:
            stack = self._stack_for(caller, params)
            name = params["ChangeSetName"]
            if name in stack.change_sets:
                raise ServiceError("AlreadyExistsException", f"ChangeSet {name} cannot be created: it already exists")
            previous = stack if stack.request.template_body else None
            request, definition = read_request(self._world, self._store, caller, params, stack, previous)
            check_same_types(stack, request)
            plan = plan_of(self._store, stack, request, definition)
            # Making a stack is a change, even when every condition leaves its resource out.
            nothing = plan.empty and stack.status != "REVIEW_IN_PROGRESS"
            arn = f"arn:aws:cloudformation:{stack.region}:{stack.account}:changeSet/{name}/{uuid.uuid4()}"
            stack.change_sets[name] = ChangeSet(
                arn,
                name,
                params.get("ChangeSetType", "UPDATE"),
                request,
                self._world.clock.datetime(),
                params.get("Description"),
                "FAILED" if nothing else "CREATE_COMPLETE",
                "UNAVAILABLE" if nothing else "AVAILABLE",
                NO_CHANGES if nothing else None,
                [_described(change) for change in plan.changes],
                bool(params.get("IncludeNestedStacks", False)),
            )
            self._store.add(stack)
        return {"Id": arn, "StackId": stack.id}

    def _stack_for(self, caller: Caller, params: Params) -> Stack:
        name = params["StackName"]
        stack = self._store.find(caller.account, caller.region, name)
        creating = params.get("ChangeSetType", "UPDATE") == "CREATE"
        if stack is None and not creating:
            raise TemplateError(f"Stack [{name}] does not exist")
        if stack is None:
            return self._run.new_stack(caller, name, "REVIEW_IN_PROGRESS")
        if creating and stack.status != "REVIEW_IN_PROGRESS":
            raise TemplateError(
                f"Stack [{name}] already exists and cannot be created again "
                f"with the changeSet [{params['ChangeSetName']}]."
            )
        if not creating:
            check_updatable(stack)
        return stack

    def describe(self, caller: Caller, params: Params) -> dict[str, Any]:
        with self._store.lock:
            stack, found = self._find(caller, params)
            values = bool(params.get("IncludePropertyValues", False))
            answer = {
                **_summary(stack, found),
                "Parameters": [one.described() for one in found.request.parameters.values()],
                "Capabilities": list(found.request.capabilities),
                "Tags": [dict(tag) for tag in found.request.tags],
                "NotificationARNs": list(found.request.notification_arns),
                "RollbackConfiguration": {},
                "OnStackFailure": found.request.on_failure,
                "Changes": [_shown(change, values) for change in found.changes],
            }
        return {key: value for key, value in answer.items() if value is not None}

    def execute(self, caller: Caller, params: Params) -> dict[str, Any]:
        with self._store.lock:
            stack, found = self._find(caller, params)
            if found.execution_status != "AVAILABLE":
                raise ServiceError(
                    "InvalidChangeSetStatus",
                    f"ChangeSet [{found.id}] cannot be executed in its current status of [{found.status}]",
                )
            request = found.request
            if "DisableRollback" in params:
                request = replace(request, disable_rollback=bool(params["DisableRollback"]))
            run = self._run.execute_change_set(caller, stack, request, params.get("ClientRequestToken"))
            stack.change_set_id = found.id
            # Every change set of a stack is out of date once one of them is executed.
            stack.change_sets.clear()
        run()
        return {}

    def delete(self, caller: Caller, params: Params) -> dict[str, Any]:
        with self._store.lock:
            name, stack_name = params["ChangeSetName"], params.get("StackName")
            if stack_name and self._store.find(caller.account, caller.region, stack_name) is None:
                raise TemplateError(f"Stack [{stack_name}] does not exist")
            for stack, found in self._all(caller, stack_name):
                if name in (found.id, found.name):
                    del stack.change_sets[found.name]
                    break
        return {}

    def list(self, caller: Caller, params: Params) -> dict[str, Any]:
        with self._store.lock:
            stack = self._store.get(caller.account, caller.region, params["StackName"])
            return {"Summaries": [_summary(stack, found) for found in stack.change_sets.values()]}

    def _find(self, caller: Caller, params: Params) -> tuple[Stack, ChangeSet]:
        name, stack_name = params["ChangeSetName"], params.get("StackName")
        if not name.startswith("arn:") and not stack_name:
            raise TemplateError("StackName must be specified if ChangeSetName is not specified as an ARN.")
        if stack_name and self._store.find(caller.account, caller.region, stack_name) is None:
            raise TemplateError(f"Stack [{stack_name}] does not exist")
        for stack, found in self._all(caller, stack_name):
            if name in (found.id, found.name):
                return stack, found
        raise ServiceError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", status=404)

    def _all(self, caller: Caller, stack_name: str | None) -> Iterator[tuple[Stack, ChangeSet]]:
        for stack in self._store.living(caller.account, caller.region):
            if stack_name in (None, stack.name, stack.id):
                for found in list(stack.change_sets.values()):
                    yield stack, found


def _summary(stack: Stack, found: ChangeSet) -> dict[str, Any]:
    answer = {
        "ChangeSetId": found.id,
        "ChangeSetName": found.name,
        "StackId": stack.id,
        "StackName": stack.name,
        "CreationTime": found.created,
        "Description": found.description,
        "Status": found.status,
        "StatusReason": found.reason,
        "ExecutionStatus": found.execution_status,
        "IncludeNestedStacks": found.include_nested,
    }
    return {key: value for key, value in answer.items() if value is not None}


def _described(change: Change) -> dict[str, Any]:
    """A change as DescribeChangeSet answers it, with the contexts that are shown on request only."""
    answer: dict[str, Any] = {
        "Action": change.action,
        "LogicalResourceId": change.logical_id,
        "PhysicalResourceId": change.physical_id,
        "ResourceType": change.type,
        "Scope": list(change.scope),
        "Details": list(_details(change)),
        "Replacement": change.replacement,
    }
    if change.action == "Remove":
        answer["PolicyAction"] = POLICY[change.policy]
    elif change.replacement == "True":
        answer["PolicyAction"] = f"ReplaceAnd{POLICY[change.policy]}"
    for key, properties in (("BeforeContext", change.before), ("AfterContext", change.after)):
        if properties is not None:
            answer[key] = json.dumps({"Properties": properties}, default=str)
    return {key: value for key, value in answer.items() if value is not None}


def _details(change: Change) -> Iterator[dict[str, Any]]:
    before, after = change.before or {}, change.after or {}
    for name in change.differing:
        recreation = "Never"
        if name in change.fixed:
            recreation = "Always" if change.replacement == "True" else "Conditionally"
        kind = "Add" if name not in before else "Remove" if name not in after else "Modify"
        target = {
            "Attribute": "Tags" if name == "Tags" else "Properties",
            "Name": name,
            "RequiresRecreation": recreation,
            "Path": f"/Properties/{name}",
            "AttributeChangeType": kind,
        }
        for key, properties in (("BeforeValue", before), ("AfterValue", after)):
            if name in properties:
                value = properties[name]
                target[key] = value if isinstance(value, str) else json.dumps(value, default=str)
        static = after.get(name) is not UNKNOWN and "changeSet:KNOWN_AFTER_APPLY" not in target.get("AfterValue", "")
        yield {
            "Target": target,
            "Evaluation": "Static" if static else "Dynamic",
            "ChangeSource": "DirectModification" if static else "ResourceReference",
        }


def _shown(change: dict[str, Any], values: bool) -> dict[str, Any]:
    """Without the property values unless they were asked for."""
    if values:
        return {"Type": "Resource", "ResourceChange": change}
    hidden = ("BeforeValue", "AfterValue", "Path", "AttributeChangeType")
    details = [
        {**detail, "Target": {key: value for key, value in detail["Target"].items() if key not in hidden}}
        for detail in change["Details"]
    ]
    plain = {key: value for key, value in change.items() if key not in ("BeforeContext", "AfterContext")}
    return {"Type": "Resource", "ResourceChange": {**plain, "Details": details}}
