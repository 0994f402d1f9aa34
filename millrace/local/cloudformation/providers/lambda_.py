"""AWS::Lambda types; `lambda` is a keyword, hence the file's name."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from millrace.local.cloudformation.errors import ResourceError
from millrace.local.cloudformation.providers.api import Api
from millrace.local.cloudformation.providers.base import Base, Context, Made, Properties
from millrace.local.cloudformation.providers.coerce import call_input
from millrace.local.cloudformation.providers.iam import gone
from millrace.local.cloudformation.providers.tags import retag
from millrace.local.cloudformation.schema import changed

SEPARATE = {"Code", "Tags", "ReservedConcurrentExecutions", "RuntimeManagementConfig"}
RENAMED = {"KmsKeyArn": "KMSKeyArn"}
# What a setting becomes when its property is taken away: UpdateFunctionConfiguration keeps what is absent.
DEFAULTS: dict[str, Any] = {
    "DeadLetterConfig": {"TargetArn": ""},
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "Layers": [],
    "MemorySize": 128,
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
}


class Function(Base):
    """Ref is the function's name; the code comes from S3, from the template's text or from an image."""

    attributes = frozenset({"Arn"})
    name_property = "FunctionName"

    def refused(self, properties: Properties) -> list[str]:
        managed = properties.get("RuntimeManagementConfig", {}).get("UpdateRuntimeOn", "Auto")
        return [] if managed == "Auto" else ["RuntimeManagementConfig"]

    def create(self, ctx: Context, properties: Properties) -> Made:
        client = ctx.client("lambda")
        values = _configuration(properties)
        values["FunctionName"] = properties.get("FunctionName") or ctx.name(limit=64)
        values["Code"] = _code(properties)
        if "Tags" in properties:
            values["Tags"] = properties["Tags"]
        function = client.create_function(**call_input(client, "create_function", values))
        return Made(function["FunctionName"], {"Arn": function["FunctionArn"]})

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        client, differing = ctx.client("lambda"), changed(old, new)
        who = {"FunctionName": made.physical_id}
        if old and {"Code", "Architectures"} & set(differing):
            architectures = {"Architectures": new["Architectures"]} if "Architectures" in new else {}
            client.update_function_code(**who, **_code(new), **architectures)
        settings = [name for name in differing if name not in SEPARATE | {"Architectures"}]
        if old and settings:
            gone_ones = {name: DEFAULTS[name] for name in settings if name not in new and name in DEFAULTS}
            values = {**_configuration(new), **gone_ones, **who}
            values = {name: value for name, value in values.items() if name not in ("Architectures", "PackageType")}
            client.update_function_configuration(**call_input(client, "update_function_configuration", values))
        if "ReservedConcurrentExecutions" in differing:
            _reserve(client, who, new)
        if old and "Tags" in differing:
            retag(client, old, new, Resource=made.attributes["Arn"])
        return made

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        gone(ctx.client("lambda").delete_function, FunctionName=made.physical_id)


def _configuration(properties: Properties) -> dict[str, Any]:
    return {RENAMED.get(name, name): value for name, value in properties.items() if name not in SEPARATE}


def _reserve(client: Any, who: dict[str, str], properties: Properties) -> None:
    if "ReservedConcurrentExecutions" in properties:
        reserved = int(properties["ReservedConcurrentExecutions"])
        client.put_function_concurrency(**who, ReservedConcurrentExecutions=reserved)
    else:
        client.delete_function_concurrency(**who)


def _code(properties: Properties) -> dict[str, Any]:
    code = dict(properties["Code"])
    if "ZipFile" in code:
        code["ZipFile"] = _inline(code["ZipFile"], str(properties.get("Runtime", "")))
    return code


def _inline(source: str, runtime: str) -> bytes:
    """Code written in the template becomes index.py or index.js of a zip."""
    if not runtime.startswith(("python", "nodejs")):
        raise ResourceError(f"ZipFile can only be used with a Python or Node.js runtime, not {runtime!r}")
    buffer = io.BytesIO()
    name = "index.py" if runtime.startswith("python") else "index.js"
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), source)
    return buffer.getvalue()


class Permission(Base):
    """One statement of a function's policy; every change of it is a replacement."""

    attributes = frozenset({"Id"})
    handled = frozenset(
        {
            "Action",
            "EventSourceToken",
            "FunctionName",
            "FunctionUrlAuthType",
            "Principal",
            "PrincipalOrgID",
            "SourceAccount",
            "SourceArn",
        }
    )

    def create(self, ctx: Context, properties: Properties) -> Made:
        client, statement = ctx.client("lambda"), ctx.name(limit=100)
        values = {**properties, "StatementId": statement}
        client.add_permission(**call_input(client, "add_permission", values))
        return Made(statement, {"Id": statement})

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        gone(
            ctx.client("lambda").remove_permission,
            FunctionName=properties["FunctionName"],
            StatementId=made.physical_id,
        )


class LayerVersion(Base):
    """Ref is the version's ARN; a layer version never changes."""

    attributes = frozenset({"LayerVersionArn"})
    handled = frozenset(
        {"CompatibleArchitectures", "CompatibleRuntimes", "Content", "Description", "LayerName", "LicenseInfo"}
    )

    def create(self, ctx: Context, properties: Properties) -> Made:
        client = ctx.client("lambda")
        values = {"LayerName": ctx.name(limit=140), **properties}
        arn = client.publish_layer_version(**call_input(client, "publish_layer_version", values))["LayerVersionArn"]
        return Made(arn, {"LayerVersionArn": arn})

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        layer, version = made.physical_id.rsplit(":", 1)
        gone(ctx.client("lambda").delete_layer_version, LayerName=layer, VersionNumber=int(version))


class Version(Base):
    """Ref is the qualified ARN. Deleting a version that an alias still names is refused by Lambda."""

    attributes = frozenset({"FunctionArn", "Version"})
    handled = frozenset({"CodeSha256", "Description", "FunctionName"})

    def create(self, ctx: Context, properties: Properties) -> Made:
        client = ctx.client("lambda")
        function = client.publish_version(**call_input(client, "publish_version", properties))
        arn = function["FunctionArn"]
        if not arn.endswith(f":{function['Version']}"):
            arn = f"{arn}:{function['Version']}"
        return Made(arn, {"FunctionArn": arn, "Version": function["Version"]})

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        gone(
            ctx.client("lambda").delete_function,
            FunctionName=properties["FunctionName"],
            Qualifier=made.attributes["Version"],
        )


PROVIDERS = {
    "AWS::Lambda::Function": Function(),
    "AWS::Lambda::Permission": Permission(),
    "AWS::Lambda::LayerVersion": LayerVersion(),
    "AWS::Lambda::Version": Version(),
    "AWS::Lambda::Alias": Api(
        "lambda", "create_alias", "update_alias", "delete_alias", ref="AliasArn", gives={"AliasArn": "AliasArn"}
    ),
    "AWS::Lambda::EventSourceMapping": Api(
        "lambda",
        "create_event_source_mapping",
        "update_event_source_mapping",
        "delete_event_source_mapping",
        ref="Id",
        gives={"Id": "UUID", "EventSourceMappingArn": "EventSourceMappingArn"},
        rename={"Id": "UUID"},
        tagged={"Resource": "EventSourceMappingArn"},
    ),
    "AWS::Lambda::EventInvokeConfig": Api(
        "lambda",
        "put_function_event_invoke_config",
        "put_function_event_invoke_config",
        "delete_function_event_invoke_config",
        gives={"_arn": "FunctionArn"},
    ),
}
