"""Turns a verdict into the outputs of the step ReadVerdict: texts that a model package's metadata take. Pure.

SageMaker takes 1 to 256 characters there: letters, digits, spaces and `_.:/=+-@`. A sentence has others, so they
are replaced by what reads nearly the same.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Mapping
from typing import Any

from read_verdict.errors import VerdictError

VERSION = 1
OUTCOMES = ("first", "better", "kept", "below-floor", "too-few")
LONGEST = 256
NONE = "none"
ELLIPSIS = "..."
LARGEST_NUMBER = sys.float_info.max
"""JSON as Python reads it knows more: NaN, infinities, and whole numbers of any length."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MARKS = "_.:/=+-@"
_SPOKEN = {
    "%": " percent",
    ",": " -",
    ";": " -",
    "(": "- ",
    ")": "",
    "<": " below ",
    ">": " above ",
    "\u2264": " at most ",
    "\u2265": " at least ",
    "\u00b1": " +- ",
    "\u2013": "-",
    "\u2014": "-",
    "\u2212": "-",
    "\u2026": ELLIPSIS,
}


def outputs(content: bytes, *, model: str) -> dict[str, str]:
    """The step's outputs; VerdictError if the verdict is of another model or does not say what it must."""
    verdict = _parse(content)
    _require(verdict.get("version") == VERSION, "version", verdict.get("version"), str(VERSION))
    _require(verdict.get("model") == model, "model", verdict.get("model"), model)
    gate = _object(verdict, "gate")
    outcome, metric = gate.get("outcome"), gate.get("metric")
    _require(outcome in OUTCOMES, "gate.outcome", outcome, ", ".join(OUTCOMES))
    metrics = _object(verdict, "metrics")
    _require(isinstance(metric, str) and metric in metrics, "gate.metric", metric, ", ".join(sorted(metrics)))
    measured, data = _object(metrics, str(metric)), _object(verdict, "data")
    return {
        "outcome": text(outcome),
        "sentence": text(gate.get("sentence")),
        "metric": text(metric),
        "value": _number(measured.get("value"), f"metrics.{metric}.value"),
        **{name: _number(measured.get(name), f"metrics.{metric}.{name}", optional=True) for name in ("low", "high")},
        "threshold": _number(verdict.get("threshold"), "threshold", optional=True),
        "model_sha256": _digest(_object(verdict, "artifact").get("sha256"), "artifact.sha256"),
        "manifest_sha256": _digest(data.get("manifest_sha256"), "data.manifest_sha256", optional=True),
    }


def text(value: Any) -> str:
    """The value as the registry takes it; `none` for what there is not."""
    if value is None:
        return NONE
    spoken = "".join(_allowed(character) for character in _composed(str(value)))
    words = " ".join(spoken.split())
    shortened = words if len(words) <= LONGEST else words[: LONGEST - len(ELLIPSIS)].rstrip() + ELLIPSIS
    return shortened or NONE


def _composed(value: str) -> str:
    """A letter and the accent behind it as one letter: an accent by itself is not taken."""
    marked = any(unicodedata.category(character)[0] == "M" for character in value)
    return unicodedata.normalize("NFC", value) if marked else value


def _allowed(character: str) -> str:
    if character in _SPOKEN:
        return _SPOKEN[character]
    if character.isspace():
        return " "
    kept = character in _MARKS or unicodedata.category(character)[0] in "LN"
    return character if kept else ""


def _parse(content: bytes) -> Mapping[str, Any]:
    try:
        verdict = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise VerdictError(f"the verdict is no JSON: {error}") from error
    if not isinstance(verdict, dict):
        raise VerdictError("the verdict is no JSON object")
    return verdict


def _object(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    if not isinstance(found, dict):
        raise VerdictError(f"the verdict's {name} is {json.dumps(found)[:80]}; it must be an object")
    return found


def _number(value: Any, name: str, *, optional: bool = False) -> str:
    if value is None and optional:
        return NONE
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_NUMBER
    _require(good, name, value, "a number")
    return text(f"{value:.6g}")


def _digest(value: Any, name: str, *, optional: bool = False) -> str:
    """A run that was started by hand may have data without a manifest; a model has always a digest."""
    if value in (None, "") and optional:
        return NONE
    _require(isinstance(value, str) and bool(_SHA256.fullmatch(value)), name, value, "a SHA-256 in hexadecimal")
    return text(value)


def _require(good: bool, name: str, value: Any, allowed: str) -> None:
    if not good:
        raise VerdictError(f"the verdict's {name} is {json.dumps(value)[:80]}; it must be {allowed}")
