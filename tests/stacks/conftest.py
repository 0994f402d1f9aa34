"""The app, synthesized once for all tests of the templates."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.once import once

# CDK's own validation costs seconds for each synth. Node reads this when it starts, which importing CDK makes it do.
os.environ["CDK_VALIDATION"] = "false"


@dataclass(frozen=True)
class Assembly:
    """What synth wrote: the folder, and the template of each stack by its name in the account (`Dev-Data`)."""

    folder: Path
    templates: dict[str, dict[str, Any]]

    def resources(self, type_: str, *, stack: str | None = None) -> dict[str, dict[str, Any]]:
        """Resources of one type by `<stack>/<logical id>`."""
        return {
            f"{name}/{logical_id}": resource
            for name, template in self.templates.items()
            for logical_id, resource in template["Resources"].items()
            if resource["Type"] == type_ and stack in (None, name)
        }

    def statements(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each statement of each policy of a role, with the policy's name; the boundary grants nothing."""
        for policy in self.resources("AWS::IAM::ManagedPolicy").values():
            properties = policy["Properties"]
            if properties["ManagedPolicyName"].endswith("-boundary"):
                continue
            for statement in properties["PolicyDocument"]["Statement"]:
                yield properties["ManagedPolicyName"], statement


def read_assembly(folder: Path, stage_name: str = "Dev") -> Assembly:
    stage = folder / f"assembly-{stage_name}"
    artifacts = json.loads((stage / "manifest.json").read_text())["artifacts"].values()
    templates = {
        artifact["properties"]["stackName"]: json.loads((stage / artifact["properties"]["templateFile"]).read_text())
        for artifact in artifacts
        if artifact["type"] == "aws:cloudformation:stack"
    }
    return Assembly(folder, templates)


@pytest.fixture(scope="session")
def assembly(synthesized: Path) -> Assembly:
    """The account that trains: most of what there is."""
    return read_assembly(synthesized)


@pytest.fixture(scope="session")
def elsewhere(synthesized: Path) -> dict[str, Assembly]:
    """The accounts that only serve, by their names."""
    return {name: read_assembly(synthesized, name.capitalize()) for name in ("staging", "prod")}


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped settings, synthesized in this process."""
    from settings import load
    from stacks.account_stage import AccountStage
    from stacks.app import new_app

    def make(folder: Path) -> None:
        loaded = load()
        app = new_app(outdir=folder)
        for account in loaded.accounts:
            AccountStage(app, account.name.capitalize(), account=account, settings=loaded)
        app.synth()

    return once(tmp_path_factory, "synthesized", make)
