"""Can the first rows be rows of this table? Pure; called by `check.py`.

Each rule is one of Preprocess's own (`pipeline_code/tables.py` and `features.py`), so a file that it would take is
never refused here. The functions run apart and share no code: a property test holds them together.
"""

from __future__ import annotations

from start_pipeline.check_records import Finding, TableSpec, listed, shown

CLASSES = ("0", "1", "false", "true", "no", "yes")
LARGEST = 3.4028234663852886e38
"""The largest number that a 32-bit float holds."""

Rows = list[list[str]]


def check_rows(names: list[str], rows: Rows, table: TableSpec, *, complete: bool) -> Finding | None:
    """What is wrong with the rows; `complete` tells whether they are all rows of the file."""
    if not rows:
        reason = "the file has column names but no rows, so there is nothing to learn from it"
        return Finding("no-rows", reason) if complete else None
    return (
        _ragged(names, rows)
        or _keys(names.index(table.join_key), rows, table)
        or _numbers(names, rows, table)
        or _labels(names, rows, table, complete=complete)
    )


def _ragged(names: list[str], rows: Rows) -> Finding | None:
    for number, row in enumerate(rows, 1):
        if len(row) != len(names):
            reason = (
                f"row {number} has {len(row)} {'field' if len(row) == 1 else 'fields'}, but the first line names "
                f"{len(names)}; every row needs as many, and a value that holds a comma needs quotes around it"
            )
            return Finding("ragged-rows", reason, {"row": number, "fields": len(row), "columns": len(names)})
    return None


def _keys(place: int, rows: Rows, table: TableSpec) -> Finding | None:
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        key = row[place]
        if not key or key in table.missing:
            reason = f"row {number} has no {table.join_key} ({shown(key)}), the join key; give every row its own"
            return Finding("keys-missing", reason, {"row": number, "column": table.join_key})
        if first := seen.get(key):
            reason = f"rows {first} and {number} have the same {table.join_key}, {shown(key)}; keep one row of each"
            return Finding("keys-doubled", reason, {"rows": [first, number], "column": table.join_key})
        seen[key] = number
    return None


def _numbers(names: list[str], rows: Rows, table: TableSpec) -> Finding | None:
    for place, name in enumerate(names):
        if name not in table.numeric:
            continue
        for number, row in enumerate(rows, 1):
            text = row[place]
            if text not in table.missing and not _is_number(text):
                markers = listed(sorted(table.missing))
                reason = (
                    f"{shown(text)} in row {number} of the numeric column {shown(name)} is no number; write decimal "
                    f"numbers such as 1234.5{f', and for what is not known one of {markers}' if markers else ''}"
                )
                return Finding("not-numeric", reason, {"row": number, "column": name, "value": text[:200]})
    return None


def _is_number(text: str) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    return text.isascii() and "_" not in text and abs(value) <= LARGEST


def _labels(names: list[str], rows: Rows, table: TableSpec, *, complete: bool) -> Finding | None:
    """A row without partner in the other tables is dropped, and its label with it, so one bad label proves nothing."""
    if not table.is_base or table.problem != "binary":
        return None
    place = names.index(table.label)
    bad = [number for number, row in enumerate(rows, 1) if row[place].lower() not in CLASSES]
    if not bad or (table.joined and len(bad) < len(rows)):
        return None
    text = rows[bad[0] - 1][place]
    if len(bad) < len(rows):
        what = f"row {bad[0]} has {shown(text)}"
    else:
        what = f"none of {'the' if complete else 'the first'} {len(rows)} rows has a class (row 1 has {shown(text)})"
    reason = f"{what} in the label {shown(table.label)}; allowed: {', '.join(CLASSES)}"
    return Finding("label-values", reason, {"row": bad[0], "column": table.label, "value": text[:200]})
