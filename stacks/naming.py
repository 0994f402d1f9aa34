"""The names of everything in one account, made in one place. `account_stage.py` hands them to each stack."""

from __future__ import annotations

from dataclasses import dataclass

from settings import AccountSettings


@dataclass(frozen=True)
class Naming:
    """`millrace-<account>-<purpose>`; buckets carry account and region because their names are global."""

    account: AccountSettings

    def of(self, purpose: str) -> str:
        return f"millrace-{self.account.name}-{purpose}"

    def bucket(self, purpose: str) -> str:
        return f"{self.of(purpose)}-{self.account.account_id}-{self.account.region}"

    def serving_stack(self, model: str) -> str:
        return f"{self.account.name.capitalize()}-{serving_stack_id(model)}"


def serving_stack_id(model: str) -> str:
    """The id of a model's serving stack within its stage."""
    return f"Serving-{model}"
