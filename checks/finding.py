"""What a tool found. Every finding says what is wrong, why it matters and what to change."""

from __future__ import annotations

from dataclasses import dataclass

FIX = "change it in stacks/, or accept it in checks/accepted.toml with a reason, an owner and an end"


@dataclass(frozen=True, order=True)
class Finding:
    """`resource` is a construct path, or `<template>/<logical id>` where a tool knows no more."""

    tool: str
    control: str
    resource: str
    what: str
    why: str
    change: str = FIX

    def __str__(self) -> str:
        return (
            f"{self.control} ({self.tool})  {self.resource}\n"
            f"  what:   {self.what}\n"
            f"  why:    {self.why}\n"
            f"  change: {self.change}"
        )
