"""The environment variables that a Lambda function sees: its own, then those Lambda reserves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from millrace.local.lambdas.functions import Function


def worker_environment(
    function: Function, *, url: str, credentials: Mapping[str, str], task_root: Path, tmp: Path, stream: str
) -> dict[str, str]:
    """Nothing of the server's own environment is in it; HOME keeps the user's AWS configuration out."""
    return {
        **dict(function.variables),
        "_HANDLER": function.handler,
        "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
        "AWS_SESSION_TOKEN": credentials["SessionToken"],
        "AWS_DEFAULT_REGION": function.region,
        "AWS_REGION": function.region,
        "AWS_ENDPOINT_URL": url,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "HOME": str(tmp),
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": str(task_root),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TMPDIR": str(tmp),
        "TZ": ":UTC",
    }
