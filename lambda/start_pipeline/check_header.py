"""Does the first line name the columns this table needs? Pure; called by `check.py`."""

from __future__ import annotations

import csv
import difflib

from start_pipeline.check_records import Finding, TableSpec, listed, shown

DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars", ":": "colons"}
OTHER_FORMATS = {"{": "JSON", "[": "JSON", "<": "HTML or XML"}


def check_header(names: list[str], first_line: str, table: TableSpec) -> Finding | None:
    """What is wrong with the column names; `first_line` is the text they were read from."""
    absent = [name for name in table.required if name not in names]
    if absent and (finding := _other_delimiter(names, first_line, table)):
        return finding
    if absent and first_line.lstrip().startswith(tuple(OTHER_FORMATS)):
        name = OTHER_FORMATS[first_line.lstrip()[0]]
        reason = f"the file looks like {name}, not CSV (it begins with {shown(first_line)}); export it as CSV"
        return Finding("header-missing", reason, {"format": name})
    if absent and _is_data(names, table):
        reason = f"the first line holds values ({listed(names, 3)}), not column names; put the names above the rows"
        return Finding("header-missing", reason, {"first_line": names[:20]})
    if "" in names:
        place = names.index("") + 1
        reason = f"column {place} has no name in the first line; name it or leave it out (pandas: index=False)"
        return Finding("header-missing", reason, {"place": place})
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        reason = f"the first line names {listed(doubled)} more than once; keep one of each"
        return Finding("columns-doubled", reason, {"columns": doubled})
    if absent:
        return _columns_missing(absent, names, table)
    if not table.is_base and table.label in names:
        reason = f"{shown(table.label)} is the label, which {table.base} holds; take it out of {table.table}"
        return Finding("columns-doubled", reason, {"columns": [table.label]})
    return None


def _other_delimiter(names: list[str], first_line: str, table: TableSpec) -> Finding | None:
    for delimiter, plural in DELIMITERS.items():
        if delimiter not in first_line:
            continue
        fields = next(csv.reader([first_line], delimiter=delimiter), [])
        if table.join_key in fields or (len(names) == 1 and len(fields) > 1 and delimiter != ":"):
            reason = f"the columns are separated by {plural} ({shown(delimiter)}); save the file with commas"
            return Finding("delimiter", reason, {"delimiter": delimiter})
    return None


def _is_data(names: list[str], table: TableSpec) -> bool:
    return not table.known & {*names} and any(_is_number(name) for name in names)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _columns_missing(absent: list[str], names: list[str], table: TableSpec) -> Finding:
    roles = {table.join_key: "the join key", table.label: "the label"}
    wanted = [f"{shown(name)} ({roles[name]})" if name in roles else shown(name) for name in absent[:8]]
    details: dict[str, object] = {"columns": absent, "found": names[:50]}
    hint = ""
    if near := _nearest(absent[0], names):
        hint, details["nearest"] = f"; is {shown(near)} meant?", near
    reason = (
        f"the file lacks {', '.join(wanted)}{f' and {len(absent) - 8} more' if len(absent) > 8 else ''}, which every "
        f"file of {table.table} needs; it has {listed(names)}{hint}"
    )
    return Finding("columns-missing", reason, details)


def _nearest(wanted: str, names: list[str]) -> str | None:
    """A name that differs by case, spaces or a letter only."""
    folded = {name.strip().strip("\ufeff").casefold(): name for name in names}
    found = difflib.get_close_matches(wanted.casefold(), folded, n=1, cutoff=0.8)
    return folded[found[0]] if found else None
