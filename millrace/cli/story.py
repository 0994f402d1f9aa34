"""`millrace history`: the story of each version, from the registry alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import typer

from millrace.cli import accounts, places, records, screen, serving
from millrace.cli.connect import Connection, Options
from millrace.cli.history import moment
from millrace.errors import MillraceError

SHOWN = 10
KINDS = ("deployed", "blocked", "smoke", "back", "by")
"""How the names of records end: `<account>_deployed`, `<account>_smoke`, `<account>_back`, `<stage>_by`..."""
SMOKE = "smoke test"
WORK = ("blocked", "deployed", SMOKE)
"""What an account does with a version, in this order."""
FOLLOWING = ("approved", *WORK, "promoted", *(f"{what} on a stage" for what in WORK), "rolled back", "rejected")
STANDARD = ("Approved with `millrace approve`",)


@dataclass(frozen=True)
class Entry:
    """One thing that happened to a version."""

    when: datetime
    what: str
    where: str
    told: str

    @property
    def style(self) -> str | None:
        bad = self.what in ("rejected", "rolled back", "blocked") or (
            self.what == SMOKE and not serving.passed(self.told)
        )
        return screen.BAD if bad else None


def history(
    context: typer.Context,
    version: Annotated[str | None, typer.Argument(help="A version: `3` or `claims-fraud/3` (default: all).")] = None,
    model: Annotated[str | None, typer.Option(help="Only the versions of this model.")] = None,
) -> None:
    """Tell the story of each version: registered, approved, deployed, tested, promoted, rolled back, rejected, and why.

    Example: millrace history claims-fraud/3
    """
    options: Options = context.obj
    registry = places.find(options).registry
    chosen = [serving.find_version(registry, version, model=model)] if version else _newest(registry, model)
    if not chosen:
        screen.say("No version is registered yet: a run that passes its gate registers one.")
        return
    for number, each in enumerate(chosen):
        if number:
            screen.say()
        show(serving.package(registry, each.arn))


def show(package: serving.Package) -> None:
    stage = f", {package.stage}" if package.stage else ""
    screen.say(f"{package.version}: {package.version.state}{stage}", screen.STRONG)
    found = entries(package)
    whats = max(len(entry.what) for entry in found)
    wheres = max(len(entry.where) for entry in found)
    for entry in found:
        line = f"  {moment(entry.when)}  {entry.what:<{whats}}  {entry.where:<{wheres}}  {entry.told}"
        screen.say(line.rstrip(), entry.style)


def entries(package: serving.Package) -> list[Entry]:
    """What the registry tells, in the order of time; it tells seconds, in which one thing may follow another."""
    on_stages = {account.name for account in accounts.known() if account.stage}

    def turn(entry: Entry) -> tuple[datetime, int]:
        later = " on a stage" if entry.what in WORK and entry.where in on_stages else ""
        return entry.when, FOLLOWING.index(entry.what + later)

    return [_registered(package), *sorted([*_recorded(package), *_rejected(package)], key=turn)]


def _registered(package: serving.Package) -> Entry:
    run = package.records.get("run", "")
    who = _name(package.described.get("CreatedBy"))
    told = ", ".join([*([f"by the run {run}"] if run else []), *([f"by {who}"] if who and not run else [])])
    return Entry(package.version.made, "registered", "", told)


def _recorded(package: serving.Package) -> Iterator[Entry]:
    for key, text in package.records.items():
        name, _, kind = key.rpartition("_")
        if kind not in KINDS or not name:
            continue
        when = records.time_of(text)
        if when is None:
            continue
        if kind == "by":
            if name != "rejected":
                what, where = ("approved", "") if name == "approved" else ("promoted", name)
                told = records.untimed(text).removeprefix("approved ")
                yield Entry(when, what, where, _with_reason(told, _reason(package, name)))
        else:
            what = {"smoke": SMOKE, "back": "rolled back"}.get(kind, kind)
            yield Entry(when, what, name, records.untimed(text).removeprefix(f"{what} "))


def _reason(package: serving.Package, name: str) -> str:
    """What was said with an approval; that of a stage stands with the stage, as long as it is the latest."""
    if name == "approved":
        return package.version.reason if package.version.state == serving.APPROVED else ""
    cycle = package.described.get("ModelLifeCycle") or {}
    return str(cycle.get("StageDescription", "")) if str(cycle.get("Stage", "")).lower() == name else ""


def _with_reason(told: str, reason: str) -> str:
    """The record holds the reason only if whoever approved wrote it there, and not all of its characters."""
    return told if not reason or records.clean(reason) in told or reason in STANDARD else f"{told}: {reason}"


def _rejected(package: serving.Package) -> Iterator[Entry]:
    if package.version.state != serving.REJECTED:
        return
    who = package.records.get("rejected_by", "")
    when = records.time_of(who) or package.described.get("LastModifiedTime") or package.version.made
    by = records.who(who) or _name(package.described.get("LastModifiedBy"))
    reason = package.version.reason or "no reason given"
    yield Entry(when, "rejected", "", f"{reason} (by {by})" if by else reason)


def _name(context: Mapping[str, Any] | None) -> str:
    """Who a user context of the registry names."""
    told = context or {}
    return str(told.get("UserProfileName") or (told.get("IamIdentity") or {}).get("Arn") or "")


def _newest(registry: Connection, model: str | None) -> list[serving.Version]:
    groups = serving.groups(registry)
    if model and model not in groups:
        raise MillraceError(f"there is no model {model!r}; there are: {', '.join(groups) or 'none'}")
    return [each for group in ([model] if model else groups) for each in serving.versions(registry, group)[:SHOWN]]
