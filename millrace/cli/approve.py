"""`millrace approve`: let a model version go live, and watch its deployment in every account that it is meant for."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from millrace.cli import accounts, deployments, places, records, screen, serving
from millrace.cli.connect import Connection, Options
from millrace.cli.places import Place, Places
from millrace.errors import MillraceError

LONGEST_WHY = 1024
BY_HAND = "Approved with `millrace approve`"


def approve(
    context: typer.Context,
    version: Annotated[
        str | None, typer.Argument(help="A version: `3` or `claims-fraud/3` (default: the newest that is pending).")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model, when several are registered.")] = None,
    stage: Annotated[
        str | None,
        typer.Option(
            help="Approve it for a stage, such as Production, once its smoke test has passed.", metavar="NAME"
        ),
    ] = None,
    why: Annotated[str | None, typer.Option(help="The reason; the registry keeps it.", metavar="TEXT")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not watch the deployment.")] = False,
) -> None:
    """Approve a model version; its deployment starts by itself. Waits until the endpoints serve it.

    With --account only that account's endpoint is waited for; the approval counts in all of them.

    Examples: millrace approve claims-fraud/3; millrace approve claims-fraud/3 --stage Production --why "as agreed"
    """
    options: Options = context.obj
    found = places.find(options)
    state = serving.APPROVED if stage else serving.PENDING
    wanted = serving.find_version(found.registry, version, model=model, state=state)
    if stage:
        check_stage(found, wanted, stage)
    only = accounts.chosen(options.account) if options.account else None
    meant = [place for place in _meant(found, wanted, stage) if only in (None, place.account)]
    following = [] if no_wait else deployments.follow(found.registry, meant, wanted)
    start(found.registry, wanted, why=why, stage=stage)
    if no_wait:
        screen.say("The deployment goes on by itself: `millrace` shows where it is.")
        return
    deployments.watch(following)
    _say_next(found, wanted)


def start(registry: Connection, version: serving.Version, *, why: str | None = None, stage: str | None = None) -> None:
    """Set the version to Approved, or its stage: that event is all that a deployment needs."""
    told = {records.approver(stage): records.by(registry, "approved", why)}
    if stage:
        cycle = {"Stage": stage, "StageStatus": serving.APPROVED, "StageDescription": (why or BY_HAND)[:LONGEST_WHY]}
        changes: dict[str, Any] = {"ModelLifeCycle": cycle, "CustomerMetadataProperties": told}
    else:
        changes = {
            "ModelApprovalStatus": serving.APPROVED,
            "CustomerMetadataProperties": told,
            # a reason for rejecting it may stand there
            "ApprovalDescription": (why or BY_HAND)[:LONGEST_WHY],
        }
    registry.client("sagemaker").update_model_package(ModelPackageArn=version.arn, **changes)
    screen.say(f"  Approved {version}{f' for {stage}' if stage else ''}.")


def check_stage(found: Places, version: serving.Version, stage: str) -> None:
    """A stage is approved of a version that is approved and has passed the smoke test its accounts ask for."""
    waiting = accounts.waiting_for(stage, [each for each in found.accounts if each.name])
    package = serving.package(found.registry, version.arn)
    if package.version.state != serving.APPROVED:
        raise MillraceError(f"{version} is {package.version.state}: approve it first (`millrace approve {version}`)")
    tested = {each.after for each in waiting if each.after}
    if not waiting:  # no assembly tells which test counts
        tested = {key.removesuffix("_smoke") for key in package.records if key.endswith("_smoke")} or {"staging"}
    for account in sorted(tested):
        result = package.smoke(account)
        if not serving.passed(result):
            told = f"the registry says: {result}" if result else "the registry holds no result of it yet"
            raise MillraceError(
                f"{version} cannot be approved for {stage}: its smoke test in {account} has not passed ({told}). "
                f"`millrace history {version}` shows where it is"
            )


def _meant(found: Places, version: serving.Version, stage: str | None) -> list[Place]:
    """The accounts that the approval reaches; one that keeps a newer version is told."""
    meant = []
    for place in found.all:
        if place.account.stage != (stage or ""):
            continue
        served = serving.wanted(found.registry, version.model, place.account, but=lambda each: each.arn == version.arn)
        if served and served.version.number > version.number:
            screen.say(
                f"  {place or 'The endpoint'} keeps {served.version}, which is newer and approved as well; to go back "
                f'to {version}: millrace reject {served.version} --why "..."',
                screen.BUSY,
            )
        else:
            meant.append(place)
    return meant


def _say_next(found: Places, version: serving.Version) -> None:
    package = serving.package(found.registry, version.arn)
    for account in found.accounts:
        if account.stage and account.stage != package.stage:
            command = f"millrace approve {version} --stage {account.stage}"
            screen.say(f"  {account} waits for an approval of its own: {command}")
