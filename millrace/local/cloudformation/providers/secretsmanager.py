"""AWS::SecretsManager::Secret, with a value given or generated."""

from __future__ import annotations

import json
from typing import Any

from millrace.local.cloudformation.providers.base import Base, Context, Made, Properties
from millrace.local.cloudformation.providers.coerce import call_input
from millrace.local.cloudformation.providers.iam import gone
from millrace.local.cloudformation.providers.tags import retag
from millrace.local.cloudformation.schema import changed

PLAIN = ("Description", "KmsKeyId", "SecretString")


class Secret(Base):
    """Ref is the secret's ARN."""

    attributes = frozenset({"Id"})
    name_property = "Name"
    handled = frozenset({"GenerateSecretString", "Name", "Tags", *PLAIN})

    def create(self, ctx: Context, properties: Properties) -> Made:
        client = ctx.client("secretsmanager")
        values = {name: properties[name] for name in (*PLAIN, "Tags") if name in properties}
        values["Name"] = properties.get("Name") or ctx.name(limit=500)
        if "GenerateSecretString" in properties:
            values["SecretString"] = _generated(client, properties["GenerateSecretString"])
        arn = client.create_secret(**call_input(client, "create_secret", values))["ARN"]
        return Made(arn, {"Id": arn})

    def update(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        client, differing = ctx.client("secretsmanager"), changed(old, new)
        values = {name: new[name] for name in PLAIN if name in differing and name in new}
        if "GenerateSecretString" in differing and "GenerateSecretString" in new:
            values["SecretString"] = _generated(client, new["GenerateSecretString"])
        if values:
            client.update_secret(**call_input(client, "update_secret", {**values, "SecretId": made.physical_id}))
        if "Tags" in differing:
            retag(client, old, new, SecretId=made.physical_id)
        return made

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        delete = ctx.client("secretsmanager").delete_secret
        gone(delete, SecretId=made.physical_id, ForceDeleteWithoutRecovery=True)


def _generated(client: Any, wanted: dict[str, Any]) -> str:
    rules = {key: value for key, value in wanted.items() if key not in ("GenerateStringKey", "SecretStringTemplate")}
    password = client.get_random_password(**call_input(client, "get_random_password", rules))["RandomPassword"]
    if "GenerateStringKey" not in wanted:
        return str(password)
    return json.dumps({**json.loads(wanted["SecretStringTemplate"]), wanted["GenerateStringKey"]: password})


PROVIDERS = {"AWS::SecretsManager::Secret": Secret()}
