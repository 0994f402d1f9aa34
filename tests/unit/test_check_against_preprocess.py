"""The cheap check against Preprocess itself, in the image's environment: what Preprocess takes is never refused."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from start_pipeline.check import TableSpec, check_head
from start_pipeline.settings import ModelSettings

from tests.step_runs import CODE, IMAGE_PYTHON, ROOT

Refusal = Callable[..., str | None]

COLUMNS = {
    "join_key": "policy_id",
    "label": "fraud",
    "numeric": ("amount", "age"),
    "categorical": ("contact",),
    "missing": ("", "NA", "없음"),
}
TWO = ModelSettings("two", ("claims", "customers"), **COLUMNS)  # type: ignore[arg-type]
ONE = ModelSettings("one", ("claims",), **COLUMNS)  # type: ignore[arg-type]

NUMBERS = ["1", "-2.5", " 3 ", "1e9", "", "NA", "없음", "007", "+.5", "1E-400"]
ODD_NUMBERS = ["1_000", "nan", "inf", "1e39", "\uff11\uff12", "1,5", "none", "0x1f", "1 2"]
LABELS = ["0", "1", "no", "YES", "True", "false"]
TEXTS = ["", "a", "Police, Fire", 'he said "no"', "two\nlines", "two\r\nlines", "한글", "\u2028", "\ufeff", "\0", " "]
ENDS = ["\n", "\r\n", "\r"]
VALUES = {
    "fraud": (LABELS, ["", "maybe", "2"]),
    "amount": (NUMBERS, ODD_NUMBERS),
    "age": (NUMBERS, ODD_NUMBERS),
}


@pytest.fixture(scope="module")
def refusal() -> Iterator[Refusal]:
    """Asks Preprocess: returns its error, or None."""
    process = subprocess.Popen(
        [IMAGE_PYTHON, ROOT / "tests" / "preprocess_oracle.py"],
        env={"PYTHONPATH": str(CODE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    questions, answers = process.stdin, process.stdout

    def ask(content: bytes, model: ModelSettings, table: str, *, partner_every: int = 1) -> str | None:
        facts: dict[str, Any] = {key: value for key, value in asdict(model).items() if key not in ("name", "trigger")}
        question = {
            "file": base64.b64encode(content).decode(),
            "model": {"model": model.name, **facts},
            "table": table,
            "partner_every": partner_every,
        }
        questions.write(json.dumps(question) + "\n")
        questions.flush()
        answer: str | None = json.loads(answers.readline())
        return answer

    yield ask
    questions.close()
    process.wait()
    answers.close()


def quoted(text: str, always: bool) -> str:
    needed = always or set(text) & set(',"\r\n')
    return '"' + text.replace('"', '""') + '"' if needed else text


@st.composite
def files(draw: st.DrawFn, *, table: str) -> bytes:
    """Mostly good files: columns in any order, any line ends and quotes; then perhaps some bytes changed."""
    needed = {"policy_id", "fraud"} if table == "claims" else {"policy_id"}
    others = draw(st.sets(st.sampled_from(["amount", "age", "contact", "extra", "이름", 'odd "name"'])))
    names = draw(st.permutations(sorted(needed | others)))
    odd, always, end = draw(st.integers(0, 9)) == 0, draw(st.booleans()), draw(st.sampled_from(ENDS))
    lines = [",".join(quoted(name, always) for name in names)]
    for number in range(draw(st.integers(0, 6)) + 1):
        values = [str(number) if name == "policy_id" else draw(_value(name, odd)) for name in names]
        lines.append(",".join(quoted(value, always) for value in values))
        lines.extend([""] * draw(st.sampled_from([0, 0, 0, 1])))
    content = end.join(lines) + draw(st.sampled_from(["", end]))
    encoded = content.encode(draw(st.sampled_from(["utf-8", "utf-8-sig"])))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        place, length = draw(st.integers(0, len(encoded))), draw(st.integers(0, 2))
        piece = draw(st.sampled_from([b'"', b",", b"\n", b"\r", b"\0", b"\xff", b";", b"1", b"", b'""', b" "]))
        encoded = encoded[:place] + piece + encoded[place + length :]
    return encoded


def _value(name: str, odd: bool) -> st.SearchStrategy[str]:
    good, bad = VALUES.get(name, (TEXTS, TEXTS))
    return st.sampled_from(good + bad if odd else good)


@pytest.mark.parametrize(("model", "table"), [(TWO, "claims"), (TWO, "customers"), (ONE, "claims")])
@given(data=st.data())
@settings(max_examples=150)
def test_what_preprocess_takes_is_not_refused_wherever_the_head_ends(
    refusal: Refusal, data: st.DataObject, model: ModelSettings, table: str
) -> None:
    content = data.draw(files(table=table))
    head = content[: data.draw(st.integers(0, len(content)))]
    spec = TableSpec.of(model, table)
    found = [finding for part in (content, head) if (finding := check_head(part, len(content), spec))]
    if found:
        assert refusal(content, model, table), found


@given(content=files(table="claims"))
@settings(max_examples=100)
def test_a_bad_label_of_a_row_without_partner_is_not_refused(refusal: Refusal, content: bytes) -> None:
    if found := check_head(content, len(content), TableSpec.of(TWO, "claims")):
        assert refusal(content, TWO, "claims", partner_every=2), found


def test_preprocess_is_really_asked(refusal: Refusal) -> None:
    good = "policy_id,fraud,amount\n1,0,2\n2,1,NA\n".encode("utf-8-sig")
    assert refusal(good, TWO, "claims") is None
    assert check_head(good, len(good), TableSpec.of(TWO, "claims")) is None
    assert "is no number" in str(refusal(good.replace(b"NA", b"x"), TWO, "claims"))
    assert "the file lacks" in str(refusal(good, ONE, "claims"))
