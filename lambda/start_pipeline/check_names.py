"""Which column of a file does a name of the settings mean? Pure; called by `check_header.py`.

`pipeline_code/contract_header.py` has the same rule, so that no file is refused whose columns Preprocess finds.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Places:
    """Where the columns of the settings are in a file, and those that several columns of it could be."""

    found: Mapping[str, int]
    unclear: Mapping[str, Sequence[str]]


def places_of(names: Sequence[str], known: Collection[str]) -> Places:
    """A column has the very name, or alone of all columns one that differs by case, blanks around it or form."""
    found = {name: names.index(name) for name in known if name in names}
    unclear = {}
    for name in known:
        if name in found or sum(folded(other) == folded(name) for other in known) > 1:
            continue
        like = [place for place, other in enumerate(names) if other not in known and folded(other) == folded(name)]
        if len(like) == 1:
            found[name] = like[0]
        elif like:
            unclear[name] = [names[place] for place in like]
    return Places(found, unclear)


def folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().casefold()
