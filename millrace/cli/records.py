"""What people and functions write into a version's records in the registry, and how it is read again.

A record is a customer metadata property such as `approved_by`, `staging_smoke` or `prod_back`. The registry takes only
some characters there, and 256 of them at most.
"""

from __future__ import annotations

import re
from datetime import datetime

from millrace.cli.connect import Connection

LONGEST = 256
REFUSED = re.compile(r"[^\w .:/=+@-]")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|\+00:00)")


def by(connection: Connection, what: str, why: str | None = None) -> str:
    """`approved <UTC time> by <who>: <why>` of whoever uses the connection, as the deployed functions write it too."""
    who = connection.client("sts").get_caller_identity()["Arn"]
    when = connection.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    return clean(f"{what} {when} by {who}{f': {why}' if why else ''}")


def approver(stage: str | None = None) -> str:
    """The key under which it is told who approved a version, or approved it for a stage."""
    return f"{stage.lower()}_by" if stage else "approved_by"


def clean(text: str) -> str:
    return " ".join(REFUSED.sub(" ", text).split())[:LONGEST]


def time_of(text: str) -> datetime | None:
    """The time that a record tells."""
    found = TIME.search(text)
    return datetime.fromisoformat(found[0].replace("Z", "+00:00")) if found else None


def untimed(text: str) -> str:
    """A record without the time at which it was written."""
    return " ".join(TIME.sub("", text, count=1).split())


def who(text: str) -> str:
    """Whom a record names."""
    return text.partition(" by ")[2].split(" ")[0].removesuffix(":")


def finding(record: str) -> str:
    """What a smoke test came to, without who told it of which deployment and when."""
    told = re.match(r"(\w+) .*?: deployment of \S+ - (.+)", record)
    return f"{told[1]}: {told[2]}" if told else untimed(record)
