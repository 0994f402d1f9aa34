"""Several models in one account: no command guesses between them, and what is proposed next names the model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

CLAIMS, CUSTOMERS = "raw/claims-fraud/claims/claims.csv", "raw/claims-fraud/customers/customers.csv"
SHELLS = "raw/abalone/abalone/abalone.data"


def test_a_file_finds_the_table_of_its_model_by_its_name(two_models: Any, tmp_path: Path) -> None:
    shells, claims = tmp_path / "abalone.data", tmp_path / "claims.csv"
    shells.write_text("M,0.4,15\n")
    claims.write_text("policy_id,fraud\n1,0\n")

    told = two_models.shell("drop", str(shells), str(claims), "--no-wait").out

    assert f"abalone.data -> s3://{two_models.places['Raw']}/{SHELLS}" in told
    assert "Every table of abalone has a file" in told
    assert "claims-fraud waits for customers" in told


def test_a_suffix_of_another_model_is_no_suffix_of_this_one(two_models: Any, tmp_path: Path) -> None:
    claims = tmp_path / "claims.data"
    claims.write_text("")

    assert "claims.data does not end in .csv" in two_models.shell("drop", str(claims)).err


def test_a_model_that_is_not_there_is_named_with_those_that_are(two_models: Any, tmp_path: Path) -> None:
    file = tmp_path / "claims.csv"
    file.write_text("")
    known = "there is no model 'fraud'; deployed: abalone, claims-fraud"

    assert known in two_models.shell("drop", str(file), "--model", "fraud").err
    assert known in two_models.shell("ledger", "--model", "fraud").err
    assert (
        "there is no model 'fraud'; there are: abalone, claims-fraud"
        in two_models.shell("approve", "--model", "fraud").err
    )


def test_the_next_step_is_that_of_a_model_in_use(two_models: Any) -> None:
    assert "Next: millrace drop abalone.csv " in two_models.shell().out

    two_models.upload(CLAIMS)
    assert "Next: millrace drop customers.csv " in two_models.shell().out

    two_models.upload(CUSTOMERS)
    assert "Next: millrace runs --follow --model claims-fraud " in two_models.shell().out

    two_models.file("claims/claims.csv", "seen")
    run = two_models.run(two_models.file("claims/a.csv", "trained"))
    identifier = two_models.execution(run)
    assert f"Next: millrace runs {identifier} " in two_models.shell().out


def test_runs_logs_and_the_ledger_are_of_the_chosen_model(two_models: Any) -> None:
    run = two_models.execution(two_models.run(two_models.file("claims/a.csv", "trained")))

    assert run in two_models.shell("runs").out
    assert "No run yet" in two_models.shell("runs", "--model", "abalone").out
    assert "there is no run yet" in two_models.shell("logs", "--model", "abalone").err
    assert two_models.shell("logs", "--model", "claims-fraud").code == 0
    everything = two_models.shell("ledger").out
    assert "claims-fraud: 1 file version" in everything
    assert "abalone: 0 file versions" in everything
    assert "claims-fraud" not in two_models.shell("ledger", "--model", "abalone").out


def test_a_model_without_an_endpoint_is_told(two_models: Any) -> None:
    told = two_models.shell("invoke", "--model", "abalone").err
    assert "there is no endpoint 'abalone' yet; served: none: `millrace` shows what comes first" in told


def test_follow_waits_for_the_run_that_is_due_not_for_an_older_one_of_another_model(two_models: Any) -> None:
    sagemaker = two_models.shell.client("sagemaker")
    two_models.execution(two_models.run(two_models.file("claims/a.csv", "trained")))
    older = sagemaker.start_pipeline_execution(PipelineName="abalone")["PipelineExecutionArn"]
    while sagemaker.describe_pipeline_execution(PipelineExecutionArn=older)["PipelineExecutionStatus"] == "Executing":
        pass
    two_models.wake(due=two_models.now() + 3600)

    with two_models.shell.start("runs", "--follow") as following:
        assert "A run is about to start" in following.stdout.readline()
        time.sleep(0.5)
        run = two_models.execution(two_models.run(two_models.file("claims/b.csv", "assigned")))
        rest = following.stdout.read()

    assert f"Run {run} of claims-fraud" in rest
