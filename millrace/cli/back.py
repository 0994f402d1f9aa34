"""`millrace reject` and `millrace rollback`: take a version out of service; every account goes back by itself."""

from __future__ import annotations

from typing import Annotated

import typer

from millrace.cli import deployments, places, records, screen, serving
from millrace.cli.approve import LONGEST_WHY
from millrace.cli.connect import Connection, Options
from millrace.cli.deployments import Deployment
from millrace.cli.places import Place, Places
from millrace.errors import MillraceError

BY_HAND = "Rolled back with `millrace rollback`"


def reject(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="A version: `3` or `claims-fraud/3`.")],
    why: Annotated[str, typer.Option(help="The reason; the registry keeps it.", metavar="TEXT")],
    model: Annotated[str | None, typer.Option(help="The model, when several are registered.")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not watch what the accounts do.")] = False,
) -> None:
    """Reject a model version: where it is served, the version before takes its place, without downtime.

    Example: millrace reject claims-fraud/3 --why "trained on wrong premiums"
    """
    options: Options = context.obj
    found = places.find(options)
    go_back(found, serving.find_version(found.registry, version, model=model), why, wait=not no_wait)


def rollback(
    context: typer.Context,
    model: Annotated[str | None, typer.Option(help="The model, when several are served.")] = None,
    why: Annotated[str, typer.Option(help="The reason; the registry keeps it.", metavar="TEXT")] = BY_HAND,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not watch what the accounts do.")] = False,
) -> None:
    """Reject the version that is live, and wait until every account serves the one before.

    With --account prod it is the version that prod serves. A version that is just being rolled out counts as live.

    Example: millrace rollback --why "twice as many alarms since noon"
    """
    options: Options = context.obj
    found = places.find(options)
    version = live_version(found, model, account=options.account)
    stuck = [place for place in found.seen if _serves(place, version) and not _before(found, place, version)]
    if stuck:
        where = ", ".join(str(place) or "this account" for place in stuck)
        raise MillraceError(
            f"{version} is live in {where}, and no earlier version is let in there: there is nothing to go back to. "
            f"Approve another one, or take the mark alone: millrace reject {version} --why ..."
        )
    go_back(found, version, why, wait=not no_wait)


def go_back(found: Places, version: serving.Version, why: str, *, wait: bool) -> None:
    """Reject the version; say what that means for each account, and wait for those that change."""
    following: list[Deployment] = []
    for place in found.all:
        following += _follow(found, place, version)
    _reject(found.registry, version, why)
    if wait:
        deployments.watch(following)
    elif following:
        screen.say("The accounts go back by themselves: `millrace` shows where they are.")


def live_version(found: Places, model: str | None, *, account: str | None = None) -> serving.Version:
    """The version that is served, or just being rolled out, in the account or in all of them; never a guess."""
    served = [
        (str(place), arn)
        for place in found.seen
        if account is None or account in (place.account.name, place.account.id)
        for name in ([model] if model else serving.groups(found.registry))
        if (arn := serving.deployed(_connection(place), name))
    ]
    if not served:
        raise MillraceError(f"nothing is served{f' of {model}' if model else ''} yet: there is nothing to go back from")
    names = [(place, "/".join(arn.split("/")[-2:])) for place, arn in served]
    models = sorted({name.partition("/")[0] for _, name in names})
    if len(models) > 1:
        raise MillraceError(f"several models are served: name one with --model ({', '.join(models)})")
    if len({arn for _, arn in served}) > 1:
        told = ", ".join(f"{place} {name}" for place, name in names)
        raise MillraceError(f"the accounts serve different versions ({told}): name one with --account")
    return serving.version(found.registry, served[0][1])


def _follow(found: Places, place: Place, version: serving.Version) -> list[Deployment]:
    """What to watch in an account, and one line that says what will happen there."""
    name = str(place) or "The endpoint"
    if place.connection is None:
        screen.say(f"  {name} is not looked at: no profile of the account {place.account.id} is in use.", screen.BUSY)
        return []
    if not _serves(place, version):
        endpoint = serving.live(place.connection, version.model)
        kept = "/".join(endpoint.package.split("/")[-2:]) if endpoint else "nothing"
        screen.say(f"  {name} serves {kept}: nothing changes there.")
        return []
    before = _before(found, place, version)
    if before is None:
        screen.say(f"  {name} keeps {version}: no other version is let in there. Approve one.", screen.BAD)
        return []
    screen.say(f"  {name} goes back from {version} to {before}.")
    return [Deployment(found.registry, place, before, named=bool(place.account.name) and len(found.all) > 1)]


def _reject(registry: Connection, version: serving.Version, why: str) -> None:
    registry.client("sagemaker").update_model_package(
        ModelPackageArn=version.arn,
        ModelApprovalStatus=serving.REJECTED,
        ApprovalDescription=why[:LONGEST_WHY],
        CustomerMetadataProperties={"rejected_by": records.by(registry, "rejected", why)},
    )
    screen.say(f"  Rejected {version}: {why}")


def settled(connection: Connection, model: str) -> bool:
    """Whether the model's stack is not being changed."""
    name = serving.serving_stack(connection, model)
    found = connection.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    return not found["StackStatus"].endswith("_IN_PROGRESS")


def _serves(place: Place, version: serving.Version) -> bool:
    return serving.deployed(_connection(place), version.model) == version.arn


def _before(found: Places, place: Place, version: serving.Version) -> serving.Version | None:
    before = serving.wanted(found.registry, version.model, place.account, but=lambda each: each.arn == version.arn)
    return before.version if before else None


def _connection(place: Place) -> Connection:
    assert place.connection
    return place.connection
