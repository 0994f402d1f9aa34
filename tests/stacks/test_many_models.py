"""As many models as an account is promised to hold: what IAM, EventBridge and Lambda allow is enough for them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from settings import load
from stacks.controls import roles
from tests.once import once
from tests.stacks.conftest import read_assembly
from tests.stacks.policy_lab import Question, Roles
from tests.stacks.template_lab import Lab, read_toml

MOST = 12
LONGEST_NAME = 32
NAMES = [f"model-{number:02}".ljust(LONGEST_NAME, "x") for number in range(1, MOST + 1)]
LARGEST_PATTERN, LARGEST_ENVIRONMENT = 2048, 4096
ASKED = ("serving-update", "deploy-model", "smoke-test", "endpoint")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The account that trains and prod, where endpoints scale and are captured, by name."""

    def make(folder: Path) -> None:
        from stacks.account_stage import AccountStage
        from stacks.app import new_app

        loaded = load()
        model = loaded.models[0]
        many = replace(loaded, models=tuple(replace(model, name=name) for name in NAMES))
        app = new_app(outdir=folder)
        for name in ("dev", "prod"):
            AccountStage(app, name.capitalize(), account=many.account(name), settings=many)
        app.synth()

    folder = once(tmp_path_factory, "many-models", make)
    return {name: read_assembly(folder, name.capitalize()) for name in ("dev", "prod")}


def test_every_policy_fits_and_no_role_has_too_many(full: dict[str, Any]) -> None:
    for assembly in full.values():
        assert [*roles.policies_fit(Lab(assembly).templates())] == []


def test_the_rights_of_many_models_are_spread_over_policies_that_are_named_after_the_role(full: dict[str, Any]) -> None:
    names = {policy.properties["ManagedPolicyName"] for policy, _ in Lab(full["prod"]).templates().policies()}
    assert {"millrace-prod-serving-update", "millrace-prod-serving-update-2"} <= names


def test_what_the_functions_are_told_and_wait_for_fits_too(full: dict[str, Any]) -> None:
    for assembly in full.values():
        templates = Lab(assembly).templates()
        for rule in templates.resources("AWS::Events::Rule"):
            assert len(json.dumps(rule.properties["EventPattern"], separators=(",", ":"))) <= LARGEST_PATTERN
        for function in templates.resources("AWS::Lambda::Function"):
            told = function.properties.get("Environment", {}).get("Variables", {})
            assert sum(len(name) + len(str(value)) for name, value in told.items()) <= LARGEST_ENVIRONMENT


@pytest.mark.parametrize("name", [NAMES[0], NAMES[-1]])
def test_each_of_them_may_be_served_and_nothing_else(full: dict[str, Any], name: str) -> None:
    """The lines of never.toml about one model, asked about another."""
    asked = Roles(full["prod"], account="prod", home=full["dev"])
    names = {"home_key": Roles(full["dev"]).names["artifact_key"], **asked.names}
    for purpose in ASKED:
        role = asked.all()[f"millrace-prod-{purpose}"]
        for expected, lines in read_toml("never.toml")["elsewhere"][purpose].items():
            for line in lines:
                question = Question.read(line.replace("claims-fraud", name), **names)
                assert asked.decide(role, question).allowed is (expected == "may"), f"{purpose}: {line}"
