"""Column names: how those of a file become those of the settings; called by contract_start.py and batch_csv.py.

A name that differs from the settings only by capitals, blanks around it or its Unicode form is taken for it, if no
other column of the file could be meant as well.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Sequence

from contract import BadFile, listed, shown
from contract_files import refuse_other_text
from features import number_of
from payload import folded

MOST_COLUMNS = 2000


def column_names(
    found: Sequence[str],
    line: str,
    *,
    known: Collection[str],
    needed: Collection[str],
    banned: Collection[str] = (),
    delimiter: str,
) -> tuple[list[str], dict[str, str]]:
    """The names by which the file's columns go, and those that were changed; raises BadFile.

    known: names of the settings. needed: those of them the file must have. banned: those it must not.
    """
    names, changed = _fitted(found, known)
    absent = [name for name in needed if name not in names]
    if absent:
        refuse_other_text(line, delimiter=delimiter)
        if not set(names) & set(known) and any(number_of(name) is not None for name in names):
            raise BadFile("header-missing", f"the first line holds values ({listed(names, 3)}), no column names")
    if "" in names:
        place = names.index("") + 1
        raise BadFile("header-missing", f"column {place} has no name in the first line; name it or leave it out")
    if len(names) > MOST_COLUMNS:
        raise BadFile("columns-too-many", f"the first line names {len(names)} columns; {MOST_COLUMNS} at most")
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise BadFile("columns-doubled", f"the first line names {listed(doubled)} more than once; keep one of each")
    if absent:
        raise BadFile("columns-missing", _absent(absent, names))
    if unwanted := [name for name in banned if name in names]:
        raise BadFile("columns-doubled", f"{listed(unwanted)} belongs to another table; take it out of this one")
    return names, changed


def _fitted(found: Sequence[str], known: Collection[str]) -> tuple[list[str], dict[str, str]]:
    names, changed = list(found), {}
    given, settled, folds = set(found), set(known), Counter(map(folded, known))
    places: dict[str, list[int]] = {}
    for place, name in enumerate(found):
        if name not in settled:
            places.setdefault(folded(name), []).append(place)
    for name in known:
        meant = places.get(folded(name), [])
        if not meant or name in given or folds[folded(name)] > 1:
            continue
        if len(meant) > 1:
            raise BadFile(
                "columns-doubled",
                f"{listed([found[place] for place in meant])} could all be {shown(name)}; keep one and name it so",
            )
        changed[found[meant[0]]] = name
        names[meant[0]] = name
    return names, changed


def _absent(absent: Sequence[str], names: Sequence[str]) -> str:
    near = difflib.get_close_matches(absent[0], names, n=1, cutoff=0.8)
    hint = f"; is {shown(near[0])} meant?" if near else ""
    return f"the file lacks {listed(list(absent))}; it has {listed(list(names))}{hint}"
