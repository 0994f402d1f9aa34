"""DynamoDB's condition and update expressions, as far as the ledger uses them. Anything else is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Item = dict[str, dict[str, Any]]
TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),+-]|[:#]?[A-Za-z_][A-Za-z0-9_]*)")
CLAUSE = re.compile(r"\b(SET|REMOVE|ADD|DELETE)\b")
COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
FUNCTIONS = ("attribute_exists", "attribute_not_exists", "begins_with", "contains", "size", "if_not_exists")


@dataclass
class Expression:
    """One expression with its placeholders, read token by token against one item."""

    text: str
    item: Item
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        position = 0
        text = self.text.strip()
        while position < len(text):
            found = TOKEN.match(text, position)
            if not found:
                raise ValueError(f"cannot read {text[position:]!r} in {text!r}")
            self.tokens.append(found.group(1))
            position = found.end()

    def holds(self) -> bool:
        result = self._any()
        if self.tokens:
            raise ValueError(f"left over: {self.tokens} of {self.text!r}")
        return result

    def _next(self, expected: str | None = None) -> str:
        token = self.tokens.pop(0)
        if expected is not None and token.upper() != expected:
            raise ValueError(f"expected {expected}, found {token} in {self.text!r}")
        return token

    def _at(self, *words: str) -> bool:
        return bool(self.tokens) and self.tokens[0].upper() in words

    def _any(self) -> bool:
        result = self._all()
        while self._at("OR"):
            self._next()
            other = self._all()
            result = result or other
        return result

    def _all(self) -> bool:
        result = self._not()
        while self._at("AND"):
            self._next()
            other = self._not()
            result = result and other
        return result

    def _not(self) -> bool:
        if self._at("NOT"):
            self._next()
            return not self._not()
        if self._at("("):
            self._next()
            result = self._any()
            self._next(")")
            return result
        return self._condition()

    def _condition(self) -> bool:
        if self.tokens[0] in ("attribute_exists", "attribute_not_exists"):
            function = self._next()
            self._next("(")
            present = self._path() in self.item
            self._next(")")
            return present == (function == "attribute_exists")
        if self.tokens[0] in ("begins_with", "contains"):
            function = self._next()
            self._next("(")
            whole, part = self._operand(), (self._next(","), self._operand())[1]
            self._next(")")
            if whole is None or part is None:
                return False
            texts = str(next(iter(whole.values()))), str(next(iter(part.values())))
            return texts[0].startswith(texts[1]) if function == "begins_with" else texts[1] in texts[0]
        left = self._operand()
        if self._at("BETWEEN"):
            self._next()
            low, high = self._operand(), (self._next("AND"), self._operand())[1]
            return _compare(left, ">=", low) and _compare(left, "<=", high)
        if self._at("IN"):
            self._next()
            return self._is_one_of(left, self._list())
        operator = self._next()
        if operator not in COMPARISONS:
            raise ValueError(f"{operator} is no comparison in {self.text!r}")
        return _compare(left, operator, self._operand())

    @staticmethod
    def _is_one_of(left: dict[str, Any] | None, others: list[dict[str, Any] | None]) -> bool:
        return any(_compare(left, "=", other) for other in others)

    def _list(self) -> list[dict[str, Any] | None]:
        self._next("(")
        found = [self._operand()]
        while self._next() == ",":
            found.append(self._operand())
        return found

    def _path(self) -> str:
        token = self._next()
        return self.names[token] if token.startswith("#") else token

    def _operand(self) -> dict[str, Any] | None:
        """A value, an attribute (None when absent), or a function of one."""
        if self.tokens[0].startswith(":"):
            return self.values[self._next()]
        if self.tokens[0] == "size":
            self._next()
            self._next("(")
            found = self.item.get(self._path())
            self._next(")")
            return None if found is None else {"N": str(len(next(iter(found.values()))))}
        if self.tokens[0] == "if_not_exists":
            self._next()
            self._next("(")
            path = self._path()
            self._next(",")
            default = self._sum()
            self._next(")")
            return self.item.get(path, default)
        return self.item.get(self._path())

    def _sum(self) -> dict[str, Any]:
        total = self._operand()
        while self._at("+", "-"):
            sign = 1 if self._next() == "+" else -1
            other = self._operand()
            if total is None or other is None:
                raise ValueError(f"an operand of {self.text!r} does not exist")
            total = {"N": str(Decimal(total["N"]) + sign * Decimal(other["N"]))}
        if total is None:
            raise ValueError(f"an operand of {self.text!r} does not exist")
        return total

    def assign(self, changed: Item) -> None:
        """SET: `path = value, ...`, each value computed from the item as it was."""
        while self.tokens:
            path = self._path()
            self._next("=")
            changed[path] = self._sum()
            if self.tokens:
                self._next(",")

    def remove(self, changed: Item) -> None:
        while self.tokens:
            changed.pop(self._path(), None)
            if self.tokens:
                self._next(",")

    def add(self, changed: Item) -> None:
        while self.tokens:
            path, amount = self._path(), self._operand()
            if amount is None or "N" not in amount:
                raise ValueError(f"ADD of something else than a number in {self.text!r}")
            before = Decimal(self.item.get(path, {"N": "0"})["N"])
            changed[path] = {"N": str(before + Decimal(amount["N"]))}
            if self.tokens:
                self._next(",")


def updated(item: Item, text: str, names: Mapping[str, str], values: Mapping[str, dict[str, Any]]) -> Item:
    """The item after an UpdateExpression."""
    changed = dict(item)
    parts = CLAUSE.split(text)
    if parts[0].strip():
        raise ValueError(f"an update begins with SET, REMOVE or ADD, not {parts[0]!r}")
    for clause, body in zip(parts[1::2], parts[2::2], strict=True):
        expression = Expression(body, item, names, values)
        {"SET": expression.assign, "REMOVE": expression.remove, "ADD": expression.add}[clause](changed)
    return changed


def _compare(left: dict[str, Any] | None, operator: str, right: dict[str, Any] | None) -> bool:
    if left is None or right is None:
        return operator == "<>" and left is not right
    [(left_type, left_value)], [(right_type, right_value)] = left.items(), right.items()
    if left_type != right_type:
        return operator == "<>"
    if left_type == "N":
        left_value, right_value = Decimal(left_value), Decimal(right_value)
    if operator in ("=", "<>"):
        return bool((left_value == right_value) == (operator == "="))
    pair = (left_value, right_value) if left_type == "N" else (left_value.encode(), right_value.encode())
    return (
        bool({"<": pair[0] < pair[1], "<=": pair[0] <= pair[1]}.get(operator, pair[0] >= pair[1]))
        if (operator != ">")
        else bool(pair[0] > pair[1])
    )
