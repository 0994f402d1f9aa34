"""Reads the settings folder: `accounts.toml` and `models/*.toml`. `app.py` and the tools call `load`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from settings.account import AccountSettings, read_account
from settings.errors import Problem, SettingsError
from settings.model import ModelSettings
from settings.model_reader import read_model
from settings.names import wrong_name
from settings.reader import Reader

ACCOUNTS = "accounts.toml"
MODELS = "models"
BATCH_SUFFIX = "-batch"
LONGEST_RULE = 64


@dataclass(frozen=True)
class Settings:
    """Everything a user decides; accounts and models in the order of their names' files."""

    accounts: tuple[AccountSettings, ...]
    models: tuple[ModelSettings, ...]

    def account(self, name: str) -> AccountSettings:
        return next(account for account in self.accounts if account.name == name)

    def model(self, name: str) -> ModelSettings:
        return next(model for model in self.models if model.name == name)


def load(folder: Path | None = None) -> Settings:
    """Read and check every file of the folder (default: this one); raises SettingsError with all mistakes."""
    folder = folder or Path(__file__).parent
    problems: list[Problem] = []
    settings = Settings(accounts=_accounts(folder, problems), models=_models(folder, problems))
    if not problems:
        _check_rule_names(settings, problems)
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
    _check_batch_names([path.stem for path in paths], problems)
    return tuple(models)


def _check_batch_names(names: list[str], problems: list[Problem]) -> None:
    """Batch scoring has a pipeline of its own for each model, named after it."""
    for name in names:
        if f"{name}{BATCH_SUFFIX}" in names:
            file = f"{MODELS}/{name}{BATCH_SUFFIX}.toml"
            problems.append(
                Problem(file, "", f"the pipeline that scores batches with {name} has this name; rename the file")
            )


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
