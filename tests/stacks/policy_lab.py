"""Asks the embedded AWS's evaluator what the synthesized roles may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from millrace.local.iam.evaluator import decide
from millrace.local.iam.records import AccessRequest, Decision, Policies, Policy, Principal
from stacks.controls.templates import Resource, Templates
from tests.stacks.template_lab import IDS, Lab

OPEN = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}


@dataclass(frozen=True)
class Question:
    """One line of never.toml; without an account the resource is in the role's own."""

    action: str
    resource: str
    account: str | None
    context: dict[str, tuple[str, ...]]

    @classmethod
    def read(cls, line: str, **names: str) -> Question:
        action, resource, *rest = line.format(**names).split()
        context = dict(part.split("=", 1) for part in rest)
        account = context.pop("account", None)
        return cls(action, resource, account, {name: (value,) for name, value in context.items()})


class Roles:
    """The roles of one account's templates with their policies, their boundary and the policies of its resources."""

    def __init__(self, assembly: Any, *, account: str = "dev", home: Any = None) -> None:
        """`home` is the training account's assembly, for what it grants; without it others are open to everyone."""
        self.account = account
        self.templates: Templates = Lab(assembly).templates()
        self._documents = {policy.arn: document for policy, document in self.templates.policies()}
        self._home = dict(_resource_policies(Lab(home).templates())) if home else None
        self._keys = {key.logical_id[:-8]: key for key in self.templates.resources("AWS::KMS::Key")}

    @property
    def names(self) -> dict[str, str]:
        """What a line may say in braces."""
        keys = {"key": "Key", "artifact_key": "ArtifactKey", "capture_key": "CaptureKey"}
        found = {name: self._keys[id_].arn for name, id_ in keys.items() if id_ in self._keys}
        return {**found, "name": self.account, "Name": self.account.capitalize(), "id": IDS[self.account]}

    def all(self) -> dict[str, Resource]:
        return {role.properties["RoleName"]: role for role in self.templates.resources("AWS::IAM::Role")}

    def decide(self, role: Resource, question: Question) -> Decision:
        """What AWS would say to a session of the role."""
        own = IDS[self.account]
        account = question.account or own
        boundary = role.properties["PermissionsBoundary"]
        attached = role.properties["ManagedPolicyArns"]
        session = role.arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/session"
        request = AccessRequest(
            principal=Principal("role", session, own, role.arn),
            action=question.action,
            resource=question.resource,
            resource_account=account,
            context={
                "aws:SecureTransport": ("true",),
                "s3:TlsVersion": ("1.3",),
                "aws:PrincipalArn": (role.arn,),
                "aws:PrincipalAccount": (own,),
                "aws:ResourceAccount": (account,),
                **question.context,
            },
        )
        policies = Policies(
            identity=tuple(Policy(arn, self._documents[arn]) for arn in attached),
            boundary=Policy(boundary, self._documents[boundary]),
            resource=self._resource_policy(question, foreign=account != own),
        )
        return decide(request, policies)

    def _resource_policy(self, question: Question, *, foreign: bool) -> Policy | None:
        if foreign:
            granted = {"": OPEN} if self._home is None else self._home
            found = [document for start, document in granted.items() if question.resource.startswith(start)]
            return Policy(question.resource, found[0]) if found else None
        key = next((key for key in self._keys.values() if key.arn == question.resource), None)
        return Policy(key.arn, key.properties["KeyPolicy"]) if key else None


def _resource_policies(templates: Templates) -> Any:
    """Each with how the ARNs of what it is about begin."""
    for policy in templates.resources("AWS::S3::BucketPolicy"):
        yield f"arn:aws:s3:::{policy.properties['Bucket']}", policy.properties["PolicyDocument"]
    for key in templates.resources("AWS::KMS::Key"):
        yield key.arn, key.properties["KeyPolicy"]
    for group in templates.resources("AWS::SageMaker::ModelPackageGroup"):
        name, place = group.properties["ModelPackageGroupName"], "arn:aws:sagemaker:ap-northeast-2:111111111111"
        for kind in (f"model-package/{name}/", f"model-package-group/{name}"):
            yield f"{place}:{kind}", group.properties["ModelPackageGroupPolicy"]
