"""ARNs from parameters: each resource type's template is filled with the parameters that bear its names.

`actions` asks for every action's resource types. What is special about a service's names is in the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from millrace.local.iam import moto_policies, moto_principals
from millrace.local.iam.catalog import Action, ResourceType
from millrace.local.iam.needs import Place

# Names in templates -> the parameters that hold them, where they are called otherwise.
PARAMETERS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("cloudtrail", "TrailName"): ("Name",),
    ("ecr", "RepositoryName"): ("repositoryName",),
    ("events", "ApiDestinationName"): ("Name",),
    ("events", "ArchiveName"): ("ArchiveName",),
    ("events", "ConnectionName"): ("Name",),
    ("events", "EndpointName"): ("Name",),
    ("events", "EventBusName"): ("EventBusName", "Name"),
    ("iam", "GroupNameWithPath"): ("GroupName",),
    ("iam", "InstanceProfileNameWithPath"): ("InstanceProfileName",),
    ("iam", "PolicyNameWithPath"): ("PolicyName",),
    ("iam", "RoleNameWithPath"): ("RoleName",),
    ("iam", "UserNameWithPath"): ("UserName",),
    ("kms", "Alias"): ("AliasName",),
    ("kms", "KeyId"): ("KeyId", "TargetKeyId"),
    ("sagemaker", "AutoMLJobJobName"): ("AutoMLJobName",),
    ("scheduler", "ScheduleName"): ("Name",),
    ("sns", "TopicName"): ("Name",),
    ("ssm", "DocumentName"): ("Name",),
    ("ssm", "ParameterNameWithoutLeadingSlash"): ("Name", "Path"),
    ("states", "ActivityName"): ("name",),
    ("states", "StateMachineName"): ("name",),
    ("secretsmanager", "SecretId"): ("SecretId", "Name"),
}
DEFAULTS = {
    # A stack is asked for by name; which of that name, living or deleted, only a wildcard can say.
    ("cloudformation", "Id"): "*",
    ("events", "EventBusName"): "default",
    ("scheduler", "GroupName"): "default",
}
IAM_KINDS = {
    "GroupNameWithPath": "group",
    "InstanceProfileNameWithPath": "instance-profile",
    "RoleNameWithPath": "role",
    "UserNameWithPath": "user",
}
UNKNOWN = "*"


class Parameters:
    """The top level of a request's parameters, found without case."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._values = {name.lower(): value for name, value in params.items()}
        self.arns = [value for value in params.values() if isinstance(value, str) and value.startswith("arn:")]

    def texts(self, name: str) -> tuple[str, ...]:
        """The value of a parameter, or the values of the list called by its plural."""
        value = self._values.get(name.lower())
        if isinstance(value, str) and value:
            return (value,)
        several = self._values.get(f"{name.lower()}s")
        if isinstance(several, list):
            return tuple(each for each in several if isinstance(each, str))
        return ()


def of_action(action: Action, params: Mapping[str, Any], place: Place) -> list[str]:
    """The resources of an action: every required type, and the optional ones that the request names."""
    given = Parameters(params)
    prefix = action.name.partition(":")[0]
    found: list[str] = []
    for kind in action.required:
        found += named(kind, prefix, given, place) or [filled(kind, {}, place)]
    taken = {variable for kind in action.required for variable in kind.variables}
    optional = [kind for kind in action.optional if not taken or not set(kind.variables) <= taken]
    if not action.required:
        by_arn = [(kind, arn) for kind in optional for arn in given.arns if kind.pattern.fullmatch(arn)]
        if by_arn:
            return [max(by_arn, key=lambda each: len(each[0].pattern.pattern))[1]]
    for kind in optional:
        found += named(kind, prefix, given, place)
    return list(dict.fromkeys(found)) or ["*"]


def named(kind: ResourceType, prefix: str, given: Parameters, place: Place) -> list[str]:
    """The ARNs of one type that the request names; none when it does not name the type's last part."""
    whole = [arn for arn in given.arns if kind.pattern.fullmatch(arn)]
    if whole or not kind.variables:
        return whole
    values = {variable: _values(prefix, variable, given) for variable in kind.variables}
    if not all(values.values()):
        return []
    first = {variable: found[0] for variable, found in values.items()}
    last = kind.variables[-1]
    path = "".join(given.texts("Path")).strip("/") if prefix == "iam" else ""
    return [_resource(kind, prefix, {**first, last: value}, place, path) for value in values[last]]


def _values(prefix: str, variable: str, given: Parameters) -> tuple[str, ...]:
    for name in PARAMETERS.get((prefix, variable), (variable,)):
        if found := given.texts(name):
            return found
    default = DEFAULTS.get((prefix, variable))
    return (default,) if default else ()


def _resource(kind: ResourceType, prefix: str, values: Mapping[str, str], place: Place, path: str) -> str:
    last = kind.variables[-1]
    value = values[last]
    if value.startswith("arn:"):
        return value
    kind_of_entity = IAM_KINDS.get(last) if prefix == "iam" else None
    if kind_of_entity and (known := moto_principals.entity_arn(place.account, kind_of_entity, value)):
        return known
    if path:
        return filled(kind, {**values, last: f"{path}/{value}"}, place)
    if prefix == "kms" and last == "KeyId":
        return moto_policies.kms_key_arn(value, place.account, place.region) or filled(kind, values, place)
    if prefix == "kms" and last == "Alias":
        return filled(kind, {**values, last: value.removeprefix("alias/")}, place)
    if prefix == "ssm":
        return filled(kind, {**values, last: value.lstrip("/")}, place)
    if prefix == "secretsmanager":
        known = moto_policies.secret_arn(value, place.account, place.region)
        # A new secret's ARN ends in a dash and six random characters.
        return known or filled(kind, {**values, last: f"{value}-??????"}, place)
    return filled(kind, values, place)


def filled(kind: ResourceType, values: Mapping[str, str], place: Place) -> str:
    """The template with the values; what is not given becomes `*`, which only a wildcard matches."""
    text = kind.template.replace("${Partition}", "aws")
    text = text.replace("${Region}", place.region).replace("${Account}", place.account)
    for variable in kind.variables:
        text = text.replace(f"${{{variable}}}", values.get(variable, UNKNOWN))
    return text
