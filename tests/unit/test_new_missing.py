"""Which texts are taken for "not known"."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.new_lab import ROWS, amounts, colours, labels, propose


def gaps(values: Sequence[object], marker: str, count: int) -> list[object]:
    """The values with so many markers among them."""
    return [marker] * count + list(values[count:])


@pytest.mark.parametrize("marker", ["NA", "?", "-", "null", "\\N", "None", "없음", "미상", "Unknown"])
def test_a_marker_among_numbers_means_not_known(tmp_path: Path, marker: str) -> None:
    proposal = propose(tmp_path, {"width": gaps(amounts(), marker, 40), "label": labels()})

    assert proposal.missing == ("", marker)
    assert proposal.uses[0].role == "numeric"


@pytest.mark.parametrize("marker", ["None", "N/A", "없음"])
def test_a_frequent_doubtful_marker_among_texts_is_a_category_and_that_is_said(tmp_path: Path, marker: str) -> None:
    proposal = propose(tmp_path, {"colour": gaps(colours(), marker, 60), "label": labels()})

    assert proposal.missing == ("",)
    assert any(f"{marker!r} in colour (20.0% of the rows) is a category" in line for line in proposal.assumed)


def test_a_rare_doubtful_marker_among_texts_means_not_known(tmp_path: Path) -> None:
    proposal = propose(tmp_path, {"colour": gaps(colours(), "N/A", 2), "label": labels()})

    assert proposal.missing == ("", "N/A")
    assert any("'N/A' in colour (0.7% of the rows) means not known" in line for line in proposal.assumed)


def test_a_frequent_na_among_texts_is_told_because_it_may_be_a_country(tmp_path: Path) -> None:
    proposal = propose(tmp_path, {"country": gaps(colours(), "NA", 60), "label": labels()})

    assert proposal.missing == ("", "NA")
    assert any("if it is a category, take it out of `missing`" in line for line in proposal.assumed)


def test_one_marker_cannot_be_both_and_that_is_told(tmp_path: Path) -> None:
    columns: dict[str, Sequence[object]] = {
        "width": gaps(amounts(), "None", 40),
        "colour": gaps(colours(), "None", 60),
        "label": labels(),
    }

    proposal = propose(tmp_path, columns)

    assert proposal.missing == ("", "None")
    assert any("'None' means not known in width, so it does in colour" in line for line in proposal.watch)


def test_a_class_of_the_label_is_never_a_marker(tmp_path: Path) -> None:
    columns: dict[str, Sequence[object]] = {
        "width": gaps(amounts(), "None", 40),
        "불량유형": labels(names=("None", "scratch", "dent")),
    }

    proposal = propose(tmp_path, columns)

    assert proposal.missing == ("",)
    assert any("but is a class of the label" in line for line in proposal.watch)


def test_markers_of_columns_that_are_not_used_do_not_count(tmp_path: Path) -> None:
    proposal = propose(tmp_path, {"gone": ["NA"] * ROWS, "width": amounts(), "label": labels()})

    assert proposal.missing == ("",)
