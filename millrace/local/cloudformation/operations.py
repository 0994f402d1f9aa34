"""Starts operations on stacks: decides whether they may begin, runs each in a thread of its own.

The answer to a starting call waits a moment for the operation to end, so that a client that polls
every five seconds finds a short operation done at its first look.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from millrace.local.cloudformation.errors import Stopping, TemplateError
from millrace.local.cloudformation.execution import Execution
from millrace.local.cloudformation.provisioner import Provisioner
from millrace.local.cloudformation.recorder import Recorder
from millrace.local.cloudformation.records import UPDATABLE, Request, Stack
from millrace.local.cloudformation.requests import definition_of, plan_of, read_request
from millrace.local.cloudformation.store import StackStore
from millrace.local.service import Caller, ServiceError
from millrace.local.world import World

log = logging.getLogger("millrace.cloudformation")

PATIENCE_SECONDS = 3.0
Params = Mapping[str, Any]


class Operations:
    """The calls that change stacks."""

    def __init__(self, world: World, store: StackStore) -> None:
        self._world = world
        self._store = store

    def create_stack(self, caller: Caller, params: Params) -> dict[str, Any]:
        name, token = params["StackName"], params.get("ClientRequestToken")
        with self._store.lock:
            existing = self._store.find(caller.account, caller.region, name)
            if existing is not None:
                if token and existing.tokens.get("create") == token:
                    return {"StackId": existing.id}
                raise ServiceError("AlreadyExistsException", f"Stack [{name}] already exists")
            stack = self.new_stack(caller, name, "CREATE_IN_PROGRESS")
            request, definition = read_request(self._world, self._store, caller, params, stack, None)
            stack.request = request
            stack.termination_protection = bool(params.get("EnableTerminationProtection", False))
            self._store.add(stack)
            run = self._begin(caller, stack, "create", token, "CREATE_IN_PROGRESS")
        self._run(stack, run, lambda: run.create(definition, request))
        return {"StackId": stack.id}

    def update_stack(self, caller: Caller, params: Params) -> dict[str, Any]:
        token = params.get("ClientRequestToken")
        with self._store.lock:
            stack = self._store.get(caller.account, caller.region, params["StackName"])
            if token and stack.tokens.get("update") == token:
                return {"StackId": stack.id}
            check_updatable(stack)
            request, definition = read_request(self._world, self._store, caller, params, stack, stack)
            check_same_types(stack, request)
            if plan_of(self._store, stack, request, definition).empty:
                raise TemplateError("No updates are to be performed.")
            run = self._begin(caller, stack, "update", token, "UPDATE_IN_PROGRESS", role_arn=request.role_arn)
        self._run(stack, run, lambda: run.update(definition, request))
        return {"StackId": stack.id}

    def delete_stack(self, caller: Caller, params: Params) -> None:
        token = params.get("ClientRequestToken")
        with self._store.lock:
            stack = self._store.find(caller.account, caller.region, params["StackName"])
            if stack is None or stack.status == "DELETE_COMPLETE":
                return
            if stack.termination_protection:
                raise TemplateError(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
            if stack.status == "DELETE_IN_PROGRESS" or (token and stack.tokens.get("delete") == token):
                return
            if stack.in_progress:
                raise TemplateError(f"Stack:{stack.id} is in {stack.status} state and can not be deleted.")
            if params.get("DeletionMode") == "FORCE_DELETE_STACK":
                raise TemplateError("DeletionMode FORCE_DELETE_STACK is not supported by the embedded AWS")
            retain = frozenset(params.get("RetainResources", ()))
            if retain and stack.status != "DELETE_FAILED":
                raise TemplateError("RetainResources can only be given for a stack in DELETE_FAILED state")
            role = params.get("RoleARN")
            run = self._begin(caller, stack, "delete", token, "DELETE_IN_PROGRESS", role_arn=role)

        def delete() -> None:
            run.delete(retain=retain)
            if stack.status == "DELETE_COMPLETE":
                stack.deleted = self._world.clock.datetime()

        self._run(stack, run, delete)

    def execute_change_set(
        self, caller: Caller, stack: Stack, request: Request, token: str | None
    ) -> Callable[[], None]:
        """Begin what a change set holds; called under the store's lock, the answer is to be run outside it."""
        definition = definition_of(request, stack)
        fresh = stack.status == "REVIEW_IN_PROGRESS"
        if not fresh:
            check_updatable(stack)
        else:
            stack.request = request
        kind, status = ("create", "CREATE_IN_PROGRESS") if fresh else ("update", "UPDATE_IN_PROGRESS")
        run = self._begin(caller, stack, kind, token, status, role_arn=request.role_arn)
        work = run.create if fresh else run.update
        return lambda: self._run(stack, run, lambda: work(definition, request))

    def continue_update_rollback(self, caller: Caller, params: Params) -> dict[str, Any]:
        with self._store.lock:
            stack = self._store.get(caller.account, caller.region, params["StackName"])
            if stack.status != "UPDATE_ROLLBACK_FAILED":
                raise TemplateError(f"Stack:{stack.id} is in {stack.status} state and can not continue update rollback")
            token = params.get("ClientRequestToken")
            run = self._begin(caller, stack, "rollback", token, "UPDATE_ROLLBACK_IN_PROGRESS")
        skip = tuple(params.get("ResourcesToSkip", ()))
        self._run(stack, run, lambda: run.roll_back_update(skip=skip))
        return {}

    def rollback_stack(self, caller: Caller, params: Params) -> dict[str, Any]:
        with self._store.lock:
            stack = self._store.get(caller.account, caller.region, params["StackName"])
            if stack.status not in ("CREATE_FAILED", "UPDATE_FAILED"):
                raise TemplateError(f"Stack:{stack.id} is in {stack.status} state and can not be rolled back")
            creating = stack.status == "CREATE_FAILED"
            status = "ROLLBACK_IN_PROGRESS" if creating else "UPDATE_ROLLBACK_IN_PROGRESS"
            run = self._begin(caller, stack, "rollback", params.get("ClientRequestToken"), status)
        retain = bool(params.get("RetainExceptOnCreate", False))
        work: Callable[[], None] = (
            (lambda: run.roll_back_creation(retain_except_on_create=retain))
            if creating
            else (lambda: run.roll_back_update(skip=()))
        )
        self._run(stack, run, work)
        return {"StackId": stack.id, "OperationId": str(uuid.uuid4())}

    def new_stack(self, caller: Caller, name: str, status: str) -> Stack:
        arn = f"arn:aws:cloudformation:{caller.region}:{caller.account}:stack/{name}/{uuid.uuid4()}"
        now = self._world.clock.datetime()
        return Stack(arn, name, caller.account, caller.region, status, now, Request("", {}))

    def _begin(
        self, caller: Caller, stack: Stack, kind: str, token: str | None, status: str, *, role_arn: str | None = None
    ) -> Execution:
        if token:
            stack.tokens[kind] = token
        stack.generation += 1
        if kind == "update":
            stack.updated = self._world.clock.datetime()
        record = Recorder(self._world, self._store, stack, token)
        role = role_arn or stack.request.role_arn
        record.stack(status, "User Initiated")
        hands = Provisioner(self._world, stack, record, caller=caller, role_arn=role)
        return Execution(self._store, stack, record, hands)

    def _run(self, stack: Stack, run: Execution, work: Callable[[], None]) -> None:
        done = threading.Event()

        def operation() -> None:
            try:
                work()
            except Stopping:
                log.info("stack %s: the server goes down while it is %s", stack.name, stack.status)
            except Exception as error:  # the outermost frame: no stack may stay in progress
                log.exception("stack %s", stack.name)
                run.abandon(f"Internal Failure: {type(error).__name__}: {error}")
            finally:
                done.set()

        self._world.spawn(operation, name=f"stack {stack.name}")
        done.wait(PATIENCE_SECONDS)


def check_updatable(stack: Stack) -> None:
    if stack.status not in UPDATABLE:
        raise TemplateError(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")


def check_same_types(stack: Stack, request: Request) -> None:
    """A logical id keeps its type for life."""
    declared = request.template.resources
    wrong = [name for name, one in stack.resources.items() if name in declared and declared[name].type != one.type]
    if wrong:
        raise TemplateError(
            "Update of resource type is not permitted. The new template modifies resource type of the "
            f"following resources: [{', '.join(wrong)}]"
        )
