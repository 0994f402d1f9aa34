"""TOML values as text; the standard library only reads them. Called by `writer.py`."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence

WIDTH = 116


def text(value: str) -> str:
    """A text in quotes: JSON's escapes are TOML's, but for the one character that JSON leaves alone."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def texts(values: Sequence[str]) -> str:
    """A list of texts, over several lines where it is long."""
    words = [text(value) for value in values]
    line = f"[{', '.join(words)}]"
    if len(line) <= WIDTH - 14:
        return line
    lines, current = [], ""
    for word in words:
        if current and len(current) + len(word) + 2 > WIDTH - 4:
            lines.append(current)
            current = ""
        current += f"{' ' if current else ''}{word},"
    return "[\n" + "".join(f"    {each}\n" for each in [*lines, current]) + "]"


def number(value: float) -> str:
    """A number with a point, as the settings' tables have them."""
    return f"{value:.1f}" if value == int(value) and abs(value) < 1e15 else f"{value:.12g}"


def comment(sentence: str, *, indent: str = "") -> str:
    """A comment of one sentence or more, wrapped, with a line break at its end."""
    plain = "".join(character if character.isprintable() else " " for character in sentence)
    lines = textwrap.wrap(plain, WIDTH - len(indent) - 2, break_long_words=False, break_on_hyphens=False)
    return "".join(f"{indent}# {line}\n" for line in lines)
