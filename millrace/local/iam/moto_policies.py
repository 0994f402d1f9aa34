"""Policies and keys of queues, topics, functions, buses, secrets, repositories and KMS keys in moto. Read-only.

Every function takes a resource's ARN; policies are texts, "" when there is none. Called by `policies` and `encryption`.
"""

from __future__ import annotations

import json
from typing import Any

from millrace.local.iam.moto_principals import text_of
from millrace.local.iam.needs import account_of


def backend_of(backends: Any, account: str, region: str) -> Any:
    """A backend that exists already; asking for another one would make it."""
    return backends[account][region] if account in backends and region in backends[account] else None


def kms_key_arn(key: str, account: str, region: str) -> str | None:
    """The ARN of the customer key behind an id, ARN or alias; None when there is none (or AWS manages it)."""
    from moto.kms.models import kms_backends

    if key.startswith("arn:"):
        account, region = account_of(key), key.split(":")[3]
    backend = backend_of(kms_backends, account, region)
    if backend is None:
        return None
    name = key.split(":", 5)[5] if key.startswith("arn:") else key
    if name.startswith("alias/"):
        return next((each.arn for each in list(backend.keys.values()) if name in each.aliases), None)
    found = backend.keys.get(name.removeprefix("key/"))
    return str(found.arn) if found else None


def queue_key(arn: str) -> str:
    """The KMS key that a queue is configured with, or ''."""
    found = queue(arn)
    return str(found.kms_master_key_id or "") if found else ""


def topic_key(arn: str) -> str:
    found = topic(arn)
    return str(found.kms_master_key_id or "") if found else ""


def secret_key(arn: str) -> str:
    found = secret(arn)
    return str(getattr(found, "kms_key_id", "") or "") if found else ""


def parameter_key(arn: str) -> str:
    """The KMS key of a SecureString parameter, or ''."""
    from moto.ssm.models import ssm_backends

    _, _, _, region, account, name = arn.split(":", 5)
    backend = backend_of(ssm_backends, account, region)
    short = name.removeprefix("parameter/")
    for each in (short, f"/{short}"):
        versions = dict.get(backend._parameters, each) if backend else None
        if versions and versions[-1].parameter_type == "SecureString":
            return str(versions[-1].keyid or "")
    return ""


def secret_arn(name: str, account: str, region: str) -> str | None:
    from moto.secretsmanager.models import secretsmanager_backends

    backend = backend_of(secretsmanager_backends, account, region)
    found = backend.secrets.get(name) if backend else None
    return str(found.arn) if found else None


def queue(arn: str) -> Any:
    from moto.sqs.models import sqs_backends

    _, _, _, region, account, name = arn.split(":", 5)
    backend = backend_of(sqs_backends, account, region)
    return backend.queues.get(name) if backend else None


def topic(arn: str) -> Any:
    from moto.sns.models import sns_backends

    _, _, _, region, account, _ = arn.split(":", 5)
    backend = backend_of(sns_backends, account, region)
    return backend.topics.get(arn) if backend else None


def secret(arn: str) -> Any:
    from moto.secretsmanager.models import secretsmanager_backends

    _, _, _, region, account, _ = arn.split(":", 5)
    backend = backend_of(secretsmanager_backends, account, region)
    return backend.secrets.get(arn) if backend else None


def table(arn: str) -> Any:
    """The DynamoDB table of the ARN of itself or of one of its indexes."""
    from moto.dynamodb.models import dynamodb_backends

    _, _, _, region, account, name = arn.split(":", 5)
    backend = backend_of(dynamodb_backends, account, region)
    return backend.tables.get(name.removeprefix("table/").split("/", 1)[0]) if backend else None


def table_key(arn: str) -> str:
    """The customer key that the table of the ARN is encrypted with, or ''."""
    return str(getattr(table(arn), "customer_key", ""))


def is_missing(arn: str) -> bool:
    """Whether a queue, topic or function of this ARN does not exist."""
    service = arn.split(":")[2] if arn.count(":") > 4 else ""
    if service == "lambda":
        return function(arn) is None
    return (service == "sqs" and queue(arn) is None) or (service == "sns" and topic(arn) is None)


def queue_policy(arn: str) -> str:
    found = queue(arn)
    return str(found.policy or "") if found else ""


def topic_policy(arn: str) -> str:
    found = topic(arn)
    return str(found.policy) if found else ""


def key_policy(arn: str) -> str:
    from moto.kms.models import kms_backends

    backend = backend_of(kms_backends, account_of(arn), arn.split(":")[3])
    key = backend.keys.get(arn.rsplit("/", 1)[1]) if backend else None
    return text_of(key.policy) if key else ""


def function(arn: str) -> Any:
    from moto.awslambda.exceptions import UnknownFunctionException
    from moto.awslambda.models import lambda_backends

    parts = arn.split(":")
    backend = backend_of(lambda_backends, parts[4], parts[3])
    try:
        return backend.get_function(":".join(parts[:7])) if backend else None
    except UnknownFunctionException:
        return None


def function_policy(arn: str) -> str:
    found = function(arn)
    if found is None or not found.policy.statements:
        return ""
    return json.dumps({"Version": "2012-10-17", "Statement": found.policy.statements})


def bus_policy(arn: str) -> str:
    from moto.events.models import events_backends

    parts = arn.split(":", 5)
    backend = backend_of(events_backends, parts[4], parts[3])
    bus = backend.event_buses.get(parts[5].split("/", 1)[1]) if backend else None
    return str(bus.policy or "") if bus else ""


def secret_policy(arn: str) -> str:
    found = secret(arn)
    return str(getattr(found, "policy", None) or "") if found else ""


def repository_policy(arn: str) -> str:
    from moto.ecr.models import ecr_backends

    parts = arn.split(":", 5)
    backend = backend_of(ecr_backends, parts[4], parts[3])
    repository = backend.repositories.get(parts[5].split("/", 1)[1]) if backend else None
    return text_of(repository.policy) if repository and repository.policy else ""


def logs_policy(arn: str) -> str:
    """CloudWatch Logs' resource policies belong to the account: all of them as one document."""
    from moto.logs.models import logs_backends

    parts = arn.split(":", 5)
    backend = backend_of(logs_backends, parts[4], parts[3])
    documents = (
        [json.loads(each.policy_document) for each in list(backend.resource_policies.values())] if backend else []
    )
    statements: list[Any] = []
    for document in documents:
        found = document.get("Statement") or []
        statements += found if isinstance(found, list) else [found]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}) if statements else ""
