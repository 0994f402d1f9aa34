"""A role for an AWS service, with its permissions in customer-managed policies of its own and shared ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

LARGEST = 5_800
"""Of the 6,144 characters that a managed policy may have; the rest is for its frame, and for ARNs not known yet."""
LONGEST_ARN = "arn:aws:kms:ap-northeast-2:111111111111:key/00000000-0000-0000-0000-000000000000"
"""What a reference is counted as."""


class ServiceRole(Construct):
    """The policies are named after the role and are made before it, so whatever waits for the role may use it.

    There is one, and more only where the statements of many models do not fit into one: `<name>-2`, `<name>-3`.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        service: str,
        statements: Sequence[iam.PolicyStatement],
        shared: Sequence[iam.IManagedPolicy] = (),
        acting_for: str | None,
    ) -> None:
        """`acting_for`: the ARNs the service may assume the role for; None if it is not documented to say so."""
        super().__init__(scope, id_)
        account = Stack.of(self).account
        conditions = {"StringEquals": {"aws:SourceAccount": account}, "ArnLike": {"aws:SourceArn": acting_for}}
        own = [
            iam.ManagedPolicy(
                self,
                f"Policy{ending}",
                managed_policy_name=f"{name}{ending}",
                description=f"What {name} may do",
                statements=part,
            )
            for ending, part in _parts(Stack.of(self), statements)
        ]
        self.role = iam.Role(
            self,
            "Role",
            role_name=name,
            assumed_by=iam.ServicePrincipal(service, conditions=conditions if acting_for else None),
            managed_policies=[*own, *shared],
        )

    @property
    def arn(self) -> str:
        return self.role.role_arn


def _parts(stack: Stack, statements: Sequence[iam.PolicyStatement]) -> Iterator[tuple[str, list[iam.PolicyStatement]]]:
    """The statements by policies, in their order, each with the ending of the policy's name."""
    number, part, size = 1, list[iam.PolicyStatement](), 0
    for statement, length in (each for whole in statements for each in _pieces(stack, whole)):
        if part and size + length > LARGEST:
            yield _ending(number), part
            number, part, size = number + 1, [], 0
        part.append(statement)
        size += length
    yield _ending(number), part


def _ending(number: int) -> str:
    return f"-{number}" if number > 1 else ""


def _pieces(stack: Stack, statement: iam.PolicyStatement) -> Iterator[tuple[iam.PolicyStatement, int]]:
    """A large statement as two, each about half of its resources: together they allow the same."""
    length = _length(stack.resolve(statement.to_statement_json()))
    resources = statement.resources
    if length <= LARGEST // 2 or len(resources) < 2:
        yield statement, length
        return
    half = len(resources) // 2
    for some in (resources[:half], resources[half:]):
        yield from _pieces(stack, statement.copy(resources=some))


def _length(resolved: Any) -> int:
    return len(json.dumps(_counted(resolved), separators=(",", ":"))) + 1


def _counted(value: Any) -> Any:
    """With an ARN for each reference."""
    if isinstance(value, Mapping):
        intrinsic = len(value) == 1 and next(iter(value)) in ("Ref", "Fn::GetAtt", "Fn::ImportValue")
        return LONGEST_ARN if intrinsic else {key: _counted(each) for key, each in value.items()}
    return [_counted(each) for each in value] if isinstance(value, list | tuple) else value
