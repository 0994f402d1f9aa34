"""The templates of an App as resources whose properties are plain values. Controls, gates and tests read them.

References become what CloudFormation would put there, as far as the names are known; what is only known after a
deployment becomes a text like `${KeyB2C15.Arn}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES = {
    "AWS::DynamoDB::Table": ("dynamodb", "table/{TableName}"),
    "AWS::Events::Rule": ("events", "rule/{Name}"),
    "AWS::IAM::ManagedPolicy": ("iam", "policy/{ManagedPolicyName}"),
    "AWS::IAM::Role": ("iam", "role/{RoleName}"),
    "AWS::KMS::Key": ("kms", "key/{LogicalId}"),
    "AWS::Lambda::Function": ("lambda", "function:{FunctionName}"),
    "AWS::Logs::LogGroup": ("logs", "log-group:{LogGroupName}:*"),
    "AWS::S3::Bucket": ("s3", "{BucketName}"),
    "AWS::SageMaker::Endpoint": ("sagemaker", "endpoint/{EndpointName}"),
    "AWS::SageMaker::Pipeline": ("sagemaker", "pipeline/{PipelineName}"),
    "AWS::SNS::Topic": ("sns", "{TopicName}"),
    "AWS::SQS::Queue": ("sqs", "{QueueName}"),
}
"""Service and resource part of the ARN of the types that policies name."""
REFERRED_BY_ARN = ("AWS::IAM::ManagedPolicy", "AWS::SNS::Topic")
_VARIABLE = re.compile(r"\$\{(!?)([^}]+)\}")


@dataclass(frozen=True)
class Template:
    """One stack's template, where it is deployed, and the file it lies in."""

    path: str
    account: str
    region: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Resource:
    """One resource; `properties` hold no intrinsic function any more."""

    template: str
    logical_id: str
    type: str
    arn: str
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Templates:
    """All templates of an App, so that what one exports is known to the others."""

    templates: tuple[Template, ...]

    def resources(self, *types: str) -> Iterator[Resource]:
        """The resources of these types, or all."""
        for template in self.templates:
            for logical_id, resource in template.body.get("Resources", {}).items():
                if not types or resource["Type"] in types:
                    properties = self._resolve(resource.get("Properties", {}), template)
                    arn = self._attribute(logical_id, "Arn", template)
                    yield Resource(template.path, logical_id, resource["Type"], arn, properties)

    def policies(self) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
        """Each customer-managed policy with its document."""
        for policy in self.resources("AWS::IAM::ManagedPolicy"):
            yield policy, policy.properties["PolicyDocument"]

    def _resolve(self, value: Any, at: Template) -> Any:
        match value:
            case {"Ref": str(name)} if len(value) == 1:
                return self._reference(name, at)
            case {"Fn::GetAtt": [str(logical_id), str(attribute)]}:
                return self._attribute(logical_id, attribute, at)
            case {"Fn::Join": [str(on), parts]}:
                return on.join(str(part) for part in self._resolve(parts, at))
            case {"Fn::ImportValue": name}:
                return self._imported(self._resolve(name, at))
            case {"Fn::Sub": text}:
                return self._substitute(text, at)
            case {"Fn::Split": [str(on), text]}:
                return str(self._resolve(text, at)).split(on)
            case {"Fn::Select": [index, parts]}:
                chosen = self._resolve(parts, at)
                return chosen[int(index)] if int(index) < len(chosen) else ""
            case {"Fn::If": [_, then, _]}:
                return self._resolve(then, at)
            case Mapping():
                return {key: self._resolve(item, at) for key, item in value.items()}
            case list():
                return [self._resolve(item, at) for item in value]
            case _:
                return value

    def _reference(self, name: str, at: Template) -> str:
        pseudo = {"AWS::AccountId": at.account, "AWS::Region": at.region, "AWS::Partition": "aws"}
        pseudo |= {"AWS::URLSuffix": "amazonaws.com"}
        if name in pseudo:
            return pseudo[name]
        if name in at.body.get("Parameters", {}):
            return str(at.body["Parameters"][name].get("Default", f"${{{name}}}"))
        resource = at.body["Resources"].get(name, {})
        if resource.get("Type") in REFERRED_BY_ARN:
            return self._attribute(name, "Arn", at)
        properties = resource.get("Properties", {})
        named = next((key for key in _name_keys(resource.get("Type", "")) if key in properties), None)
        return str(self._resolve(properties[named], at)) if named else f"${{{name}}}"

    def _attribute(self, logical_id: str, attribute: str, at: Template) -> str:
        resource = at.body["Resources"].get(logical_id, {})
        if attribute in ("Arn", "PipelineArn") and resource.get("Type") in NAMES:
            service, pattern = NAMES[resource["Type"]]
            names = {"LogicalId": logical_id, **resource.get("Properties", {})}
            part = re.sub(r"\{(\w+)\}", lambda m: str(self._resolve(names.get(m[1], logical_id), at)), pattern)
            region = "" if service in ("iam", "s3") else at.region
            account = "" if service == "s3" else at.account
            return f"arn:aws:{service}:{region}:{account}:{part}"
        return f"${{{logical_id}.{attribute}}}"

    def _imported(self, name: str) -> str:
        for template in self.templates:
            for output in template.body.get("Outputs", {}).values():
                if output.get("Export", {}).get("Name") == name:
                    return str(self._resolve(output["Value"], template))
        return f"${{{name}}}"

    def _substitute(self, text: Any, at: Template) -> str:
        pattern, values = (text, {}) if isinstance(text, str) else (text[0], text[1])

        def replace(found: re.Match[str]) -> str:
            literal, name = found.groups()
            if literal:
                return f"${{{name}}}"
            if name in values:
                return str(self._resolve(values[name], at))
            if "." in name:
                logical_id, attribute = name.split(".", 1)
                return self._attribute(logical_id, attribute, at)
            return self._reference(name, at)

        return _VARIABLE.sub(replace, pattern)


def read(files: Sequence[tuple[Path, str, str]]) -> Templates:
    """Read template files, each with its account and region."""
    return Templates(
        tuple(
            Template(str(path), account, region, json.loads(path.read_text("utf-8"))) for path, account, region in files
        )
    )


def listed(value: Any) -> list[Any]:
    """Policies and templates write one thing plainly and several as a list."""
    return list(value) if isinstance(value, list | tuple) else [value]


def _name_keys(type_: str) -> tuple[str, ...]:
    kind = type_.rsplit("::", 1)[-1]
    return (f"{kind}Name", "Name")
