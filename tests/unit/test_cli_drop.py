"""Which table a dropped file belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from millrace.cli.drop import place
from millrace.cli.system import Model, System
from millrace.errors import MillraceError

TABLES = {"claims-fraud": ("claims", "customers"), "abalone": ("abalone",), "risk": ("customers", "claims-notes")}
MODELS = {name: Model(tables) for name, tables in TABLES.items()}
DEPLOYED = System(name="dev", starter="millrace-dev-start-pipeline", raw_bucket="raw", models=MODELS)


@pytest.mark.parametrize("name", ["claims.csv", "claims-2026-03.csv", "claims_march.csv", "claims.part1.csv"])
def test_a_file_belongs_to_the_table_that_its_name_begins_with(name: str) -> None:
    assert place(Path(name), DEPLOYED).key == f"raw/claims-fraud/claims/{name}"


@pytest.mark.parametrize(("name", "table"), [("Loan Book 2025.csv", "loan_book"), ("고객이탈.csv", "gogaekital")])
def test_a_file_belongs_to_the_table_that_millrace_new_has_named_after_it(name: str, table: str) -> None:
    named = System(name="dev", starter="", raw_bucket="raw", models={"risk": Model(("other", table))})

    assert place(Path(name), named).key == f"raw/risk/{table}/{name}"


def test_whatever_the_suffix_the_name_before_it_is_the_tables() -> None:
    assert place(Path("abalone.data"), DEPLOYED).key == "raw/abalone/abalone/abalone.data"


def test_an_unknown_model_is_refused_by_name() -> None:
    with pytest.raises(MillraceError, match="there is no model 'fraud'; deployed: claims-fraud, abalone, risk"):
        place(Path("claims.csv"), DEPLOYED, model="fraud")


def test_the_exact_name_wins_over_a_beginning() -> None:
    assert place(Path("claims-notes.csv"), DEPLOYED).key == "raw/risk/claims-notes/claims-notes.csv"


def test_a_table_can_be_named() -> None:
    assert place(Path("march.csv"), DEPLOYED, table="claims").key == "raw/claims-fraud/claims/march.csv"


def test_a_table_of_two_models_needs_the_model() -> None:
    with pytest.raises(MillraceError, match=r"customers\.csv fits several tables.*--model"):
        place(Path("customers.csv"), DEPLOYED)

    assert place(Path("customers.csv"), DEPLOYED, model="risk").model == "risk"


@pytest.mark.parametrize("name", ["claimsmarch.csv", "policies.csv"])
def test_a_file_that_fits_no_table_is_refused_with_the_tables_there_are(name: str) -> None:
    with pytest.raises(MillraceError, match=r"names no table.*claims-fraud: claims, customers; abalone: abalone"):
        place(Path(name), DEPLOYED)


def test_an_unknown_table_is_refused_by_name() -> None:
    with pytest.raises(MillraceError, match="--table policies names no table"):
        place(Path("march.csv"), DEPLOYED, table="policies")
