"""Evaluates the Conditions and Rules sections; both may look at parameters only, never at resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from millrace.local.cloudformation.errors import TemplateError
from millrace.local.cloudformation.intrinsics import Resolver, Scope, text_of


class _Evaluator:
    """Conditions may mention each other in any order, so each is evaluated when first needed."""

    def __init__(self, declared: Mapping[str, Any], scope: Scope) -> None:
        self._declared = declared
        self._resolver = Resolver(scope)
        self._open: list[str] = []
        self.known: dict[str, bool] = {}

    def named(self, name: str) -> bool:
        if name in self.known:
            return self.known[name]
        if name not in self._declared:
            raise TemplateError(f"Template format error: Unresolved condition dependency {name}")
        if name in self._open:
            raise TemplateError(f"Template format error: Circular dependency between conditions [{name}]")
        self._open.append(name)
        self.known[name] = self.holds(self._declared[name])
        self._open.remove(name)
        return self.known[name]

    def holds(self, node: Any) -> bool:
        if not isinstance(node, dict) or len(node) != 1:
            raise TemplateError(f"Template error: {node!r} is not a condition")
        function, argument = next(iter(node.items()))
        match function:
            case "Condition":
                return self.named(argument)
            case "Fn::Not":
                return not self.holds(argument[0])
            case "Fn::And":
                return all(self.holds(item) for item in argument)
            case "Fn::Or":
                return any(self.holds(item) for item in argument)
            case "Fn::Equals":
                left, right = (self._resolver.value(item) for item in argument)
                return comparable(left) == comparable(right)
            case "Fn::Contains":
                items, wanted = (self._resolver.value(item) for item in argument)
                return text_of(wanted) in map(text_of, items)
            case "Fn::EachMemberEquals":
                items, wanted = (self._resolver.value(item) for item in argument)
                return all(text_of(item) == text_of(wanted) for item in items)
            case "Fn::EachMemberIn":
                items, allowed = (self._resolver.value(item) for item in argument)
                return {text_of(item) for item in items} <= {text_of(item) for item in allowed}
        raise TemplateError(f"Template error: {function} is not a condition function")


def comparable(value: Any) -> Any:
    """CloudFormation compares scalars as text: 5 equals "5" and true equals "true"."""
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    return text_of(value) if isinstance(value, bool | int | float) else value


def evaluate_conditions(declared: Mapping[str, Any], scope: Scope) -> dict[str, bool]:
    evaluator = _Evaluator(declared, scope)
    return {name: evaluator.named(name) for name in declared}


def check_rules(rules: Mapping[str, Any], scope: Scope) -> None:
    """Refuse parameters that break a rule's assertion."""
    evaluator = _Evaluator({}, scope)
    for name, rule in rules.items():
        if "RuleCondition" in rule and not evaluator.holds(rule["RuleCondition"]):
            continue
        for assertion in rule.get("Assertions", []):
            if not evaluator.holds(assertion["Assert"]):
                reason = assertion.get("AssertDescription", "assertion does not hold")
                raise TemplateError(f"Template validation error: rule {name} failed: {reason}")
