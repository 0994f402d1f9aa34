"""Keeps the stacks of every account and region; the server saves and loads it with everything else."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from millrace.local.cloudformation.errors import TemplateError
from millrace.local.cloudformation.records import Output, Stack

# What an interrupted operation becomes when the server comes back.
INTERRUPTED = {
    "CREATE_IN_PROGRESS": "CREATE_FAILED",
    "DELETE_IN_PROGRESS": "DELETE_FAILED",
    "ROLLBACK_IN_PROGRESS": "ROLLBACK_FAILED",
    "UPDATE_IN_PROGRESS": "UPDATE_FAILED",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_IN_PROGRESS": "UPDATE_ROLLBACK_FAILED",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_ROLLBACK_COMPLETE",
}
STOPPED = "The embedded AWS was stopped during the operation"


class StackStore:
    """Stacks by ARN; `lock` guards every change and every reading of more than one field."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._stacks: dict[str, Stack] = {}

    def add(self, stack: Stack) -> None:
        with self.lock:
            self._stacks[stack.id] = stack

    def remove(self, stack: Stack) -> None:
        with self.lock:
            del self._stacks[stack.id]

    def all(self, account: str, region: str) -> list[Stack]:
        """Every stack of the place, newest first, deleted ones too."""
        with self.lock:
            found = [stack for stack in self._stacks.values() if (stack.account, stack.region) == (account, region)]
        return sorted(found, key=lambda stack: stack.created, reverse=True)

    def living(self, account: str, region: str) -> list[Stack]:
        return [stack for stack in self.all(account, region) if stack.status != "DELETE_COMPLETE"]

    def find(self, account: str, region: str, name: str) -> Stack | None:
        """By name among the living; by ARN also a deleted one."""
        if name.startswith("arn:"):
            stack = self._stacks.get(name)
            return stack if stack and stack.account == account else None
        return next((stack for stack in self.living(account, region) if stack.name == name), None)

    def get(self, account: str, region: str, name: str) -> Stack:
        stack = self.find(account, region, name)
        if stack is None:
            raise TemplateError(f"Stack with id {name} does not exist")
        return stack

    def exports(self, account: str, region: str) -> Iterator[tuple[Stack, Output]]:
        for stack in self.living(account, region):
            for output in stack.outputs:
                if output.export_name:
                    yield stack, output

    def importers(self, account: str, region: str, export: str) -> list[str]:
        """Names of the stacks that import this export."""
        return sorted(stack.name for stack in self.living(account, region) if export in stack.imports)

    def dump(self) -> Any:
        with self.lock:
            return pickle.dumps(self._stacks)

    def load(self, content: Any) -> None:
        with self.lock:
            self._stacks = pickle.loads(content)
            for stack in self._stacks.values():
                if stack.status in INTERRUPTED:
                    stack.status, stack.reason = INTERRUPTED[stack.status], STOPPED
                    for name, one in stack.resources.items():
                        if one.status in INTERRUPTED:
                            stack.resources[name] = replace(one, status=INTERRUPTED[one.status], reason=STOPPED)
