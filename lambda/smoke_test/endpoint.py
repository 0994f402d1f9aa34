"""The questions to the endpoint, and how long it takes to answer. Used by `test.py`."""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from smoke_test.answers import first_difference
from smoke_test.archive import Golden
from smoke_test.errors import FailedError, SlowError

JSON = "application/json"
SINGLE_ROWS = 20
STARTS, START_SECONDS = 5, 20
"""How often, and for about how long, the first answer is waited for."""


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as a client sees it."""

    runtime: Any
    name: str
    clock: Callable[[], float]

    def check(self, golden: Golden, *, version: str, limit_ms: float) -> float:
        """The median of single rows in milliseconds; raises FailedError if answers are wrong, SlowError if late."""
        self._wake(golden, version)
        over, times = 0, []
        for place in itertools.islice(itertools.cycle(range(len(golden.rows))), SINGLE_ROWS):
            times.append(self._ask(Golden([golden.rows[place]], [golden.answers[place]]), version))
            over += times[-1] > limit_ms
            if over > SINGLE_ROWS // 2:  # the median will be over it as well: no need to wait for the rest
                break
        median = statistics.median(times)
        if over and median > limit_ms:
            raise SlowError(
                f"a row takes {median:.0f} ms (median of {len(times)}), more than {limit_ms:g} ms; make the model "
                "smaller, take a larger instance, or raise smoke_latency_ms"
            )
        return median

    def _wake(self, golden: Golden, version: str) -> None:
        """The first answer may be late: a serverless endpoint starts when it is asked."""
        begun = self.clock()
        for _ in range(STARTS - 1):
            with suppress(SlowError):
                self._ask(golden, version)
                return
            if self.clock() - begun > START_SECONDS:
                break
        self._ask(golden, version)

    def _ask(self, golden: Golden, version: str) -> float:
        """How many milliseconds the answer took, if it is the right one."""
        started = self.clock()
        try:
            answer = self.runtime.invoke_endpoint(
                EndpointName=self.name, ContentType=JSON, Accept=JSON, Body=json.dumps(golden.rows).encode()
            )
            body = answer["Body"].read()
        except ReadTimeoutError as error:
            waited = f"{self.clock() - started:.0f} s"
            raise SlowError(
                f"the endpoint {self.name} does not answer {len(golden.rows)} rows in {waited}; make the model "
                "smaller, take a larger instance, or raise smoke_latency_ms"
            ) from error
        except ClientError as error:
            if error.response["Error"].get("Code") != "ModelError":
                raise
            status, told = error.response.get("OriginalStatusCode"), error.response.get("OriginalMessage")
            raise FailedError(f"the model answers golden rows with {status}: {str(told)[:300]}") from error
        took = (self.clock() - started) * 1000
        _check(body, golden, version)
        return took


def _check(body: bytes, golden: Golden, version: str) -> None:
    try:
        answer = json.loads(body)
        served, found = answer.get("model_version"), answer["predictions"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FailedError(f"the answer to golden rows is no answer of a model: {body[:150]!r}") from error
    if served != version:
        raise FailedError(f"the endpoint serves {served or 'a version that it does not name'}, not {version}")
    if wrong := first_difference(found, golden.answers):
        raise FailedError(f"{wrong}; the model computes otherwise here than where it was trained")
