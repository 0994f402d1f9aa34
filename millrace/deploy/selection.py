"""Which stacks of an assembly are meant: patterns such as `Dev/*`, read as the CDK CLI reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from millrace.deploy.assembly import Assembly, StackArtifact
from millrace.errors import MillraceError

_PARTS = re.compile(r"\*\*|\*|\?|[^*?]+")
_MEANING = {"**": ".*", "*": "[^/]*", "?": "[^/]"}


def select(assembly: Assembly, patterns: Sequence[str]) -> Assembly:
    """The stacks that match one of the patterns and those that they need; without a pattern all."""
    if not patterns:
        return assembly
    by_id = {stack.id: stack for stack in assembly.stacks}
    waiting = [stack for pattern in patterns for stack in _matching(assembly, pattern)]
    wanted: set[str] = set()
    while waiting:
        stack = waiting.pop()
        if stack.id not in wanted:
            wanted.add(stack.id)
            waiting += [by_id[need] for need in stack.needs]
    return Assembly(assembly.folder, tuple(stack for stack in assembly.stacks if stack.id in wanted))


def environments(assembly: Assembly) -> list[tuple[str, str]]:
    """Account and region of its stacks, each once; a stack that fits everywhere names none."""
    found = [(stack.account, stack.region) for stack in assembly.stacks if stack.account and stack.region]
    return [(str(account), str(region)) for account, region in dict.fromkeys(found)]


def _matching(assembly: Assembly, pattern: str) -> list[StackArtifact]:
    text = "".join(_MEANING.get(part, re.escape(part)) for part in _PARTS.findall(pattern))
    expression = re.compile(text)
    found = [stack for stack in assembly.stacks if expression.fullmatch(stack.path) or stack.name == pattern]
    if not found:
        paths = ", ".join(stack.path for stack in assembly.stacks)
        raise MillraceError(f"no stack matches {pattern!r}; the assembly holds {paths or 'none'}")
    return found
