"""What can be wrong with a pipeline: its definition, a run's parameters, or a value while it runs.

PipelineProblem
├── DefinitionError     the definition JSON: becomes a ValidationException of CreatePipeline or UpdatePipeline
├── ParameterError      the parameters of one run: becomes a ValidationException of StartPipelineExecution
└── ResolutionError     an expression without a value: becomes the FailureReason of the step that needs it
"""

from __future__ import annotations

from millrace.errors import MillraceError


class PipelineProblem(MillraceError):
    """Something about a pipeline that its author can repair."""


class DefinitionError(PipelineProblem):
    """The definition breaks a rule of the language."""


class ParameterError(PipelineProblem):
    """A run's parameters do not fit the definition's."""


class ResolutionError(PipelineProblem):
    """An expression has no value in this execution."""
