"""The kinds of question a model answers; some settings belong to one of them. Used by the modules beside it."""

from __future__ import annotations

BINARY = "binary"
MULTICLASS = "multiclass"
REGRESSION = "regression"
PROBLEMS = (BINARY, MULTICLASS, REGRESSION)
