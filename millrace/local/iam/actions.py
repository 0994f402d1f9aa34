"""An operation and its parameters -> the actions and resources that AWS decides on. The gate calls `needs`.

By default an operation is the action of its own name, on the resources that its parameters name (`resources`).
What AWS does otherwise is in the tables here, and for S3 in `s3_actions`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from millrace.local.iam import catalog, moto_policies, resources, s3_actions, table_keys
from millrace.local.iam.needs import Need, Place, account_of

Params = Mapping[str, Any]
Special = Callable[[str, Params, Place], list[Need]]

# AWS answers these to whoever has valid credentials.
FREE = frozenset({("sts", "GetCallerIdentity"), ("sts", "GetSessionToken"), ("sts", "GetAccessKeyInfo")})
# Only the token tells which execution these are about: `sagemaker/pipelines/callbacks.py` asks for the right.
ASKED_LATER = frozenset(
    {("sagemaker", "SendPipelineExecutionStepSuccess"), ("sagemaker", "SendPipelineExecutionStepFailure")}
)
RENAMED = {
    ("lambda", "GetLayerVersionByArn"): "GetLayerVersion",
    ("lambda", "Invoke"): "InvokeFunction",
    ("lambda", "InvokeAsync"): "InvokeFunction",
    ("lambda", "InvokeWithResponseStream"): "InvokeFunction",
    ("sagemaker", "InvokeEndpointWithResponseStream"): "InvokeEndpointWithResponseStream",
    ("sns", "PublishBatch"): "Publish",
    ("sqs", "ChangeMessageVisibilityBatch"): "ChangeMessageVisibility",
    ("sqs", "DeleteMessageBatch"): "DeleteMessage",
    ("sqs", "SendMessageBatch"): "SendMessage",
}
KMS_KEY_ID_LENGTH = 36
TRANSACTION_VERBS = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}


def needs(service: str, operation: str, params: Params, place: Place) -> list[Need]:
    """What the caller must be allowed to do for this request, without what AWS does in its name besides."""
    prefix = catalog.prefix_of(service)
    if (prefix, operation) in FREE | ASKED_LATER:
        return []
    if prefix == "s3":
        return s3_actions.needs(operation, params, place)
    special = SPECIAL.get((prefix, operation)) or BY_SERVICE.get(prefix)
    found = special(operation, params, place) if special else generic(prefix, operation, params, place)
    return [*found, *_tags(prefix, operation, params, found)]


def generic(prefix: str, operation: str, params: Params, place: Place) -> list[Need]:
    action = catalog.action(f"{prefix}:{RENAMED.get((prefix, operation), operation)}")
    return [Need(action.name, arn) for arn in resources.of_action(action, params, place)]


def _tags(prefix: str, operation: str, params: Params, found: list[Need]) -> list[Need]:
    """SageMaker and others ask for their tagging action as well when a resource is made with tags."""
    if not (params.get("Tags") or params.get("tags")) or not operation.startswith(("Create", "Register")) or not found:
        return []
    dependent = catalog.action(found[0].action).dependent
    tagging = next((each for each in dependent if each in (f"{prefix}:AddTags", f"{prefix}:TagResource")), None)
    return [Need(tagging, each.resource) for each in found if each.action == found[0].action] if tagging else []


def _arn(service: str, place: Place, name: str) -> str:
    return f"arn:aws:{service}:{place.region}:{place.account}:{name}"


def _sqs(operation: str, params: Params, place: Place) -> list[Need]:
    action = f"sqs:{RENAMED.get(('sqs', operation), operation)}"
    if url := params.get("QueueUrl"):
        return [Need(action, queue_arn(url, place))]
    if name := params.get("QueueName"):
        owner = params.get("QueueOwnerAWSAccountId") or place.account
        return [Need(action, _arn("sqs", Place(owner, place.region), name))]
    return generic("sqs", operation, params, place)


def queue_arn(url: str, place: Place) -> str:
    parts = urlsplit(url).path.strip("/").split("/")
    owner = parts[-2] if len(parts) > 1 else place.account
    return _arn("sqs", Place(owner, place.region), parts[-1])


def _sns(operation: str, params: Params, place: Place) -> list[Need]:
    subscription = str(params.get("SubscriptionArn") or "")
    if subscription.count(":") == 6:
        return [Need(f"sns:{operation}", subscription.rsplit(":", 1)[0])]
    if operation in ("Publish", "PublishBatch"):
        return [Need("sns:Publish", params.get("TopicArn") or params.get("TargetArn") or "*")]
    return generic("sns", operation, params, place)


def function_arn(name: str, qualifier: str | None, place: Place) -> str:
    """The ARN of a function named in any of the ways that Lambda accepts."""
    if name.startswith("arn:"):
        base = name
    elif ":function:" in name:
        account, _, rest = name.partition(":function:")
        base = _arn("lambda", Place(account, place.region), f"function:{rest}")
    else:
        base = _arn("lambda", place, f"function:{name}")
    qualified = base.count(":") > 6
    return f"{base}:{qualifier}" if qualifier and not qualified else base


def _lambda(operation: str, params: Params, place: Place) -> list[Need]:
    name = params.get("FunctionName")
    if operation.endswith("EventSourceMapping") or operation == "ListEventSourceMappings":
        context = {"lambda:FunctionArn": (function_arn(name, None, place),)} if name else {}
        mapping = params.get("UUID")
        resource = _arn("lambda", place, f"event-source-mapping:{mapping}") if mapping else "*"
        return [Need(f"lambda:{operation}", resource, context)]
    if not name:
        return generic("lambda", operation, params, place)
    action = catalog.action(f"lambda:{RENAMED.get(('lambda', operation), operation)}")
    return [Need(action.name, function_arn(name, params.get("Qualifier"), place))]


def _logs(operation: str, params: Params, place: Place) -> list[Need]:
    """Logs decides on <group>:log-stream:<stream>, with an empty stream for what concerns the whole group."""
    group = params.get("logGroupName") or params.get("logGroupIdentifier")
    groups = [group] if group else [*(params.get("logGroupNames") or params.get("logGroupIdentifiers") or ())]
    if not groups or operation.endswith(("TagResource", "TagsForResource", "ListTagsLogGroup")):
        return generic("logs", operation, params, place)
    stream = params.get("logStreamName") or ""
    names = [
        each.removesuffix(":*") if each.startswith("arn:") else _arn("logs", place, f"log-group:{each}")
        for each in groups
    ]
    return [Need(f"logs:{operation}", f"{name}:log-stream:{stream}") for name in names]


def _rule(operation: str, params: Params, place: Place) -> list[Need]:
    name, bus = params.get("Name") or params.get("Rule") or "*", params.get("EventBusName") or "default"
    owner = place
    if bus.startswith("arn:"):
        owner = Place(account_of(bus), bus.split(":")[3])
        bus = bus.rsplit("/", 1)[1]
    path = name if bus == "default" else f"{bus}/{name}"
    return [Need(f"events:{operation}", _arn("events", owner, f"rule/{path}"))]


def _put_events(operation: str, params: Params, place: Place) -> list[Need]:
    found = []
    entries: list[dict[str, Any]] = params.get("Entries") or [{}]
    for entry in entries:
        bus = entry.get("EventBusName") or "default"
        arn = bus if bus.startswith("arn:") else _arn("events", place, f"event-bus/{bus}")
        named = {"events:source": entry.get("Source"), "events:detail-type": entry.get("DetailType")}
        found.append(Need("events:PutEvents", arn, {key: (value,) for key, value in named.items() if value}))
    return found


def _schedule_group(operation: str, params: Params, place: Place) -> list[Need]:
    return [Need(f"scheduler:{operation}", _arn("scheduler", place, f"schedule-group/{params.get('Name', '*')}"))]


def _schedule(operation: str, params: Params, place: Place) -> list[Need]:
    group = params.get("GroupName") or "default"
    return [Need(f"scheduler:{operation}", _arn("scheduler", place, f"schedule/{group}/{params.get('Name', '*')}"))]


def _transaction(operation: str, params: Params, place: Place) -> list[Need]:
    """Each kind of action is decided once for each table, by all items that it names there."""
    parts: dict[tuple[str, str], list[Any]] = {}
    for item in params.get("TransactItems") or ():
        for verb, each in item.items():
            if verb in TRANSACTION_VERBS:
                arn = table_arn(each["TableName"], place)
                parts.setdefault((f"dynamodb:{TRANSACTION_VERBS[verb]}", arn), []).append(item)
    return [
        Need(
            action,
            arn,
            {
                **table_keys.of_request(action, arn, {"TransactItems": items}),
                "dynamodb:EnclosingOperation": (operation,),
            },
        )
        for (action, arn), items in parts.items()
    ]


def _table_batch(operation: str, params: Params, place: Place) -> list[Need]:
    return [Need(f"dynamodb:{operation}", table_arn(name, place)) for name in params.get("RequestItems") or ("*",)]


def _search_table(operation: str, params: Params, place: Place) -> list[Need]:
    arn = table_arn(params.get("TableName") or "*", place)
    index = params.get("IndexName")
    return [Need(f"dynamodb:{operation}", f"{arn}/index/{index}" if index else arn)]


def table_arn(name: str, place: Place) -> str:
    return name if name.startswith("arn:") else _arn("dynamodb", place, f"table/{name}")


def _decrypt(operation: str, params: Params, place: Place) -> list[Need]:
    """Without KeyId the key is named in the ciphertext."""
    key = params.get("KeyId") or key_of_ciphertext(params.get("CiphertextBlob"))
    return generic("kms", operation, {"KeyId": key}, place)


def key_of_ciphertext(blob: Any) -> str:
    """moto's ciphertexts begin with the id of their key."""
    data = blob if isinstance(blob, bytes) else _decoded(str(blob or ""))
    return data[:KMS_KEY_ID_LENGTH].decode("ascii", "replace")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b""


def _re_encrypt(operation: str, params: Params, place: Place) -> list[Need]:
    source = params.get("SourceKeyId") or key_of_ciphertext(params.get("CiphertextBlob"))
    ends = (("kms:ReEncryptFrom", source), ("kms:ReEncryptTo", params.get("DestinationKeyId") or "*"))
    return [
        Need(name, each.resource) for name, key in ends for each in generic("kms", "Decrypt", {"KeyId": key}, place)
    ]


def _alias(operation: str, params: Params, place: Place) -> list[Need]:
    """An alias operation is decided on the alias and on the keys that it points to, before and after."""
    alias = params.get("AliasName") or "alias/*"
    before = moto_policies.kms_key_arn(alias, place.account, place.region) if operation != "CreateAlias" else None
    target = params.get("TargetKeyId")
    after = generic("kms", "DescribeKey", {"KeyId": target}, place)[0].resource if target else None
    arns = dict.fromkeys((_arn("kms", place, alias), before, after))
    return [Need(f"kms:{operation}", arn) for arn in arns if arn]


def _package(operation: str, params: Params, place: Place) -> list[Need]:
    """A new version is decided on its group and on the versions of the group."""
    group = params.get("ModelPackageGroupName")
    if not group:
        return generic("sagemaker", operation, params, place)
    arn = group if group.startswith("arn:") else _arn("sagemaker", place, f"model-package-group/{group}")
    versions = arn.replace(":model-package-group/", ":model-package/") + "/*"
    return [Need(f"sagemaker:{operation}", versions), Need(f"sagemaker:{operation}", arn)]


def _list_packages(operation: str, params: Params, place: Place) -> list[Need]:
    group = str(params.get("ModelPackageGroupName") or "")
    foreign = group.startswith("arn:") and account_of(group) != place.account
    return [Need(f"sagemaker:{operation}", group if foreign else "*")]


def _model(operation: str, params: Params, place: Place) -> list[Need]:
    """A model made from another account's package also needs that group's policy to allow it."""
    containers = [params.get("PrimaryContainer") or {}, *(params.get("Containers") or ())]
    packages = [each.get("ModelPackageName") or "" for each in containers]
    foreign = [arn for arn in packages if arn.startswith("arn:") and account_of(arn) != place.account]
    own = generic("sagemaker", operation, params, place)
    return [*own, *(Need(f"sagemaker:{operation}", arn) for arn in foreign)]


def _batch_describe(operation: str, params: Params, place: Place) -> list[Need]:
    arns = params.get("ModelPackageArnList") or ("*",)
    return [Need(f"sagemaker:{operation}", arn) for arn in arns]


def _assume(operation: str, params: Params, place: Place) -> list[Need]:
    arn = params.get("RoleArn") or "*"
    extra = [("sts:TagSession", "Tags"), ("sts:SetSourceIdentity", "SourceIdentity")]
    return [Need(f"sts:{operation}", arn), *(Need(name, arn) for name, given in extra if params.get(given))]


def _parameters(operation: str, params: Params, place: Place) -> list[Need]:
    """A name may carry a version or label after a colon."""
    names = [
        str(each).rsplit(":", 1)[0] if not str(each).startswith("arn:") else each for each in params.get("Names") or ()
    ]
    single = params.get("Name")
    given = (
        {"Names": names}
        if names
        else {"Name": single.partition(":")[0] if single and not single.startswith("arn:") else single}
    )
    return generic("ssm", operation, given, place)


BY_SERVICE: Mapping[str, Special] = {"lambda": _lambda, "logs": _logs, "sns": _sns, "sqs": _sqs}
SPECIAL: Mapping[tuple[str, str], Special] = {
    **{("events", f"{verb}Rule"): _rule for verb in ("Put", "Delete", "Describe", "Enable", "Disable")},
    **{("events", each): _rule for each in ("PutTargets", "RemoveTargets", "ListTargetsByRule")},
    ("events", "PutEvents"): _put_events,
    **{("scheduler", f"{verb}Schedule"): _schedule for verb in ("Create", "Update", "Delete", "Get")},
    **{("scheduler", f"{verb}ScheduleGroup"): _schedule_group for verb in ("Create", "Delete", "Get")},
    ("dynamodb", "TransactWriteItems"): _transaction,
    ("dynamodb", "TransactGetItems"): _transaction,
    ("dynamodb", "BatchGetItem"): _table_batch,
    ("dynamodb", "BatchWriteItem"): _table_batch,
    ("dynamodb", "Query"): _search_table,
    ("dynamodb", "Scan"): _search_table,
    ("kms", "Decrypt"): _decrypt,
    ("kms", "ReEncrypt"): _re_encrypt,
    **{("kms", f"{verb}Alias"): _alias for verb in ("Create", "Update", "Delete")},
    ("sagemaker", "CreateModelPackage"): _package,
    ("sagemaker", "ListModelPackages"): _list_packages,
    ("sagemaker", "CreateModel"): _model,
    ("sagemaker", "BatchDescribeModelPackage"): _batch_describe,
    ("sts", "AssumeRole"): _assume,
    ("ssm", "GetParameter"): _parameters,
    ("ssm", "GetParameters"): _parameters,
}
