"""Reads the settings folder: `accounts.toml` and `models/*.toml`. `app.py` and the tools call `load`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from settings import endpoint_rules
from settings.account import AccountSettings, read_account
from settings.endpoint import EndpointSettings, merge
from settings.errors import Problem, SettingsError
from settings.model import ModelSettings
from settings.model_reader import read_model
from settings.names import choices, wrong_name
from settings.promotion import check_accounts, check_training
from settings.reader import Reader

ACCOUNTS = "accounts.toml"
MODELS = "models"
BATCH_SUFFIX, DEPLOY_SUFFIX = "-batch", "-deploy"
LONGEST_RULE = 64


@dataclass(frozen=True)
class Settings:
    """Everything a user decides; accounts and models in the order of their names' files."""

    accounts: tuple[AccountSettings, ...]
    models: tuple[ModelSettings, ...]

    @property
    def training_account(self) -> AccountSettings:
        """The one that holds raw data, pipelines and the registry; the others get their models from it."""
        return next(account for account in self.accounts if account.trains)

    def account(self, name: str) -> AccountSettings:
        return next(account for account in self.accounts if account.name == name)

    def model(self, name: str) -> ModelSettings:
        return next(model for model in self.models if model.name == name)

    def endpoint(self, model: str, account: str) -> EndpointSettings:
        """What serves the model in the account."""
        return merge(self.model(model).endpoint.layers(account, self.account(account).endpoint))

    def endpoints(self, account: str) -> Mapping[str, EndpointSettings]:
        """What serves each model in the account."""
        return {model.name: self.endpoint(model.name, account) for model in self.models}


def load(folder: Path | None = None) -> Settings:
    """Read and check every file of the folder (default: this one); raises SettingsError with all mistakes."""
    folder = folder or Path(__file__).parent
    problems: list[Problem] = []
    settings = Settings(accounts=_accounts(folder, problems), models=_models(folder, problems))
    _check_endpoints(settings, problems)
    check_training(settings.accounts, file=ACCOUNTS, problems=problems)
    if not problems:
        check_accounts(settings.accounts, file=ACCOUNTS, problems=problems)
        _check_rule_names(settings, problems)
        _check_endpoint_names(settings, problems)
    if problems:
        raise SettingsError(problems)
    return settings


def _accounts(folder: Path, problems: list[Problem]) -> tuple[AccountSettings, ...]:
    values = _toml(folder / ACCOUNTS, ACCOUNTS, problems)
    if values is None:
        return ()
    if not values:
        problems.append(Problem(ACCOUNTS, "", "names no account; add a table such as [dev]"))
    reader = Reader(values, file=ACCOUNTS, problems=problems)
    for name in values:
        if wrong := wrong_name(name):
            reader.problem(name, f"is no name for an account; {wrong}")
    return tuple(read_account(name, reader.table(name)) for name in values)


def _models(folder: Path, problems: list[Problem]) -> tuple[ModelSettings, ...]:
    paths = sorted((folder / MODELS).glob("*.toml"))
    if not paths:
        problems.append(Problem(MODELS, "", "holds no <name>.toml; add one file for each model"))
    models = []
    for path in paths:
        file = f"{MODELS}/{path.name}"
        if wrong := wrong_name(path.stem):
            problems.append(Problem(file, "", f"the file's name is the model's name; {wrong}"))
        values = _toml(path, file, problems)
        if values is not None:
            models.append(read_model(path.stem, Reader(values, file=file, problems=problems)))
    names = [path.stem for path in paths]
    _check_pipeline_names(names, BATCH_SUFFIX, "scores batches with", names, problems)
    deployed = [model.name for model in models if model.deploy.pipeline]
    _check_pipeline_names(deployed, DEPLOY_SUFFIX, "deploys", names, problems)
    return tuple(models)


def _check_pipeline_names(owners: list[str], suffix: str, what: str, names: list[str], problems: list[Problem]) -> None:
    """Batch scoring and, where it is wanted, deployment have pipelines of their own, named after the model."""
    for name in owners:
        if f"{name}{suffix}" in names:
            file = f"{MODELS}/{name}{suffix}.toml"
            problems.append(Problem(file, "", f"the pipeline that {what} {name} has this name; rename the file"))


def _check_endpoints(settings: Settings, problems: list[Problem]) -> None:
    """Each model's own table, and what is left of it in each account; a mistake of the model is told once."""
    accounts = {account.name: account for account in settings.accounts}
    found: list[Problem] = []
    for model in settings.models:
        endpoint = model.endpoint
        found += endpoint_rules.check((endpoint.base,), None)
        for account in settings.accounts:
            layers = endpoint.layers(account.name, account.endpoint)
            found += endpoint_rules.check(layers, _place(account))
        for name in endpoint.own.keys() - accounts.keys() if accounts else ():
            message = f"is a table, but no account has this name; allowed: {choices(name, accounts)}"
            found.append(endpoint.base.problem(name, message))
    told = {(problem.file, problem.key) for problem in problems}
    problems += [problem for problem in dict.fromkeys(found) if (problem.file, problem.key) not in told]


def _place(account: AccountSettings) -> endpoint_rules.Place:
    return endpoint_rules.Place(account.name, by_stage=bool(account.stage), network=account.network is not None)


def _check_endpoint_names(settings: Settings, problems: list[Problem]) -> None:
    """A serverless endpoint's name is longer than its model's, and may be that of another model."""
    for account in settings.accounts:
        taken: dict[str, str] = {}
        for model in settings.models:
            name = settings.endpoint(model.name, account.name).endpoint_name(model.name)
            if name in taken:
                why = (
                    f"the endpoint {name} in {account.name} would be that of {taken[name]} too; rename one of the files"
                )
                problems.append(Problem(f"{MODELS}/{model.name}.toml", "", why))
            taken[name] = model.name


def _check_rule_names(settings: Settings, problems: list[Problem]) -> None:
    """Account and model stand together in the names of the model's EventBridge rules (`stacks/trigger.py`)."""
    for account in settings.accounts:
        for model in settings.models:
            longest = f"millrace-{account.name}-run-end-{model.name}"
            if len(longest) > LONGEST_RULE:
                file, over = f"{MODELS}/{model.name}.toml", len(longest) - LONGEST_RULE
                problems.append(
                    Problem(
                        file, "", f"the rule {longest} would be {over} characters too long; shorten one of the names"
                    )
                )


def _toml(path: Path, file: str, problems: list[Problem]) -> dict[str, Any] | None:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        problems.append(Problem(file, "", "is missing; create it"))
    except UnicodeDecodeError as error:
        problems.append(Problem(file, "", f"is not UTF-8 text ({error.reason}); save it as UTF-8"))
    except tomllib.TOMLDecodeError as error:
        problems.append(Problem(file, "", f"is not TOML: {error}"))
    return None
