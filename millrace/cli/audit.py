"""`millrace audit`: what the embedded AWS allowed and refused, and which grants of a role were never used."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from millrace import decisions
from millrace.cli import project, screen, server
from millrace.cli.connect import Options
from millrace.decisions import Decision, Filter, Use
from millrace.errors import MillraceError

SHOWN = 40


def audit(
    context: typer.Context,
    role: Annotated[str, typer.Option(help="Only what this role did (its name or ARN).", metavar="NAME")] = "",
    action: Annotated[str, typer.Option(help="Only these actions; wildcards are fine.", metavar="PATTERN")] = "",
    denied: Annotated[bool, typer.Option("--denied", help="Only what was refused.")] = False,
    last: Annotated[int, typer.Option(help="How many decisions to show.", min=1, metavar="N")] = SHOWN,
    grants: Annotated[bool, typer.Option("--grants", help="Per role: which grants were used, which never.")] = False,
) -> None:
    """Show what the embedded AWS allowed and refused, or which grants of the roles were never used.

    Examples: millrace audit --denied; millrace audit --role millrace-dev-job --grants
    """
    options: Options = context.obj
    if options.profile:
        raise MillraceError("`millrace audit` is for the embedded AWS; a real account has CloudTrail")
    running = server.find()
    if running is not None:
        server.call(running, "/_millrace/audit", {"limit": 1})  # from here on everything decided is in the file
    if grants:
        _show_grants(options, role)
        return
    found = decisions.read(project.home(), Filter(role, action, denied), limit=last)
    if not found:
        screen.say("No such decision yet.")
    for each in found:
        _show(each)


def _show(each: Decision) -> None:
    who = each["role"].rsplit("/", 1)[-1] or each["principal"]
    time = each["time"][:19].replace("T", " ")
    because = f"  (for {each['because']})" if each["because"] else ""
    line = (
        f"{time}  {'allowed' if each['allowed'] else 'DENIED '}  {who}  {each['action']}  {each['resource']}{because}"
    )
    screen.say(line, None if each["allowed"] else screen.BAD)
    if not each["allowed"]:
        policy = f" ({each['policy']})" if each["policy"] else ""
        screen.say(f"{'':21}{each['reason']}{policy}", screen.FAINT)


def _show_grants(options: Options, role: str) -> None:
    used = decisions.uses(project.home(), role)
    names = sorted({use.role.rsplit("/", 1)[-1] for use in used} | ({role.rsplit("/", 1)[-1]} if role else set()))
    if not names:
        screen.say("No role has done anything yet.")
        return
    iam = options.connect().client("iam")
    for name in names:
        mine = Counter({use: times for use, times in used.items() if use.role.rsplit("/", 1)[-1] == name})
        _show_role(iam, name, mine)


def _show_role(iam: Any, name: str, used: Counter[Use]) -> None:
    rows, unused = [], 0
    for policy, statement, grant in grants_of(iam, name):
        times = {use.action: n for use, n in used.items() if (use.policy, use.statement) == (policy, statement)}
        for action in _listed(grant.get("Action")):
            count = sum(n for done, n in times.items() if fnmatch.fnmatchcase(done.lower(), action.lower()))
            unused += not count
            rows.append((policy.rsplit("/", 1)[-1], statement, action, count or "never"))
    screen.heading(f"{name}: {len(rows) - unused} of {len(rows)} grants used")
    if rows:
        screen.table(("policy", "statement", "action", "used"), rows, indent="  ")


def grants_of(iam: Any, role: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Policy, statement (its Sid or number) and content of everything that the role's policies allow."""
    for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=role):
        for policy in page["AttachedPolicies"]:
            arn = policy["PolicyArn"]
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
            yield from ((arn, *each) for each in _allows(document))
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        yield from ((name, *each) for each in _allows(document))


def _allows(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for index, statement in enumerate(_listed(document.get("Statement"))):
        if statement["Effect"] == "Allow":
            yield statement.get("Sid") or str(index), statement


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []
