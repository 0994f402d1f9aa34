"""Carries a stack from what it is to what a definition says, and back again when a resource fails.

One execution runs in one thread (`operations.py` starts it) and is the only writer of its stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from millrace.local.cloudformation import graph
from millrace.local.cloudformation.definition import Definition
from millrace.local.cloudformation.errors import ResourceError, TemplateError
from millrace.local.cloudformation.exports import ExportsInUse, check_exports, check_removal
from millrace.local.cloudformation.intrinsics import Resolver
from millrace.local.cloudformation.plan import compare, with_tags
from millrace.local.cloudformation.provisioner import Provisioner
from millrace.local.cloudformation.recorder import Recorder
from millrace.local.cloudformation.records import Output, Request, Resource, Stack, Undo
from millrace.local.cloudformation.store import INTERRUPTED, StackStore
from millrace.local.cloudformation.template import Declaration


class Failed(Exception):
    """The operation cannot go on; the message becomes the stack's status reason."""


class Execution:
    """One operation on one stack."""

    def __init__(self, store: StackStore, stack: Stack, record: Recorder, hands: Provisioner) -> None:
        self._store = store
        self._stack = stack
        self._record = record
        self._hands = hands
        self._imports: set[str] = set()

    # -- the three operations -------------------------------------------------------------------------

    def create(self, definition: Definition, request: Request) -> None:
        """From nothing; a failure takes everything back unless the request says otherwise."""
        try:
            self._bring_up(definition, request)
        except Failed as failure:
            reason = str(failure)
            if request.disable_rollback or request.on_failure == "DO_NOTHING":
                self._record.stack("CREATE_FAILED", reason)
                return
            self._record.stack("ROLLBACK_IN_PROGRESS", f"{reason} Rollback requested by user.")
            self.roll_back_creation(retain_except_on_create=request.retain_except_on_create)
            if request.on_failure == "DELETE" and self._stack.status == "ROLLBACK_COMPLETE":
                self._record.stack("DELETE_IN_PROGRESS")
                self.delete(retain=())
            return
        self._stack.undo.clear()
        self._record.stack("CREATE_COMPLETE")

    def update(self, definition: Definition, request: Request) -> None:
        """In place where possible; replaced and removed resources are deleted only when all else is done."""
        try:
            self._bring_up(definition, request)
        except Failed as failure:
            if request.disable_rollback:
                self._record.stack("UPDATE_FAILED", str(failure))
                return
            self._record.stack("UPDATE_ROLLBACK_IN_PROGRESS", str(failure))
            self.roll_back_update(skip=())
            return
        with self._store.lock:
            self._stack.request = request
            self._stack.obsolete += self._left_out(definition)
            self._stack.undo.clear()
        self._record.stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        self._clean_up()
        self._record.stack("UPDATE_COMPLETE")

    def delete(self, *, retain: Iterable[str]) -> None:
        """Everything, in reverse order; what fails stays in the stack."""
        try:
            check_removal(self._store, self._stack)
        except ExportsInUse as error:
            self._record.stack("DELETE_FAILED", f"Delete canceled. {error}")
            return
        failed = self._delete_all(
            self._deletion_order(), lambda one: one.logical_id in retain or one.deletion_policy != "Delete"
        )
        if failed:
            names = ", ".join(failed)
            self._record.stack("DELETE_FAILED", f"The following resource(s) failed to delete: [{names}]. ")
            return
        with self._store.lock:
            self._stack.outputs, self._stack.imports = [], ()
        self._record.stack("DELETE_COMPLETE")

    def abandon(self, reason: str) -> None:
        """Leave a stack in the failed state that follows from where it is: something broke in the engine."""
        stack = self._stack
        if stack.in_progress:
            self._record.stack(INTERRUPTED.get(stack.status, "UPDATE_ROLLBACK_FAILED"), reason)

    # -- rollback -------------------------------------------------------------------------------------

    def roll_back_creation(self, *, retain_except_on_create: bool) -> None:
        """Delete what was made; the stack itself stays, in ROLLBACK_COMPLETE."""

        def kept(resource: Resource) -> bool:
            return resource.deletion_policy == "Retain" and not retain_except_on_create

        failed = self._delete_all(self._deletion_order(), kept)
        self._stack.undo.clear()
        if failed:
            self._record.stack(
                "ROLLBACK_FAILED", f"The following resource(s) failed to delete: [{', '.join(failed)}]. "
            )
        else:
            self._record.stack("ROLLBACK_COMPLETE")

    def roll_back_update(self, *, skip: Iterable[str]) -> None:
        """Undo the update's steps in reverse order, then delete what the update had made."""
        stack = self._stack
        while stack.undo:
            step = stack.undo[-1]
            try:
                if step.logical_id not in skip:
                    self._take_back(step)
            except ResourceError:
                self._record.stack(
                    "UPDATE_ROLLBACK_FAILED",
                    f"The following resource(s) failed to update: [{step.logical_id}]. ",
                )
                return
            stack.undo.pop()
        self._record.stack("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        self._clean_up()
        self._record.stack("UPDATE_ROLLBACK_COMPLETE")

    def _take_back(self, step: Undo) -> None:
        now = self._stack.resources.get(step.logical_id)
        if step.kind == "updated" and now is not None and step.before is not None:
            self._hands.restore(now, step.before)
            return
        with self._store.lock:
            if now is not None and now.physical_id is not None:
                self._stack.obsolete.append(now)
            if step.before is None:
                self._record.drop(step.logical_id)
            else:
                self._record.keep(step.before)
                self._stack.obsolete = [old for old in self._stack.obsolete if old != step.before]

    # -- forward --------------------------------------------------------------------------------------

    def _bring_up(self, definition: Definition, request: Request) -> None:
        resolver = definition.resolver(self._ref, self._attribute, self._imported)
        for logical, declared in definition.resources.items():
            try:
                properties = with_tags(declared.type, resolver.value(declared.properties), request.tags)
                self._bring(declared, properties, definition.needs[logical])
            except (ResourceError, TemplateError) as error:
                raise self._failure(logical, declared, error) from error
        self._publish_outputs(definition, resolver)

    def _bring(self, declared: Declaration, properties: Mapping[str, Any], needs: list[str]) -> None:
        old = self._stack.resources.get(declared.logical_id)
        change = compare(declared, old, properties)
        if change is None:
            return
        if old is None or change.action == "Add":
            self._stack.undo.append(Undo("created", declared.logical_id, None))
            self._hands.create(declared, properties, needs)
        elif change.replacement == "False":
            self._stack.undo.append(Undo("updated", declared.logical_id, old))
            new = self._hands.update(old, declared, properties, needs)
            if new.physical_id != old.physical_id:
                # A custom resource may answer an update with another resource.
                self._stack.obsolete.append(old)
        else:
            self._replace(old, declared, properties, needs)

    def _replace(self, old: Resource, declared: Declaration, properties: Mapping[str, Any], needs: list[str]) -> None:
        name = self._hands.name_property(declared.type)
        if name and name in properties and properties[name] == old.properties.get(name):
            raise ResourceError(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
                f"Rename {properties[name]} and update the stack again."
            )
        self._stack.undo.append(Undo("replaced", declared.logical_id, old))
        why = "Requested update requires the creation of a new physical resource; hence creating one."
        self._record.resource(old, "UPDATE_IN_PROGRESS", why)
        self._hands.create(declared, properties, needs)
        with self._store.lock:
            self._stack.obsolete.append(old)

    def _failure(self, logical: str, declared: Declaration, error: Exception) -> Failed:
        now = self._stack.resources.get(logical)
        kind = "update" if now is not None and now.status.startswith("UPDATE") else "create"
        if now is None or now.status not in ("CREATE_FAILED", "UPDATE_FAILED"):
            # It failed before a provider was asked, so nothing has recorded it yet.
            kind = "create" if now is None else "update"
            blank = now or Resource(logical, declared.type, {}, "", self._stack.created)
            self._record.resource(blank, f"{kind.upper()}_FAILED", str(error))
        return Failed(f"The following resource(s) failed to {kind}: [{logical}].")

    def _publish_outputs(self, definition: Definition, resolver: Resolver) -> None:
        try:
            outputs = [_output(key, resolver.value(entry)) for key, entry in definition.outputs().items()]
            check_exports(self._store, self._stack, outputs)
        except (TemplateError, ExportsInUse) as error:
            raise Failed(str(error)) from error
        with self._store.lock:
            self._stack.outputs = outputs
            self._stack.imports = tuple(sorted(self._imports))

    # -- deleting -------------------------------------------------------------------------------------

    def _left_out(self, definition: Definition) -> list[Resource]:
        """Take out of the stack what the definition does not hold any more, for the clean-up."""
        gone = [resource for resource in self._deletion_order() if resource.logical_id not in definition.resources]
        for resource in gone:
            self._record.drop(resource.logical_id)
        return gone

    def _clean_up(self) -> None:
        """Delete what an operation made superfluous, dependents first; a failure here does not fail the stack."""
        for old in sorted(self._stack.obsolete, key=self._depth, reverse=True):
            if self._retained(old):
                self._record.resource(old, "DELETE_SKIPPED")
                continue
            with suppress(ResourceError):
                self._hands.delete(old)
        with self._store.lock:
            self._stack.obsolete = []

    def _retained(self, old: Resource) -> bool:
        rolling_back = self._stack.status.startswith("UPDATE_ROLLBACK")
        replaced = old.logical_id in self._stack.resources
        if rolling_back:
            return not replaced and old.deletion_policy == "Retain"
        return (old.update_replace_policy if replaced else old.deletion_policy) != "Delete"

    def _depth(self, resource: Resource) -> int:
        known = {one.logical_id: one for one in (*self._stack.resources.values(), *self._stack.obsolete)}

        def depth(logical_id: str, seen: frozenset[str]) -> int:
            one = known.get(logical_id)
            if one is None or logical_id in seen:
                return 0
            return 1 + max((depth(need, seen | {logical_id}) for need in one.needs), default=0)

        return 1 + max((depth(need, frozenset()) for need in resource.needs), default=0)

    def _deletion_order(self) -> list[Resource]:
        resources = self._stack.resources
        needs = {logical: [need for need in one.needs if need in resources] for logical, one in resources.items()}
        return [resources[logical] for logical in reversed(graph.order(needs))]

    def _delete_all(self, resources: list[Resource], kept: Callable[[Resource], bool]) -> list[str]:
        """Delete and forget each; the names of those that could not be deleted, and of what they need."""
        failed: list[str] = []
        blocked: set[str] = set()
        for resource in resources:
            if resource.logical_id in blocked:
                blocked.update(resource.needs)
                continue
            if resource.physical_id and kept(resource):
                self._record.resource(resource, "DELETE_SKIPPED")
                self._record.drop(resource.logical_id)
                continue
            try:
                self._hands.delete(resource)
                self._record.drop(resource.logical_id)
            except ResourceError:
                failed.append(resource.logical_id)
                blocked.update(resource.needs)
        return failed

    # -- what functions may look at -------------------------------------------------------------------

    def _ref(self, logical_id: str) -> Any:
        resource = self._stack.resources.get(logical_id)
        if resource is None or resource.physical_id is None:
            raise TemplateError(f"Template format error: Unresolved resource dependencies [{logical_id}]")
        return resource.physical_id

    def _attribute(self, logical_id: str, name: str) -> Any:
        self._ref(logical_id)
        resource = self._stack.resources[logical_id]
        value = resource.attributes.get(name)
        if value is None:
            raise TemplateError(f"Attribute {name} of resource {logical_id} ({resource.type}) has no value")
        return value

    def _imported(self, name: str) -> Any:
        for _, output in self._store.exports(self._stack.account, self._stack.region):
            if output.export_name == name:
                self._imports.add(name)
                return output.value
        raise TemplateError(f"No export named {name} found.")


def _output(key: str, entry: Mapping[str, Any]) -> Output:
    value = entry.get("Value")
    if isinstance(value, dict | list) or value is None:
        raise TemplateError(f"Template format error: The Value field of output {key} must evaluate to a string.")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return Output(key, text, entry.get("Description"), entry.get("Export", {}).get("Name"))
