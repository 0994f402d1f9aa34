"""How CloudFormation's bucket properties are written in the S3 API, where the two differ."""

from __future__ import annotations

from typing import Any

from millrace.local.cloudformation.errors import ResourceError

CANNED = {
    "AuthenticatedRead": "authenticated-read",
    "AwsExecRead": "aws-exec-read",
    "BucketOwnerFullControl": "bucket-owner-full-control",
    "BucketOwnerRead": "bucket-owner-read",
    "LogDeliveryWrite": "log-delivery-write",
    "Private": "private",
    "PublicRead": "public-read",
    "PublicReadWrite": "public-read-write",
}
FILTERS = ("Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan")
RULE = {
    "AbortIncompleteMultipartUpload",
    "ExpirationDate",
    "ExpirationInDays",
    "ExpiredObjectDeleteMarker",
    "Id",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionExpirationInDays",
    "NoncurrentVersionTransitions",
    "Status",
    "TagFilters",
    "Transitions",
    *FILTERS,
}


def same(value: Any) -> Any:
    return value


def access_control(value: str) -> str:
    return CANNED[value]


def versioning(value: dict[str, Any]) -> dict[str, Any]:
    return {"Status": value["Status"]}


def tag_set(value: list[Any]) -> dict[str, Any]:
    return {"TagSet": value}


def encryption(value: dict[str, Any]) -> dict[str, Any]:
    """ServerSideEncryptionByDefault is called ApplyServerSideEncryptionByDefault in the API."""
    rules = []
    for rule in value["ServerSideEncryptionConfiguration"]:
        renamed = dict(rule)
        if "ServerSideEncryptionByDefault" in renamed:
            renamed["ApplyServerSideEncryptionByDefault"] = renamed.pop("ServerSideEncryptionByDefault")
        rules.append(renamed)
    return {"Rules": rules}


def logging_status(value: dict[str, Any] | None) -> dict[str, Any]:
    if value is None:
        return {}
    enabled = {"TargetBucket": value["DestinationBucketName"], "TargetPrefix": value.get("LogFilePrefix", "")}
    if "TargetObjectKeyFormat" in value:
        enabled["TargetObjectKeyFormat"] = value["TargetObjectKeyFormat"]
    return {"LoggingEnabled": enabled}


def notifications(value: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if str(value.get("EventBridgeConfiguration", {}).get("EventBridgeEnabled", "")).lower() == "true":
        result["EventBridgeConfiguration"] = {}
    for kind, target, argument in (
        ("Queue", "Queue", "QueueArn"),
        ("Topic", "Topic", "TopicArn"),
        ("Lambda", "Function", "LambdaFunctionArn"),
    ):
        name = f"{kind}Configurations"
        if name in value:
            api_name = "LambdaFunctionConfigurations" if kind == "Lambda" else name
            result[api_name] = [_notification(entry, target, argument) for entry in value[name]]
    return result


def _notification(entry: dict[str, Any], target: str, argument: str) -> dict[str, Any]:
    result: dict[str, Any] = {argument: entry[target], "Events": [entry["Event"]]}
    if "Filter" in entry:
        result["Filter"] = {"Key": {"FilterRules": entry["Filter"]["S3Key"]["Rules"]}}
    return result


def lifecycle(value: dict[str, Any]) -> dict[str, Any]:
    return {"Rules": [_rule(rule) for rule in value["Rules"]]}


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(rule.keys() - RULE)
    if unknown:
        raise ResourceError(f"property LifecycleConfiguration.Rules.{unknown[0]} is not supported by the embedded AWS")
    result: dict[str, Any] = {"Status": rule["Status"], "Filter": _filter(rule)}
    if "Id" in rule:
        result["ID"] = rule["Id"]
    expiration = _picked(
        rule, ExpirationInDays="Days", ExpirationDate="Date", ExpiredObjectDeleteMarker="ExpiredObjectDeleteMarker"
    )
    if expiration:
        result["Expiration"] = expiration
    if "NoncurrentVersionExpirationInDays" in rule:
        result["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    for name in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
        if name in rule:
            result[name] = rule[name]
    if "Transitions" in rule:
        result["Transitions"] = [
            _picked(entry, TransitionInDays="Days", TransitionDate="Date", StorageClass="StorageClass")
            for entry in rule["Transitions"]
        ]
    if "NoncurrentVersionTransitions" in rule:
        result["NoncurrentVersionTransitions"] = [
            _picked(
                entry,
                TransitionInDays="NoncurrentDays",
                NewerNoncurrentVersions="NewerNoncurrentVersions",
                StorageClass="StorageClass",
            )
            for entry in rule["NoncurrentVersionTransitions"]
        ]
    return result


def _filter(rule: dict[str, Any]) -> dict[str, Any]:
    parts = {name: rule[name] for name in FILTERS if name in rule}
    tags = rule.get("TagFilters", [])
    if not tags and len(parts) <= 1:
        return parts or {"Prefix": ""}
    if len(tags) == 1 and not parts:
        return {"Tag": tags[0]}
    return {"And": {**parts, **({"Tags": tags} if tags else {})}}


def _picked(source: dict[str, Any], **names: str) -> dict[str, Any]:
    return {api: source[name] for name, api in names.items() if name in source}
