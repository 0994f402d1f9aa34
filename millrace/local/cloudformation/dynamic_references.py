"""Fills `{{resolve:ssm:...}}` and `{{resolve:secretsmanager:...}}` just before a resource is made.

They are never stored: a stack's record keeps the reference, not the secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.cloudformation.errors import ResourceError

REFERENCE = re.compile(r"\{\{resolve:(ssm|ssm-secure|secretsmanager):([^{}]+)\}\}")
ClientOf = Callable[[str], Any]


def fill(node: Any, client: ClientOf) -> Any:
    """The node with every dynamic reference replaced by what it stands for now."""
    if isinstance(node, dict):
        return {key: fill(value, client) for key, value in node.items()}
    if isinstance(node, list):
        return [fill(value, client) for value in node]
    if isinstance(node, str) and "{{resolve:" in node:
        return REFERENCE.sub(lambda match: _read(match.group(1), match.group(2), client), node)
    return node


def _read(service: str, reference: str, client: ClientOf) -> str:
    try:
        return _secret(reference, client) if service == "secretsmanager" else _parameter(reference, client)
    except ClientError as error:
        raise ResourceError(
            f"Could not resolve {{{{resolve:{service}:{reference}}}}}: {error.response['Error']['Message']}"
        ) from error


def _parameter(reference: str, client: ClientOf) -> str:
    answer = client("ssm").get_parameter(Name=reference, WithDecryption=True)
    return str(answer["Parameter"]["Value"])


def _secret(reference: str, client: ClientOf) -> str:
    """`id:SecretString:json-key:stage:version`, where the id may be an ARN with colons of its own."""
    parts = reference.split(":")
    size = 7 if parts[0] == "arn" else 1
    secret, rest = ":".join(parts[:size]), [*parts[size:], "", "", "", ""]
    wanted = {"SecretId": secret, "VersionStage": rest[2], "VersionId": rest[3]}
    answer = client("secretsmanager").get_secret_value(**{k: v for k, v in wanted.items() if v})
    text = str(answer["SecretString"])
    if not rest[1]:
        return text
    values = json.loads(text)
    if rest[1] not in values:
        raise ResourceError(f"Could not find a value associated with JSONKey {rest[1]} in secret {secret}")
    return str(values[rest[1]])
