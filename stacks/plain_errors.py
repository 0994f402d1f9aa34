"""Tells a mistake in what users edit without a traceback. Called by the top-level `app.py` before anything else."""

from __future__ import annotations

import sys
from types import TracebackType

from settings.errors import SettingsError
from stacks.definition_validator.violation import DefinitionError

VIOLATED = "ValidationFailed: "


def tell_mistakes_plainly() -> None:
    """From now on a SettingsError, DefinitionError or violated control that ends the synth prints sentences alone."""
    sys.excepthook = _tell


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, (SettingsError, DefinitionError)):
        print(f"Error: {error}", file=sys.stderr)
    elif VIOLATED in str(error):  # CDK tells each violation here, or has printed them already
        print(f"Error: the templates break a control: {str(error).partition(VIOLATED)[2]}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
