"""What a Lambda function is: its configuration, read through the API, and its code, unpacked on disk."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import shutil
import tempfile
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.iam.services import FUNCTION, RoleSession, assume, elsewhere
from millrace.local.patches import function_code
from millrace.local.service import Caller, ServiceError
from millrace.local.world import World

ARN = re.compile(
    r"^(?:arn:aws[\w-]*:lambda:(?P<region>[\w-]+):)?(?:(?P<account>\d{12}):function:)?"
    r"(?P<name>[\w-]+)(?::(?P<qualifier>\$LATEST|[\w-]+))?$"
)
DEFAULT_RETRIES = 2
DEFAULT_AGE_SECONDS = 21600


@dataclass(frozen=True)
class Reference:
    """A function as a request names it."""

    account: str
    region: str
    name: str
    qualifier: str | None = None

    @classmethod
    def parse(cls, text: str, *, account: str, region: str, qualifier: str | None = None) -> Reference:
        """A name, a partial ARN or an ARN, with or without a version or alias at its end."""
        found = ARN.match(text)
        if not found:
            raise ServiceError(
                "InvalidParameterValueException",
                f"{text!r} is no function: give its name, account:function:name or its ARN",
            )
        if qualifier and found["qualifier"] and qualifier != found["qualifier"]:
            raise ServiceError(
                "InvalidParameterValueException",
                "The derived qualifier from the function name does not match",
            )
        return cls(
            found["account"] or account,
            found["region"] or region,
            found["name"],
            qualifier or found["qualifier"],
        )

    @property
    def arn(self) -> str:
        ending = f":{self.qualifier}" if self.qualifier else ""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}{ending}"


@dataclass(frozen=True)
class Function:
    """A function's configuration; two that are equal can be served by the same worker."""

    account: str
    region: str
    name: str
    version: str
    arn: str
    runtime: str
    handler: str
    role: str
    timeout: int
    memory: int
    code_sha256: str
    variables: tuple[tuple[str, str], ...]
    log_group: str
    reserved: int | None
    dead_letters: str | None

    @property
    def session(self) -> str:
        """The name of the role's session; STS wants two characters at least."""
        return self.name if len(self.name) > 1 else f"{self.name}-"

    @classmethod
    def read(cls, reference: Reference, answer: dict[str, Any]) -> Function:
        """From GetFunction's answer."""
        config = answer["Configuration"]
        return cls(
            account=reference.account,
            region=reference.region,
            name=config["FunctionName"],
            version=config["Version"],
            arn=config["FunctionArn"].removesuffix(":$LATEST"),
            runtime=config.get("Runtime") or config.get("PackageType", ""),
            handler=config.get("Handler", ""),
            role=config["Role"],
            timeout=int(config.get("Timeout") or 3),
            memory=int(config.get("MemorySize") or 128),
            code_sha256=config["CodeSha256"],
            variables=tuple(sorted(config.get("Environment", {}).get("Variables", {}).items())),
            log_group=config.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}",
            reserved=answer.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
            dead_letters=(config.get("DeadLetterConfig") or {}).get("TargetArn"),
        )


@dataclass(frozen=True)
class AsyncSettings:
    """What happens to asynchronous invocations that fail."""

    retries: int = DEFAULT_RETRIES
    age_seconds: int = DEFAULT_AGE_SECONDS
    on_success: str | None = None
    on_failure: str | None = None


class Functions:
    """Reads configurations once and again after each change of Lambda's."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._changes = 0
        self._functions: dict[Reference, Function] = {}
        self._settings: dict[Reference, AsyncSettings] = {}
        self._code = world.folder / "lambda" / "code"
        world.on_change("lambda", self._forget)

    def get(self, reference: Reference) -> Function:
        with self._lock:
            known, changes = self._functions.get(reference), self._changes
        if known:
            return known
        qualifier = {"Qualifier": reference.qualifier} if reference.qualifier else {}
        try:
            answer = self._client(reference).get_function(FunctionName=reference.name, **qualifier)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            missing = f"Function not found: {reference.arn}"
            raise ServiceError("ResourceNotFoundException", missing, status=404, Type="User") from error
        function = Function.read(reference, answer)
        with self._lock:
            if changes == self._changes:
                self._functions[reference] = function
        return function

    def async_settings(self, reference: Reference) -> AsyncSettings:
        with self._lock:
            known, changes = self._settings.get(reference), self._changes
        if known:
            return known
        settings = self._read_settings(reference)
        with self._lock:
            if changes == self._changes:
                self._settings[reference] = settings
        return settings

    def _read_settings(self, reference: Reference) -> AsyncSettings:
        try:
            config = self._client(reference).get_function_event_invoke_config(FunctionName=reference.name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return AsyncSettings()
        destinations = config.get("DestinationConfig", {})
        return AsyncSettings(
            retries=config.get("MaximumRetryAttempts", DEFAULT_RETRIES),
            age_seconds=config.get("MaximumEventAgeInSeconds") or DEFAULT_AGE_SECONDS,
            on_success=destinations.get("OnSuccess", {}).get("Destination") or None,
            on_failure=destinations.get("OnFailure", {}).get("Destination") or None,
        )

    def assume(self, function: Function, *, region: str | None = None) -> RoleSession:
        """Lambda's session of the function's role; ClientError when the role does not trust Lambda."""
        where = function.region
        role = assume(self._world, FUNCTION, function.role, on=function.arn, region=where, session=function.session)
        return elsewhere(role, region) if region else role

    def task_root(self, function: Function) -> Path:
        """The folder with the function's code; files in it are read-only, as in Lambda."""
        folder = self._code / base64.b64decode(function.code_sha256).hex()
        if not folder.exists():
            name = function.name if function.version == "$LATEST" else f"{function.name}:{function.version}"
            content = function_code(function.account, function.region, name)
            if base64.b64encode(hashlib.sha256(content).digest()).decode() != function.code_sha256:
                raise RuntimeError(f"the code of {function.arn} is not what its CodeSha256 says")
            unpack(content, folder)
        return folder

    def _client(self, reference: Reference) -> Any:
        return self._world.aws.own_client("lambda", account=reference.account, region=reference.region)

    def _forget(self, _caller: Caller, operation: str, _params: dict[str, Any]) -> None:
        if "EventSourceMapping" in operation:
            return
        with self._lock:
            self._changes += 1
            self._functions.clear()
            self._settings.clear()


def unpack(content: bytes, folder: Path) -> None:
    """Unpack a zip so that `folder` is there as a whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder.parent))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(unfinished)
    for path in unfinished.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o444)
    unfinished.chmod(0o755)
    try:
        os.rename(unfinished, folder)
    except OSError:
        # Another worker unpacked the same code first.
        shutil.rmtree(unfinished)
