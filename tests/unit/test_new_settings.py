"""What is written is a complete settings file: the settings load it, and it says what was made up."""

from __future__ import annotations

import random
import shutil
import string
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

import settings
from millrace.new import Proposal, Wishes, as_toml, defaults, infer, read, toml
from settings.model import ModelSettings
from tests import new_tables
from tests.new_lab import ROWS, amounts, colours, labels, propose, write

ACCOUNTS = Path(settings.__file__).parent / "accounts.toml"


def load(folder: Path, proposal: Proposal) -> ModelSettings:
    """The model as the settings read it."""
    models = folder / "settings" / "models"
    models.mkdir(parents=True, exist_ok=True)
    shutil.copy(ACCOUNTS, folder / "settings")
    (models / f"{proposal.name}.toml").write_text(as_toml(proposal), encoding="utf-8")
    return settings.load(folder / "settings").model(proposal.name)


@pytest.mark.parametrize("name", new_tables.TABLES)
def test_the_settings_of_a_made_up_table_are_complete(tmp_path: Path, name: str) -> None:
    proposal = infer([read(new_tables.write(tmp_path, name))], Wishes())

    model = load(tmp_path, proposal)

    assert model.problem == proposal.label.problem
    assert model.data.label == proposal.label.column
    assert model.data.encoding == new_tables.TABLES[name][1]
    assert model.data.delimiter == new_tables.TABLES[name][2]


def test_two_tables_are_joined_by_their_key(tmp_path: Path) -> None:
    claims = write(tmp_path / "claims.csv", {"id": range(ROWS), "sum": amounts(), "fraud": labels()})
    people = write(tmp_path / "people.csv", {"id": range(ROWS), "age": amounts(seed=5), "colour": colours()})

    data = load(tmp_path, infer([read(people), read(claims)], Wishes())).data

    assert (data.tables, data.join_key, data.label) == (("claims", "people"), "id", "fraud")
    assert (data.numeric, data.categorical, data.classes) == (("sum", "age"), ("colour",), ("no", "yes"))


def test_a_file_without_a_line_of_names_gets_its_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "shells.data", {"a": colours(), "b": amounts(), "c": amounts(seed=8)}, header=False)

    model = load(tmp_path, infer([read(path)], Wishes()))

    assert model.data.columns == ("column_1", "column_2", "column_3")
    assert model.trigger.suffixes == (".data",)


@pytest.mark.parametrize(
    ("label", "floor"),
    [
        (labels(), 0.6),
        (["a"] * 180 + ["b"] * 60 + ["c"] * 60, 0.61),
        ([f"{number * 0.5}" for number in range(ROWS)], 41.1),
    ],
)
def test_guessing_does_not_reach_the_floor(tmp_path: Path, label: list[str], floor: float) -> None:
    random.Random(3).shuffle(label)

    assert load(tmp_path, propose(tmp_path, {"width": amounts(), "label": label})).gate.floor == floor


def test_a_missed_positive_costs_as_many_false_alarms_as_there_are_negatives_to_it(tmp_path: Path) -> None:
    label = ["yes"] * 30 + ["no"] * 270

    costs = load(tmp_path, propose(tmp_path, {"width": amounts(), "label": label})).costs

    assert costs is not None
    assert (costs.false_negative, costs.false_positive) == (9.0, 1.0)


def test_the_reasons_stand_in_the_file(tmp_path: Path) -> None:
    text = as_toml(infer([read(new_tables.write(tmp_path, "defects.csv"))], Wishes()))

    for sentence in (
        "# - 검사일: a date (20250101)",
        "# SET THIS: what a wrong decision costs",
        "# Chosen: by its name.",
    ):
        assert sentence in text


@pytest.mark.parametrize("unit", [1e-30, 1e-9, 1.0, 1e15, 1e30])
def test_the_settings_take_a_label_of_any_unit(tmp_path: Path, unit: float) -> None:
    label = [f"{float(amount) * unit!r}" for amount in amounts(seed=9)]

    gate = load(tmp_path, propose(tmp_path, {"width": amounts(), "label": label})).gate

    assert gate.floor == pytest.approx(10 * unit, rel=0.2)


@pytest.mark.parametrize("deviation", [0.0, 1e-9, 0.12345, 3.2243, 987654.0, 1e9])
def test_the_ceiling_is_a_number_that_the_settings_take_and_naming_the_mean_misses(
    tmp_path: Path, deviation: float
) -> None:
    from millrace.new.records import Label

    ceiling = defaults.rmse_ceiling(Label("x", "regression", "", deviation=deviation))

    assert ceiling > 0
    assert tomllib.loads(f"x = {toml.number(ceiling)}")["x"] == ceiling
    assert deviation == 0 or ceiling == pytest.approx(0.95 * deviation, rel=0.01)


@given(st.lists(st.text(min_size=1), unique=True))
def test_any_text_survives_the_file(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]

    assert tomllib.loads(f"x = {toml.texts(texts)}")["x"] == texts


@given(st.text())
def test_any_sentence_is_a_comment(sentence: str) -> None:
    assert tomllib.loads(toml.comment(sentence) + "x = 1") == {"x": 1}


KINDS: dict[str, tuple[str, Callable[[random.Random, int], str]]] = {
    "numeric": ("numeric", lambda draw, _: f"{draw.gauss(0, 100):.4f}"),
    "counts": ("numeric", lambda draw, _: str(draw.randint(0, 9))),
    "numeric with gaps": ("numeric", lambda draw, _: draw.choice(["", f"{draw.gauss(0, 1):.3f}"])),
    "texts": ("categorical", lambda draw, _: draw.choice(["서울", "부산", "제주"])),
    "texts with gaps": ("categorical", lambda draw, _: draw.choice(["a", "b", ""])),
    "codes": ("categorical", lambda draw, _: draw.choice(["001", "002", "010"])),
    "ids": ("unused", lambda _, row: f"u-{row:07d}"),
    "numbered": ("unused", lambda _, row: str(row)),
    "dates": ("unused", lambda draw, _: f"2026-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}"),
    "constant": ("unused", lambda _, __: "same"),
    "free text": ("unused", lambda draw, row: f"{draw.choice(string.ascii_letters)} {row}"),
}
LABELS: dict[str, Callable[[random.Random, int], str]] = {
    "binary": lambda draw, _: draw.choice(["no", "no", "yes"]),
    "multiclass": lambda draw, _: draw.choice(["low", "medium", "high"]),
    "regression": lambda draw, _: f"{draw.gauss(10, 3):.3f}",
}


@examples(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=8),
    problem=st.sampled_from(sorted(LABELS)),
    encoding=st.sampled_from(["utf-8", "cp949", "utf-16"]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    seed=st.integers(0, 2**16),
)
def test_columns_of_known_kinds_are_told_for_what_they_are(
    tmp_path: Path, kinds: list[str], problem: str, encoding: str, delimiter: str, seed: int
) -> None:
    draw = random.Random(seed)
    columns = {"너비": [f"{draw.gauss(0, 1):.4f}" for _ in range(ROWS)]}
    columns |= {
        f"{name}:{place}": [KINDS[name][1](draw, row) for row in range(ROWS)] for place, name in enumerate(kinds)
    }
    columns["target"] = [LABELS[problem](draw, row) for row in range(ROWS)]
    path = write(tmp_path / "t.csv", columns, encoding=encoding, delimiter=delimiter)

    proposal = infer([read(path)], Wishes())
    model = load(tmp_path, proposal)

    assert {use.column: use.role for use in proposal.uses if use.column != "너비"} == {
        f"{name}:{place}": KINDS[name][0] for place, name in enumerate(kinds)
    }
    assert (model.problem, model.data.label) == (problem, "target")
    assert (model.data.encoding, model.data.delimiter) == (encoding, delimiter)
