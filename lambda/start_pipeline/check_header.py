"""Does the first line name the columns this table needs? Pure; called by `check.py`."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence

from start_pipeline.check_lines import fields_of
from start_pipeline.check_names import folded, places_of
from start_pipeline.check_records import Finding, TableSpec, listed, shown

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""What may be declared."""
SEEN_DELIMITERS = {**DELIMITERS, ":": "colons"}
OTHER_FORMATS = {"{": "JSON", "[": "JSON", "<": "HTML or XML"}


def check_header(names: Sequence[str], first_line: str, table: TableSpec) -> Mapping[str, int] | Finding:
    """Where the columns of the settings are; or what is wrong with the names, read from the text `first_line`."""
    places = places_of(names, table.known)
    absent = [name for name in table.required if name not in places.found and name not in places.unclear]
    if absent and (finding := other_delimiter(first_line, table) or _no_names(names, first_line, places.found)):
        return finding
    if "" in names:
        place = names.index("") + 1
        reason = f"column {place} has no name in the first line; name it or leave it out (pandas: index=False)"
        return Finding("header-missing", reason, {"place": place})
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        reason = f"the first line names {listed(doubled)} more than once; keep one of each"
        return Finding("columns-doubled", reason, {"columns": doubled})
    for name, like in places.unclear.items():
        reason = f"each of {listed(like)} could be {shown(name)}; keep one of them, and write it like that"
        return Finding("columns-doubled", reason, {"columns": [*like]})
    if absent:
        return _columns_missing(absent, names, table)
    if not table.is_base and table.label in places.found:
        reason = f"{shown(table.label)} is the label, which {table.base} holds; take it out of {table.table}"
        return Finding("columns-doubled", reason, {"columns": [table.label]})
    return places.found


def other_delimiter(first_line: str, table: TableSpec) -> Finding | None:
    """Whether the first line makes sense with another delimiter; it makes none with the declared one."""
    for delimiter, plural in SEEN_DELIMITERS.items():
        if delimiter == table.delimiter or delimiter not in first_line:
            continue
        fields = fields_of(first_line, delimiter)
        alone = table.delimiter not in first_line and delimiter != ":" and not table.columns
        if alone or len(fields) == len(table.columns) or {*table.required} & {*fields}:
            settings = f", or set delimiter = {json.dumps(delimiter)} under [data] in the settings"
            reason = (
                f"the columns are separated by {plural} ({shown(delimiter)}); save the file with "
                f"{DELIMITERS[table.delimiter]}{settings if delimiter in DELIMITERS else ''}"
            )
            return Finding("delimiter", reason, {"delimiter": delimiter, "declared": table.delimiter})
    return None


def _no_names(names: Sequence[str], first_line: str, found: Mapping[str, int]) -> Finding | None:
    if first_line.lstrip().startswith(tuple(OTHER_FORMATS)):
        name = OTHER_FORMATS[first_line.lstrip()[0]]
        reason = f"the file looks like {name}, not CSV (it begins with {shown(first_line)}); export it as CSV"
        return Finding("header-missing", reason, {"format": name})
    if not found and any(_is_number(name) for name in names):
        reason = (
            f"the first line holds values ({listed(names, 3)}), not column names; put the names above the rows, "
            "or into `columns` under [data] in the settings if no file of the table has them"
        )
        return Finding("header-missing", reason, {"first_line": [*names[:20]]})
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _columns_missing(absent: Sequence[str], names: Sequence[str], table: TableSpec) -> Finding:
    roles = {table.join_key: "the join key", table.label: "the label"}
    wanted = [f"{shown(name)} ({roles[name]})" if name in roles else shown(name) for name in absent[:8]]
    details: dict[str, object] = {"columns": [*absent], "found": [*names[:50]]}
    hint = ""
    if near := _nearest(absent[0], names):
        hint, details["nearest"] = f"; is {shown(near)} meant?", near
    reason = (
        f"the file lacks {', '.join(wanted)}{f' and {len(absent) - 8} more' if len(absent) > 8 else ''}, which every "
        f"file of {table.table} needs; it has {listed(names)}{hint}"
    )
    return Finding("columns-missing", reason, details)


def _nearest(wanted: str, names: Sequence[str]) -> str | None:
    """A name that differs by a letter or two."""
    like = {folded(name).strip("\ufeff"): name for name in names}
    found = difflib.get_close_matches(folded(wanted), like, n=1, cutoff=0.8)
    return like[found[0]] if found else None
