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

from millrace.demo_data import generate
from tests.contract_lab import PARTS, read_part
from tests.step_runs import CODE, passed, step, write_spec

Tables = dict[str, dict[str, list[list[str]]]]
Preprocess = Callable[..., CompletedProcess[str]]
SMALL: dict[str, Any] = {"numeric": ["amount", "age"], "categorical": ["contact"]}


def tables(count: int = 300) -> Tables:
    claims = [["policy_id", "amount", "contact", "fraud"]]
    claims += [[str(n), str(n / 4), "None" if n % 3 else "Police, Fire", str(int(n % 5 == 0))] for n in range(count)]
    customers = [["policy_id", "age", "zip"], *([str(n), str(20 + n % 60), f"0{n}"] for n in range(count))]
    return {"claims": {"00000.csv": claims}, "customers": {"00000.csv": customers}}


def lay_out(folder: Path, data: Tables, **changes: Any) -> list[str]:
    """The step's arguments for these tables."""
    for table, files in data.items():
        (folder / "data" / table).mkdir(parents=True)
        for name, rows in files.items():
            with (folder / "data" / table / name).open("w", newline="") as file:
                csv.writer(file).writerows(rows)
    spec = write_spec(folder, **{**SMALL, **changes})
    return ["--data", str(folder / "data"), "--output", str(folder / "out"), "--spec", str(spec)]


@pytest.fixture
def preprocess(tmp_path: Path) -> Preprocess:
    def run(data: Tables, name: str = "one", *, env: dict[str, Any] | None = None, **changes: Any) -> Any:
        return step(CODE / "preprocess.py", *lay_out(tmp_path / name, data, **changes), **(env or {}))

    return run


def all_bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder and the log of the step on 3,000 made-up rows."""
    folder = tmp_path_factory.mktemp("demo")
    made = generate(folder / "made", rows=3000, seed=3)
    for table, path in (("claims", made.claims), ("customers", made.customers)):
        (folder / "data" / table).mkdir(parents=True)
        path.rename(folder / "data" / table / "00000.csv")
    arguments = ["--data", folder / "data", "--output", folder / "out", "--spec", write_spec(folder)]
    return folder, passed(step(CODE / "preprocess.py", *arguments))


def test_the_parts_hold_the_joined_rows_with_their_label(run: tuple[Path, str]) -> None:
    parts = {name: read_part(run[0] / "out" / name) for name in PARTS}
    assert sum(map(len, parts.values())) == 3000
    assert 380 < len(parts["test"]) < 520
    train, test = parts["train"][0], parts["test"][0]
    assert {"policy_id", "incident_type", "customer_gender", "fraud"} <= set(train)
    assert "customer_zip" not in train, "an unused column is in the test part alone"
    assert {*train, "customer_zip", "customer_age"} <= set(test)
    assert isinstance(train["vehicle_claim"], float)
    assert {row["fraud"] for row in parts["train"]} == {"0", "1"}
    assert "None" in {row["authorities_contacted"] for row in parts["train"]}


def test_the_values_are_those_of_the_files(run: tuple[Path, str]) -> None:
    rows: dict[str, dict[str, str]] = {}
    for table in ("claims", "customers"):
        with (run[0] / "data" / table / "00000.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                rows.setdefault(row["policy_id"], {}).update(row)
    for row in (row for name in PARTS for row in read_part(run[0] / "out" / name)):
        given = rows[row["policy_id"]]
        assert {name: float(given[name]) if isinstance(value, float) else given[name] for name, value in row.items()
                if value is not None} == {name: value for name, value in row.items() if value is not None}  # fmt: skip
        assert all(given[name] in ("", "NA") for name, value in row.items() if value is None)


def test_the_fit_tells_columns_categories_and_classes_of_the_training_rows(run: tuple[Path, str]) -> None:
    fit = json.loads((run[0] / "out" / "features" / "fit-00000.json").read_text())
    train = read_part(run[0] / "out" / "train")
    assert fit["order"] == [name for name in train[0] if name in fit["order"]]
    assert set(fit["ignored"]) == set(read_part(run[0] / "out" / "test")[0]) - set(fit["order"])
    kinds = [row["incident_type"] for row in train]
    assert fit["categories"]["incident_type"] == {kind: kinds.count(kind) for kind in set(kinds)}
    assert fit["rows"]["train"] == len(train) == sum(fit["labels"]["train"].values())


def test_it_tells_what_it_read_joined_and_split(run: tuple[Path, str]) -> None:
    assert "read claims: 3000 rows, 0 bad, 18 columns" in run[1]
    assert "join customers: without partner 0 of 3000 rows of claims and 0 of 3000 rows of customers" in run[1]
    assert "of class 1" in run[1]


def test_the_same_files_give_the_same_bytes(run: tuple[Path, str], tmp_path: Path) -> None:
    folder = run[0]
    for _ in range(2):
        passed(step(CODE / "preprocess.py", "--data", folder / "data", "--output", tmp_path / "out",
                    "--spec", folder / "model_spec.json"))  # fmt: skip
        assert all_bytes(tmp_path / "out") == all_bytes(folder / "out")


def test_the_step_runs_from_the_code_archive_with_the_specification_in_it(
    run: tuple[Path, str], tmp_path: Path
) -> None:
    archive = tmp_path / "0123abcd.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in CODE.glob("*.py"):
            if not path.name.startswith("definition"):
                packed.write(path, path.name)
        packed.write(run[0] / "model_spec.json", "model_spec.json")
    passed(step(archive, "preprocess", "--data", run[0] / "data", "--output", tmp_path / "out"))
    assert all_bytes(tmp_path / "out") == all_bytes(run[0] / "out")


def test_bad_rows_are_put_aside_and_the_others_go_on(preprocess: Preprocess, tmp_path: Path) -> None:
    data = tables()
    data["claims"]["00000.csv"][7][1] = "1_000"
    log = passed(preprocess(data))
    assert "read claims: 300 rows, 1 bad, 4 columns" in log
    out = tmp_path / "one" / "out"
    with (out / "quarantine" / "claims" / "rows.csv").open(newline="") as file:
        (bad,) = csv.DictReader(file)
    assert (bad["file"], bad["row"], bad["code"]) == ("00000.csv", "7", "not-numeric")
    assert bad["text"] == '6,1_000,"Police, Fire",0'
    assert "'1_000' is no number" in bad["reason"]
    assert sum(len(read_part(out / name)) for name in PARTS) == 299


def test_too_many_bad_rows_end_the_step_with_one_sentence_and_the_quarantine_written(
    preprocess: Preprocess, tmp_path: Path
) -> None:
    data = tables()
    for row in data["customers"]["00000.csv"][1:21]:
        row[1] = "unknown"
    (tmp_path / "ml").mkdir()
    result = preprocess(data, env={"SAGEMAKER_BASE_DIR": tmp_path / "ml"})
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    message = (tmp_path / "ml" / "output" / "message").read_text()
    assert line == message
    assert message.startswith(
        "table customers: 20 of 300 rows (6.7%) are bad, more than largest_bad_share = 0.05 allows"
    )
    assert "20 not-numeric (00000.csv row 1: column 'age': 'unknown' is no number" in message
    out = tmp_path / "one" / "out"
    report = json.loads((out / "quarantine" / "customers" / "report.json").read_text())
    assert (report["sentence"], report["counts"]) == (message, {"not-numeric": 20})
    assert not list(out.rglob("*.parquet"))


def test_two_instances_share_the_base_table_and_together_write_what_one_writes(
    preprocess: Preprocess, tmp_path: Path
) -> None:
    data = tables()
    passed(preprocess(data))
    header, *rows = data["claims"]["00000.csv"]
    for number, share in enumerate((rows[:120], rows[120:])):
        base = tmp_path / f"ml{number}"
        (base / "config").mkdir(parents=True)
        hosts = {"current_host": f"algo-{number + 1}", "hosts": ["algo-2", "algo-1"]}
        (base / "config" / "resourceconfig.json").write_text(json.dumps(hosts))
        shared: Tables = {**data, "claims": {f"{number:05}.csv": [header, *share]}}
        passed(preprocess(shared, f"host{number}", env={"SAGEMAKER_BASE_DIR": base}))
        assert (tmp_path / f"host{number}" / "out" / "train" / f"part-{number:05}-00000.parquet").exists()
        assert (tmp_path / f"host{number}" / "out" / "quarantine" / "claims" / f"report-{number:05}.json").exists()
    for name in PARTS:
        one = read_part(tmp_path / "one" / "out" / name)
        assert one == [row for n in range(2) for row in read_part(tmp_path / f"host{n}" / "out" / name)]
    fits = [
        json.loads((tmp_path / folder / "out" / "features" / f"fit-{number:05}.json").read_text())
        for folder, number in (("one", 0), ("host0", 0), ("host1", 1))
    ]
    for part in PARTS:
        assert fits[0]["rows"][part] == fits[1]["rows"][part] + fits[2]["rows"][part]


def test_an_instance_without_files_of_the_base_table_ends_well(preprocess: Preprocess, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    hosts = {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]}
    (tmp_path / "config" / "resourceconfig.json").write_text(json.dumps(hosts))
    data: Tables = {**tables(), "claims": {}}
    passed(preprocess(data, env={"SAGEMAKER_BASE_DIR": tmp_path}))
    fit = json.loads((tmp_path / "one" / "out" / "features" / "fit-00001.json").read_text())
    assert fit["rows"] == {"train": 0, "validation": 0, "test": 0}
    assert not list((tmp_path / "one" / "out").rglob("*.parquet"))
