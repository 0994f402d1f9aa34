"""Which account trains, and which way versions go from it to the others. `settings.loader` checks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from settings.errors import Problem

if TYPE_CHECKING:
    from settings.account import AccountSettings

APPROVAL = "approval"


def check_training(accounts: Sequence[AccountSettings], *, file: str, problems: list[Problem]) -> None:
    """Note it unless exactly one account trains; what some other key must be depends on it."""
    training = [account.name for account in accounts if account.trains]
    if len(training) == 1 or not accounts or any(problem.key.endswith(".trains") for problem in problems):
        return
    listed = f"{', '.join(training)} do" if training else "none does"
    for account in accounts:
        problems.append(
            Problem(file, f"{account.name}.trains", f"exactly one account trains, but {listed}; set it for one")
        )


def check_accounts(accounts: Sequence[AccountSettings], *, file: str, problems: list[Problem]) -> None:
    """Note what is wrong between accounts that are each fine alone."""
    for account in accounts:
        problems += [Problem(file, f"{account.name}.{key}", text) for key, text in _wrong(account, accounts)]


def _wrong(account: AccountSettings, accounts: Sequence[AccountSettings]) -> list[tuple[str, str]]:
    first = accounts[0]
    same_id = [other.name for other in accounts if other.account_id == account.account_id and other is not account]
    found = []
    if same_id:
        found.append(("account_id", f"is that of {', '.join(same_id)} too; their endpoints would have the same names"))
    if account.region != first.region:
        found.append(
            (
                "region",
                f"is {account.region}, that of {first.name} {first.region}; an endpoint loads its model from a "
                "bucket of its own region, so take the same",
            )
        )
    known = {other.name: other for other in accounts}
    if account.after and account.after not in known:
        found.append(("after", f"is {account.after!r}, which is no account; allowed: {', '.join(known)}"))
    elif account.after and account.name in _before(account, known):
        found.append(("after", f"is {account.after!r}, which waits for {account.name} itself; take one of them out"))
    return found


def _before(account: AccountSettings, known: Mapping[str, AccountSettings]) -> list[str]:
    """The accounts whose smoke tests come before, the nearest first; a circle ends where it closes."""
    names: list[str] = []
    while account.after in known and account.after not in names:
        names.append(account.after)
        account = known[account.after]
    return names
