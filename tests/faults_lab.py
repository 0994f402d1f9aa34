"""Puts faults on a running embedded AWS and takes them away again."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any


class Faults:
    """The internal route `faults`, as tests and `millrace chaos` use it."""

    def __init__(self, embedded: Any) -> None:
        self._url = f"{embedded.url}/_millrace/faults"

    def put(self, *faults: dict[str, Any], seed: int = 1) -> dict[str, Any]:
        return self._ask("POST", {"seed": seed, "faults": list(faults)})

    def told(self) -> dict[str, Any]:
        return self._ask("GET")

    def stop(self) -> dict[str, Any]:
        return self._ask("DELETE")

    def refusal(self, *faults: Any) -> str:
        """Why such faults are refused."""
        try:
            self.put(*faults)
        except urllib.error.HTTPError as error:
            return str(json.loads(error.read())["error"])
        raise AssertionError("these faults are taken")

    def done(self) -> list[int]:
        """How often each fault struck."""
        return [each["done"] for each in self.told()["faults"]]

    def wait_until_met(self, count: int) -> None:
        """Until the first fault has looked at so many things: what comes later is later for it, too."""
        self._wait(lambda told: told["faults"][0]["seen"] >= count)

    def wait_until_held(self, count: int) -> None:
        """Until so many deliveries are held back."""
        self._wait(lambda told: told["held"] == count)

    def _wait(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        for _ in range(2000):
            if condition(self.told()):
                return
        raise AssertionError(f"in vain: {self.told()}")

    def _ask(self, method: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self._url, data=data, method=method)) as answer:
            return dict(json.loads(answer.read()))
