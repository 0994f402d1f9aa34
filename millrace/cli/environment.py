"""`millrace env`: what makes boto3, the AWS CLI and any SDK talk to the embedded AWS."""

from __future__ import annotations

import shlex

import typer

from millrace.cli.connect import Options
from millrace.errors import MillraceError


def environment(context: typer.Context) -> None:
    """Print export lines, so that the AWS CLI and boto3 talk to the embedded AWS.

    Example: eval "$(millrace env)" && aws s3 ls
    """
    options: Options = context.obj
    if options.profile:
        raise MillraceError(
            f"`millrace env` is for the embedded AWS; a real account: export AWS_PROFILE={options.profile}"
        )
    for name, value in options.connect().environment.items():
        print(f"export {name}={shlex.quote(value)}")
    print("unset AWS_SESSION_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE")
