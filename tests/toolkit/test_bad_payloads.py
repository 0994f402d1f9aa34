"""What is no row is a 4xx with a message, at the image's own server and at ours; no body ends either of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.payload_corpus import CSV, GOOD, JSON, LARGEST, LINES, Case, cases
from tests.server_lab import ModelServer, serving
from tests.step_runs import feature_names, finished_run
from tests.toolkit_lab import toolkit

VERSION = "claims-fraud/7"
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
Answer = dict[str, Any]


@pytest.fixture(scope="module")
def corpus() -> list[Case]:
    return cases(feature_names(finished_run()))


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with serving(finished_run().model, most_bytes=LARGEST, MODEL_VERSION=VERSION) as found:
        yield found


def asked(case: Case) -> dict[str, str]:
    return {"Content-Type": case.kind, "Accept": case.accept}


@pytest.fixture(scope="module")
def answers(
    corpus: list[Case], server: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Answer]]:
    """What each server answers to the bodies and then to a good row."""
    good = Case("good", json.dumps(GOOD).encode(), JSON, 200, "", f"{JSON};explain=true")
    every = [*corpus, good]
    ours = []
    for case in every:
        reply = server.request("POST", "/invocations", case.body * case.times, asked(case))
        told = reply.headers.get(ATTRIBUTES.lower())
        ours.append({"status": reply.status, "type": reply.headers["content-type"], "attributes": told,
                     "body": reply.body.decode()})  # fmt: skip
    return {"ours": ours, "image": image_answers(every, tmp_path_factory.mktemp("image"))}


def image_answers(every: list[Case], base: Path) -> list[Answer]:
    shutil.copytree(finished_run().model, base / "model")  # the toolkit writes a setup.py into it
    requests, replies = base / "requests.json", base / "answers.json"
    requests.write_text(json.dumps([
        {"body": case.body.hex(), "times": case.times, "headers": asked(case)} for case in every
    ]))  # fmt: skip
    result = toolkit(
        base, "serve", requests, replies, MODEL_VERSION=VERSION,
        SAGEMAKER_PROGRAM="inference.py", SAGEMAKER_SUBMIT_DIRECTORY=base / "model" / "code",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    found: list[Answer] = json.loads(replies.read_text())
    return found[1:]


def faults(corpus: list[Case], found: list[Answer]) -> list[str]:
    return [
        f"{case.name}: {answer['status']} {answer['body'][:200]}"
        for case, answer in zip(corpus, found, strict=False)
        if answer["status"] != case.status or case.message not in message_of(answer["body"])
    ]


def message_of(body: str) -> str:
    try:
        error = json.loads(body)["error"]
        assert list(error) == ["column", "row", "message"]
        return str(error["message"])
    except (ValueError, KeyError, AssertionError, TypeError):
        return ""


def test_there_are_more_than_a_hundred_kinds_of_bad_bodies(corpus: list[Case]) -> None:
    assert len({case.name for case in corpus}) == len(corpus) > 100


@pytest.mark.parametrize("which", ["ours", "image"])
def test_each_bad_body_gets_its_status_and_message(
    which: str, corpus: list[Case], answers: dict[str, list[Answer]]
) -> None:
    assert faults(corpus, answers[which]) == []
    assert all(len(answer["body"]) < 1000 for answer in answers[which][:-1]), "an answer is no mirror of the request"


def test_both_servers_answer_alike(corpus: list[Case], answers: dict[str, list[Answer]]) -> None:
    """But of JSON and CSV that is no UTF-8 the image's server leaves only a replacement character to complain about."""
    pairs = zip(corpus, answers["ours"], answers["image"], strict=False)
    differing = [case.name for case, ours, image in pairs if {**ours, "body": ""} != {**image, "body": ""}]
    assert differing == ["more than 100 MB"], "only the server itself refuses that, so without the model's version"


@pytest.mark.parametrize("which", ["ours", "image"])
def test_a_good_row_is_answered_after_all_of_them(which: str, answers: dict[str, list[Answer]]) -> None:
    answer = answers[which][-1]
    assert (answer["status"], answer["type"], answer["attributes"]) == (200, JSON, f"model_version={VERSION}")
    held = json.loads(answer["body"])
    assert held["model_version"] == VERSION
    assert set(held["predictions"][0]) == {"score", "decision", "explanation"}


def test_the_process_has_not_grown_by_more_than_a_few_bodies(
    server: ModelServer, answers: dict[str, list[Answer]]
) -> None:
    assert server.lives()
    assert server.memory("VmRSS") < 500 << 20


values: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just([]) | st.just({})
)
rows = st.dictionaries(st.sampled_from([*GOOD, "extra"]), values, max_size=12) | st.builds(
    lambda changes: {**GOOD, **changes}, st.dictionaries(st.sampled_from(list(GOOD)), values, max_size=3)
)
texts = st.one_of(
    st.binary(max_size=80),
    st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(rows, max_size=3).map(lambda found: json.dumps(found).encode()),
    st.lists(rows, max_size=3).map(lambda found: "\n".join(map(json.dumps, found)).encode()),
    st.lists(st.lists(st.text(max_size=4), max_size=12).map(",".join), max_size=4).map("\n".join).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    ),
)  # fmt: skip
headers = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=texts,
    kind=st.sampled_from([CSV, JSON, LINES, f"{CSV};header=present"]) | headers,
    accept=st.sampled_from(["*/*", CSV, LINES, f"{JSON};explain=true", "text/*;q=0.3,*/*"]) | headers,
)
def test_any_body_is_answered_or_refused_with_a_message(
    server: ModelServer, body: bytes, kind: str, accept: str
) -> None:
    reply = server.request("POST", "/invocations", body, {"Content-Type": kind, "Accept": accept})
    assert reply.status in (200, 400, 406, 415)
    assert reply.headers[ATTRIBUTES.lower()] == f"model_version={VERSION}"
    assert reply.status == 200 or message_of(reply.body.decode())
