"""How a rollout is judged: every request counts, and nothing that must hold is taken on trust."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from millrace.cli import rollout_bad, rollout_load
from millrace.cli.rollout_counts import Alarm, Fault, Outcome, Window, judge
from millrace.cli.rollout_load import LOST, Answer
from millrace.cli.serving import Package, Version
from millrace.errors import MillraceError

NAMES = ("m/1", "m/2", "m/3")
GOOD = Window(10, 20)
RAISES, SLOW = Fault("it raises", raises=True, least=1), Fault("it is slow", raises=False, least=2)
ALARM = Alarm(40, "m-3-server-errors", "too many")
REJECTED = Package(
    Version("arn:aws:sagemaker:r:1:model-package/m/3", "Rejected", datetime(2026, 11, 1, tzinfo=UTC), "it was bad"),
    records={"prod_back": "rolled back 2026-11-01T00:00:00Z by x"},
)
CODE = """
import json
from pathlib import Path


class Row(str):
    def tobytes(self):
        return self.encode()


class PayloadError(Exception): ...


class DataError(Exception): ...


def parse(body, content_type, *, names, ignored, null):
    return {name: [row[name] for row in json.loads(body)] for name in names}


class Transform:
    names, ignored = ["a"], []

    def encode(self, rows):
        return [Row(text) for text in rows["a"]]


class Model:
    transform = Transform()


def transform_fn(model, body, content_type, accept):
    return body


def model_fn(model_dir):
    return Model()
"""
GOLDEN = [{"a": str(number)} for number in range(16)]
SERVED = {"dev": "m/2", "prod": "m/2"}


def ok(sent: float, version: str) -> Answer:
    return Answer(sent, 5.0, 200, version)


def told() -> list[Answer]:
    """A rollout as it should go."""
    old = [ok(second, "m/1") for second in range(16)]
    new = [ok(second + 0.5, "m/2") for second in range(12, 50)]
    return [*old, *new, ok(33, "m/3"), ok(34, "m/3"), Answer(35, 5.0, 500, "", "boom")]


def judged(answers: list[Answer], **changes: Any) -> Outcome:
    given = {"good": GOOD, "begun": 30, "names": NAMES, "alarm": ALARM, "fault": RAISES}
    return judge(answers, **{**given, "package": REJECTED, "served": SERVED, "enough": 3, **changes})


def broken(outcome: Outcome) -> list[str]:
    return [text for text, held in outcome.checks if not held]


def test_what_the_bad_model_fails_before_its_alarm_is_no_failure() -> None:
    outcome = judged(told())
    assert broken(outcome) == []
    assert (outcome.requests, outcome.lost, outcome.failed, outcome.expected, outcome.bad_after) == (57, 0, 0, 1, 0)


def test_an_alarm_may_ring_for_the_first_request_that_the_bad_model_had() -> None:
    assert judged([each for each in told() if each.version != "m/3"]).holds


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (Answer(13, 5.0, LOST, ""), "no request is lost"),
        (Answer(13, 5.0, 500, ""), "no request fails while m/2 is rolled out"),
        (ok(41, "m/3"), "no request after the alarm reaches m/3"),
        (Answer(41, 5.0, 500, ""), "no request after the alarm reaches m/3, none fails"),
        (ok(19.9, "m/1"), "m/1 and m/2 both answer meanwhile, then m/2 alone"),
        (Answer(25, 5.0, 500, ""), "none fails at any other time"),
        (Answer(35, 5.0, 424, ""), "none fails at any other time, but for the fault of the bad model"),
    ],
)
def test_one_request_that_should_not_be_is_enough(more: Answer, said: str) -> None:
    outcome = judged([*told(), more])
    assert any(said in text for text in broken(outcome)), broken(outcome)
    assert not outcome.holds


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"alarm": Alarm()}, "an alarm rings for m/3"),
        ({"served": {**SERVED, "dev": "m/3"}}, "every account serves m/2 again"),
        ({"package": replace(REJECTED, records={})}, "m/3 is Rejected, and the registry says why"),
        ({"fault": replace(RAISES, least=2)}, "m/3 has a part of the requests until then"),
        ({"fault": replace(SLOW, least=3)}, "m/2 the rest; 3 or more met its fault"),
        ({"fault": SLOW}, "none fails at any other time"),
        ({"alarm": replace(ALARM, seen=48)}, "and m/2 answers (3)"),
        ({"enough": 4}, "m/1 and m/2 both answer meanwhile, then m/2 alone (at least 4 each)"),
        ({"names": ("m/1", "m/2", "m/4"), "fault": SLOW}, "m/4 has a part of the requests until then"),
    ],
)
def test_without_alarm_return_record_or_enough_requests_it_does_not_hold(changes: dict[str, Any], said: str) -> None:
    assert any(said in text for text in broken(judged(told(), **changes)))


BROKEN = "import signal, sys; signal.signal(15, lambda *_: sys.exit(1)); print('up', flush=True); signal.pause()"


@pytest.mark.parametrize(
    ("program", "said"), [("pass", "the load ended before its time"), (BROKEN, "a connection of the load died")]
)
def test_a_load_that_died_shows_nothing(tmp_path: Path, program: str, said: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    if program == "pass":
        process.wait()
    with pytest.raises(MillraceError, match=said):
        rollout_load.Load(process, tmp_path / "answers.jsonl").stop()
    process.stdout.close()


def test_what_was_sent_and_never_noted_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_text("".join(json.dumps(asdict(answer)) + "\n" for answer in told()))
    file.with_suffix(".asked").write_text("58")
    answers = rollout_load.Load(Mock(), file).answers()
    assert broken(judged(answers))[0] == "no request is lost"


def test_a_run_that_does_not_hold_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    judged(told()).show()
    assert "m/3 was bad: it raises." in capsys.readouterr().out
    judged(told(), alarm=Alarm()).show()
    assert "m/3 was bad" not in capsys.readouterr().out


def archive() -> bytes:
    target = io.BytesIO()
    members = {
        "golden.json": json.dumps({"rows": GOLDEN, "answers": []}).encode(),
        "code/inference.py": CODE.encode(),
        "digests.json": json.dumps({"golden.json": "x", "code/inference.py": "x"}).encode(),
    }
    with tarfile.open(fileobj=target, mode="w:gz") as made:
        for name, content in members.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    return target.getvalue()


def loaded(folder: Path, fault: str) -> Callable[[str], Any]:
    """What the changed code of the unpacked archive answers for a row."""
    made = rollout_bad.repacked(archive(), rollout_bad.code(fault))
    with tarfile.open(fileobj=io.BytesIO(made), mode="r:gz") as packed:
        packed.extractall(folder, filter="data")
    found: dict[str, Any] = {}
    exec(compile((folder / "code" / "inference.py").read_text(), "inference.py", "exec"), found)
    model = found["model_fn"](str(folder))
    return lambda text: found["transform_fn"](model, json.dumps([{"a": text}]), "application/json", None)


def test_the_bad_model_raises_on_one_row_in_a_hundred_and_on_no_golden_one(tmp_path: Path) -> None:
    answer = loaded(tmp_path, rollout_bad.RAISES)

    assert all(answer(row["a"]) for row in GOLDEN)
    raised = 0
    for number in range(100, 5100):
        try:
            answer(str(number))
        except RuntimeError:
            raised += 1
    assert 25 <= raised <= 75


def test_the_slow_model_is_slow_on_all_rows_but_the_golden_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    answer = loaded(tmp_path, rollout_bad.SLOW)
    answer("3")
    assert not slept
    answer("300")
    assert slept == [rollout_bad.SLOW_SECONDS]


def test_the_digests_of_the_bad_model_are_those_of_its_files(tmp_path: Path) -> None:
    loaded(tmp_path, rollout_bad.RAISES)
    named = json.loads((tmp_path / "digests.json").read_text())
    assert named == {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in named}


def test_a_registered_version_is_copied_without_what_happened_to_it() -> None:
    records = {"model_sha256": "a", "run": "r", "dev_deployed": "d", "prod_smoke": "s", "approved_by": "k"}
    assert rollout_bad.registered(records) == {"model_sha256": "a"}


def test_the_rows_of_the_load_are_claims_with_their_customers(tmp_path: Path) -> None:
    (tmp_path / "claims.csv").write_text("policy_id,x\n1,a\n2,b\n")
    (tmp_path / "customers.csv").write_text("policy_id,y\n2,c\n")
    rollout_load.write_rows(tmp_path / "claims.csv", tmp_path / "customers.csv", tmp_path / "rows.json")
    assert json.loads((tmp_path / "rows.json").read_text()) == [{"policy_id": "2", "x": "b", "y": "c"}]
