"""What ends the step: the pipeline shows the sentence as the reason of its failure.

VerdictError
"""

from __future__ import annotations


class VerdictError(ValueError):
    """The verdict cannot be used: too large, no JSON, of another model, or without something it must say."""
