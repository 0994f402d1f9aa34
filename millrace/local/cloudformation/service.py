"""The face of CloudFormation: which method answers which operation. `server.py` makes it and keeps its store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from millrace.local.cloudformation.change_sets import ChangeSets
from millrace.local.cloudformation.operations import Operations
from millrace.local.cloudformation.queries import Queries
from millrace.local.cloudformation.store import StackStore
from millrace.local.service import Caller, Handler
from millrace.local.world import World


class CloudFormation:
    """The service; an operation that is not listed here is refused by the gateway."""

    name = "cloudformation"
    complete = True

    def __init__(self, world: World) -> None:
        self.store = StackStore()
        run = Operations(world, self.store)
        self.operations: Mapping[str, Handler] = {
            "CreateStack": run.create_stack,
            "UpdateStack": run.update_stack,
            "DeleteStack": run.delete_stack,
            "RollbackStack": run.rollback_stack,
            "ContinueUpdateRollback": run.continue_update_rollback,
            "UpdateTerminationProtection": self._update_termination_protection,
            **ChangeSets(world, self.store, run).handlers(),
            **Queries(world, self.store).handlers(),
        }

    def _update_termination_protection(self, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
        with self.store.lock:
            stack = self.store.get(caller.account, caller.region, params["StackName"])
            stack.termination_protection = bool(params["EnableTerminationProtection"])
        return {"StackId": stack.id}
