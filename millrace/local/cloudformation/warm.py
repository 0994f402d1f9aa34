"""Loads what the first deployment needs while nobody waits: each service's model here, its code in the server.

A service's first request costs some 200 ms of imports; a deployment touches a dozen services.
"""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from millrace.local.world import World

ACCOUNT, REGION = "000000000000", "us-east-1"  # nobody's: reading there leaves no trace elsewhere
READS = (
    ("iam", "list_roles"),
    ("s3", "list_buckets"),
    ("kms", "list_keys"),
    ("sqs", "list_queues"),
    ("events", "list_rules"),
    ("logs", "describe_log_groups"),
    ("sagemaker", "list_models"),
    ("lambda", "list_functions"),
    ("scheduler", "list_schedules"),
    ("ssm", "list_commands"),
)


def warm_up(world: World) -> None:
    """One harmless read of each service; started in a thread of its own when the server is up."""
    for service, read in READS:
        if world.stopping.is_set():
            return
        try:
            getattr(world.aws.client(service, account=ACCOUNT, region=REGION), read)()
        except (ClientError, BotoCoreError):
            continue
