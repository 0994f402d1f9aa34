"""Policy documents, checked and compiled once.

Called by evaluator.py for every decision, and by whoever stores a policy to refuse a malformed one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from millrace.errors import MillraceError
from millrace.local.iam import conditions, grantees, matching
from millrace.local.iam.conditions import Condition, NullCondition
from millrace.local.iam.grantees import Grantees
from millrace.local.iam.matching import Pattern
from millrace.local.iam.statements import Document, Statement

Kind = Literal["identity", "resource", "trust"]  # identity: also boundaries and session policies

_VERSIONS = ("2012-10-17", "2008-10-17")
_TOP = {"Version", "Id", "Statement"}
_ELEMENTS = {
    *(
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    )
}
_ACTION = re.compile(r"\*|\*:\*|[A-Za-z0-9-]+:[A-Za-z0-9*?_-]+", re.ASCII)
_ARN = re.compile(r"arn:[^:*?]+:[^:*?$]+:[^:$]*:[^:$]*:.+", re.DOTALL)
_SID = re.compile(r"[A-Za-z0-9]*", re.ASCII)
_CACHED = 4096


class PolicyError(MillraceError):
    """A malformed policy document; says where, what, and what is allowed."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where} {what}.")
        self.where = where


_compiled: dict[tuple[int, Kind], tuple[Mapping[str, Any], Document]] = {}


def compiled(document: Mapping[str, Any], kind: Kind) -> Document:
    """The compiled document; the same object is compiled once, so it must not be changed afterwards."""
    key = id(document), kind
    known = _compiled.get(key)
    if known is not None and known[0] is document:
        return known[1]
    result = compile_document(document, kind)
    if len(_compiled) >= _CACHED:
        _compiled.clear()
    _compiled[key] = document, result  # holds the document, so that its id stays its own
    return result


@lru_cache(maxsize=_CACHED)
def parse(text: str) -> Mapping[str, Any]:
    """The JSON text as a document: the same object for the same text, so that it is compiled once."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PolicyError("The policy", f"is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise PolicyError("The policy", "is not a JSON object")
    return document


def compile_document(document: object, kind: Kind) -> Document:
    """Check and compile; raises PolicyError."""
    if not isinstance(document, Mapping):
        raise PolicyError("The policy", f"is {document!r}; allowed is a JSON object")
    _refuse_others(document, _TOP, "The policy")
    version = document.get("Version", "2008-10-17")
    if version not in _VERSIONS:
        raise PolicyError("Version", f"is {version!r}; allowed are {' and '.join(_VERSIONS)}")
    if "Statement" not in document:
        raise PolicyError("The policy", "has no Statement; add one")
    raw = document["Statement"]
    listed = raw if isinstance(raw, list) else [raw]
    variables = version == "2012-10-17"
    statements = [_Compiler(kind, variables, index).statement(item) for index, item in enumerate(listed)]
    _refuse_same_sids(listed)
    return Document(tuple(statements))


def _refuse_others(given: Mapping[Any, Any], allowed: set[str], where: str) -> None:
    others = sorted(str(name) for name in given if name not in allowed)
    if others:
        raise PolicyError(where, f"has {', '.join(others)}; allowed are {', '.join(sorted(allowed))}")


def _refuse_same_sids(listed: list[Any]) -> None:
    seen: set[str] = set()
    for index, item in enumerate(listed):
        sid = item.get("Sid")
        if sid and sid in seen:
            raise PolicyError(f"Statement[{index}].Sid", f"is {sid!r} a second time; a Sid must be unique")
        seen.add(sid)


@dataclass(frozen=True)
class _Compiler:
    kind: Kind
    variables: bool
    index: int

    def statement(self, item: object) -> Statement:
        if not isinstance(item, Mapping):
            raise PolicyError(self._at(), f"is {item!r}; allowed is an object")
        _refuse_others(item, _ELEMENTS, self._at())
        effect = item.get("Effect")
        if effect not in ("Allow", "Deny"):
            raise PolicyError(self._at("Effect"), f"is {effect!r}; allowed are Allow and Deny")
        principal = self._either(item, "Principal", required=self.kind != "identity", allowed=self.kind != "identity")
        action = self._either(item, "Action", required=True)
        resource = self._either(item, "Resource", required=self.kind == "identity", allowed=self.kind != "trust")
        if principal == "NotPrincipal" and (effect == "Allow" or self.kind == "trust"):
            raise PolicyError(self._at("NotPrincipal"), "is allowed only with Deny in the policy of a resource")
        return Statement(
            name=self._name(item),
            deny=effect == "Deny",
            grantees=self._grantees(item, principal) if principal else None,
            all_but_grantees=principal == "NotPrincipal",
            actions=tuple(self._action(text, action) for text in self._texts(item[action], action)),
            all_but_actions=action == "NotAction",
            resources=self._resources(item, resource) if resource else None,
            all_but_resources=resource == "NotResource",
            conditions=tuple(self._conditions(item.get("Condition", {}))),
        )

    def _at(self, element: str = "") -> str:
        return f"Statement[{self.index}]" + (f".{element}" if element else "")

    def _either(self, item: Mapping[str, Any], name: str, *, required: bool, allowed: bool = True) -> str:
        given = [element for element in (name, f"Not{name}") if element in item]
        if given and not allowed:
            raise PolicyError(self._at(given[0]), f"is not allowed in a policy of this kind ({self.kind}); remove it")
        if len(given) == 2:
            raise PolicyError(self._at(), f"has both {name} and Not{name}; keep one")
        if required and not given:
            raise PolicyError(self._at(), f"has neither {name} nor Not{name}; add one")
        return given[0] if given else ""

    def _name(self, item: Mapping[str, Any]) -> str:
        sid = item.get("Sid", "")
        if not isinstance(sid, str):
            raise PolicyError(self._at("Sid"), f"is {sid!r}; allowed is a text")
        if self.kind == "identity" and not _SID.fullmatch(sid):
            raise PolicyError(self._at("Sid"), f"is {sid!r}; allowed are the letters A-Z and a-z and digits")
        return sid or str(self.index)

    def _grantees(self, item: Mapping[str, Any], element: str) -> Grantees:
        try:
            return grantees.parse(item[element])
        except ValueError as error:
            raise PolicyError(self._at(element), str(error)) from error

    def _texts(self, value: object, element: str) -> list[str]:
        listed: list[Any] = value if isinstance(value, list) else [value]
        if not all(isinstance(text, str) for text in listed):
            raise PolicyError(self._at(element), f"is {value!r}; allowed are a text and a list of texts")
        return listed

    def _action(self, text: str, element: str) -> Pattern:
        if not _ACTION.fullmatch(text):
            raise PolicyError(
                self._at(element),
                f'has {text!r}; allowed are "*" and service:Action with wildcards in the action only',
            )
        return Pattern(text, matching.ACTION)

    def _resources(self, item: Mapping[str, Any], element: str) -> tuple[Pattern, ...]:
        return tuple(self._resource(text, element) for text in self._texts(item[element], element))

    def _resource(self, text: str, element: str) -> Pattern:
        is_arn = bool(_ARN.fullmatch(text))
        if not is_arn and text != "*" and (self.kind == "identity" or text.startswith("arn:")):
            raise PolicyError(
                self._at(element),
                f'has {text!r}; allowed are "*" and an ARN with its six fields, without wildcards in the service and '
                "without variables before the resource",
            )
        style = matching.RESOURCE if is_arn else matching.LIKE
        return Pattern(text, style, variables_allowed=self.variables)

    def _conditions(self, block: object) -> list[Condition | NullCondition]:
        found: list[Condition | NullCondition] = []
        for operator, keys in _items(block, self._at("Condition")):
            for key, value in _items(keys, self._at(f"Condition.{operator}")):
                where = self._at(f"Condition.{operator}.{key}")
                found.append(self._condition(operator, key, _condition_texts(value, where), where))
        return found

    def _condition(self, operator: str, key: str, wanted: tuple[str, ...], where: str) -> Condition | NullCondition:
        try:
            return conditions.compile_condition(operator, key, wanted, variables=self.variables)
        except conditions.UnknownOperatorError:
            allowed = ", ".join([*conditions.OPERATORS, "Null"])
            raise PolicyError(where, f"uses an operator that does not exist; allowed are {allowed}") from None


def _items(block: object, where: str) -> list[tuple[str, Any]]:
    if not isinstance(block, Mapping) or not all(isinstance(name, str) for name in block):
        raise PolicyError(where, f"is {block!r}; allowed is an object")
    return list(block.items())


def _condition_texts(value: object, where: str) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str | bool | int | float) for item in listed):
        raise PolicyError(where, f"is {value!r}; allowed are a text, a number, true, false and a list of them")
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in listed)
