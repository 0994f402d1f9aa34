"""What AWS does on a role's behalf and a local run would not do by itself: one row per hidden call.

Here no image is pulled, no volume is encrypted and no network interface is made, so nothing would notice that a
role lacks the rights. `check` asks for them at the moment AWS would use them. What a local run does do by
itself (reading inputs, writing outputs, logs and metrics) it does as the role, and needs no row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from millrace.errors import MillraceError
from millrace.local.iam import moto_policies
from millrace.local.iam.principals import Identified
from millrace.local.iam.records import Principal
from millrace.local.service import ServiceError
from millrace.local.world import World

IMAGE_URI = re.compile(r"^(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[\w-]+)\.amazonaws\.com[\w.]*/(?P<name>[^:@]+)")
ROLES = "SageMaker Developer Guide, How to use SageMaker AI execution roles: "
API_REFERENCE = "SageMaker Developer Guide, SageMaker AI API Permissions: Actions, Permissions, and Resources Reference"
GUARDRAILS = "SageMaker Developer Guide, Auto-Rollback Configuration and Monitoring: Note"
PROCESSING, TRAINING, MODEL, ENDPOINT = "CreateProcessingJob", "CreateTrainingJob", "CreateModel", "CreateEndpoint"
TRANSFORM = "CreateTransformJob"
JOBS = (PROCESSING, TRAINING)
ALL = (*JOBS, ENDPOINT, TRANSFORM)
PULLS = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
INTERFACES = (
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
)
DESCRIBED = ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")
EVERYTHING = ("*",)


class Refused(MillraceError):
    """A hidden call that may not be made; the text is the denial."""

    def __init__(self, action: str, denial: str) -> None:
        super().__init__(denial)
        self.action = action


@dataclass(frozen=True)
class Subject:
    """What of a request the rows are about: ARNs, none where the request has no such thing."""

    account: str
    region: str
    registry: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    volume_key: tuple[str, ...] = ()
    output_key: tuple[str, ...] = ()
    vpc: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    interface: tuple[str, ...] = ()
    log_group: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    namespace: str = ""
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Implied:
    """A hidden call of an API: `on` is the part of the Subject it is made on, and that must be there for it.

    `when` is the occasion: without a `start` the job or deployment fails, so it does without a volume's `grant`;
    a `loss` only loses what would have been kept.
    """

    api: str
    action: str
    on: str
    section: str
    when: str = "start"


def _rows(action: str, on: str, *apis: str, when: str = "start") -> Iterator[Implied]:
    """A row per API that the page on execution roles describes; endpoints and transform jobs have a model's role."""
    for api in apis:
        page = MODEL if api in (ENDPOINT, TRANSFORM) else api
        yield Implied(api, action, on, f"{ROLES}{page} API: Execution Role Permissions", when)


TABLE: tuple[Implied, ...] = (
    *_rows("ecr:GetAuthorizationToken", "registry", *ALL),
    *(row for action in PULLS for row in _rows(action, "image", *ALL)),
    *_rows("kms:Encrypt", "output_key", *JOBS),
    *_rows("ec2:CreateNetworkInterface", "network", *ALL),
    *(row for action in INTERFACES for row in _rows(action, "interface", *ALL)),
    *(row for what in DESCRIBED for row in _rows(f"ec2:Describe{what}", "vpc", *ALL)),
    Implied(ENDPOINT, "cloudwatch:DescribeAlarms", "alarms", GUARDRAILS),
    *_rows("kms:CreateGrant", "volume_key", *JOBS, when="grant"),
    Implied(ENDPOINT, "kms:CreateGrant", "volume_key", f"{API_REFERENCE}: CreateEndpoint", "grant"),
    Implied(TRANSFORM, "kms:CreateGrant", "volume_key", f"{API_REFERENCE}: CreateTransformJob", "grant"),
    *_rows("logs:DescribeLogStreams", "log_group", *ALL, when="loss"),
    *_rows("cloudwatch:PutMetricData", "metrics", *ALL, when="loss"),
)


def subject(
    account: str,
    region: str,
    *,
    image: str = "",
    volume_key: str = "",
    output_key: str = "",
    vpc: Mapping[str, Any] | None = None,
    log_group: str = "",
    namespace: str = "",
    alarms: tuple[str, ...] = (),
) -> Subject:
    """The ARNs behind a request's values: an image's URI, keys in any form, a VpcConfig, names."""
    repository = IMAGE_URI.match(image)
    ec2 = f"arn:aws:ec2:{region}:{account}"
    interface = (f"{ec2}:network-interface/*",) if vpc else ()
    subnets = [f"{ec2}:subnet/{each}" for each in (vpc or {}).get("Subnets", ())]
    groups = [f"{ec2}:security-group/{each}" for each in (vpc or {}).get("SecurityGroupIds", ())]
    return Subject(
        account,
        region,
        registry=EVERYTHING if repository else (),
        image=(f"arn:aws:ecr:{repository[2]}:{repository[1]}:repository/{repository[3]}",) if repository else (),
        volume_key=_key(account, region, volume_key),
        output_key=_key(account, region, output_key),
        vpc=EVERYTHING if vpc else (),
        network=(*interface, *subnets, *groups),
        interface=interface,
        log_group=(f"arn:aws:logs:{region}:{account}:log-group:{log_group}:log-stream:",) if log_group else (),
        metrics=EVERYTHING if namespace else (),
        namespace=namespace,
        alarms=tuple(f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}" for name in alarms),
    )


def _key(account: str, region: str, key: str) -> tuple[str, ...]:
    """The ARN of a key given by id, ARN or alias; what no key is called stays as it is, and nobody may use it."""
    return (moto_policies.kms_key_arn(key, account, region) or key,) if key else ()


def rows(api: str, when: str) -> tuple[Implied, ...]:
    return tuple(row for row in TABLE if row.api == api and row.when == when)


def check(world: World, principal: Principal | Identified, api: str, about: Subject, *, when: str = "start") -> None:
    """Refused with the first hidden call that the principal may not make."""
    for row in rows(api, when):
        for arn in getattr(about, row.on):
            try:
                world.iam.require(principal, row.action, arn, because=api, context=_context(row.action, about))
            except ServiceError as error:
                raise Refused(row.action, error.message) from error


def allowed(world: World, principal: Principal | Identified, api: str, about: Subject, *, when: str) -> bool:
    """Whether `check` passes; what is refused stands in the audit log."""
    try:
        check(world, principal, api, about, when=when)
    except Refused:
        return False
    return True


def _context(action: str, about: Subject) -> Mapping[str, str]:
    if action.startswith("kms:"):
        via = {"kms:ViaService": f"sagemaker.{about.region}.amazonaws.com", "kms:CallerAccount": about.account}
        return via | ({"kms:GrantIsForAWSResource": "true"} if action == "kms:CreateGrant" else {})
    if action == "cloudwatch:PutMetricData":
        return {"cloudwatch:namespace": about.namespace}
    return {}
