"""Checks a pipeline's definition before it is deployed: CreatePipeline accepts what fails in the middle of a run.

`stacks/build.py` calls `require_valid` at synth, with the sentinels still in the text. Only botocore is needed:
its service model holds the types, enums, patterns, lengths and ranges of every request a step becomes.
"""

from stacks.definition_validator.check import check, require_valid
from stacks.definition_validator.violation import DefinitionError, Violation

__all__ = ["DefinitionError", "Violation", "check", "require_valid"]
