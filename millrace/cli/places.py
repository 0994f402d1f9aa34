"""The registry, and the accounts whose endpoints follow it: for the commands that approve, reject and go back."""

from __future__ import annotations

from dataclasses import dataclass

from millrace.cli import accounts
from millrace.cli.accounts import Account
from millrace.cli.connect import Connection, Options


@dataclass(frozen=True)
class Place:
    """An account with an endpoint; without a connection it is seen only by what it writes into the registry."""

    account: Account
    connection: Connection | None

    def __str__(self) -> str:
        return self.account.name


@dataclass(frozen=True)
class Places:
    registry: Connection
    all: tuple[Place, ...]

    @property
    def seen(self) -> tuple[Place, ...]:
        return tuple(place for place in self.all if place.connection)

    @property
    def accounts(self) -> list[Account]:
        return [place.account for place in self.all]

    def of(self, names: list[Account]) -> list[Place]:
        return [place for place in self.all if place.account in names]


def find(options: Options) -> Places:
    """Where the registry and the endpoints are.

    The registry is in the account that trains. In the embedded AWS every account is at hand; on AWS only that of the
    profile, and those for which there is a profile that is named after them.
    """
    known = accounts.known()
    mine = accounts.chosen(options.account)
    if options.account and (mine is None or mine not in known):  # an account of its own, as tests use
        connection = options.connect()
        return Places(connection, (Place(Account("", connection.account, connection.region), connection),))
    if options.profile:
        return _on_aws(options, known)
    first = options.connect()
    if not known:
        return Places(first, (Place(Account("", first.account, first.region), first),))
    here = {each: Connection(url=first.url, account=each.id, region=each.region) for each in known}
    trains = next((each for each in known if each.trains), known[0])
    return Places(here[trains], tuple(Place(each, here[each]) for each in known))


def _on_aws(options: Options, known: list[Account]) -> Places:
    import boto3

    own = Connection(profile=options.profile, region=options.region)
    profiles = boto3.session.Session().available_profiles
    found = []
    for account in known:
        connection = own if account.id == own.account else None
        if connection is None and account.name in profiles:
            named = Connection(profile=account.name, region=account.region)
            connection = named if named.account == account.id else None
        found.append(Place(account, connection))
    if not any(place.account.id == own.account for place in found):
        found.append(Place(Account("", own.account, own.region), own))
    trains = next((place.connection for place in found if place.account.trains and place.connection), None)
    return Places(trains or own, tuple(found))
