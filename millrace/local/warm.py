"""Does what the first requests would otherwise wait for, in the background, once the server answers.

moto imports a service, and boto3 and both sides of the wire read its model, when it is first used. `server` calls
this in a thread; the order is that of a deployment and a run, so that whoever comes at once waits little.
"""

from __future__ import annotations

import gc
import logging

from botocore.exceptions import BotoCoreError, ClientError

from millrace.local.world import World

log = logging.getLogger("millrace")

# The account that moto itself makes backends for, to find its URLs: nothing of a user's is touched.
ACCOUNT, REGION = "123456789012", "us-east-1"
READS = (
    ("sts", "get_caller_identity"),
    ("cloudformation", "describe_stacks"),
    ("ssm", "describe_parameters"),
    ("s3", "list_buckets"),
    ("kms", "list_keys"),
    ("iam", "list_roles"),
    ("sqs", "list_queues"),
    ("logs", "describe_log_groups"),
    ("events", "list_rules"),
    ("lambda", "list_functions"),
    ("scheduler", "list_schedules"),
    ("sagemaker", "list_pipelines"),
    ("cloudwatch", "list_metrics"),
)
# The first starts with the server. The others load for a second or more, and a deployment comes before any run.
DEPLOYMENT_SECONDS = 1.5
FIRST_ENVIRONMENT, *OTHER_ENVIRONMENTS = ("lambda-python", "sagemaker-xgboost-3.2-0")


def warm(world: World) -> None:
    """One harmless read of each service, then what jobs need."""
    for service, operation in READS:
        if world.stopping.is_set():
            return
        try:
            getattr(world.aws.client(service, account=ACCOUNT, region=REGION), operation)()
        except (ClientError, BotoCoreError) as error:
            log.info("warming %s: %s", service, error)
    keep()
    if world.stopping.wait(DEPLOYMENT_SECONDS):
        return
    for environment in OTHER_ENVIRONMENTS:
        world.runtimes.get(environment)


def keep() -> None:
    """Take what is loaded by now out of the garbage collector's sight: it stays, and is large to look through."""
    gc.collect(1)
    gc.freeze()
