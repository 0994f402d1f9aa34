"""The calls that only look: stacks, resources, events, templates, exports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from millrace.local.cloudformation.definition import check_names, check_types
from millrace.local.cloudformation.errors import TemplateError
from millrace.local.cloudformation.records import Resource, Stack, StackEvent
from millrace.local.cloudformation.requests import needed_capabilities
from millrace.local.cloudformation.store import StackStore
from millrace.local.cloudformation.template import Template, parse_template
from millrace.local.cloudformation.template_source import template_body
from millrace.local.service import Caller, Handler, ServiceError
from millrace.local.world import World

Params = Mapping[str, Any]


class Queries:
    """The reading operations."""

    def __init__(self, world: World, store: StackStore) -> None:
        self._world = world
        self._store = store

    def handlers(self) -> dict[str, Handler]:
        return {
            "DescribeStacks": self.describe_stacks,
            "ListStacks": self.list_stacks,
            "DescribeStackEvents": self.describe_stack_events,
            "DescribeEvents": self.describe_events,
            "DescribeStackResource": self.describe_stack_resource,
            "DescribeStackResources": self.describe_stack_resources,
            "ListStackResources": self.list_stack_resources,
            "GetTemplate": self.get_template,
            "GetTemplateSummary": self.get_template_summary,
            "ValidateTemplate": self.validate_template,
            "ListExports": self.list_exports,
            "ListImports": self.list_imports,
            "ListHookResults": self.list_hook_results,
        }

    def _get(self, caller: Caller, params: Params) -> Stack:
        return self._store.get(caller.account, caller.region, params["StackName"])

    def describe_stacks(self, caller: Caller, params: Params) -> dict[str, Any]:
        with self._store.lock:
            if "StackName" in params:
                return {"Stacks": [_stack(self._get(caller, params))]}
            return {"Stacks": [_stack(stack) for stack in self._store.living(caller.account, caller.region)]}

    def list_stacks(self, caller: Caller, params: Params) -> dict[str, Any]:
        wanted = params.get("StackStatusFilter")
        with self._store.lock:
            found = [
                _summary(stack)
                for stack in self._store.all(caller.account, caller.region)
                if not wanted or stack.status in wanted
            ]
        return {"StackSummaries": found}

    def describe_stack_events(self, caller: Caller, params: Params) -> dict[str, Any]:
        with self._store.lock:
            stack = self._get(caller, params)
            return {"StackEvents": [_event(stack, event) for event in reversed(stack.events)]}

    def describe_events(self, caller: Caller, params: Params) -> dict[str, Any]:
        """The newer form of a stack's events; a change set has none, because nothing is validated late."""
        if "StackName" not in params:
            return {"OperationEvents": []}
        failed = params.get("Filters", {}).get("FailedEvents", False)
        with self._store.lock:
            stack = self._get(caller, params)
            events = [event for event in reversed(stack.events) if not failed or event.status.endswith("FAILED")]
            return {"OperationEvents": [_operation_event(stack, event) for event in events]}

    def describe_stack_resource(self, caller: Caller, params: Params) -> dict[str, Any]:
        with self._store.lock:
            stack = self._get(caller, params)
            resource = stack.resources.get(params["LogicalResourceId"])
            if resource is None:
                raise TemplateError(f"Resource {params['LogicalResourceId']} does not exist for stack {stack.name}")
            detail = _resource(stack, resource, when="LastUpdatedTimestamp")
            detail["Metadata"] = json.dumps(resource.metadata or {})
            return {"StackResourceDetail": detail}

    def describe_stack_resources(self, caller: Caller, params: Params) -> dict[str, Any]:
        with self._store.lock:
            physical, logical = params.get("PhysicalResourceId"), params.get("LogicalResourceId")
            if "StackName" in params:
                stacks = [self._get(caller, params)]
            else:
                stacks = self._store.living(caller.account, caller.region)
                stacks = [s for s in stacks if any(r.physical_id == physical for r in s.resources.values())]
            if not stacks:
                raise TemplateError(f"Stack for {physical} does not exist")
            found = [
                _resource(stacks[0], one, when="Timestamp")
                for one in stacks[0].resources.values()
                if logical in (None, one.logical_id)
            ]
        return {"StackResources": found}

    def list_stack_resources(self, caller: Caller, params: Params) -> dict[str, Any]:
        with self._store.lock:
            stack = self._get(caller, params)
            found = [_resource(stack, one, when="LastUpdatedTimestamp") for one in stack.resources.values()]
        for summary in found:
            del summary["StackId"], summary["StackName"]
        return {"StackResourceSummaries": found}

    def get_template(self, caller: Caller, params: Params) -> dict[str, Any]:
        with self._store.lock:
            body = self._requested_body(caller, params)
        return {"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]}

    def _requested_body(self, caller: Caller, params: Params) -> str:
        change_set = params.get("ChangeSetName")
        if "StackName" in params:
            stacks = [self._get(caller, params)]
        else:
            stacks = self._store.living(caller.account, caller.region)
        if change_set is None:
            return stacks[0].request.template_body
        for stack in stacks:
            for found in stack.change_sets.values():
                if change_set in (found.id, found.name):
                    return found.request.template_body
        raise ServiceError("ChangeSetNotFound", f"ChangeSet [{change_set}] does not exist", status=404)

    def get_template_summary(self, caller: Caller, params: Params) -> dict[str, Any]:
        template = self._template(caller, params)
        types = sorted({declared.type for declared in template.resources.values()})
        answer = {**_validated(template), "ResourceTypes": types, "Version": "2010-09-09"}
        if "Metadata" in template.document:
            answer["Metadata"] = json.dumps(template.document["Metadata"])
        return answer

    def validate_template(self, caller: Caller, params: Params) -> dict[str, Any]:
        template = self._template(caller, params)
        check_types(template)
        check_names(template)
        answer = _validated(template)
        answer["Parameters"] = [
            {key: value for key, value in one.items() if key not in ("ParameterType", "ParameterConstraints")}
            for one in answer["Parameters"]
        ]
        return answer

    def _template(self, caller: Caller, params: Params) -> Template:
        if "StackName" in params:
            return self._get(caller, params).request.template
        return parse_template(template_body(self._world, caller, params, None))

    def list_exports(self, caller: Caller, params: Params) -> dict[str, Any]:
        with self._store.lock:
            found = [
                {"ExportingStackId": stack.id, "Name": output.export_name, "Value": output.value}
                for stack, output in self._store.exports(caller.account, caller.region)
            ]
        return {"Exports": found}

    def list_imports(self, caller: Caller, params: Params) -> dict[str, Any]:
        names = self._store.importers(caller.account, caller.region, params["ExportName"])
        if not names:
            raise TemplateError(f"Export '{params['ExportName']}' is not imported by any stack.")
        return {"Imports": names}

    def list_hook_results(self, caller: Caller, params: Params) -> dict[str, Any]:
        return {"HookResults": []}


def _present(**fields: Any) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}


def _stack(stack: Stack) -> dict[str, Any]:
    request = stack.request
    return _present(
        StackId=stack.id,
        StackName=stack.name,
        ChangeSetId=stack.change_set_id,
        Description=request.template.description if request.template_body else None,
        Parameters=[one.described() for one in request.parameters.values()],
        CreationTime=stack.created,
        DeletionTime=stack.deleted,
        LastUpdatedTime=stack.updated,
        RollbackConfiguration={},
        StackStatus=stack.status,
        StackStatusReason=stack.reason,
        DisableRollback=request.disable_rollback,
        NotificationARNs=list(request.notification_arns),
        Capabilities=list(request.capabilities),
        Outputs=[
            _present(OutputKey=one.key, OutputValue=one.value, Description=one.description, ExportName=one.export_name)
            for one in stack.outputs
        ],
        RoleARN=request.role_arn,
        Tags=[dict(tag) for tag in request.tags],
        EnableTerminationProtection=stack.termination_protection,
        DriftInformation={"StackDriftStatus": "NOT_CHECKED"},
    )


def _summary(stack: Stack) -> dict[str, Any]:
    return _present(
        StackId=stack.id,
        StackName=stack.name,
        TemplateDescription=stack.request.template.description if stack.request.template_body else None,
        CreationTime=stack.created,
        LastUpdatedTime=stack.updated,
        DeletionTime=stack.deleted,
        StackStatus=stack.status,
        StackStatusReason=stack.reason,
        DriftInformation={"StackDriftStatus": "NOT_CHECKED"},
    )


def _event(stack: Stack, event: StackEvent) -> dict[str, Any]:
    return _present(
        StackId=stack.id,
        StackName=stack.name,
        EventId=event.id,
        LogicalResourceId=event.logical_id,
        PhysicalResourceId=event.physical_id,
        ResourceType=event.type,
        Timestamp=event.at,
        ResourceStatus=event.status,
        ResourceStatusReason=event.reason,
        ResourceProperties=event.properties,
        ClientRequestToken=event.token,
    )


def _operation_event(stack: Stack, event: StackEvent) -> dict[str, Any]:
    of_stack = event.physical_id == stack.id
    kind = "STACK_EVENT" if of_stack else "PROGRESS_EVENT"
    if event.status.endswith("FAILED") and not of_stack:
        kind = "PROVISIONING_ERROR"
    fields = {key: value for key, value in _event(stack, event).items() if key != "StackName"}
    return {**fields, "EventType": kind}


def _resource(stack: Stack, resource: Resource, *, when: str) -> dict[str, Any]:
    return _present(
        StackId=stack.id,
        StackName=stack.name,
        LogicalResourceId=resource.logical_id,
        PhysicalResourceId=resource.physical_id,
        ResourceType=resource.type,
        ResourceStatus=resource.status,
        ResourceStatusReason=resource.reason,
        DriftInformation={"StackResourceDriftStatus": "NOT_CHECKED"},
        **{when: resource.updated},
    )


def _validated(template: Template) -> dict[str, Any]:
    needed = needed_capabilities(template)
    parameters = [
        _present(
            ParameterKey=name,
            DefaultValue=None if "Default" not in entry else str(entry["Default"]),
            ParameterType=entry.get("Type", "String"),
            NoEcho=str(entry.get("NoEcho", "false")).lower() == "true",
            Description=entry.get("Description"),
            ParameterConstraints=_present(
                AllowedValues=[str(value) for value in entry["AllowedValues"]] if "AllowedValues" in entry else None
            ),
        )
        for name, entry in template.section("Parameters").items()
    ]
    return _present(
        Parameters=parameters,
        Description=template.description,
        Capabilities=needed or None,
        CapabilitiesReason=f"The template holds IAM resources, which need [{needed[0]}]" if needed else None,
        DeclaredTransforms=template.transforms or None,
    )
