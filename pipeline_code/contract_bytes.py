"""Rows that are no text, or have too few or too many values: found by their bytes; called by contract_rows.py."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from contract import Fault
from contract_records import Block
from numpy.typing import NDArray

_CONTROL: NDArray[np.bool_] = np.zeros(256, dtype=bool)
_CONTROL[[*range(32), 127]] = True
_CONTROL[[9, 10, 13]] = False


def any_control_characters(values: NDArray[np.uint8]) -> bool:
    few = np.count_nonzero(values < 32) + np.count_nonzero(values == 127)
    return bool(few != sum(np.count_nonzero(values == allowed) for allowed in (9, 10, 13)))


def bad_bytes(block: Block, width: int, delimiter: str) -> tuple[NDArray[np.bool_], list[Fault]]:
    """Rows that Arrow cannot take, or that hold control characters."""
    starts, _ = block.bounds
    codes: dict[int, str] = dict.fromkeys(_undecodable(block), "encoding")
    odd = np.flatnonzero(_CONTROL[block.bytes_])
    for place in np.unique(np.searchsorted(starts, odd, side="right") - 1):
        codes.setdefault(int(place), "control-characters")
    counts = block.fields()
    for place in np.flatnonzero(counts != width):
        codes.setdefault(int(place), "ragged-rows")
    faults = []
    bad: NDArray[np.bool_] = np.zeros(len(starts), dtype=bool)
    for place, code in codes.items():
        bad[place] = True
        reason = _reason(code, block.text(place), int(counts[place]), width)
        faults.append(Fault(block.number(place), code, reason, block.text(place)))
    return bad, faults


def _undecodable(block: Block) -> Iterator[int]:
    starts, _ = block.bounds
    for place in np.unique(np.searchsorted(starts, np.flatnonzero(block.bytes_ > 127), side="right") - 1):
        try:
            block.text(place).decode("utf-8")
        except UnicodeDecodeError:
            yield int(place)


def _reason(code: str, text: bytes, count: int, width: int) -> str:
    if code == "encoding":
        return "the row holds bytes that are no text in the file's encoding; save the file in the one of the settings"
    if code == "control-characters":
        found = sorted({f"0x{byte:02x}" for byte in text if _CONTROL[byte]})
        return f"the row holds control characters ({', '.join(found[:5])}); take them out"
    return f"the row has {count} values, but there are {width} columns; a value with a delimiter needs quotes around it"
