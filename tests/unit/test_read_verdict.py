"""A verdict as the texts that the registry takes, and everything that is no verdict."""

from __future__ import annotations

import importlib
import io
import json
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from read_verdict.errors import VerdictError
from read_verdict.source import LARGEST_BYTES, read
from read_verdict.verdict import outputs, text

SHA, OTHER_SHA = "a" * 64, "0123456789abcdef" * 4
NAMES = ("outcome", "sentence", "metric", "value", "low", "high", "threshold", "model_sha256", "manifest_sha256")
Change = Callable[[dict[str, Any]], object]


def verdict(change: Change = lambda _: None) -> bytes:
    content: dict[str, Any] = {
        "version": 1,
        "model": "claims-fraud",
        "problem": "binary",
        "gate": {
            "outcome": "better",
            "register": 1,
            "sentence": "Better than claims-fraud/3: AUC 0.81 (champion's 0.79), in 97 % of resamples.",
            "metric": "auc",
            "floor": 0.7,
            "min_support": 10,
            "confidence": 0.9,
        },
        "metrics": {"auc": {"value": 0.8123456789, "low": 0.7, "high": 0.91, "standard_deviation": 0.04}},
        "threshold": 0.12,
        "champion": None,
        "artifact": {"sha256": SHA, "bytes": 10, "rounds": 3},
        "data": {"test_rows": 750, "positives": 25, "input_uri": "s3://a/inputs/b", "manifest_sha256": OTHER_SHA},
        "suspects": [],
        "drift": [],
        "segments": [],
    }
    change(content)
    return json.dumps(content).encode()


def test_a_verdict_becomes_the_outputs_of_the_step() -> None:
    assert outputs(verdict(), model="claims-fraud") == {
        "outcome": "better",
        "sentence": "Better than claims-fraud/3: AUC 0.81 - champions 0.79 - in 97 percent of resamples.",
        "metric": "auc",
        "value": "0.812346",
        "low": "0.7",
        "high": "0.91",
        "threshold": "0.12",
        "model_sha256": SHA,
        "manifest_sha256": OTHER_SHA,
    }


def test_what_there_is_not_is_none_because_the_registry_takes_no_empty_text() -> None:
    def change(content: dict[str, Any]) -> None:
        content["threshold"] = None
        content["metrics"]["auc"]["low"] = None
        content["data"]["manifest_sha256"] = None
        content["gate"]["sentence"] = ""

    told = outputs(verdict(change), model="claims-fraud")
    assert [told[name] for name in ("threshold", "low", "manifest_sha256", "sentence")] == ["none"] * 4
    assert told["high"] == "0.91"


@pytest.mark.parametrize("outcome", ["first", "better", "kept", "below-floor", "too-few"])
def test_every_outcome_is_told_as_it_is(outcome: str) -> None:
    assert outputs(verdict(lambda v: v["gate"].update(outcome=outcome)), model="claims-fraud")["outcome"] == outcome


MISTAKES: list[tuple[str, Change]] = [
    ("version is 2; it must be 1", lambda v: v.update(version=2)),
    ('model is "abalone"; it must be claims-fraud', lambda v: v.update(model="abalone")),
    ("gate is null; it must be an object", lambda v: v.update(gate=None)),
    ('gate.outcome is "good"; it must be first, better', lambda v: v["gate"].update(outcome="good")),
    ('gate.metric is "f1"; it must be auc', lambda v: v["gate"].update(metric="f1")),
    ('gate.metric is \\["auc"\\]', lambda v: v["gate"].update(metric=["auc"])),
    ("metrics is null", lambda v: v.pop("metrics")),
    ('metrics.auc.value is "high"; it must be a number', lambda v: v["metrics"]["auc"].update(value="high")),
    ("metrics.auc.value is null", lambda v: v["metrics"]["auc"].pop("value")),
    ("metrics.auc.high is true", lambda v: v["metrics"]["auc"].update(high=True)),
    ("metrics.auc.value is NaN; it must be a number", lambda v: v["metrics"]["auc"].update(value=float("nan"))),
    ("metrics.auc.low is -Infinity", lambda v: v["metrics"]["auc"].update(low=float("-inf"))),
    ("metrics.auc.value is 1000", lambda v: v["metrics"]["auc"].update(value=10**400)),
    ("threshold is true", lambda v: v.update(threshold=True)),
    ("artifact.sha256 is null; it must be a SHA-256", lambda v: v["artifact"].pop("sha256")),
    ('artifact.sha256 is "abc"', lambda v: v["artifact"].update(sha256="abc")),
    ('data.manifest_sha256 is "abc"', lambda v: v["data"].update(manifest_sha256="abc")),
]


@pytest.mark.parametrize(("told", "change"), MISTAKES, ids=[told for told, _ in MISTAKES])
def test_a_verdict_that_does_not_say_what_it_must_ends_the_step_with_a_sentence(told: str, change: Change) -> None:
    with pytest.raises(VerdictError, match=f"^the verdict's {told}"):
        outputs(verdict(change), model="claims-fraud")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"null", b"[]"], ids=range(6))
def test_what_is_no_verdict_at_all_ends_the_step(content: bytes) -> None:
    with pytest.raises(VerdictError, match="no JSON"):
        outputs(content, model="claims-fraud")


@given(st.text() | st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Z"]), min_size=300))
def test_any_text_becomes_one_that_the_registry_takes(value: str) -> None:
    told = text(value)
    assert 1 <= len(told) <= 256
    # As the API's pattern: letters, separators and numbers of any script, and these marks.
    assert re.fullmatch(r"[\w \-.:/=+@]+", told)


@given(st.from_regex(r"[\w.:/=+@-]{1,256}", fullmatch=True))
def test_a_text_that_the_registry_takes_stays_as_it_is(value: str) -> None:
    assert text(value) == value


def test_an_accent_that_stands_behind_its_letter_is_not_lost() -> None:
    assert text("cafe\u0301") == "caf\u00e9"


def test_a_long_sentence_is_shortened_and_says_so() -> None:
    told = text("word " * 100)
    assert len(told) <= 256
    assert told.startswith("word word ")
    assert told.endswith("...")


class S3:
    def __init__(self, **objects: bytes) -> None:
        self.objects = objects

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.objects[f"{Bucket}/{Key}"])}


def test_the_file_is_read_where_it_lies() -> None:
    assert read("s3://b/runs/a/evaluate/verdict.json", S3(**{"b/runs/a/evaluate/verdict.json": b"{}"})) == b"{}"


def test_a_file_that_is_too_large_is_not_read_to_its_end() -> None:
    with pytest.raises(VerdictError, match="longer than 1,000,000 bytes"):
        read("s3://b/k", S3(**{"b/k": b" " * (LARGEST_BYTES + 1)}))
    assert len(read("s3://b/k", S3(**{"b/k": b" " * LARGEST_BYTES}))) == LARGEST_BYTES


@pytest.mark.parametrize("uri", ["", "s3://", "s3://b", "s3://b/", "https://b/k", "/etc/passwd"])
def test_an_address_that_is_none_is_a_sentence(uri: str) -> None:
    with pytest.raises(VerdictError, match="write s3://<bucket>/<key>"):
        read(uri, S3())


def test_the_handler_answers_texts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-2")
    monkeypatch.delitem(sys.modules, "read_verdict.handler", raising=False)
    module = importlib.import_module("read_verdict.handler")
    assert module.S3.meta.config.retries["total_max_attempts"] >= 10
    monkeypatch.setattr(module, "S3", S3(**{"b/verdict.json": verdict()}))
    told = module.handler({"model": "claims-fraud", "verdict_uri": "s3://b/verdict.json"}, None)
    assert tuple(told) == NAMES
    assert all(isinstance(value, str) for value in told.values())
