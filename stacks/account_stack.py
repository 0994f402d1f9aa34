"""The base of all stacks, with a synthesizer of its own for each.

One for the whole App would write every asset so far into the list of every stack: whoever deploys one account
would then publish the code of the others to their buckets.
"""

from __future__ import annotations

from aws_cdk import DefaultStackSynthesizer, Stack
from constructs import Construct


class AccountStack(Stack):
    def __init__(self, scope: Construct, id_: str, *, description: str) -> None:
        super().__init__(
            scope,
            id_,
            description=description,
            # The CLI checks the bootstrap version from the manifest; the rule in the template would make every
            # update read a parameter from SSM, which the role that updates the serving stacks may not do.
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
