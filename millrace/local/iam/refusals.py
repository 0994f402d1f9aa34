"""The error that a service answers to a request it refuses: each has its own code and status. Called by the gate."""

from __future__ import annotations

from millrace.local import wire
from millrace.local.iam.needs import Need
from millrace.local.service import ServiceError

# Code and status by service; the rest go by protocol.
CODES = {
    "cloudwatch": ("AccessDenied", 403),
    "ec2": ("UnauthorizedOperation", 403),
    "s3": ("AccessDenied", 403),
    "sns": ("AuthorizationError", 403),
    "sqs": ("AccessDenied", 403),
}
BY_PROTOCOL = {
    "query": ("AccessDenied", 403),
    "rest-json": ("AccessDeniedException", 403),
    "rest-xml": ("AccessDenied", 403),
}
JSON = ("AccessDeniedException", 400)
# How a queue and a topic say that KMS refused.
OF_KMS = {"sns": ("KMSAccessDenied", 400), "sqs": ("KMS.AccessDeniedException", 400)}


def refused(operation: wire.Operation, need: Need, message: str) -> ServiceError:
    if need.via and operation.service in OF_KMS:
        code, status = OF_KMS[operation.service]
    else:
        code, status = CODES.get(operation.service) or BY_PROTOCOL.get(operation.protocol, JSON)
    return ServiceError(code, message, status=status)


def expired(operation: wire.Operation) -> ServiceError:
    message = "The security token included in the request is expired"
    if operation.service == "s3":
        return ServiceError("ExpiredToken", "The provided token has expired.", status=400)
    if operation.protocol == "query":
        return ServiceError("ExpiredToken", message, status=403)
    return ServiceError("ExpiredTokenException", message, status=403 if operation.protocol == "rest-json" else 400)
