"""Pieces of HTML for the report; everything that comes from the data is escaped here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from bootstrap import Estimate
from verdict import figure

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:.3rem;overflow-wrap:anywhere}h2{font-size:1.15rem;margin-top:2rem}
h3{font-size:1rem;margin:1rem 0 .3rem}
.verdict{border-left:.4rem solid #8a6d00;background:#fdf8e6;padding:.6rem 1rem;font-size:1.1rem}
.verdict,p,li{overflow-wrap:anywhere}
.passed{border-color:#2b8a3e;background:#eff8f1}.failed{border-color:#c23b22;background:#fbf1ef}
.kept{border-color:#1f6fb4;background:#f2f6fa}
.wide{overflow-x:auto}table{border-collapse:collapse}
td,th{padding:.25rem .8rem;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.c{overflow-wrap:anywhere}td{min-width:4rem}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));gap:1rem}
figure{margin:0}figcaption{font-weight:600}svg{max-width:100%;height:auto}
.bar{display:inline-block;height:.7rem;background:#1f6fb4}
pre{background:#f5f5f5;padding:.6rem 1rem;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
.quiet{color:#555}
"""
UNSEEN = "rows the model has never seen"


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


class Code(Html):
    """A cell that breaks anywhere, because it has no blanks."""

    __slots__ = ()


class Number(Html):
    """A cell that is set right."""

    __slots__ = ()


Cell = str


def page(title: str, parts: Iterable[str]) -> str:
    name = escape(title)
    body = "\n".join(part for part in parts if part)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body><h1>{name}</h1>\n{body}\n</body></html>\n"
    )


def section(title: str, *parts: str) -> str:
    held = [part for part in parts if part]
    return "\n".join([f"<h2>{escape(title)}</h2>", *held]) if held else ""


def table(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in rows)
    if not body:
        return ""
    head = f"<tr>{''.join(f'<th>{escape(name)}</th>' for name in header)}</tr>" if header else ""
    return f'<div class="wide"><table>{head}{body}</table></div>'


def figures(drawn: Mapping[str, str]) -> str:
    held = "\n".join(f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>" for title, svg in drawn.items())
    return f'<div class="plots">{held}</div>'


def bar(share: float) -> Html:
    return Html(f'<span class="bar" style="width:{max(share, 0) * 10:.2f}rem"></span>')


def number(value: float | int | None) -> Number:
    if value is None or not math.isfinite(value):
        return Number("&ndash;")
    return Number(f"{value:,}" if isinstance(value, int) else figure(value))


def interval(estimate: Estimate) -> Number:
    if estimate.low != estimate.low:
        return Number("&ndash;")
    return Number(f"{figure(estimate.low)} to {figure(estimate.high)}")


def code(text: str) -> Code:
    return Code(escape(text))


def _cell(cell: Cell) -> str:
    kind = ' class="n"' if isinstance(cell, Number) else ' class="c"' if isinstance(cell, Code) else ""
    return f"<td{kind}>{cell if isinstance(cell, Html) else escape(cell)}</td>"
