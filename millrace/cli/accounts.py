"""The accounts that the cloud assembly is made for: names, ids, which one trains, what each of them deploys on.

Read from the templates, so that it is true of whatever settings they were made from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace.cli import project
from millrace.errors import MillraceError

APPROVAL = "approval"
STACK, ASSEMBLY = "aws:cloudformation:stack", "cdk:cloud-assembly"
DEPLOYER, SMOKE_TEST, STARTER = "-deploy-model", "-smoke-test", "-start-pipeline"


@dataclass(frozen=True)
class Account:
    """One account; without an assembly that tells more, it trains and deploys what is approved."""

    name: str
    id: str
    region: str
    trains: bool = True
    deploys_on: str = APPROVAL
    """`approval`, or the stage of a version's life cycle that has to be approved as well."""
    after: str = ""
    """The account in which a version's smoke test has to pass first."""
    smoke_tests: bool = False

    @property
    def stage(self) -> str:
        """The stage it waits for; empty if the approval alone is enough."""
        return "" if self.deploys_on == APPROVAL else self.deploys_on

    def __str__(self) -> str:
        return self.name


def known(assembly: Path | None = None) -> list[Account]:
    """The accounts of an assembly, in its order, which is that of the settings; none without one."""
    return [found for title, folder in _stages(assembly or project.ASSEMBLY) if (found := _account(title, folder))]


def chosen(wanted: str | None, assembly: Path | None = None) -> Account | None:
    """The account with this name or id; without one the one that trains. None if the assembly does not tell."""
    accounts = known(assembly)
    if wanted is None:
        return next((each for each in accounts if each.trains), accounts[0] if accounts else None)
    found = next((each for each in accounts if wanted in (each.name, each.id)), None)
    if found is None and not wanted.isdigit():
        names = (
            ", ".join(f"{each.name} ({each.id})" for each in accounts) or "none, as there is no cdk.out (make synth)"
        )
        raise MillraceError(f"--account is {wanted!r}: give 12 digits or the name of an account; known: {names}")
    return found


def waiting_for(stage: str, accounts: Sequence[Account]) -> list[Account]:
    """The accounts that deploy a version once this stage is approved; MillraceError if there is none."""
    found = [each for each in accounts if each.stage == stage]
    if accounts and not found:
        stages = ", ".join(f"{each.stage} ({each.name})" for each in accounts if each.stage)
        raise MillraceError(f"no account waits for the stage {stage!r}; there are: {stages or 'none'}")
    return found


def _stages(assembly: Path) -> Iterator[tuple[str, Path]]:
    """Each CDK stage: its id and its folder."""
    for artifact in _artifacts(assembly).values():
        if artifact.get("type") == ASSEMBLY:
            properties = artifact["properties"]
            yield properties.get("displayName", ""), assembly / properties["directoryName"]


def _account(title: str, folder: Path) -> Account | None:
    stacks = [each for each in _artifacts(folder).values() if each.get("type") == STACK]
    places = [each["environment"].removeprefix("aws://").partition("/") for each in stacks if each.get("environment")]
    place = next(((id_, region) for id_, _, region in places if id_.isdigit()), None)
    if place is None:
        return None
    functions = {name: each for stack in stacks for name, each in _functions(folder, stack)}
    deployer = next((each for name, each in functions.items() if name.endswith(DEPLOYER)), {})
    return Account(
        name=title.lower(),
        id=place[0],
        region=place[1],
        trains=any(name.endswith(STARTER) for name in functions),
        deploys_on=str(deployer.get("DEPLOYS_ON") or APPROVAL),
        after=str(deployer.get("AFTER") or ""),
        smoke_tests=any(name.endswith(SMOKE_TEST) for name in functions),
    )


def _functions(folder: Path, stack: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The name and the environment of each Lambda function of a stack that has a name."""
    for resource in template(folder, stack).get("Resources", {}).values():
        properties = resource.get("Properties", {})
        if resource.get("Type") == "AWS::Lambda::Function" and isinstance(properties.get("FunctionName"), str):
            yield properties["FunctionName"], properties.get("Environment", {}).get("Variables", {})


def stacks_of(account: Account, assembly: Path | None = None) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The stacks of an account, each with the folder of its template."""
    for title, folder in _stages(assembly or project.ASSEMBLY):
        if title.lower() == account.name:
            yield from ((folder, each) for each in _artifacts(folder).values() if each.get("type") == STACK)


def template(folder: Path, stack: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / stack["properties"]["templateFile"]).read_text("utf-8"))
    return found


def _artifacts(folder: Path) -> dict[str, dict[str, Any]]:
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return {}
    found: dict[str, dict[str, Any]] = json.loads(manifest.read_text("utf-8")).get("artifacts", {})
    return found
