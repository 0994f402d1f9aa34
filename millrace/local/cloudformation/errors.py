"""What can be wrong with a template or a resource.

TemplateError       the template or its parameters are refused before anything is done
ResourceError       one resource could not be made, changed or deleted; its stack rolls back
Stopping            the server goes down in the middle of an operation: nothing more is decided or recorded
"""

from __future__ import annotations

from millrace.local.service import ServiceError


class TemplateError(ServiceError):
    """CloudFormation answers every fault of a template with ValidationError and a sentence."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationError", message)


class ResourceError(Exception):
    """The message becomes the ResourceStatusReason of the resource's event."""


class Stopping(Exception):
    """What the operation comes to is decided when the server is back (`store.load`)."""
