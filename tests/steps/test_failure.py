from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from failure import LONGEST_MESSAGE, telling_failures
from features import DataError


def step(error: Exception | None = None) -> None:
    @telling_failures
    def main(argv: Sequence[str] | None = None) -> None:
        if error:
            raise error

    main([])


def test_a_data_error_is_one_sentence_on_stderr_and_the_jobs_exit_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    with pytest.raises(SystemExit) as caught:
        step(DataError("is missing", column="나이"))
    assert caught.value.code == 1
    assert capsys.readouterr().err == "column '나이': is missing\n"
    assert (tmp_path / "output" / "message").read_text() == "column '나이': is missing"


@pytest.mark.parametrize(("letter", "bytes_"), [("x", LONGEST_MESSAGE), ("가", LONGEST_MESSAGE - 1)])
def test_the_exit_message_is_no_longer_than_sagemaker_takes_and_no_letter_is_cut(
    letter: str, bytes_: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    with pytest.raises(SystemExit):
        step(DataError(letter * 5000))
    message = (tmp_path / "output" / "message").read_bytes()
    assert len(message) == bytes_
    assert set(message.decode()) == {letter}


def test_by_hand_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path / "ml"))
    with pytest.raises(SystemExit):
        step(DataError("bad"))
    assert not (tmp_path / "ml").exists()


def test_a_defect_keeps_its_traceback_and_success_says_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        step(ZeroDivisionError())
    step()
