"""Settings: what the shipped files say, and how mistakes are reported."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import settings
from settings import SettingsError, load

Table = dict[str, Any]
Changes = dict[str, Any]
Writer = Callable[..., Path]

SHIPPED = Path(settings.__file__).parent
ACCOUNTS = tomllib.loads((SHIPPED / "accounts.toml").read_text("utf-8"))
MODEL = tomllib.loads((SHIPPED / "models" / "claims-fraud.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Writer:
    """Writes settings into a folder: the shipped ones, with values at dotted paths changed (None removes one)."""
    root = tmp_path_factory.mktemp("settings")
    (root / "models").mkdir()

    def write(accounts: Changes | None = None, model: Changes | None = None) -> Path:
        (root / "accounts.toml").write_text(_toml(_changed(ACCOUNTS, accounts or {})), "utf-8")
        (root / "models" / "claims-fraud.toml").write_text(_toml(_changed(MODEL, model or {})), "utf-8")
        return root

    return write


def _changed(values: Table, changes: Changes) -> Table:
    values = copy.deepcopy(values)
    for path, value in changes.items():
        *tables, key = path.split(".")
        table = values
        for name in tables:
            table = table[name]
        if value is None:
            del table[key]
        else:
            table[key] = value
    return values


def _toml(values: Table, path: str = "") -> str:
    """Enough TOML for settings: JSON's texts, numbers and lists are TOML's too."""
    plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
    lines = [f"{_literal(key)} = {_literal(value)}" for key, value in plain.items()]
    for key, value in values.items():
        if isinstance(value, dict):
            name = f"{path}.{_literal(key)}" if path else _literal(key)
            lines.append(f"[{name}]\n{_toml(value, name)}")
    return "\n".join(lines)


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _problems(folder: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(folder)
    return [str(problem) for problem in caught.value.problems]


def test_the_shipped_settings_are_valid() -> None:
    loaded = load()
    assert loaded.account("dev").account_id == "111111111111"
    assert loaded.account("dev").region == "ap-northeast-2"
    assert loaded.model("claims-fraud").auc_floor == 0.7


def test_the_spec_holds_what_the_step_code_needs() -> None:
    spec = load().model("claims-fraud").spec()
    assert list(spec) == [
        *("model", "problem", "label", "join_key", "tables", "numeric", "categorical", "missing", "split")
    ]
    assert spec["tables"] == ["claims", "customers"]
    assert spec["split"] == {"train": 0.7, "validation": 0.15, "test": 0.15, "seed": 20}
    assert spec == json.loads(json.dumps(spec))


def test_the_function_that_starts_the_pipeline_gets_the_tables_the_columns_and_the_trigger() -> None:
    model = load().model("claims-fraud")
    entry = model.trigger_spec()
    assert entry == json.loads(json.dumps(entry))
    assert {key: entry[key] for key in entry if key != "trigger"} == {
        key: value for key, value in model.spec().items() if key not in ("model", "split")
    }
    assert entry["trigger"] == {
        "debounce_seconds": 2,
        "max_wait_seconds": 300,
        "suffixes": [".csv"],
        "attempts": 1,
        "start": "new",
        "max_model_age_hours": 0,
        "lock_hours": 24,
        "largest_file_mb": 5000,
    }


def test_every_trigger_setting_is_documented_with_the_shipped_value() -> None:
    text = (SHIPPED.parent / "docs" / "data.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \|.*\| `([^`]+)` \|$", text, re.MULTILINE)
    assert {name: json.loads(value) for name, value in rows} == MODEL["trigger"]


def test_the_features_exclude_label_and_join_key_and_keep_the_text_none_as_a_value() -> None:
    data = load().model("claims-fraud").data
    assert not {data.label, data.join_key} & {*data.numeric, *data.categorical}
    assert "None" not in data.missing


def test_every_mistake_of_every_file_is_reported_at_once(folder: Writer) -> None:
    found = _problems(
        folder(
            accounts={"dev.account_id": "12345", "dev.region": "ap-northeast-22", "dev.schedule": "every hour"},
            model={
                "problem": "clustering",
                "data.numerics": ["a"],
                "data.label": None,
                "data.split.test": 0.2,
                "training.instance_type": "m5.large",
                "gate.auc_floor": "high",
                "xgboost.max_depth": 0,
            },
        )
    )
    for part in (
        'accounts.toml: dev.account_id: is "12345"; an account id is 12 digits in quotes',
        "accounts.toml: dev.region: ",
        "accounts.toml: dev.schedule: ",
        'models/claims-fraud.toml: problem: is "clustering"; allowed: binary',
        "models/claims-fraud.toml: data.numerics: is not a setting; known here: ",
        "models/claims-fraud.toml: data.label: is missing; add it (a text in quotes)",
        "models/claims-fraud.toml: data.split.train: + validation + test is 1.05; the three must sum to 1",
        'models/claims-fraud.toml: training.instance_type: is "m5.large"; allowed: ',
        'models/claims-fraud.toml: gate.auc_floor: is "high"; write a number',
        "models/claims-fraud.toml: xgboost.max_depth: is 0; allowed: from 1 to 16",
    ):
        assert any(line.startswith(part) for line in found), part
    assert len(found) == 10


def test_a_near_miss_gets_a_suggestion(folder: Writer) -> None:
    found = _problems(folder(accounts={"dev.region": "ap-northeast2"}, model={"gate.auc_flor": 0.7}))
    assert "ap-northeast-2" in found[0]
    assert "did you mean auc_floor?" in found[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.numeric": ["a", "b", "a"]}, 'data.numeric: names "a" 2 times; name it once'),
        (
            {"data.numeric": ["num_injuries", "policy_state"]},
            "data.categorical: holds 'policy_state', which is numeric",
        ),
        ({"data.numeric": ["fraud"]}, "data.numeric: holds 'fraud', which is the label"),
        ({"data.categorical": ["policy_id"]}, "data.categorical: holds 'policy_id', which is the join_key"),
        ({"data.label": "policy_id"}, "data.label: is 'policy_id', the same as join_key"),
        ({"data.numeric": [], "data.categorical": []}, "data.numeric: and categorical are both empty"),
        ({"data.tables": []}, "data.tables: is an empty list"),
        ({"data.tables": ["claims/x"]}, 'data.tables: holds "claims/x"; a table names a folder'),
        ({"data.numeric": ["a,b"]}, 'data.numeric: holds "a,b"; a column has'),
        ({"data.numeric": ["a", 1]}, "data.numeric: is ["),
        ({"processing.instance_count": 2}, "processing.instance_count: is 2; allowed: from 1 to 1"),
        ({"processing.instance_count": True}, "processing.instance_count: is true; write a whole number"),
        ({"endpoint.instance_type": "ml.m5.4xlarge"}, "endpoint.supported_instance_types: lacks 'ml.m5.4xlarge'"),
        ({"endpoint": 3}, "endpoint: is 3; write a table"),
        ({"costs.false_negative": 0}, "costs.false_negative: is 0.0; allowed: more than 0"),
        ({"trigger.debounce_seconds": 901}, "trigger.debounce_seconds: is 901; allowed: from 0 to 900"),
        ({"trigger.max_wait_seconds": 1}, "trigger.max_wait_seconds: is 1, less than debounce_seconds (2)"),
        ({"trigger.suffixes": []}, "trigger.suffixes: is an empty list"),
        ({"trigger.suffixes": [".CSV"]}, 'trigger.suffixes: holds ".CSV"; a suffix is a dot, then small letters'),
        ({"trigger.suffixes": ["csv"]}, 'trigger.suffixes: holds "csv"; a suffix is a dot'),
        ({"trigger.suffixes": [".csv.gz"]}, 'trigger.suffixes: holds ".csv.gz"; Preprocess reads plain CSV text'),
        ({"trigger.suffixes": [".csv.tmp"]}, 'trigger.suffixes: holds ".csv.tmp"; .tmp marks a file that is still'),
        ({"trigger.attempts": 0}, "trigger.attempts: is 0; allowed: from 1 to 10"),
        ({"trigger.start": "never"}, 'trigger.start: is "never"; allowed: always, new'),
        ({"trigger": None}, "trigger: is missing; add it (a table)"),
    ],
)
def test_a_mistake_in_a_model_is_named(folder: Writer, changes: Changes, message: str) -> None:
    found = _problems(folder(model=changes))
    assert any(line.removeprefix("models/claims-fraud.toml: ").startswith(message) for line in found), found


def test_a_table_that_is_missing_is_one_mistake(folder: Writer) -> None:
    assert _problems(folder(model={"data": None})) == ["models/claims-fraud.toml: data: is missing; add it (a table)"]


def test_files_that_cannot_be_read_are_mistakes_too(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "broken.toml").write_text("a = ", "utf-8")
    (tmp_path / "models" / "latin.toml").write_bytes(b'a = "\xe9"')
    (tmp_path / "models" / "Bad Name.toml").write_text("", "utf-8")
    found = _problems(tmp_path)
    assert "accounts.toml: is missing; create it" in found
    assert any(line.startswith("models/broken.toml: is not TOML: ") for line in found)
    assert any(line.startswith("models/latin.toml: is not UTF-8 text") for line in found)
    assert any(line.startswith("models/Bad Name.toml: the file's name is the model's name") for line in found)


def test_an_empty_folder_says_what_to_create(tmp_path: Path) -> None:
    assert _problems(tmp_path) == [
        "accounts.toml: is missing; create it",
        "models: holds no <name>.toml; add one file for each model",
    ]


def _leaves(values: Table, path: str = "") -> Iterator[str]:
    for key, value in values.items():
        full = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            yield from _leaves(value, full)
        else:
            yield full


LEAVES = [*((ACCOUNTS, leaf) for leaf in _leaves(ACCOUNTS)), *((MODEL, leaf) for leaf in _leaves(MODEL))]
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(-1e9, 1e9).map(lambda x: round(x, 6)), TEXT
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS.filter(lambda value: value is not None), max_size=4))


@given(changes=st.dictionaries(st.sampled_from(range(len(LEAVES))), VALUES, min_size=1, max_size=4))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_whatever_is_written_the_settings_load_or_every_wrong_line_is_named(
    folder: Writer, changes: dict[int, Any]
) -> None:
    named = {LEAVES[position][1]: (LEAVES[position][0], value) for position, value in changes.items()}
    root = folder(
        accounts={leaf: value for leaf, (file, value) in named.items() if file is ACCOUNTS},
        model={leaf: value for leaf, (file, value) in named.items() if file is MODEL},
    )
    try:
        load(root)
    except SettingsError as error:
        reported = {problem.key for problem in error.problems}
    else:
        reported = set()
    wrong = {
        leaf for leaf, (file, value) in named.items() if value is None or type(value) not in _kinds(_at(file, leaf))
    }
    assert wrong <= reported


def _at(values: Table, path: str) -> Any:
    for key in path.split("."):
        values = values[key]
    return values


def _kinds(value: Any) -> set[type]:
    return {int, float} if isinstance(value, float) else {type(value)}
