"""Replaces a symbol of moto for this process; `patches` and its like use nothing else to change moto."""

from __future__ import annotations

from typing import Any

MOTO_VERSION = "5.2.5"


def change(owner: Any, name: str, value: Any) -> Any:
    """Replace an attribute that must exist; returns the old one."""
    if not hasattr(owner, name):
        raise RuntimeError(f"moto {MOTO_VERSION} has no {owner.__name__}.{name}: patches.py is out of date")
    old = owner.__dict__.get(name, getattr(owner, name))
    setattr(owner, name, value)
    return old
