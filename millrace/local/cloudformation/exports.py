"""Guards exports: one name per account and region, and nothing that another stack imports may go or change."""

from __future__ import annotations

from collections.abc import Sequence

from millrace.local.cloudformation.records import Output, Stack
from millrace.local.cloudformation.store import StackStore


class ExportsInUse(Exception):
    """The message names the export and who holds it."""


def check_exports(store: StackStore, stack: Stack, outputs: Sequence[Output]) -> None:
    """Refuse outputs that would break what other stacks rely on."""
    fresh = {output.export_name: output.value for output in outputs if output.export_name}
    for owner, output in store.exports(stack.account, stack.region):
        if owner.id != stack.id and output.export_name in fresh:
            raise ExportsInUse(f"Export with name {output.export_name} is already exported by stack {owner.name}.")
    for output in stack.outputs:
        name = output.export_name
        if name and fresh.get(name) != output.value:
            users = _users(store, stack, name)
            if users:
                verb = "updated" if name in fresh else "deleted"
                raise ExportsInUse(f"Export {name} cannot be {verb} as it is in use by {', '.join(users)}")


def check_removal(store: StackStore, stack: Stack) -> None:
    """Refuse to delete a stack whose exports are imported."""
    for output in stack.outputs:
        if output.export_name:
            users = _users(store, stack, output.export_name)
            if users:
                raise ExportsInUse(f"Cannot delete export {output.export_name} as it is in use by {', '.join(users)}.")


def _users(store: StackStore, stack: Stack, export: str) -> list[str]:
    return [name for name in store.importers(stack.account, stack.region, export) if name != stack.name]
