"""What a deployment would do, as data that can be printed. Pure: what is deployed comes in, nothing is called."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from millrace.deploy.assembly import Assembly, FileAsset, StackArtifact
from millrace.errors import MillraceError

Action = Literal["create", "update", "recreate", "unchanged"]
GONE = ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")


@dataclass(frozen=True)
class Environment:
    """The account and region that a deployment goes to."""

    account: str
    region: str

    def fill(self, text: str) -> str:
        """Replace CDK's placeholders."""
        filled = text.replace("${AWS::Partition}", "aws").replace("${AWS::AccountId}", self.account)
        return filled.replace("${AWS::Region}", self.region)

    def holds(self, stack: StackArtifact) -> bool:
        return stack.account in (None, self.account) and stack.region in (None, self.region)


@dataclass(frozen=True)
class Deployed:
    """What is known of a stack that exists."""

    name: str
    status: str
    template: Mapping[str, Any]
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    role_arn: str | None = None
    termination_protection: bool = False


@dataclass(frozen=True)
class StackStep:
    """What happens to one stack; `needs` are the names of the stacks that come before it."""

    stack: StackArtifact
    action: Action
    needs: tuple[str, ...] = ()
    parameters: tuple[Mapping[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"{self.action:<10} {self.stack.name}"


@dataclass(frozen=True)
class Plan:
    environment: Environment
    steps: tuple[StackStep, ...]
    assets: tuple[FileAsset, ...]
    elsewhere: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[StackStep, ...]:
        return tuple(step for step in self.steps if step.action != "unchanged")

    @property
    def bootstrap_version(self) -> int:
        return max((step.stack.bootstrap_version for step in self.changes), default=0)

    def __str__(self) -> str:
        lines = [str(step) for step in self.steps]
        lines += [f"{'publish':<10} {asset.name}" for asset in self.assets]
        lines += [f"{'elsewhere':<10} {name}" for name in self.elsewhere]
        return "\n".join(lines)


def make_plan(
    assembly: Assembly,
    environment: Environment,
    deployed: Mapping[str, Deployed],
    published: Collection[tuple[str, str]] = (),
) -> Plan:
    """The steps in dependency order; `published` are the (bucket, key) that S3 holds already."""
    here = [stack for stack in assembly.stacks if environment.holds(stack)]
    names = {stack.id: stack.name for stack in here}
    steps = [
        _step(stack, environment, deployed.get(stack.name), tuple(names[need] for need in stack.needs if need in names))
        for stack in _ordered(here)
    ]
    wanted = [
        _placed(asset, environment) for step in steps if step.action != "unchanged" for asset in step.stack.assets
    ]
    missing = {(asset.bucket, asset.key): asset for asset in wanted if (asset.bucket, asset.key) not in published}
    elsewhere = tuple(stack.name for stack in assembly.stacks if not environment.holds(stack))
    return Plan(environment, tuple(steps), tuple(missing.values()), elsewhere)


def _placed(asset: FileAsset, environment: Environment) -> FileAsset:
    bucket, key = environment.fill(asset.bucket), environment.fill(asset.key)
    return FileAsset(asset.name, asset.source, asset.packaging, bucket, key)


def _step(stack: StackArtifact, environment: Environment, known: Deployed | None, needs: tuple[str, ...]) -> StackStep:
    template = stack.template()
    previous = known.parameters if known and known.status not in GONE else {}
    parameters = tuple(_parameters(stack, template, previous))
    if known is None:
        return StackStep(stack, "create", needs, parameters)
    if known.status in GONE:
        return StackStep(stack, "recreate", needs, parameters)
    given = {entry["ParameterKey"]: entry["ParameterValue"] for entry in parameters if "ParameterValue" in entry}
    role = environment.fill(stack.role_arn) if stack.role_arn else None
    same = (
        known.template == template
        and dict(known.tags) == dict(stack.tags)
        and known.role_arn in (None, role)
        and known.termination_protection == stack.termination_protection
        and all(known.parameters.get(name) == value for name, value in given.items())
        and not known.status.startswith("UPDATE_FAILED")
    )
    return StackStep(stack, "unchanged" if same else "update", needs, parameters)


def _parameters(
    stack: StackArtifact, template: Mapping[str, Any], previous: Mapping[str, str]
) -> Iterable[Mapping[str, Any]]:
    """What the assembly gives, else what the stack has: only then a default."""
    for name in template.get("Parameters", {}):
        if name in stack.parameters:
            yield {"ParameterKey": name, "ParameterValue": stack.parameters[name]}
        elif name in previous:
            yield {"ParameterKey": name, "UsePreviousValue": True}


def _ordered(stacks: list[StackArtifact]) -> list[StackArtifact]:
    ids = {stack.id for stack in stacks}
    waiting = {stack.id: set(stack.needs) & ids for stack in stacks}
    by_id = {stack.id: stack for stack in stacks}
    done: list[StackArtifact] = []
    while waiting:
        ready = [id_ for id_, needs in waiting.items() if not needs]
        if not ready:
            raise MillraceError(f"the stacks {', '.join(sorted(waiting))} need each other in a circle")
        done += [by_id[id_] for id_ in ready]
        waiting = {id_: needs - set(ready) for id_, needs in waiting.items() if id_ not in ready}
    return done
