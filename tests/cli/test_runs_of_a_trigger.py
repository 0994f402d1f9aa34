"""`millrace runs` shows what the trigger did: the runs with their cause and files, and why a look started none."""

from __future__ import annotations

from typing import Any


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()[1:]]


def test_a_run_is_listed_with_its_cause_and_its_number_of_files(trigger: Any) -> None:
    files = [trigger.file(f"claims/{number}.csv", "trained") for number in range(3)]
    run = trigger.execution(trigger.run(*files, cause="schedule", new_files=2))

    [shown] = rows(trigger.shell("runs").out)

    assert shown[:3] == [run, "claims-fraud", "Succeeded"]
    assert shown[-4:] == ["schedule", "3,", "2", "new"]


def test_a_look_that_started_nothing_is_listed_with_its_sentence(trigger: Any) -> None:
    trigger.skip("tables-missing", "waits for customers", at=10.0, cause="upload")

    [shown] = rows(trigger.shell("runs").out)

    assert shown[:3] == ["-", "claims-fraud", "Skipped"]
    assert " ".join(shown[5:]) == "upload waits for customers"


def test_a_skip_names_the_run_as_the_list_does(trigger: Any) -> None:
    row = trigger.run(trigger.file("claims/a.csv", "trained"))
    run = trigger.execution(row)
    trigger.skip("nothing-new", f"nothing new since run {row.digest[:12]}-1", at=trigger.now() + 60)

    first, second = rows(trigger.shell("runs").out)

    assert " ".join(first[6:]) == f"nothing new since run {run}"
    assert second[0] == run


def test_skips_in_a_row_for_one_reason_are_one_line_with_their_number(trigger: Any) -> None:
    for hour in range(5):
        trigger.skip("nothing-new", "nothing new", at=hour * 3600.0 + 1)
    trigger.skip("already-running", "already running: run abc", at=6 * 3600.0, times=7)
    trigger.skip("nothing-new", "nothing new", at=7 * 3600.0)

    newest, running, oldest = rows(trigger.shell("runs").out)

    assert newest[-2:] == ["nothing", "new"]
    assert running[-2:] == ["(7", "times)"]
    assert oldest[-4:] == ["nothing", "new", "(5", "times)"]


def test_one_run_is_introduced_with_cause_files_and_correlation(trigger: Any) -> None:
    row = trigger.run(trigger.file("claims/a.csv", "trained"), correlation="c0ffee-1")
    run = trigger.execution(row)

    shown = trigger.shell("runs", run).out

    assert f"cause upload; 1 file, 1 new (`millrace ledger --run {run}`)" in shown
    assert "correlation c0ffee-1" in shown


def test_a_run_is_found_by_the_name_that_logs_and_ledger_give_it(trigger: Any) -> None:
    row = trigger.run(trigger.file("claims/a.csv", "trained"))
    run = trigger.execution(row)

    for wanted in (row.run, f"{row.digest[:12]}-1", row.digest[:8]):
        assert f"Run {run} of claims-fraud" in trigger.shell("runs", wanted).out


def test_a_run_started_by_hand_says_so(trigger: Any) -> None:
    trigger.shell.client("sagemaker").start_pipeline_execution(PipelineName="claims-fraud")

    [shown] = rows(trigger.shell("runs").out)

    assert shown[-2:] == ["by", "hand"]


def test_follow_without_anything_on_its_way_says_that_there_is_no_run(trigger: Any) -> None:
    answer = trigger.shell("runs", "--follow")

    assert answer.code == 1
    assert "there is no run yet" in answer.err


def test_follow_tells_why_the_look_it_waited_for_started_nothing(trigger: Any) -> None:
    trigger.execution(trigger.run(trigger.file("claims/a.csv", "trained")))
    trigger.wake(due=trigger.now() + 3600)

    with trigger.shell.start("runs", "--follow") as following:
        assert "A run is about to start" in following.stdout.readline()
        trigger.skip("nothing-new", "nothing new at all", at=trigger.now() + 7200)
        rest = following.stdout.read()

    assert "claims-fraud: skipped: nothing new at all" in rest


def test_follow_waits_for_the_run_that_is_due(trigger: Any) -> None:
    trigger.execution(trigger.run(trigger.file("claims/a.csv", "trained")))
    trigger.wake(due=trigger.now() + 3600)

    with trigger.shell.start("runs", "--follow") as following:
        assert "A run is about to start" in following.stdout.readline()
        run = trigger.execution(trigger.run(trigger.file("claims/b.csv", "assigned")))
        rest = following.stdout.read()

    assert f"Run {run} of claims-fraud" in rest
    assert "Succeeded after" in rest
