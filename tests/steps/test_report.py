"""The report as it comes out of Evaluate, on models that were trained for the test."""

from __future__ import annotations

import functools
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.evaluate_lab import evaluate, world
from tests.step_runs import CODE, passed, step

URI = f"s3://artifacts/inputs/{'cd' * 32}/"
RUNS: dict[str, dict[str, object]] = {
    "better": {"champion": "weak", "input_uri": URI},
    "first": {},
    "below": {"floor": 0.99},
    "same": {"champion": "good"},
    "nobody": {"test": "nobody"},
    "drifted": {"test": "drifted", "champion": "retrained"},
    "ages": {"model": "ages", "champion": "rough-ages", "test": "ages-test", "floor": 2},
    "grades": {"model": "grades", "test": "grades-test"},
}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


@functools.cache
def outputs() -> Path:
    folder, calls = world().folder, []
    for name, changes in RUNS.items():
        given = {"model": "good", "champion": "none", "test": "test", "floor": 0.6, **changes}
        paths = {key: folder / str(given[key]) for key in ("model", "champion", "test")}
        calls.append({**given, **paths, "output": folder / "pages" / name, "champion_version": "모델/3 <b>"})
    assert evaluate(*calls) == [""] * len(calls)
    return folder / "pages"


def page(run: str) -> str:
    return (outputs() / run / "report.html").read_text()


def verdict_of(run: str) -> str:
    text = page(run)
    return text[text.index("</h1>") : text.index("<h2>")]


@pytest.mark.parametrize(
    ("run", "kind", "words"),
    [
        ("better", "passed", "<strong>Passed</strong>. Better than 모델/3 &lt;b&gt;: AUC 0.8"),
        ("first", "passed", "<strong>Passed</strong>. First model: AUC 0.8"),
        ("same", "kept", "<strong>Champion kept</strong>. Champion 모델/3 &lt;b&gt; kept: both answer alike"),
        ("below", "failed", "<strong>Not registered</strong>. Not good enough: AUC 0.8"),
        ("nobody", "failed", "<strong>Not registered</strong>. Not enough positives to tell: 0 among "),
    ],
)
def test_the_verdict_comes_first_with_its_colour_and_sentence(run: str, kind: str, words: str) -> None:
    assert f'<p class="verdict {kind}">{words}' in verdict_of(run)


@pytest.mark.parametrize("run", RUNS)
def test_every_page_is_self_contained(run: str) -> None:
    tags = Tags()
    tags.feed(page(run))
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in tags.seen}
    links = {value for _, attrs in tags.seen for name, value in attrs.items() if name.endswith(("href", "src"))}
    assert all(value and value.startswith("#") for value in links)
    assert not re.search(r"url\((?!#)", page(run))


@pytest.mark.parametrize(("run", "plots"), [("better", 5), ("ages", 3), ("grades", 1), ("nobody", 0)])
def test_the_plots_are_well_formed_svg_whose_text_is_text(run: str, plots: int) -> None:
    drawn = re.findall(r"<svg.*?</svg>", page(run), flags=re.DOTALL)
    assert len(drawn) == plots
    for plot in drawn:
        assert ElementTree.fromstring(plot).findall(".//{http://www.w3.org/2000/svg}text")


def test_korean_names_are_unbroken_in_tables_and_plots() -> None:
    assert "<td>지역</td><td>서울</td>" in page("better")
    assert "모델/3" in page("better")
    plots = "".join(re.findall(r"<svg.*?</svg>", page("ages"), flags=re.DOTALL))
    assert plots.count(">actual 나이</text>") == 1
    assert plots.count(">predicted 나이</text>") == 2
    assert "<th>낮음</th>" in page("grades")


def test_names_from_the_data_are_escaped() -> None:
    for run in ("better", "grades"):
        assert not re.search(r"<b>|<i>", page(run))
    assert "&lt;b&gt;제주&lt;/b&gt;" in page("better")
    assert "&lt;i&gt;high&lt;/i&gt;" in page("grades")


def test_there_is_no_date_in_it() -> None:
    assert not re.search(r"20\d\d-\d\d-\d\d", page("better"))


def test_each_part_has_its_heading_and_parts_without_content_have_none() -> None:
    found = re.findall("<h2>(.*?)</h2>", page("better"))
    assert found == [
        "Data", "Metrics", "Threshold and costs", "Curves", "Champion", "What the model looks at", "Segments",
        "Drift", "Leakage suspects", "How to reproduce", "This run",
    ]  # fmt: skip
    assert "Which class is taken for which" in page("grades")
    assert "Threshold and costs" not in page("ages")


def test_the_page_tells_which_class_it_calls_positive() -> None:
    assert "<tr><td>positive</td><td>1, yes or true</td></tr><tr><td>negative</td>" in page("first").replace("\n", "")
    assert "<td>positive</td>" not in page("grades") + page("ages")


def test_metrics_come_with_their_intervals() -> None:
    assert re.search(r'<tr><td>AUC: .*?</td><td class="n">0\.8\d\d</td><td class="n">0\.7\d\d to 0\.8\d\d</td></tr>',
                     page("first"))  # fmt: skip


def test_the_costs_of_the_threshold_are_set_against_flagging_nobody_and_everybody() -> None:
    assert "A missed positive costs 10, a false alarm 1. With the threshold 0.3500, chosen on 90 validation rows " in (
        page("better")
    )
    assert "flagging nobody would cost " in page("better")


def test_the_champion_stands_beside_the_new_model_with_the_difference() -> None:
    text = page("better")
    assert "the difference in AUC is <strong>+0.2" in text
    assert "better in 100.0% of 1,000 resamples, 90% are needed" in text
    assert "<th>모델/3 &lt;b&gt;</th>" in text
    assert "<p>There is none yet.</p>" in page("first")


def test_drift_names_the_columns_that_moved() -> None:
    assert "1 of 3 columns has drifted since the champion's data" in page("drifted")
    assert "x has drifted far (stability index " in page("drifted")
    assert "No column has drifted since the champion's data" in page("better")
    assert "There is no champion's data to compare these rows with." in page("first")


def test_how_to_reproduce_holds_the_inputs_and_a_command_that_gives_the_same_page(tmp_path: Path) -> None:
    text, folder = page("better"), world().folder
    assert f'<td class="c">{URI}</td>' in text
    assert f"{'cd' * 32}</td>" in text
    assert "<td>hyperparameter eta</td><td>0.3</td>" in text
    for name, source in (("model", "good"), ("champion", "weak"), ("test", "test")):
        (tmp_path / name).symlink_to(folder / source)
    import html
    import shlex

    command = shlex.split(html.unescape(text[text.index("<pre>") + 5 : text.index("</pre>")]))
    assert command[:2] == ["python", "evaluate.py"]
    places = [str(tmp_path / word) if word in ("model", "test", "champion", "evaluation") else word for word in command]
    passed(step(CODE / "evaluate.py", *places[2:]))
    assert (tmp_path / "evaluation" / "report.html").read_text() == text


def test_only_the_run_block_differs_between_jobs_on_the_same_inputs(tmp_path: Path) -> None:
    folder, pages = world().folder, []
    for job in ("first-job", "second-job"):
        (tmp_path / job / "config").mkdir(parents=True)
        facts = {"ProcessingJobName": job, "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large"}}}
        (tmp_path / job / "config" / "processingjobconfig.json").write_text(json.dumps(facts))
        passed(step(
            CODE / "evaluate.py", "--model", folder / "good", "--champion", folder / "none", "--test", folder / "test",
            "--floor", 0.6, "--output", tmp_path / job / "out", SAGEMAKER_BASE_DIR=tmp_path / job,
        ))  # fmt: skip
        pages.append((tmp_path / job / "out" / "report.html").read_text())
    block = re.compile("<!-- run:begin -->.*<!-- run:end -->", re.DOTALL)
    assert pages[0] != pages[1]
    assert block.sub("", pages[0]) == block.sub("", pages[1]) == block.sub("", page("first"))
    assert "<td>second-job</td>" in pages[1]
    assert "<td>ml.m5.large</td>" in pages[1]
    assert "Run by hand, not as a job." in page("first")
