"""Reads the common part of CreateStack, UpdateStack and CreateChangeSet into a Request and its Definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.cloudformation.definition import Definition, Place, check_types, define
from millrace.local.cloudformation.errors import TemplateError
from millrace.local.cloudformation.parameters import resolve_parameters
from millrace.local.cloudformation.plan import Plan, make_plan
from millrace.local.cloudformation.records import Request, Stack
from millrace.local.cloudformation.store import StackStore
from millrace.local.cloudformation.template import Template, parse_template
from millrace.local.cloudformation.template_source import template_body
from millrace.local.iam.services import STACK, assume
from millrace.local.service import Caller, ServiceError
from millrace.local.world import World

NAMED = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
}
IAM_TYPES = {*NAMED, "AWS::IAM::AccessKey", "AWS::IAM::Policy", "AWS::IAM::UserToGroupAddition"}
# What has no meaning here is refused rather than ignored.
UNSUPPORTED = (
    "DeploymentMode",
    "NotificationARNs",
    "ResourcesToImport",
    "RollbackConfiguration",
    "StackPolicyBody",
    "StackPolicyDuringUpdateBody",
    "StackPolicyDuringUpdateURL",
    "StackPolicyURL",
    "TimeoutInMinutes",
)


def read_request(
    world: World, store: StackStore, caller: Caller, params: Mapping[str, Any], stack: Stack, previous: Stack | None
) -> tuple[Request, Definition]:
    """`previous` is the stack as it is now, for what a request may leave as it was."""
    asked = [name for name in UNSUPPORTED if params.get(name)]
    config = params.get("DeploymentConfig", {})
    asked += ["DeploymentConfig Mode EXPRESS"] if config.get("Mode") == "EXPRESS" else []
    if asked:
        raise TemplateError(f"{', '.join(asked)} is not supported by the embedded AWS")
    body = template_body(world, caller, params, previous)
    template = parse_template(body)
    check_types(template)
    known = {name: one.text for name, one in previous.request.parameters.items()} if previous else {}
    parameters = resolve_parameters(
        template.section("Parameters"), params.get("Parameters", []), known, lambda name: _ssm(world, caller, name)
    )
    _check_capabilities(template, params.get("Capabilities", []))
    _check_resource_types(template, params.get("ResourceTypes"))
    before = previous.request if previous else None
    role = params.get("RoleARN") or (before.role_arn if before else None)
    if role:
        _check_role(world, role, stack)
    request = Request(
        body,
        parameters,
        tags=_tags(params, before),
        capabilities=tuple(params.get("Capabilities", ())),
        notification_arns=tuple(params.get("NotificationARNs", before.notification_arns if before else ())),
        role_arn=role,
        disable_rollback=bool(params.get("DisableRollback", config.get("DisableRollback", False))),
        on_failure=params.get("OnFailure") or params.get("OnStackFailure") or "ROLLBACK",
        retain_except_on_create=bool(params.get("RetainExceptOnCreate", False)),
    )
    place = Place(stack.account, stack.region, stack.id, stack.name, request.notification_arns)
    return request, define(template, parameters, place)


def definition_of(request: Request, stack: Stack) -> Definition:
    """The definition of a request that was read before, as a change set's."""
    place = Place(stack.account, stack.region, stack.id, stack.name, request.notification_arns)
    return define(request.template, request.parameters, place)


def plan_of(store: StackStore, stack: Stack, request: Request, definition: Definition) -> Plan:
    def imported(name: str) -> Any:
        for _, output in store.exports(stack.account, stack.region):
            if output.export_name == name:
                return output.value
        raise TemplateError(f"No export named {name} found.")

    return make_plan(definition, stack.resources, stack.outputs, imported, request.tags)


def _tags(params: Mapping[str, Any], before: Request | None) -> tuple[Mapping[str, str], ...]:
    if "Tags" in params:
        return tuple(params["Tags"])
    return before.tags if before else ()


def _ssm(world: World, caller: Caller, name: str) -> str:
    try:
        answer = world.aws.caller_client(caller, "ssm").get_parameter(Name=name)
    except ClientError as error:
        raise TemplateError(f"Unable to fetch parameters [{name}] from parameter store for this account.") from error
    return str(answer["Parameter"]["Value"])


def _check_role(world: World, role: str, stack: Stack) -> None:
    try:
        assume(world, STACK, role, on=stack.id, region=stack.region, session="AWSCloudFormation")
    except ClientError as error:
        said = error.response["Error"].get("Message", "")
        raise TemplateError(f"Role {role} is invalid or cannot be assumed ({said})") from error


def needed_capabilities(template: Template) -> list[str]:
    """CAPABILITY_NAMED_IAM where an IAM resource has a name of its own, else CAPABILITY_IAM, else nothing."""
    found = [one for one in template.resources.values() if one.type in IAM_TYPES]
    if any(NAMED.get(one.type) in one.properties for one in found):
        return ["CAPABILITY_NAMED_IAM"]
    return ["CAPABILITY_IAM"] if found else []


def _check_capabilities(template: Template, given: list[str]) -> None:
    needed = needed_capabilities(template)
    enough = {"CAPABILITY_NAMED_IAM"} | ({"CAPABILITY_IAM"} if needed == ["CAPABILITY_IAM"] else set())
    if needed and not enough & set(given):
        raise ServiceError("InsufficientCapabilitiesException", f"Requires capabilities : [{needed[0]}]")
    if template.transforms and "CAPABILITY_AUTO_EXPAND" not in given:
        raise ServiceError("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_AUTO_EXPAND]")


def _check_resource_types(template: Template, allowed: list[str] | None) -> None:
    """ResourceTypes names what an operation may touch: AWS::*, AWS::SageMaker::* or a whole type."""
    if allowed is None:
        return
    patterns = [pattern.removesuffix("*") if pattern.endswith("*") else pattern for pattern in allowed]
    refused = sorted(
        {
            one.type
            for one in template.resources.values()
            if not any(
                one.type == pattern or (pattern.endswith("::") and one.type.startswith(pattern)) for pattern in patterns
            )
        }
    )
    if refused:
        raise TemplateError(f"Resource types {refused} are not in the list of ResourceTypes {allowed}")
