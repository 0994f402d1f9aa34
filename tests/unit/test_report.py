from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest

from tests.step_runs import CODE, IMAGE_PYTHON, Run, finished_run, passed, step

RENDER = """
import sys
sys.path[:0] = [sys.argv[1]]
import numpy as np
import report
from metrics import Scored, binary_classification_metrics
from threshold import Decision
scored = Scored.of(np.array([0, 0, 1, 1] * 5, dtype=np.int8), np.linspace(0, 1, 20, dtype=np.float32), 0.4)
found = binary_classification_metrics(scored)
decision = Decision(0.4, 20, 1, 100, 10, 50)
for floor in (None, 0.99):
    print(report.render(report.Facts("<b>m</b>", scored, found, decision, floor, {"<script>": 1.0})))
    print("=====")
"""


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def run() -> Run:
    return finished_run()


@pytest.fixture(scope="module")
def page(run: Run) -> str:
    return (run.evaluation / "report.html").read_text()


@pytest.fixture(scope="module")
def rendered() -> list[str]:
    return passed(step("-c", RENDER, CODE, python=IMAGE_PYTHON)).split("=====\n")


def test_the_verdict_comes_first_and_tells_the_outcome_in_words(page: str) -> None:
    first = page[page.index("</h1>") : page.index("<h2>")]
    assert "<strong>Passed</strong>: the AUC is at least the floor of 0.6." in first
    assert "rows the model has never seen" in first


def test_without_a_floor_there_is_no_verdict_on_it_and_below_the_floor_it_says_so(rendered: list[str]) -> None:
    assert "floor" not in rendered[0]
    assert "<strong>Not registered</strong>: the AUC is below the floor of 0.99." in rendered[1]


def test_the_page_is_self_contained(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in tags.seen}
    assert not [attrs["src"] for _, attrs in tags.seen if "src" in attrs]
    links = {value for _, attrs in tags.seen for name, value in attrs.items() if name.endswith("href")}
    assert all(value and value.startswith("#") for value in links)


def test_the_four_plots_are_well_formed_svg_whose_text_is_text(page: str) -> None:
    plots = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(plots) == 4
    for plot in plots:
        root = ElementTree.fromstring(plot)
        assert root.findall(".//{http://www.w3.org/2000/svg}text")
    assert "share of positives found" in page


def test_there_is_no_date_in_it(page: str) -> None:
    assert not re.search(r"20\d\d-\d\d-\d\d", page)


def test_names_from_the_data_are_escaped(rendered: list[str]) -> None:
    assert "<script>" not in rendered[0]
    assert "&lt;script&gt;" in rendered[0]
    assert "<b>m</b>" not in rendered[0]


def test_the_costs_of_the_threshold_are_set_against_flagging_nobody_and_everybody(rendered: list[str]) -> None:
    assert "flagging nobody would cost 200, flagging everybody 10." in rendered[0]
