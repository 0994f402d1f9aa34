"""The test of what a serving stack has just deployed, and what is told of its result. Called by `batch.py`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from shared.grants import Sides, denied, missing_grant
from shared.records import record, utc

from smoke_test.archive import read_golden
from smoke_test.endpoint import Endpoint
from smoke_test.errors import FailedError, GrantError, SlowError
from smoke_test.registry import Version, read_version, tell
from smoke_test.settings import SmokeSettings
from smoke_test.stacks import NONE, Served, read_served

PASSED, FAILED = "passed", "failed"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What came out, in a sentence; `rejects` is whether the version must not be served any more."""

    passed: bool
    told: str
    rejects: bool = False


@dataclass(frozen=True)
class SmokeTest:
    """The clients and settings a test needs; `own_account` is the id of its account, `clock` tells seconds."""

    cloudformation: Any
    sagemaker: Any
    runtime: Any
    s3: Any
    settings: SmokeSettings
    own_account: str
    clock: Callable[[], float] = time.perf_counter

    def run(self, model: str) -> Result | None:
        """Test what the model's stack serves; None if there is nothing to tell."""
        with self._explained(model):
            served = read_served(self.cloudformation, self.settings.stacks[model])
            version = read_version(self.sagemaker, served.package) if served else None
            if served is None or version is None:
                log.info("%s: nothing to test: the stack changes, or serves no version that there is", model)
                return None
            if deployment(served) in version.records.get(self.settings.key, ""):
                log.info("%s: %s was tested already", model, version.name)
                return None
            result = self._result(model, served, version)
            if read_served(self.cloudformation, self.settings.stacks[model]) != served:
                log.info("%s: the stack changed meanwhile: what was found says nothing of %s", model, version.name)
                return None
            self._tell(served, version, result)
        log.log(logging.INFO if result.passed else logging.ERROR, "%s: %s: %s", model, version.name, result.told)
        return result

    def _result(self, model: str, served: Served, version: Version) -> Result:
        limit = self.settings.latencies_ms[model]
        try:
            pinned = "" if served.digest == NONE else served.digest
            golden = read_golden(self.s3, version, bucket=self.settings.artifact_bucket, pinned=pinned)
            endpoint = Endpoint(self.runtime, served.endpoint, self.clock)
            median = endpoint.check(golden, version=version.name, limit_ms=limit)
        except SlowError as error:
            # What was fast enough here and is not any more: rejecting it would take back one version after the other.
            return Result(False, str(error), rejects=not passed_before(version, self.settings.key))
        except FailedError as error:
            return Result(False, str(error), rejects=True)
        return Result(True, f"{len(golden.rows)} golden rows as trained - a row takes {median:.1f} ms")

    def _tell(self, served: Served, version: Version, result: Result) -> None:
        if not result.passed and not result.rejects:
            return
        outcome = PASSED if result.passed else FAILED
        more = f"{deployment(served)} - {result.told}"
        told = {self.settings.key: record(outcome, datetime.now(UTC), self.settings.role, more)}
        reason = f"{version.name} failed the smoke test of {self.settings.account}: {result.told}"
        tell(self.sagemaker, version, told, rejected="" if result.passed else reason)

    @contextmanager
    def _explained(self, model: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            found = error.response["Error"]
            text = f"{found.get('Code', '')}: {found.get('Message', '')}"
            if not denied(text):
                raise
            sides = Sides(self.settings.role, self.own_account, self.settings.trainer_id(model))
            action, on = self._called(error.operation_name, model)
            raise GrantError(missing_grant(text, sides, action=action, on=on)) from error

    def _called(self, operation: str, model: str) -> tuple[str, str]:
        """The action and the resource of a call whose denial may not name them."""
        if operation == "GetObject":
            return "s3:GetObject", f"s3://{self.settings.artifact_bucket}/runs/"
        if operation == "DescribeStacks":
            return "cloudformation:DescribeStacks", self.settings.stacks[model]
        if operation == "InvokeEndpoint":
            return "sagemaker:InvokeEndpoint", f"the endpoint of {model}"
        return f"sagemaker:{operation}", self.settings.groups[model]


def deployment(served: Served) -> str:
    """Which deployment of its version this is: a version may be deployed again, and is then tested again."""
    return f"deployment of {utc(served.since)}"


def passed_before(version: Version, key: str) -> bool:
    return version.records.get(key, "").startswith(f"{PASSED} ")
