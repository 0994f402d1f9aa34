"""`millrace new` on the command line, and the page that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from millrace.cli import new, screen
from millrace.cli.app import main
from tests import new_tables
from tests.new_lab import amounts, colours, labels, write


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Folder:
    """A folder with a place for settings; calling it runs the command there."""

    path: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> Answer:
        code = main(["new", *arguments])
        printed = self.capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    def settings(self, name: str) -> Path:
        return self.path / "settings" / "models" / f"{name}.toml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Folder:
    monkeypatch.chdir(tmp_path)
    found = Folder(Path.cwd(), capsys)
    found.settings("x").parent.mkdir(parents=True)
    monkeypatch.setattr(new, "MODELS", found.settings("x").parent)
    screen.console.cache_clear()
    return found


def orders(folder: Folder, name: str = "orders.csv", **more: list[str]) -> None:
    write(folder.path / name, {"width": amounts(), "colour": colours(), **more, "returned": labels()})


def test_the_settings_are_written_and_the_next_commands_are_named(folder: Folder) -> None:
    orders(folder)

    answer = folder("orders.csv")

    assert answer.code == 0, answer.err
    assert 'label = "returned"' in folder.settings("orders").read_text()
    assert answer.out.splitlines()[-4:] == [
        "Next:",
        "  millrace deploy",
        "  millrace drop orders.csv --model orders",
        "  millrace runs --follow --model orders",
    ]


def test_settings_that_are_there_are_not_overwritten_unless_forced(folder: Folder) -> None:
    orders(folder)
    folder.settings("orders").write_text("mine")

    refused = folder("orders.csv")
    assert refused.code == 1
    assert "settings/models/orders.toml is there already: choose another name with --name" in refused.err
    assert folder.settings("orders").read_text() == "mine"

    assert folder("orders.csv", "--force").code == 0
    assert folder.settings("orders").read_text() != "mine"


def test_the_options_decide(folder: Folder) -> None:
    orders(folder)

    answer = folder("orders.csv", "--label", "colour", "--name", "shades", "--problem", "multiclass")

    assert answer.code == 0, answer.err
    assert "label        colour, as you said" in answer.out
    assert 'classes = ["blue", "green", "red"]' in folder.settings("shades").read_text()


def test_a_file_that_is_named_unlike_its_table_is_dropped_with_the_tables_name(folder: Folder) -> None:
    orders(folder, "주문 내역.csv")

    answer = folder("주문 내역.csv")

    assert "the table is called jumun_naeyeok" in answer.out
    assert "millrace drop '주문 내역.csv' --model jumun-naeyeok --table jumun_naeyeok" in answer.out


def test_the_columns_of_a_file_without_names_can_be_named(folder: Folder) -> None:
    write(folder.path / "t.data", {"a": amounts(), "b": colours(), "c": labels()}, header=False)

    answer = folder("t.data", "--columns", "width,colour,churn")

    assert "churn, by its name" in answer.out
    assert 'columns = ["width", "colour", "churn"]' in folder.settings("t").read_text()


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ("a,b", "the first line has 3 columns, but --columns names 2"),
        ("a,b,c,d", "the first line has 3 columns, but --columns names 4"),
        ("a,,c", "column 2 has no name"),
    ],
)
def test_wrong_names_for_columns_are_refused(folder: Folder, columns: str, reason: str) -> None:
    write(folder.path / "t.data", {"a": amounts(), "b": colours(), "c": labels()}, header=False)

    answer = folder("t.data", "--columns", columns)

    assert answer.code == 1
    assert reason in answer.err


def test_names_for_columns_are_for_one_file(folder: Folder) -> None:
    answer = folder("a.csv", "b.csv", "--columns", "a,b")

    assert answer.code == 1
    assert "--columns names the columns of one file" in answer.err


def test_an_error_writes_nothing(folder: Folder) -> None:
    write(folder.path / "t.csv", {"width": amounts(), "id": range(300)})

    answer = folder("t.csv")

    assert answer.code == 1
    assert answer.err.startswith("Error: no name tells which column of t.csv is the label")
    assert not list(folder.settings("x").parent.iterdir())


def test_the_examples_of_the_page_are_what_the_command_prints() -> None:
    page = new_tables.PAGE.read_text("utf-8")

    assert [found["name"] for found in new_tables.BLOCK.finditer(page)] == list(new_tables.TABLES)
    assert new_tables.renewed(page) == page, "make them anew: python tests/new_tables.py"
