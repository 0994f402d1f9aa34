"""The errors of the in-memory AWS, shaped as botocore raises them."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError


def aws_error(code: str, operation: str, message: str = "", *, status: int = 400, **fields: Any) -> ClientError:
    """`fields` are further members of the answer, such as a transaction's CancellationReasons."""
    answer: Any = {
        "Error": {"Code": code, "Message": message or code},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "chaos", "HTTPHeaders": {}, "RetryAttempts": 0},
        **fields,
    }
    return ClientError(answer, operation)
