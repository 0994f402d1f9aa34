"""Condition keys of a request: the global ones, and each service's, derived from the request's parameters.

The service-authorization data say which keys an action has; a key `service:Name` takes the values of the members
called Name in the request. Where a service calls them otherwise, the tables here say so. Called by the gate.
"""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import Shape

from millrace.local.direct import VIA_KEY
from millrace.local.iam import catalog, moto_principals, moto_s3, table_keys
from millrace.local.iam.needs import Context, Need
from millrace.local.iam.principals import Identified

# Keys whose values are in members of other names.
MEMBERS = {
    "cloudformation:RoleArn": ("RoleARN",),
    "cloudformation:StackPolicyUrl": ("StackPolicyURL",),
    "cloudformation:TargetRegion": ("Regions",),
    "cloudformation:TemplateUrl": ("TemplateURL",),
    "events:TargetArn": ("Arn",),
    "iam:PolicyARN": ("PolicyArn",),
    "kms:GrantOperations": ("Operations",),
    "kms:KeyOrigin": ("Origin",),
    "kms:ScheduleKeyDeletionPendingWindowInDays": ("PendingWindowInDays",),
    "lambda:Layer": ("Layers",),
    "sagemaker:AcceleratorTypes": ("AcceleratorType",),
    "sagemaker:FeatureGroupOfflineStoreS3Uri": ("S3Uri",),
    "sagemaker:InstanceTypes": ("InstanceType", "TransformInstanceType", "InstanceTypes"),
    "sagemaker:InterContainerTrafficEncryption": ("EnableInterContainerTrafficEncryption",),
    "sagemaker:KeepAlivePeriod": ("KeepAlivePeriodInSeconds",),
    "sagemaker:ModelArn": ("ModelName",),
    "sagemaker:NetworkIsolation": ("EnableNetworkIsolation",),
    "sagemaker:ServerlessMaxConcurrency": ("MaxConcurrency",),
    "sagemaker:ServerlessMemorySize": ("MemorySizeInMB",),
    "sagemaker:VpcSecurityGroupIds": ("SecurityGroupIds",),
    "sagemaker:VpcSubnets": ("Subnets",),
}
# SageMaker calls every key KmsKeyId: what it encrypts depends on where it stands.
OUTPUT_KEYS = ("OutputDataConfig", "ProcessingOutputConfig", "TransformOutput", "OutputConfig", "DataCaptureConfig")
VOLUME_MEMBERS = ("VolumeKmsKeyId",)
OWN_VOLUME = ("CreateEndpointConfig", "CreateNotebookInstance", "CreateDomain")
SWITCHES = ("sagemaker:NetworkIsolation", "sagemaker:InterContainerTrafficEncryption")  # false when left out
EVENT_PATTERN_KEYS = {"source": "events:source", "detail-type": "events:detail-type"}
TAG_LISTS = ("Tags", "tags", "TagList")
VARIABLE = ("${", "<")


def of_request(
    identified: Identified, request: Mapping[str, Any], region: str, now: datetime
) -> dict[str, tuple[str, ...]]:
    """The global keys, which do not depend on the action."""
    found = {
        **identified.context,
        "aws:CurrentTime": (now.strftime("%Y-%m-%dT%H:%M:%SZ"),),
        "aws:EpochTime": (str(int(now.timestamp())),),
        "aws:RequestedRegion": (region,),
        "aws:SecureTransport": ("true",),  # loopback counts as TLS
        "aws:SourceIp": (request.get("REMOTE_ADDR", "127.0.0.1"),),
        "aws:ViaAWSService": ("false",),
    }
    for key, header in (("aws:UserAgent", "HTTP_USER_AGENT"), ("aws:Referer", "HTTP_REFERER")):
        if request.get(header):
            found[key] = (request[header],)
    if via := request.get(VIA_KEY):
        chain = ("aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast")
        found |= {"aws:ViaAWSService": ("true",), **dict.fromkeys(chain, (via,))}
    if identified.principal.kind == "service":
        # A service calls from its own network, and not in somebody's name.
        del found["aws:SourceIp"]
    return found


def of_need(
    need: Need, service: str, operation: str, params: Mapping[str, Any], shape: Shape | None, owner: str
) -> dict[str, tuple[str, ...]]:
    """The keys of one action: its owner's account, what the parameters say, what the need itself says."""
    found: dict[str, tuple[str, ...]] = {}
    if owner:
        found["aws:ResourceAccount"] = (owner,)
    prefix = need.action.partition(":")[0]
    if prefix == catalog.prefix_of(service) and not need.via:
        found |= _of_parameters(need.action, operation, params, shape)
    if prefix == "s3":
        found |= {"s3:TlsVersion": ("1.3",), "s3:ResourceAccount": (owner,)}
        found |= _object_tags(need)
    if prefix == "dynamodb" and not need.context:
        found |= table_keys.of_request(need.action, need.resource, params)
    if prefix == "iam":
        found |= _boundary(need, params)
    return found | dict(need.context)


def _of_parameters(action: str, operation: str, params: Mapping[str, Any], shape: Shape | None) -> Context:
    keys = catalog.action(action).keys
    found: dict[str, tuple[str, ...]] = {}
    if any(key.startswith("aws:RequestTag") for key in keys):
        found = _tags(params)
    if shape is None or shape.type_name != "structure":
        return found
    if action.startswith("s3:"):
        return found | _s3(params, shape)
    own = [key for key in keys if not key.startswith("aws:")]
    if not own:
        return found
    members = _members(params, shape)
    for key in own:
        if values := _values(key, members):
            found[key] = values
    special = SPECIAL.get(action.partition(":")[0])
    return {**found, **(special(operation, params, members) if special else {})}


def _values(key: str, members: Mapping[str, list[str]]) -> tuple[str, ...]:
    if any(mark in key for mark in VARIABLE):
        return ()
    bare = key.partition(":")[2]
    names = MEMBERS.get(key) or (bare, bare.removesuffix("s"), bare.replace("-", ""))
    return tuple(dict.fromkeys(value for name in names for value in members.get(name.lower(), ())))


def _members(params: Mapping[str, Any], shape: Shape) -> dict[str, list[str]]:
    """The texts of every member, at any depth, by its name; free maps have no members."""
    found: dict[str, list[str]] = defaultdict(list)

    def collect(name: str, value: Any, of: Shape) -> None:
        if of.type_name == "structure" and isinstance(value, Mapping):
            for each, member in of.members.items():
                if value.get(each) is not None:
                    collect(each, value[each], member)
        elif of.type_name == "list" and isinstance(value, list):
            for item in value:
                collect(name, item, of.member)
        elif of.type_name != "map" and name:
            found[name.lower()].append(text(value))

    collect("", params, shape)
    return found


def text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tags(params: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    given = next((params[name] for name in TAG_LISTS if params.get(name)), None)
    if not given:
        return {}
    if isinstance(given, Mapping):
        pairs = {str(key): str(value) for key, value in given.items()}
    else:
        pairs = dict(_pair(each) for each in given if isinstance(each, Mapping))
    found: dict[str, tuple[str, ...]] = {f"aws:RequestTag/{key}": (value,) for key, value in pairs.items()}
    return {**found, "aws:TagKeys": tuple(pairs)}


def _pair(tag: Mapping[str, Any]) -> tuple[str, str]:
    lower = {key.lower(): str(value) for key, value in tag.items()}
    return lower.get("key") or lower.get("tagkey", ""), lower.get("value") or lower.get("tagvalue", "")


def _s3(params: Mapping[str, Any], shape: Any) -> dict[str, tuple[str, ...]]:
    """S3's keys are called like its headers and query parameters."""
    keys = _header_keys(shape)
    found: dict[str, tuple[str, ...]]
    found = {keys[name]: (text(value),) for name, value in params.items() if name in keys and value is not None}
    tagging = params.get("Tagging")
    if isinstance(tagging, str) and tagging:
        pairs = dict(parse_qsl(tagging, keep_blank_values=True))
    else:
        pairs = dict(_pair(each) for each in (tagging or {}).get("TagSet") or ())
    found |= {f"s3:RequestObjectTag/{key}": (value,) for key, value in pairs.items()}
    if pairs:
        found["s3:RequestObjectTagKeys"] = tuple(pairs)
    return found


def _object_tags(need: Need) -> dict[str, tuple[str, ...]]:
    if "s3:ExistingObjectTag/<key>" not in catalog.action(need.action).keys or "/" not in need.resource:
        return {}
    bucket, key = need.resource.removeprefix("arn:aws:s3:::").split("/", 1)
    tags = moto_s3.object_tags(bucket, key)
    return {f"s3:ExistingObjectTag/{name}": (value,) for name, value in tags.items()}


@functools.cache
def _header_keys(shape: Any) -> dict[str, str]:
    """The condition key of each parameter that travels as a header or in the query."""
    where = {name: member.serialization for name, member in shape.members.items()}
    return {name: f"s3:{at['name']}" for name, at in where.items() if at.get("location") in ("header", "querystring")}


def _boundary(need: Need, params: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """iam:PermissionsBoundary is the boundary that is being set, else the one that the entity has."""
    if "iam:PermissionsBoundary" not in catalog.action(need.action).keys:
        return {}
    given = params.get("PermissionsBoundary")
    if not given and ":role/" in need.resource:
        entity = moto_principals.role(need.resource)
        given = entity.boundary[0] if entity and entity.boundary else None
    return {"iam:PermissionsBoundary": (given,)} if given else {}


def _sagemaker(operation: str, params: Mapping[str, Any], members: Mapping[str, list[str]]) -> Context:
    found: dict[str, tuple[str, ...]] = {}
    output = [_member(params.get(name), "KmsKeyId") for name in OUTPUT_KEYS]
    volume = [*members.get("volumekmskeyid", ()), *([params.get("KmsKeyId")] if operation in OWN_VOLUME else [])]
    for key, values in (("sagemaker:OutputKmsKey", output), ("sagemaker:VolumeKmsKey", volume)):
        if given := tuple(dict.fromkeys(value for value in values if value)):
            found[key] = given
    for key in SWITCHES:
        if operation.startswith("Create"):
            found[key] = tuple(members.get(MEMBERS[key][0].lower(), ())) or ("false",)
    for name, value in (params.get("CustomerMetadataProperties") or {}).items():
        found[f"sagemaker:CustomerMetadataProperties/{name}"] = (text(value),)
    for name, value in (params.get("ModelLifeCycle") or {}).items():
        found[f"sagemaker:ModelLifeCycle:{name}"] = (text(value),)
    return found


def _member(value: Any, name: str) -> str | None:
    return value.get(name) if isinstance(value, Mapping) else None


def _kms(operation: str, params: Mapping[str, Any], members: Mapping[str, list[str]]) -> Context:
    given = params.get("EncryptionContext") or (params.get("Constraints") or {}).get("EncryptionContextSubset") or {}
    found: dict[str, tuple[str, ...]]
    found = {f"kms:EncryptionContext:{key}": (str(value),) for key, value in given.items()}
    if given:
        found["kms:EncryptionContextKeys"] = tuple(given)
    if str(params.get("KeyId") or "").startswith("alias/"):
        found["kms:RequestAlias"] = (params["KeyId"],)
    return found


def _events(operation: str, params: Mapping[str, Any], members: Mapping[str, list[str]]) -> Context:
    """PutEvents knows the source of each entry (see `actions`); PutRule what its pattern names."""
    if operation != "PutRule" or not params.get("EventPattern"):
        return {}
    try:
        pattern = json.loads(params["EventPattern"])
    except ValueError:
        return {}
    wanted = {key: pattern.get(name) for name, key in EVENT_PATTERN_KEYS.items()} if isinstance(pattern, dict) else {}
    return {key: _strings(value) for key, value in wanted.items() if isinstance(value, list) and _strings(value)}


def _strings(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str))


def _cloudformation(operation: str, params: Mapping[str, Any], members: Mapping[str, list[str]]) -> Context:
    types = params.get("ResourceTypes")
    return {"cloudformation:ResourceTypes": tuple(types)} if types else {}


def _sts(operation: str, params: Mapping[str, Any], members: Mapping[str, list[str]]) -> Context:
    names = {"sts:ExternalId": "ExternalId", "sts:RoleSessionName": "RoleSessionName"}
    return {key: (str(params[name]),) for key, name in names.items() if params.get(name)}


Keys = Callable[[str, Mapping[str, Any], Mapping[str, list[str]]], Context]
SPECIAL: Mapping[str, Keys] = {
    "cloudformation": _cloudformation,
    "events": _events,
    "kms": _kms,
    "sagemaker": _sagemaker,
    "sts": _sts,
}
