"""Scoring a file through an endpoint: every row is answered or listed, in order, and memory stays bounded."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from millrace.cli.answers import AnswerFile, Tally, flat
from millrace.cli.labelled import LARGEST_BODY, Batch, Columns, LabelledFile, Unreadable
from millrace.cli.latencies import Latencies
from millrace.cli.scoring import HOPELESS, Answered, Scorer
from millrace.errors import MillraceError

COLUMNS = Columns(["x", "sex"], "y", ["region"])
Rows = list[dict[str, str]]


class ModelError(ClientError):
    pass


class Runtime:
    """An endpoint that scores x, and refuses what `check` says something about."""

    class exceptions:
        ModelError = ModelError
        ClientError = ClientError

    def __init__(self, check: Callable[[Rows], tuple[int, str] | None] = lambda _: None) -> None:
        self.check, self.sizes, self.failing = check, list[int](), list[str]()

    def invoke_endpoint(self, *, Body: bytes, **_: Any) -> dict[str, Any]:
        if self.failing:
            code = self.failing.pop()
            raise ClientError({"Error": {"Code": code, "Message": "slow down"}}, "InvokeEndpoint")
        rows = list(csv.DictReader(io.StringIO(Body.decode())))
        self.sizes.append(len(rows))
        if refused := self.check(rows):
            answer = {"Error": {"Code": "ModelError", "Message": "no"}, "OriginalStatusCode": refused[0]}
            raise ModelError({**answer, "OriginalMessage": refused[1]}, "InvokeEndpoint")
        answers = [{"score": float(row["x"]), "decision": 1} for row in rows]
        text = json.dumps({"predictions": answers, "model_version": "m/3"})
        return {"Body": io.BytesIO(text.encode())}


def scorer(runtime: Runtime, *, connections: int = 2) -> Scorer:
    connection: Any = type("Connection", (), {"client": lambda *_, **__: runtime})()
    return Scorer(connection, "m", COLUMNS.features, connections=connections)


def naming(rows: Rows) -> tuple[int, str] | None:
    """Refuses the first row whose x is no number, and names it, as the inference code does."""
    for number, row in enumerate(rows, 1):
        if not row["x"].replace(".", "").isdigit():
            message = f"{row['x']!r} is no number; allowed: numbers"
            return 400, json.dumps({"error": {"column": "x", "row": number, "message": message}})
    return None


def crashing(rows: Rows) -> tuple[int, str] | None:
    return (500, "Internal Server Error") if any(row["x"] == "13" for row in rows) else None


def file(tmp_path: Path, *rows: str, header: str = "y,x,sex,region,id") -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def read(path: Path, **given: Any) -> LabelledFile:
    return LabelledFile(path, COLUMNS, **{"label": "y", **given})


def scored(path: Path, runtime: Runtime, *, connections: int = 2, **given: Any) -> list[Answered]:
    return list(scorer(runtime, connections=connections).score(read(path, **given)))


def test_every_row_is_answered_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = file(tmp_path, *[f"0,{number},F,Seoul,i{number}" for number in range(1000)])
    runtime = Runtime()

    found = scored(path, runtime, connections=8, rows_per_request=7)

    assert [line for each in found for line in each.batch.lines] == list(range(2, 1002))
    assert [each["score"] for part in found for each in part.predictions] == list(range(1000))
    assert max(runtime.sizes) == 7


@pytest.mark.parametrize("check", [naming, crashing], ids=["it names the row", "it only fails"])
def test_refused_rows_are_narrowed_down_and_all_others_are_answered(
    tmp_path: Path, check: Callable[[Rows], tuple[int, str] | None]
) -> None:
    values = [str(number) for number in range(50)]
    bad = [13] if check is crashing else [0, 17, 18, 49]
    if check is naming:
        for place in bad:
            values[place] = "old"
    path = file(tmp_path, *[f"0,{value},F,Seoul,1" for value in values])

    found = scored(path, Runtime(check), rows_per_request=25)

    refused = [each for part in found for each in part.refused]
    assert [each.line for each in refused] == [place + 2 for place in bad]
    assert sum(len(each.batch) for each in found) == 50 - len(bad)
    kind = "500" if check is crashing else "400 x: is no number"
    assert {each.kind for each in refused} == {kind}


def test_what_is_no_row_is_listed_and_not_sent(tmp_path: Path) -> None:
    path = file(tmp_path, "0,1,F,Seoul,1", "0,1", "1,2,M,Busan,2", "0,3,F,Seoul,3,4")
    found = scored(path, Runtime())
    refused = [each for part in found for each in part.refused]
    assert [(each.line, each.why) for each in refused] == [
        (3, "2 fields where the header has 5"),
        (5, "6 fields where the header has 5"),
    ]
    assert sum(len(each.batch) for each in found) == 2


def test_an_endpoint_that_is_busy_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    runtime = Runtime()
    runtime.failing = ["ThrottlingException", "ServiceUnavailable"]
    assert sum(len(each.batch) for each in scored(file(tmp_path, "0,1,F,Seoul,1"), runtime)) == 1


def test_an_endpoint_that_refuses_everything_is_given_up_on(tmp_path: Path) -> None:
    path = file(tmp_path, *["0,old,F,Seoul,1"] * (HOPELESS * 4))
    with pytest.raises(MillraceError, match=r"the endpoint m refuses every row, 3.. so far: x: 'old' is no number"):
        scored(path, Runtime(naming), rows_per_request=50)


def test_no_more_batches_are_read_ahead_than_two_per_connection(tmp_path: Path) -> None:
    taken = 0

    def batches() -> Iterator[Batch | Unreadable]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield Batch([number], [["1", "F"]], ["0"], [["Seoul"]])

    found = scorer(Runtime(), connections=3).score(batches())
    next(found)
    assert taken <= 2 * 3 + 1


def test_a_request_stays_below_what_an_endpoint_takes(tmp_path: Path) -> None:
    long = "F" * (LARGEST_BODY // 3)
    path = file(tmp_path, *[f"0,1,{long[:130_000]},Seoul,1"] * 60)
    batches = list(read(path, rows_per_request=10_000))
    assert len(batches) == 2
    assert sum(len(each) for each in batches if isinstance(each, Batch)) == 60


def test_a_file_lacking_columns_is_refused_with_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(
        MillraceError, match=r"lacks sex; its first line names: y, x\. Analyze needs the model's columns"
    ):
        read(file(tmp_path, "0,1", header="y,x"))
    with pytest.raises(MillraceError, match=r"lacks fraud.*--label names another column"):
        read(file(tmp_path, "0,1,F,Seoul,1"), label="fraud")


def test_names_that_differ_by_capitals_or_blanks_are_the_models_as_in_a_run(tmp_path: Path) -> None:
    found = read(file(tmp_path, "1,2,F,Seoul,9", header="Y, X,sex , region,id"))

    assert found.header == ["y", "x", "sex", "region", "id"]
    with pytest.raises(MillraceError, match="lacks x; its first line names: y, X, X "):
        read(file(tmp_path, "1,2,2,F,Seoul", header="y,X,X ,sex,region"))


def test_delimiter_encoding_and_absent_header_are_coped_with(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("1;2.5;남;서울\n0;3;여;부산\n".encode("cp949"))
    labelled = read(path, encoding="cp949", header=["y", "x", "sex", "region"])
    [batch] = list(labelled)
    assert isinstance(batch, Batch)
    assert batch.features == [["2.5", "남"], ["3", "여"]]
    assert (batch.labels, batch.others, batch.lines) == (["1", "0"], [["서울"], ["부산"]], [1, 2])
    with pytest.raises(MillraceError, match="name what it is written in with --encoding"):
        read(path, header=["y", "x", "sex", "region"])


def test_what_is_written_holds_the_rows_their_answers_and_every_refused_row(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    rows = [f"{number % 2},{number if number % 10 else 'old'},F,Seoul,{number}" for number in range(1, 101)]
    answers = AnswerFile(tmp_path / "rows", features=COLUMNS.features, label="y", others=["region"])
    tally = Tally(tmp_path / "refused.csv", COLUMNS.features)
    for found in scored(file(tmp_path, *rows), Runtime(naming), rows_per_request=20):
        tally.note(found)
        answers.write(found)
    answers.close()
    tally.close()

    table = pq.read_table(tmp_path / "rows")
    assert table.column_names == ["x", "sex", "region", "y", "answer, score", "answer, decision"]
    assert table["answer, score"].to_pylist() == [float(text) for text in table["x"].to_pylist()]
    facts = tally.facts()
    assert (facts["read"], facts["answered"], facts["refused"]) == (100, 90, 10)
    assert facts["versions"] == {"m/3": 90}
    assert facts["reasons"] == {"400 x: is no number": 10}
    listed = list(csv.reader((tmp_path / "refused.csv").read_text().splitlines()))
    assert [line[0] for line in listed] == ["line", *[str(number + 1) for number in range(10, 101, 10)]]
    assert sum(facts["latency"]["request"]["counts"]) == facts["requests"]
    assert sum(facts["latency"]["row"]["counts"]) == 90


def test_a_column_may_be_called_like_an_answer(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    path = file(tmp_path, *["1,0.5,F,high"] * 3, header="y,x,sex,answer score")
    labelled = LabelledFile(path, Columns(["x", "sex"], "y", ["answer score"]), label="y")
    answers = AnswerFile(tmp_path / "rows", features=COLUMNS.features, label="y", others=["answer score"])
    for found in scorer(Runtime()).score(labelled):
        answers.write(found)
    answers.close()

    table = pq.read_table(tmp_path / "rows")
    assert table["answer score"].to_pylist() == ["high"] * 3
    assert table["answer, score"].to_pylist() == [0.5] * 3


def test_the_answers_of_every_kind_of_model_become_columns() -> None:
    assert flat({"prediction": 9.5}) == [("answer, prediction", 9.5)]
    several = {"scores": {"a": 0.7, "나": 0.3}, "decision": "a"}
    assert flat(several) == [("answer, a", 0.7), ("answer, 나", 0.3), ("answer, decision", "a")]


def test_percentiles_are_exact_to_two_in_a_hundred() -> None:
    latencies = Latencies()
    for number in range(1, 1001):
        latencies.note(number / 10)
    assert latencies.percentile(0.5) == pytest.approx(50, rel=0.02)
    assert latencies.percentile(0.99) == pytest.approx(99, rel=0.02)
    told = latencies.told()
    assert (sum(told["counts"]), told["greatest"]) == (1000, 100)
    assert len(told["edges"]) == len(told["counts"]) + 1 <= 62
