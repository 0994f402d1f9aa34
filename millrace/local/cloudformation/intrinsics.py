"""Resolves a template's functions against a scope; the same code serves planning (with unknowns) and execution."""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from millrace.local.cloudformation.errors import TemplateError
from millrace.local.cloudformation.graph import SUBSTITUTION


class _Marker:
    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


NO_VALUE = _Marker("AWS::NoValue")
UNKNOWN = _Marker("{{changeSet:KNOWN_AFTER_APPLY}}")


def _no_resource(name: str, *_: str) -> Any:
    raise TemplateError(f"Template format error: Unresolved resource dependencies [{name}]")


def _no_import(name: str) -> Any:
    raise TemplateError(f"No export named {name} found.")


@dataclass(frozen=True)
class Scope:
    """What functions may look at. `ref` and `attribute` answer UNKNOWN for what is known only after execution."""

    values: Mapping[str, Any] = field(default_factory=dict)  # parameters and pseudo parameters
    mappings: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, bool] = field(default_factory=dict)
    ref: Callable[[str], Any] = _no_resource
    attribute: Callable[[str, str], Any] = _no_resource
    imported: Callable[[str], Any] = _no_import
    language_extensions: bool = False


def text_of(value: Any) -> str:
    """A scalar as CloudFormation writes it into text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list) or value is None:
        raise TemplateError(f"Template error: {json.dumps(value)[:80]} is not a string")
    return str(value)


def has_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


class Resolver:
    """Evaluates template nodes; AWS::NoValue removes what it stands for."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::FindInMap": self._find_in_map,
            "Fn::If": self._if,
            "Fn::ImportValue": self._import_value,
            "Fn::Base64": self._base64,
            "Fn::Cidr": self._cidr,
        }
        if scope.language_extensions:
            self._functions |= {"Fn::ToJsonString": self._to_json, "Fn::Length": self._length}

    def value(self, node: Any) -> Any:
        """The node with every function replaced by its value; NO_VALUE if it stands for nothing."""
        if isinstance(node, dict):
            if len(node) == 1:
                name, argument = next(iter(node.items()))
                if name in self._functions:
                    return self._functions[name](argument)
                if name.startswith("Fn::"):
                    raise TemplateError(
                        f"Template error: unsupported function {name}; allowed: {sorted(self._functions)}"
                    )
            resolved = {key: self.value(item) for key, item in node.items()}
            return {key: item for key, item in resolved.items() if item is not NO_VALUE}
        if isinstance(node, list):
            return [item for item in map(self.value, node) if item is not NO_VALUE]
        return node

    def _ref(self, name: Any) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self._scope.values:
            return self._scope.values[name]
        if not isinstance(name, str) or name.startswith("AWS::"):
            raise TemplateError(f"Template format error: Unresolved resource dependencies [{name}]")
        return self._scope.ref(name)

    def _get_att(self, argument: Any) -> Any:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        if not isinstance(parts, list) or len(parts) != 2:
            raise TemplateError(
                f"Template error: every Fn::GetAtt object requires two non-empty parameters, not {argument!r}"
            )
        attribute = self.value(parts[1])
        return UNKNOWN if attribute is UNKNOWN else self._scope.attribute(parts[0], attribute)

    def _sub(self, argument: Any) -> Any:
        text, local = (argument, {}) if isinstance(argument, str) else self._pair("Fn::Sub", argument)
        known = {name: self.value(value) for name, value in local.items()}
        unknown = False

        def replace(match: Any) -> str:
            nonlocal unknown
            literal, name = match.group(1), match.group(2).strip()
            if literal:
                return "${" + match.group(2) + "}"
            value = known[name] if name in known else self._named(name)
            unknown = unknown or value is UNKNOWN
            if isinstance(value, list):
                raise TemplateError(f"Template error: Fn::Sub of {name}: a list cannot be part of a string")
            return "" if value is UNKNOWN else text_of(value)

        result = SUBSTITUTION.sub(replace, text)
        return UNKNOWN if unknown else result

    def _named(self, name: str) -> Any:
        if "." in name and name not in self._scope.values:
            return self._get_att(name)
        value = self._ref(name)
        if value is NO_VALUE:
            raise TemplateError("Template error: Fn::Sub cannot use AWS::NoValue")
        return value

    def _pair(self, function: str, argument: Any) -> tuple[Any, Any]:
        if not isinstance(argument, list) or len(argument) != 2:
            raise TemplateError(f"Template error: {function} needs a list of two values, not {argument!r}")
        return argument[0], argument[1]

    def _items(self, function: str, node: Any) -> Any:
        items = self.value(node)
        if items is not UNKNOWN and not isinstance(items, list):
            raise TemplateError(f"Template error: {function} needs a list of values, not {items!r}")
        return items

    def _join(self, argument: Any) -> Any:
        separator, node = self._pair("Fn::Join", argument)
        items = self._items("Fn::Join", node)
        if has_unknown(items):
            return UNKNOWN
        return text_of(self.value(separator)).join(map(text_of, items))

    def _select(self, argument: Any) -> Any:
        position, node = self._pair("Fn::Select", argument)
        index, items = self.value(position), self._items("Fn::Select", node)
        if items is UNKNOWN or index is UNKNOWN:
            return UNKNOWN
        if not str(index).isdigit() or int(index) >= len(items):
            raise TemplateError(
                f"Template error: Fn::Select cannot select value at index {index} of {len(items)} values"
            )
        return items[int(index)]

    def _split(self, argument: Any) -> Any:
        separator, node = self._pair("Fn::Split", argument)
        text = self.value(node)
        return UNKNOWN if text is UNKNOWN else text_of(text).split(text_of(self.value(separator)))

    def _find_in_map(self, argument: Any) -> Any:
        if not isinstance(argument, list) or len(argument) not in (3, 4):
            raise TemplateError(f"Template error: Fn::FindInMap needs three values, not {argument!r}")
        name, top, second = (self.value(node) for node in argument[:3])
        try:
            return self.value(self._scope.mappings[name][text_of(top)][text_of(second)])
        except KeyError:
            if len(argument) == 4 and self._scope.language_extensions:
                return self.value(argument[3]["DefaultValue"])
            raise TemplateError(
                f"Template error: Unable to get mapping for {name}::{text_of(top)}::{text_of(second)}"
            ) from None

    def _if(self, argument: Any) -> Any:
        if not isinstance(argument, list) or len(argument) != 3:
            raise TemplateError(f"Template error: Fn::If requires a list argument with three values, not {argument!r}")
        name, then, otherwise = argument
        if name not in self._scope.conditions:
            raise TemplateError(f"Template error: unresolved condition dependency {name} in Fn::If")
        return self.value(then if self._scope.conditions[name] else otherwise)

    def _import_value(self, argument: Any) -> Any:
        name = self.value(argument)
        return UNKNOWN if name is UNKNOWN else self._scope.imported(text_of(name))

    def _base64(self, argument: Any) -> Any:
        text = self.value(argument)
        return UNKNOWN if text is UNKNOWN else base64.b64encode(text_of(text).encode()).decode()

    def _cidr(self, argument: Any) -> Any:
        block, count, *bits = self.value(argument)
        if UNKNOWN in (block, count, *bits):
            return UNKNOWN
        network = ipaddress.ip_network(block)
        prefix = network.max_prefixlen - int(bits[0] if bits else 8)
        subnets = network.subnets(new_prefix=prefix)
        return [str(next(subnets)) for _ in range(int(count))]

    def _to_json(self, argument: Any) -> Any:
        value = self.value(argument)
        return UNKNOWN if has_unknown(value) else json.dumps(value, separators=(",", ":"))

    def _length(self, argument: Any) -> Any:
        items = self._items("Fn::Length", argument)
        return UNKNOWN if items is UNKNOWN else len(items)
