"""Settings: what the shipped files say, and how mistakes are reported.

Most of it is the table of mistakes with the sentence that each must give; what has rules of its own (data, gate,
endpoint, tuning, ...) stands in test_settings_*.py.
"""

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
    assert loaded.model("claims-fraud").gate.floor == 0.7


def test_the_shipped_regression_takes_the_public_file_as_it_is() -> None:
    model = load().model("abalone")
    assert (model.problem, model.data.tables, model.data.join_key) == ("regression", ("abalone",), "")
    assert {*model.data.columns} == {*model.data.numeric, *model.data.categorical, model.data.label}
    assert ".data" in model.trigger.suffixes
    assert (model.gate.parameter, model.gate.floor, model.costs, model.tuning) == ("RmseCeiling", 2.6, None, None)


def test_what_the_shipped_file_calls_so_if_it_is_not_said_is_so() -> None:
    text = (SHIPPED / "models" / "claims-fraud.toml").read_text("utf-8")
    data = load().model("claims-fraud").data
    said = dict(re.findall(r"^# (segments|encoding|delimiter|columns) = (\S+)", text, re.MULTILINE))
    assert {name: json.loads(value) for name, value in said.items()} == {
        "segments": [*data.segments],
        "encoding": data.encoding,
        "delimiter": data.delimiter,
        "columns": [*data.columns],
    }


def test_the_examples_in_the_comments_of_the_shipped_file_are_valid(folder: Writer) -> None:
    text = (SHIPPED / "models" / "claims-fraud.toml").read_text("utf-8")
    tuning = text.split("takes the place of the one training:\n")[1].split("\n\n")[0]
    ranges = text.split("make a bad row:\n")[1].split("\n\n")[0]
    added = "\n".join(line.removeprefix("# ") for line in f"{tuning}\n{ranges}".splitlines())
    root = folder()
    (root / "models" / "claims-fraud.toml").write_text(f"{text}\n{added}\n", "utf-8")
    model = load(root).model("claims-fraud")
    assert model.tuning is not None
    assert [each.name for each in model.tuning.ranges] == ["max_depth", "eta"]
    assert [each.column for each in model.data.ranges] == ["customer_age"]


def test_the_spec_holds_what_the_step_code_needs() -> None:
    spec = load().model("claims-fraud").spec()
    assert {*spec} == {
        *("model", "problem", "label", "classes", "join_key", "tables", "numeric", "categorical", "segments"),
        *("missing", "encoding", "delimiter", "columns", "ranges", "limits", "split"),
    }
    assert spec["tables"] == ["claims", "customers"]
    assert (spec["encoding"], spec["delimiter"], spec["columns"], spec["ranges"]) == ("utf-8", ",", [], {})
    assert spec["limits"] == {"min_rows": 50, "largest_bad_share": 0.05, "largest_unmatched_share": 0.5}
    assert spec["split"] == {"train": 0.7, "validation": 0.15, "test": 0.15, "seed": 20}
    assert spec == json.loads(json.dumps(spec))


def test_the_function_that_starts_the_pipeline_gets_the_tables_the_columns_and_the_trigger() -> None:
    model = load().model("claims-fraud")
    entry = model.trigger_spec()
    assert entry == json.loads(json.dumps(entry))
    assert {key: entry[key] for key in entry if key != "trigger"} == {
        key: value for key, value in model.spec().items() if key not in ("model", "ranges", "limits", "split")
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
        'models/claims-fraud.toml: problem: is "clustering"; allowed: binary, multiclass, regression',
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
        ({"processing.instance_count": 11}, "processing.instance_count: is 11; allowed: from 1 to 10"),
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
        ({"trigger.suffixes": [".csv", ".tsv"]}, "trigger.suffixes: holds .tsv, which means tabs between the columns"),
        ({"trigger.suffixes": [".jsonl"]}, 'trigger.suffixes: holds ".jsonl"; Preprocess reads CSV text only'),
        ({"trigger.suffixes": [f".c{n}" for n in range(11)]}, "trigger.suffixes: names 11; allowed: at most 10"),
        ({"data.numeric": ["a\0b"]}, 'data.numeric: holds "a\\u0000b"; a column has'),
        ({"data.numeric": ["a\u2028b"]}, 'data.numeric: holds "a\u2028b"; a column has'),
        (
            {"processing.instance_type": "ml.r5d.large"},
            "processing.instance_type: is 'ml.r5d.large'; it has disks of its own",
        ),
        ({"training.instance_type": "ml.g5.xlarge"}, "training.instance_type: is 'ml.g5.xlarge'; it has disks"),
        (
            {"endpoint.supported_instance_types": ["ml.g4dn.xlarge", "ml.m5.large"]},
            "endpoint.supported_instance_types: begins with 'ml.g4dn.xlarge', which scores batches; it has disks",
        ),
        ({"trigger.lock_hours": 2}, "trigger.lock_hours: is 2, but a run may take 3 hours"),
        ({"training.max_runtime_seconds": 80_000}, "trigger.lock_hours: is 24, but a run may take 25 hours"),
        ({"trigger.attempts": 0}, "trigger.attempts: is 0; allowed: from 1 to 10"),
        ({"trigger.start": "never"}, 'trigger.start: is "never"; allowed: always, new'),
        ({"trigger": None}, "trigger: is missing; add it (a table)"),
    ],
)
def test_a_mistake_in_a_model_is_named(folder: Writer, changes: Changes, message: str) -> None:
    found = _problems(folder(model=changes))
    assert any(line.removeprefix("models/claims-fraud.toml: ").startswith(message) for line in found), found


def test_an_endpoint_may_have_disks_of_its_own_if_batches_are_scored_elsewhere(folder: Writer) -> None:
    types = ["ml.m5.large", "ml.g4dn.xlarge"]
    changes = {"endpoint.instance_type": "ml.g4dn.xlarge", "endpoint.supported_instance_types": types}
    assert load(folder(model=changes)).endpoint("claims-fraud", "dev").instance_type == "ml.g4dn.xlarge"


def test_a_limit_of_time_that_is_wrong_itself_makes_no_second_mistake(folder: Writer) -> None:
    (problem,) = _problems(folder(model={"processing.max_runtime_seconds": 10_000_000}))
    assert problem.startswith("models/claims-fraud.toml: processing.max_runtime_seconds: is 10000000")


def test_the_name_of_an_account_is_short_enough_for_its_buckets(folder: Writer) -> None:
    root = folder()
    named = ACCOUNTS["dev"] | {"region": "ap-northeast-2"}
    (root / "accounts.toml").write_text(_toml({"a" * 16: named}), "utf-8")
    assert load(root).accounts[0].name == "a" * 16
    (root / "accounts.toml").write_text(_toml({"a" * 17: named}), "utf-8")
    (problem,) = _problems(root)
    assert problem.endswith("would have 64 characters; name the account with 16 at most")


def test_a_model_with_the_name_of_anothers_batch_pipeline_is_refused(folder: Writer) -> None:
    root = folder()
    second = root / "models" / "claims-fraud-batch.toml"
    second.write_bytes((root / "models" / "claims-fraud.toml").read_bytes())
    (problem,) = _problems(root)
    second.unlink()
    assert problem == (
        "models/claims-fraud-batch.toml: the pipeline that scores batches with claims-fraud has this name; "
        "rename the file"
    )


def test_a_model_asks_for_a_pipeline_that_deploys_it_or_has_none(folder: Writer) -> None:
    assert not load(folder()).model("claims-fraud").deploy.pipeline
    assert load(folder(model={"deploy": {"pipeline": True}})).model("claims-fraud").deploy.pipeline
    assert _problems(folder(model={"deploy": {"pipeline": "yes", "pipelines": 1}})) == [
        'models/claims-fraud.toml: deploy.pipeline: is "yes"; write true or false',
        "models/claims-fraud.toml: deploy.pipelines: is not a setting; known here: pipeline (did you mean pipeline?)",
    ]


@pytest.mark.parametrize("asks", [True, False])
def test_a_model_with_the_name_of_a_pipeline_that_deploys_another_is_refused(folder: Writer, asks: bool) -> None:
    root = folder(model={"deploy": {"pipeline": asks}})
    second = root / "models" / "claims-fraud-deploy.toml"
    second.write_bytes((SHIPPED / "models" / "claims-fraud.toml").read_bytes())
    try:
        problems = _problems(root) if asks else [str(len(load(root).models))]
    finally:
        second.unlink()
    assert problems == (
        ["models/claims-fraud-deploy.toml: the pipeline that deploys claims-fraud has this name; rename the file"]
        if asks
        else ["2"]
    )


def test_the_names_of_account_and_model_fit_together_into_those_of_rules(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "accounts.toml").write_text(_toml({"a" * 14: ACCOUNTS["dev"]}), "utf-8")
    text = (SHIPPED / "models" / "claims-fraud.toml").read_text("utf-8")
    (tmp_path / "models" / f"{'m' * 32}.toml").write_text(text, "utf-8")
    assert len(load(tmp_path).models) == 1
    (tmp_path / "accounts.toml").write_text(_toml({"a" * 15: ACCOUNTS["dev"]}), "utf-8")
    (problem,) = _problems(tmp_path)
    assert problem.endswith("would be 1 characters too long; shorten one of the names")


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


MAY_BE_LEFT_OUT = (
    "data.limits.",
    "gate.min_support",
    "gate.confidence",
    "cache.",
    "staging.endpoint.",
    "prod.endpoint.",
)
LEAVES = [*((ACCOUNTS, leaf) for leaf in _leaves(ACCOUNTS)), *((MODEL, leaf) for leaf in _leaves(MODEL))]
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(-1e9, 1e9).map(lambda x: round(x, 6)), TEXT
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS.filter(lambda value: value is not None), max_size=4))


@given(changes=st.dictionaries(st.sampled_from(range(len(LEAVES))), VALUES, min_size=1, max_size=4))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
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
        leaf
        for leaf, (file, value) in named.items()
        if (not leaf.startswith(MAY_BE_LEFT_OUT) if value is None else type(value) not in _kinds(_at(file, leaf)))
    }
    assert wrong <= reported


def _at(values: Table, path: str) -> Any:
    for key in path.split("."):
        values = values[key]
    return values


def _kinds(value: Any) -> set[type]:
    return {int, float} if isinstance(value, float) else {type(value)}
