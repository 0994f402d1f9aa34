"""Where the registry's events arrive in an account that does not train: a bus that one role may put them on."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_events as events
from constructs import Construct

from stacks.forward import SOURCE
from stacks.grants import root_arn
from stacks.naming import FORWARD, Naming


class RegistryBus(Construct):
    """`millrace-<account>-registry`; the rule that empties it belongs to the worker's queue."""

    def __init__(self, scope: Construct, id_: str, *, naming: Naming, home: Naming) -> None:
        super().__init__(scope, id_)
        partition = Stack.of(self).partition
        bus = events.CfnEventBus(
            self,
            "Bus",
            name=naming.registry_bus,
            description=f"What {home.account.name} tells of its model registry",
        )
        self.name = bus.ref
        sid = "RegistryMayTell"
        events.CfnEventBusPolicy(
            self,
            "Policy",
            event_bus_name=self.name,
            statement_id=sid,
            statement={
                "Sid": sid,
                "Effect": "Allow",
                "Principal": {"AWS": root_arn(home, partition)},
                "Action": "events:PutEvents",
                "Resource": bus.attr_arn,
                "Condition": {
                    "ArnEquals": {"aws:PrincipalArn": home.role_arn(FORWARD, partition=partition)},
                    "StringEquals": {"events:source": SOURCE},
                },
            },
        )
