"""What a serving stack says that it serves. Used by `test.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from smoke_test.messages import DEPLOYED

NONE = "none"


@dataclass(frozen=True)
class Served:
    """The version, the digest that its container was told, and since when."""

    package: str
    digest: str
    endpoint: str
    since: datetime


def read_served(cloudformation: Any, name: str) -> Served | None:
    """None while the stack does not exist, is about to change, went back, or serves nothing yet."""
    try:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error.response["Error"].get("Message", "")):
            return None
        raise
    parameters = {entry["ParameterKey"]: entry["ParameterValue"] for entry in stack.get("Parameters", ())}
    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in stack.get("Outputs", ())}
    package = parameters.get("ModelPackageArn", NONE)
    if stack["StackStatus"] not in DEPLOYED or package in ("", NONE) or "EndpointName" not in outputs:
        return None
    since = stack.get("LastUpdatedTime", stack["CreationTime"])
    return Served(package, parameters.get("ModelDigest", NONE), outputs["EndpointName"], since)
