"""Which version of which model is meant: one is found or asked for, never guessed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from millrace.cli import serving
from millrace.cli.serving import APPROVED, PENDING, Version, find_version
from millrace.errors import MillraceError

ARN = "arn:aws:sagemaker:ap-northeast-2:111111111111:model-package/"
NO_CONNECTION: Any = None


def version(name: str, state: str) -> Version:
    number = int(name.rpartition("/")[2])
    return Version(f"{ARN}{name}", state, datetime(2026, 11, number, tzinfo=UTC))


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Takes the versions that there are, by their names."""

    def register(**states: str) -> None:
        made = [version(name.replace("_", "/"), state) for name, state in states.items()]
        monkeypatch.setattr(serving, "groups", lambda _: sorted({each.model for each in made}))
        monkeypatch.setattr(serving, "versions", lambda _, group, **__: [each for each in made if each.model == group])

    return register


def found(wanted: str | None = None, *, model: str | None = None) -> str:
    return str(find_version(NO_CONNECTION, wanted, model=model))


def refusal(wanted: str | None = None, *, model: str | None = None) -> str:
    with pytest.raises(MillraceError) as caught:
        found(wanted, model=model)
    return str(caught.value)


def test_the_newest_version_that_waits_is_meant_if_only_one_model_has_some(registered: Any) -> None:
    registered(abalone_1=APPROVED, claims_1=PENDING, claims_2=PENDING)
    assert found() == "claims/2"


def test_versions_of_several_models_that_wait_are_to_be_named(registered: Any) -> None:
    registered(abalone_1=PENDING, claims_1=PENDING, claims_2=PENDING)
    assert refusal() == (
        "versions wait for approval of several models: name one in full (abalone/1, claims/2), or choose with --model"
    )
    assert found(model="abalone") == "abalone/1"
    assert found(model="claims") == "claims/2"


def test_a_number_that_several_models_have_is_to_be_named_in_full(registered: Any) -> None:
    registered(abalone_1=PENDING, claims_1=APPROVED, claims_2=PENDING)
    assert "'1' is a version of several models: name one in full (abalone/1, claims/1)" in refusal("1")
    assert found("2") == "claims/2"
    assert found("claims/1") == found("1", model="claims") == found(f"{ARN}claims/1") == "claims/1"


def test_a_model_that_is_not_there_is_told(registered: Any) -> None:
    registered(abalone_1=PENDING)
    assert refusal("claims/1") == "there is no model 'claims'; there are: abalone"
