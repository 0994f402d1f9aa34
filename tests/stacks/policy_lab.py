"""Asks the embedded AWS's evaluator what the synthesized roles may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from millrace.local.iam.evaluator import decide
from millrace.local.iam.records import AccessRequest, Decision, Policies, Policy, Principal
from stacks.controls.templates import Resource, Templates
from tests.stacks.template_lab import ACCOUNT, Lab

OPEN = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}


@dataclass(frozen=True)
class Question:
    """One line of never.toml."""

    action: str
    resource: str
    account: str
    context: dict[str, tuple[str, ...]]

    @classmethod
    def read(cls, line: str, *, key: str) -> Question:
        action, resource, *rest = line.format(key=key).split()
        context = dict(part.split("=", 1) for part in rest)
        account = context.pop("account", ACCOUNT)
        return cls(action, resource, account, {name: (value,) for name, value in context.items()})


class Roles:
    """The roles of the templates with their policies, their boundary and the policies of the system's resources."""

    def __init__(self, assembly: Any) -> None:
        self.templates: Templates = Lab(assembly).templates()
        self._documents = {policy.arn: document for policy, document in self.templates.policies()}
        (self._key,) = self.templates.resources("AWS::KMS::Key")

    @property
    def key(self) -> str:
        return self._key.arn

    def all(self) -> dict[str, Resource]:
        return {role.properties["RoleName"]: role for role in self.templates.resources("AWS::IAM::Role")}

    def decide(self, role: Resource, question: Question) -> Decision:
        """What AWS would say to a session of the role; another account's resource is open to everyone."""
        boundary = role.properties["PermissionsBoundary"]
        attached = role.properties["ManagedPolicyArns"]
        session = role.arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/session"
        request = AccessRequest(
            principal=Principal("role", session, ACCOUNT, role.arn),
            action=question.action,
            resource=question.resource,
            resource_account=question.account,
            context={
                "aws:SecureTransport": ("true",),
                "aws:PrincipalArn": (role.arn,),
                "aws:PrincipalAccount": (ACCOUNT,),
                "aws:ResourceAccount": (question.account,),
                **question.context,
            },
        )
        policies = Policies(
            identity=tuple(Policy(arn, self._documents[arn]) for arn in attached),
            boundary=Policy(boundary, self._documents[boundary]),
            resource=self._resource_policy(question),
        )
        return decide(request, policies)

    def _resource_policy(self, question: Question) -> Policy | None:
        if question.account != ACCOUNT:
            return Policy(question.resource, OPEN)
        if question.resource == self.key:
            return Policy(self.key, self._key.properties["KeyPolicy"])
        return None
