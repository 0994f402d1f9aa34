"""The Preprocess step as a process of the image's environment."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.step_runs import CODE, Run, errors_of, finished_run, passed, step, write_spec

Tables = dict[str, dict[str, list[list[str]]]]
Preprocess = Callable[..., CompletedProcess[str]]
Spoil = Callable[[Tables], None]
SMALL: dict[str, Any] = {"numeric": ["amount"], "categorical": ["contact"], "tables": ["claims", "customers"]}


def tables() -> Tables:
    claims = [["policy_id", "amount", "contact", "fraud"]]
    claims += [[str(n), str(n / 4), "None" if n % 3 else "Police, Fire", str(int(n % 5 == 0))] for n in range(1, 101)]
    customers = [["policy_id", "age"], *([str(n), str(20 + n)] for n in range(1, 101))]
    return {"claims": {"00000.csv": claims}, "customers": {"00000.csv": customers}}


def lay_out(folder: Path, data: Tables) -> list[str]:
    """The step's arguments for these tables."""
    for table, files in data.items():
        (folder / "data" / table).mkdir(parents=True)
        for name, rows in files.items():
            with (folder / "data" / table / name).open("w", newline="") as file:
                csv.writer(file).writerows(rows)
    spec = write_spec(folder, **SMALL)
    return ["--data", str(folder / "data"), "--output", str(folder / "out"), "--spec", str(spec)]


@pytest.fixture
def preprocess(tmp_path: Path) -> Preprocess:
    def run(data: Tables, name: str = "one") -> CompletedProcess[str]:
        return step(CODE / "preprocess.py", *lay_out(tmp_path / name, data))

    return run


def part(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def last_line(result: CompletedProcess[str]) -> str:
    assert result.returncode != 0, result.stdout
    return result.stderr.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def run() -> Run:
    return finished_run()


def test_the_parts_hold_raw_joined_rows_with_header_and_label(run: Run) -> None:
    counts = {name: len(part(run.parts, name)) for name in ("train", "validation", "test")}
    assert sum(counts.values()) == 3000
    assert abs(counts["test"] - 450) <= 1
    row = part(run.parts, "train")[0]
    assert {"policy_id", "incident_type", "customer_age", "fraud"} <= set(row)


def test_the_transform_knows_the_columns_in_the_order_of_the_rows(run: Run) -> None:
    features = json.loads((run.parts / "features" / "features.json").read_text())
    header = list(part(run.parts, "train")[0])
    names = [column["name"] for column in features["columns"]]
    assert names == [name for name in header if name in names]
    assert set(features["ignored"]) == set(header) - set(names)
    authorities = next(c for c in features["columns"] if c["name"] == "authorities_contacted")
    assert "None" in authorities["categories"]


def test_it_tells_what_it_read_joined_and_split(run: Run) -> None:
    assert "read claims: 3000 rows, 18 columns" in run.preprocess_log
    assert "join customers: 3000 rows; without partner: 0 before it, 0 in customers" in run.preprocess_log
    assert "test: 4" in run.preprocess_log


def test_rows_in_several_files_and_another_order_give_the_same_bytes(preprocess: Preprocess, tmp_path: Path) -> None:
    data = tables()
    passed(preprocess(data, "one"))
    header, *rows = data["claims"].pop("00000.csv")
    data["claims"] = {"b.csv": [header, *rows[:30]], "a.csv": [header, *rows[:29:-1]]}
    passed(preprocess(data, "other"))
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name / "out").rglob("*.*")} for name in ("one", "other")
    )
    assert len(first) == 4
    assert first == second


def test_categories_come_from_the_training_part_only_and_any_text_survives(
    preprocess: Preprocess, tmp_path: Path
) -> None:
    data = tables()
    odd = 'said "no",\nthen left'
    for row in data["claims"]["00000.csv"][1:]:
        row[2] = f"{odd} {int(row[0]) % 40}"
    passed(preprocess(data))
    out = tmp_path / "one" / "out"
    features = json.loads((out / "features" / "features.json").read_text())
    seen = set(next(c for c in features["columns"] if c["name"] == "contact")["categories"])
    given = {row[2] for row in data["claims"]["00000.csv"][1:]}
    assert seen == {row["contact"] for row in part(out, "train")}
    assert seen < given == {row["contact"] for name in ("train", "validation", "test") for row in part(out, name)}


def test_rows_without_partner_are_left_out_and_counted(preprocess: Preprocess) -> None:
    data = tables()
    del data["customers"]["00000.csv"][1:4]
    data["customers"]["00000.csv"] += [["900", "33"], ["901", "34"]]
    log = passed(preprocess(data))
    assert "join customers: 97 rows; without partner: 3 before it, 2 in customers" in log


def wrong_number(data: Tables) -> None:
    data["claims"]["00000.csv"][7][1] = "1_000"


def key_twice(data: Tables) -> None:
    data["claims"]["00000.csv"][8][0] = "3"


def no_key(data: Tables) -> None:
    data["customers"]["00000.csv"][2][0] = ""


def other_header(data: Tables) -> None:
    data["claims"]["00001.csv"] = [["policy_id", "amount", "contacts", "fraud"], ["200", "1", "None", "0"]]


def nothing_in_common(data: Tables) -> None:
    data["customers"]["00000.csv"] = [["policy_id", "age"], ["x1", "30"]]


def short_row(data: Tables) -> None:
    data["customers"]["00000.csv"][3].pop()


def no_label(data: Tables) -> None:
    data["claims"]["00000.csv"][5][3] = ""


def one_class(data: Tables) -> None:
    for row in data["claims"]["00000.csv"][1:]:
        row[3] = "0"


def column_in_both(data: Tables) -> None:
    data["customers"]["00000.csv"][0][1] = "amount"


def column_twice(data: Tables) -> None:
    data["claims"]["00000.csv"][0][2] = "amount"


def no_feature(data: Tables) -> None:
    data["claims"]["00000.csv"][0][1] = "sum"


def no_files(data: Tables) -> None:
    data["customers"] = {}


CASES: dict[Spoil, list[str]] = {
    wrong_number: ["claims/00000.csv: column 'amount', row 7: '1_000' is no number", "missing markers ('', 'NA')"],
    key_twice: ["table claims: 1 keys are not unique, e.g. '3' stands in 2 rows; keep one row of each"],
    no_key: ["column 'policy_id', row 2: table customers: the join key is empty"],
    other_header: ["claims/00001.csv: header differs from 00000.csv in contact, contacts"],
    nothing_in_common: ["no policy_id stands in all of claims, customers"],
    short_row: ["customers/00000.csv", "Expected 2 columns, got 1", "every row needs 2 fields"],
    no_label: ["column 'fraud': policy_id 5: '' is no class; allowed: 0, 1"],
    one_class: ["column 'fraud': every row has the class 0"],
    column_in_both: ["column 'amount': stands in more than one table"],
    column_twice: ["claims/00000.csv: columns named twice: amount"],
    no_feature: ["column 'amount': is in none of the tables claims, customers"],
    no_files: ["customers: no .csv file; put at least one there"],
}


@pytest.fixture(scope="module")
def endings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the step ends with for each of CASES, and for a file that is not UTF-8."""
    calls = {}
    for spoil in CASES:
        data = tables()
        spoil(data)
        calls[spoil.__name__] = ("preprocess", lay_out(tmp_path_factory.mktemp("case"), data))
    folder = tmp_path_factory.mktemp("bytes")
    calls["bytes"] = ("preprocess", lay_out(folder, tables()))
    (folder / "data" / "customers" / "z.csv").write_bytes(b"policy_id,age\n500,caf\xe9\n")
    return dict(zip(calls, errors_of(list(calls.values())), strict=True))


@pytest.mark.parametrize("spoil", CASES)
def test_bad_data_end_the_step_with_a_sentence_that_says_what_and_where(endings: dict[str, str], spoil: Spoil) -> None:
    ending = endings[spoil.__name__]
    assert ending.startswith("DataError: ")
    for sentence in CASES[spoil]:
        assert sentence in ending


def test_bytes_that_are_no_utf_8_are_an_error_that_names_the_file(endings: dict[str, str]) -> None:
    assert "z.csv" in endings["bytes"]
    assert "UTF" in endings["bytes"]


def test_the_last_line_of_a_failing_step_is_the_sentence(preprocess: Preprocess) -> None:
    data = tables()
    wrong_number(data)
    assert last_line(preprocess(data)).startswith("features.DataError: ")


def test_the_step_runs_from_the_code_archive_with_the_specification_in_it(tmp_path: Path, run: Run) -> None:
    archive = tmp_path / "0123abcd.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in CODE.glob("*.py"):
            if not path.name.startswith("definition"):
                packed.write(path, path.name)
        packed.write(run.folder / "model_spec.json", "model_spec.json")
    passed(step(archive, "preprocess", "--data", run.folder / "data", "--output", tmp_path / "out"))
    for name in ("train", "validation", "test"):
        assert (tmp_path / "out" / name / f"{name}.csv").read_bytes() == (run.parts / name / f"{name}.csv").read_bytes()


def test_an_unknown_step_is_refused_with_the_steps_there_are() -> None:
    assert last_line(step(CODE, "deploy")) == "step: 'deploy' given; allowed: preprocess, train, evaluate"
