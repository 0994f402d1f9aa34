"""Tells a mistake in what users edit without a traceback. Called by the top-level `app.py` before anything else."""

from __future__ import annotations

import sys
from types import TracebackType

from settings.errors import SettingsError
from stacks.definition_validator.violation import DefinitionError


def tell_mistakes_plainly() -> None:
    """From now on a SettingsError or DefinitionError that ends the synth prints its sentences alone."""
    sys.excepthook = _tell


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, (SettingsError, DefinitionError)):
        print(f"Error: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
