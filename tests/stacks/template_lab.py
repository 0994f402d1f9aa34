"""The synthesized templates as the controls see them, and small changes to copies of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from settings import load
from stacks.controls.templates import Template, Templates

MODELS = tuple(model.name for model in load().models)
"""The models that are shipped, whichever they are."""
PIPELINE = "AWS::SageMaker::Pipeline"
ACCOUNT, REGION = "111111111111", "ap-northeast-2"
IDS = {account.name: account.account_id for account in load().accounts}
Change = Callable[["Lab"], object]


class Lab:
    """A copy of the templates to spoil."""

    def __init__(self, assembly: Any) -> None:
        self.bodies = copy.deepcopy(assembly.templates)

    def templates(self) -> Templates:
        """Each as a template of the account that its name begins with."""
        return Templates(tuple(Template(name, IDS[_account(name)], REGION, body) for name, body in self.bodies.items()))

    def properties(self, type_: str, containing: str = "") -> dict[str, Any]:
        """The properties of the first resource of a type whose logical id holds a text."""
        for body in self.bodies.values():
            for logical_id, resource in body["Resources"].items():
                if resource["Type"] == type_ and containing in logical_id:
                    found: dict[str, Any] = resource["Properties"]
                    return found
        raise LookupError(f"no {type_} with {containing!r} in its name")

    def statements(self, type_: str, containing: str = "", document: str = "PolicyDocument") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.properties(type_, containing)[document]["Statement"]
        return found

    def change_definition(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the definition of one pipeline: its body is a text with references in it."""
        properties = self.properties(PIPELINE, "Modelclaimsfraud")
        (resource,) = [one for one in self.templates().resources(PIPELINE) if "Modelclaimsfraud" in one.logical_id]
        definition = json.loads(resource.properties["PipelineDefinition"]["PipelineDefinitionBody"])
        change(definition)
        properties["PipelineDefinition"]["PipelineDefinitionBody"] = json.dumps(definition)

    def change_job(self, step: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the arguments of one step."""

        def apply(definition: dict[str, Any]) -> None:
            (found,) = [one for one in definition["Steps"] if one["Name"] == step]
            change(found["Arguments"])

        self.change_definition(apply)


def _account(stack: str) -> str:
    return stack.partition("-")[0].lower()


def no_grants(naming: Any) -> Any:
    """Of a training account that is alone."""
    from stacks.grants import Grants
    from stacks.registry import Registry

    return Grants(Registry(naming, [], "aws"), [])


def read_toml(name: str) -> dict[str, Any]:
    import tomllib

    return tomllib.loads((Path(__file__).parent / name).read_text("utf-8"))
