"""[endpoint] of a model and of an account: which table is right, and what AWS or sense refuses."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import settings
from settings import EndpointSettings, Problem, SettingsError, load
from settings.endpoint import EndpointTable, ModelEndpoint, merge, read_endpoint_table, read_model_endpoint
from settings.endpoint_rules import LONGEST_ROLLOUT, Place, check, steps, waiting_seconds
from settings.names import ENDPOINT, instance_types
from settings.reader import Reader

Values = dict[str, Any]

BASE: Values = {
    "instance_type": "ml.m5.large",
    "instance_count": 1,
    "supported_instance_types": ["ml.m5.large", "ml.m5.xlarge"],
}
SERVERLESS: Values = {"kind": "serverless", "memory_mb": 2048, "max_concurrency": 5}
CANARY: Values = {"instance_count": 2, "rollout": "canary", "rollout_percent": 10, "rollout_wait_seconds": 300}
DEV, PROD = Place("dev", by_stage=False, network=False), Place("prod", by_stage=True, network=False)
NETWORK = Place("dev", by_stage=False, network=True)


def model(values: Values) -> tuple[ModelEndpoint, list[Problem]]:
    problems: list[Problem] = []
    return read_model_endpoint(Reader(values, file="models/a.toml", problems=problems, path="endpoint")), problems


def account(values: Values, name: str = "prod") -> tuple[EndpointTable, list[Problem]]:
    problems: list[Problem] = []
    reader = Reader(values, file="accounts.toml", problems=problems, path=f"{name}.endpoint")
    return read_endpoint_table(reader), problems


def read(
    base: Values, accounts: Values | None = None, own: Values | None = None, *, place: Place = DEV
) -> tuple[EndpointSettings, list[str]]:
    """Merged for one account, with every mistake."""
    table, problems = account(accounts or {}, place.account)
    endpoint, more = model({**base, **({place.account: own} if own is not None else {})})
    layers = endpoint.layers(place.account, table)
    return merge(layers), [*map(str, [*problems, *more, *check(layers, place)])]


def test_a_model_may_say_little() -> None:
    endpoint, problems = read(BASE)
    assert problems == []
    assert (endpoint.kind, endpoint.instance_count, endpoint.rollout, endpoint.scales) == (
        *("instances", 1, "all-at-once", False),
    )


def test_the_account_is_stronger_than_the_model_and_the_model_s_word_on_the_account_is_the_last() -> None:
    accounts = {"instance_count": 2, "capture_percent": 100, "alarm_latency_ms": 300}
    endpoint, problems = read(BASE, accounts, {"capture_percent": 10}, place=PROD)
    assert problems == []
    found = (endpoint.instance_count, endpoint.capture_percent, endpoint.alarm_latency_ms, endpoint.instance_type)
    assert found == (2, 10, 300, "ml.m5.large")


def test_each_kind_has_a_name_of_its_own() -> None:
    assert read(BASE)[0].endpoint_name("claims") == "claims"
    assert read(BASE, own=SERVERLESS)[0].endpoint_name("claims") == "claims-serverless"


def test_an_account_may_be_serverless_though_the_model_says_how_many_instances() -> None:
    endpoint, problems = read(BASE, own=SERVERLESS)
    assert problems == []
    assert (endpoint.is_serverless, endpoint.instance_type, endpoint.instance_count) == (True, "", 0)


def test_what_an_account_says_of_instances_is_not_for_its_serverless_models() -> None:
    endpoint, problems = read({**SERVERLESS, "supported_instance_types": ["ml.m5.large"]}, CANARY, place=PROD)
    assert problems == []
    assert (endpoint.rollout, endpoint.memory_mb) == ("all-at-once", 2048)


@pytest.mark.parametrize(
    ("base", "accounts", "own", "place", "message"),
    [
        ({"instance_type": None}, {}, {}, DEV, "models/a.toml: endpoint.instance_type: is missing; add it"),
        ({"instance_count": None}, {}, {}, DEV, "models/a.toml: endpoint.instance_count: is missing; add it"),
        ({"supported_instance_types": None}, {}, {}, DEV, "models/a.toml: endpoint.supported_instance_types: is miss"),
        ({"kind": "lambda"}, {}, {}, DEV, 'models/a.toml: endpoint.kind: is "lambda"; allowed: instances, serverless'),
        ({}, {"rollot": "canary"}, {}, PROD, "accounts.toml: prod.endpoint.rollot: is not a setting; known here: "),
        ({}, {"instance_type": "m5.large"}, {}, DEV, 'accounts.toml: dev.endpoint.instance_type: is "m5.large"; allow'),
        ({}, {"instance_type": "ml.c5.large"}, {}, DEV, "models/a.toml: endpoint.supported_instance_types: lacks"),
        ({}, {"supported_instance_types": []}, {}, DEV, "accounts.toml: dev.endpoint.supported_instance_types: is wh"),
        ({}, {}, {"memory_mb": 2000}, DEV, "models/a.toml: endpoint.dev.memory_mb: is 2000; allowed: 1024, 2048, 3072"),
        ({}, {}, {"memory_mb": 2048}, DEV, 'models/a.toml: endpoint.dev.memory_mb: is 2048, but the kind is "instanc'),
        ({}, {}, {"capture_percent": 101}, DEV, "models/a.toml: endpoint.dev.capture_percent: is 101; allowed: from 0"),
        ({}, {}, {}, PROD, "models/a.toml: endpoint.instance_count: is 1 in prod, which serves what life-cycle stages"),
        ({}, {"instance_count": 1}, {}, PROD, "accounts.toml: prod.endpoint.instance_count: is 1 in prod"),
        ({}, {**CANARY, "instance_count": 1}, {}, DEV, 'accounts.toml: dev.endpoint.rollout: is "canary", which moves'),
        (
            {"rollout": "linear", "rollout_percent": 9},
            {},
            {},
            DEV,
            "models/a.toml: endpoint.rollout_percent: is 9, but",
        ),
        ({}, {"rollout_percent": 51}, {}, DEV, "accounts.toml: dev.endpoint.rollout_percent: is 51; allowed: from 1"),
        ({}, {**CANARY, "rollout_wait_seconds": 60}, {}, DEV, "accounts.toml: dev.endpoint.rollout_wait_seconds: is 6"),
        (
            {"instance_count": 2, "rollout": "linear", "rollout_wait_seconds": 3600},
            {},
            {},
            DEV,
            "models/a.toml: endpoint.rollout_wait_seconds: is 3600, so an update would wait for 36000 seconds",
        ),
        (
            {"supported_instance_types": ["ml.m5.large", "ml.inf1.xlarge"]},
            {**CANARY, "instance_type": "ml.inf1.xlarge"},
            {},
            DEV,
            'accounts.toml: dev.endpoint.rollout: is "canary", but SageMaker updates Inf1 instances all at once',
        ),
        (
            {"instance_count": 2},
            {"max_instance_count": 2},
            {},
            DEV,
            "accounts.toml: dev.endpoint.max_instance_count: i",
        ),
        ({}, {"max_instance_count": 4}, {}, DEV, "models/a.toml: endpoint.invocations_per_instance: is missing, and s"),
        (
            {"instance_type": "ml.t2.medium", "supported_instance_types": ["ml.t2.medium"]},
            {"max_instance_count": 4, "invocations_per_instance": 60},
            {},
            DEV,
            "accounts.toml: dev.endpoint.max_instance_count: is 4, but SageMaker does not scale burstable instances",
        ),
        ({}, {}, {"kind": "serverless"}, DEV, "models/a.toml: endpoint.memory_mb: is missing, which a serverless"),
        ({}, {}, SERVERLESS, NETWORK, 'models/a.toml: endpoint.dev.kind: is "serverless", but dev keeps its endpoint'),
        *(
            ({}, {}, {**SERVERLESS, key: value}, DEV, f"models/a.toml: endpoint.dev.{key}: is ")
            for key, value in {
                **CANARY,
                "capture_percent": 1,
                "max_instance_count": 4,
                "instance_type": "ml.m5.large",
            }.items()
        ),
    ],
)
def test_what_cannot_be_is_told_where_it_is_written(
    base: Values, accounts: Values, own: Values, place: Place, message: str
) -> None:
    values = {key: value for key, value in {**BASE, **base}.items() if value is not None}
    found = read(values, accounts, own, place=place)[1]
    assert any(line.startswith(message) for line in found), found


def test_a_serverless_model_is_told_each_thing_that_it_cannot_have() -> None:
    own = {**SERVERLESS, **CANARY, "capture_percent": 50}
    found = [line for line in read(BASE, own=own)[1] if "serverless" in line]
    assert len(found) == len(CANARY) + 1
    assert all(line.endswith('remove it, or set kind to "instances"') for line in found)


def test_every_endpoint_setting_is_explained_in_the_shipped_file_with_what_is_so_if_it_is_not_said() -> None:
    text = (Path(settings.__file__).parent / "models" / "claims-fraud.toml").read_text("utf-8").split("[endpoint]")[1]
    said = dict(re.findall(r"^(?:# )?(\w+) = (\S+)", text, re.MULTILINE))
    defaults = asdict(EndpointSettings())
    assert {*said} | {"memory_mb", "max_concurrency"} == {*defaults}
    written = {key: value.strip('"') for key, value in said.items() if key not in (*BASE, "invocations_per_instance")}
    assert written == {key: str(defaults[key]) for key in written}


SHIPPED = Path(settings.__file__).parent


def folder(tmp_path: Path, accounts: str = "", **models: str) -> Path:
    """The shipped settings, with lines added to the accounts and models of these names made of claims-fraud."""
    (tmp_path / "models").mkdir()
    text = (SHIPPED / "models" / "claims-fraud.toml").read_text("utf-8")
    (tmp_path / "accounts.toml").write_text((SHIPPED / "accounts.toml").read_text("utf-8") + accounts, "utf-8")
    for name, lines in models.items():
        (tmp_path / "models" / f"{name.replace('_', '-')}.toml").write_text(f"{text}\n{lines}\n", "utf-8")
    return tmp_path


def refused(root: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(root)
    return [str(problem) for problem in caught.value.problems]


def test_a_table_of_an_account_that_does_not_exist_is_told(tmp_path: Path) -> None:
    assert refused(folder(tmp_path, claims="[endpoint.pord]\ninstance_count = 2")) == [
        "models/claims.toml: endpoint.pord: is a table, but no account has this name; "
        "allowed: dev, prod, staging (did you mean prod?)"
    ]


def test_a_mistake_is_told_once_however_many_accounts_share_it(tmp_path: Path) -> None:
    (told,) = refused(folder(tmp_path, claims="max_instance_count = 1\ninvocations_per_instance = 60"))
    assert told.startswith("models/claims.toml: endpoint.max_instance_count: is 1, but there are 1 instances to begin")


def test_what_is_wrong_in_one_account_only_names_it(tmp_path: Path) -> None:
    (told,) = refused(folder(tmp_path, claims="[endpoint.prod]\ninstance_count = 1\nrollout = 'all-at-once'"))
    assert told.startswith("models/claims.toml: endpoint.prod.instance_count: is 1 in prod, which serves what life")


def test_no_two_endpoints_of_an_account_have_one_name(tmp_path: Path) -> None:
    serverless = "[endpoint.staging]\nkind = 'serverless'\nmemory_mb = 1024\nmax_concurrency = 1"
    assert refused(folder(tmp_path, claims=serverless, claims_serverless="")) == [
        "models/claims.toml: the endpoint claims-serverless in staging would be that of claims-serverless too; "
        "rename one of the files"
    ]


TYPES = ["ml.m5.large", "ml.m5.xlarge", "ml.t2.medium", "ml.inf1.xlarge", "ml.g4dn.xlarge"]
OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "kind": st.sampled_from(["instances", "serverless"]),
    "instance_type": st.sampled_from(TYPES),
    "instance_count": st.integers(1, 4),
    "memory_mb": st.sampled_from([1024, 6144]),
    "max_concurrency": st.integers(1, 200),
    "max_instance_count": st.integers(0, 5),
    "invocations_per_instance": st.integers(1, 1000),
    "capture_percent": st.integers(0, 100),
    "rollout": st.sampled_from(["all-at-once", "canary", "linear"]),
    "rollout_percent": st.integers(1, 50),
    "rollout_wait_seconds": st.sampled_from([0, 119, 120, 300, 3600]),
    "termination_wait_seconds": st.integers(0, 3600),
}
FEW = st.lists(st.sampled_from([*OPTIONAL]), unique=True, max_size=4).flatmap(
    lambda keys: st.fixed_dictionaries({key: OPTIONAL[key] for key in keys})
)
PLACES = st.builds(Place, st.just("prod"), by_stage=st.booleans(), network=st.booleans())


@given(base=FEW, accounts=FEW, own=FEW, place=PLACES)
def test_what_is_not_refused_is_what_sagemaker_takes(base: Values, accounts: Values, own: Values, place: Place) -> None:
    endpoint, problems = read({**BASE, "supported_instance_types": TYPES, **base}, accounts, own, place=place)
    if problems:
        return
    if endpoint.is_serverless:
        assert not place.network
        assert (endpoint.instance_type, endpoint.instance_count, endpoint.capture_percent) == ("", 0, 0)
        assert (endpoint.rollout, endpoint.scales) == ("all-at-once", False)
        assert min(endpoint.memory_mb, endpoint.max_concurrency) > 0
        return
    assert endpoint.instance_type in instance_types(ENDPOINT)
    assert endpoint.instance_count >= (2 if place.by_stage or endpoint.rollout != "all-at-once" else 1)
    assert waiting_seconds(endpoint) < LONGEST_ROLLOUT
    if endpoint.rollout == "linear":
        assert 10 <= endpoint.rollout_percent <= 50
        assert (steps(endpoint) - 1) * endpoint.rollout_percent < 100 <= steps(endpoint) * endpoint.rollout_percent
    if endpoint.scales:
        assert endpoint.max_instance_count > endpoint.instance_count
        assert endpoint.invocations_per_instance


@given(base=FEW, accounts=FEW, own=FEW)
def test_every_value_comes_from_the_strongest_table_that_has_one(base: Values, accounts: Values, own: Values) -> None:
    endpoint, _ = read({**base, "supported_instance_types": TYPES}, accounts, own, place=PROD)
    of_serverless = {"memory_mb", "max_concurrency"}
    unfit = {*OPTIONAL} - {"kind", *of_serverless} if endpoint.is_serverless else of_serverless
    for key, value in {**base, **accounts, **own}.items():
        assert getattr(endpoint, key) == (value if key not in unfit else getattr(EndpointSettings(), key))


@pytest.mark.parametrize("name", ["claims-fraud", "abalone"])
def test_the_shipped_endpoints_are_simple_until_it_matters(name: str) -> None:
    loaded = load()
    for account, captured in (("dev", 0), ("staging", 100)):
        endpoint = loaded.endpoint(name, account)
        assert (endpoint.instance_count, endpoint.rollout, endpoint.capture_percent) == (1, "all-at-once", captured)
    prod = loaded.endpoint(name, "prod")
    assert (prod.rollout, prod.rollout_percent, prod.rollout_wait_seconds) == ("canary", 10, 300)
    assert (prod.instance_count, prod.max_instance_count, prod.capture_percent) == (2, 4, 100)
