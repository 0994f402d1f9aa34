"""Rows that are as they should be go a quicker way, and come to the same numbers, bit for bit."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from features import Column, DataError, FeatureTransform
from hypothesis import given, settings
from hypothesis import strategies as st
from payload import PayloadError, parse
from quick import FEW, LONG, Quick

CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"
COLUMNS = (
    Column("amount", "numeric"), Column("kind", "categorical", ("", "a", "나")), Column("rate", "numeric"),
    Column("state", "categorical", ("WA", "OR")), Column("empty", "categorical", ()),
)  # fmt: skip
NAMES = tuple(column.name for column in COLUMNS)


def transform(*missing: str, columns: tuple[Column, ...] = COLUMNS) -> FeatureTransform:
    return FeatureTransform("m", "binary", "label", missing, columns, ignored=("policy_id", "label"))


@pytest.fixture(autouse=True, scope="module")
def longest_field() -> Iterator[None]:
    """The csv module's own limit, which the endpoint has; steps that other tests import raise it."""
    before = csv.field_size_limit(1 << 17)
    yield
    csv.field_size_limit(before)


def slowly(model: FeatureTransform, body: str | bytes, kind: str) -> Any:
    """The matrix by the way that judges, None if it refuses."""
    null = model.missing[0] if model.missing else None
    try:
        return model.encode(parse(body, kind, names=model.names, ignored=model.ignored, null=null))
    except (PayloadError, DataError):
        return None


def bits(matrix: Any) -> Any:
    return None if matrix is None else (matrix.shape, np.ascontiguousarray(matrix).tobytes())


ROW = {"amount": 1.5, "kind": "a", "rate": 7, "state": "OR", "empty": "x"}
LINE = "1.5,a,7,OR,x"


@pytest.mark.parametrize("count", [1, 2, FEW, FEW + 1, 200])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (lambda n: json.dumps([ROW] * n), JSON), (lambda n: json.dumps({"instances": [ROW] * n}), JSON),
        (lambda n: json.dumps([{**ROW, "policy_id": 3, "label": "x"}] * n), JSON),
        (lambda n: json.dumps([{**ROW, "amount": None, "kind": None}] * n), JSON),
        (lambda n: json.dumps([{**ROW, "amount": "1e3", "kind": "나"}] * n), JSON),
        (lambda n: "\r\n".join([json.dumps(ROW)] * n), LINES), (lambda n: f"{LINE}\n" * n, CSV),
        (lambda n: f"rate,label,kind,amount,state,empty\n{'1,x,b,2,WA,3' + chr(10)}" + "NA,x,NA,,zz,\r\n" * n, CSV),
    ],
)  # fmt: skip
def test_what_is_as_it_should_be_is_taken_and_gives_the_same_bits(count: int, body: Any, kind: str) -> None:
    model = transform("NA", "")
    found = Quick(model).matrix(body(count).encode(), kind)
    assert found is not None
    assert bits(found) == bits(slowly(model, body(count), kind))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps([ROW, {**ROW, "amount": 1e39}]), JSON), (json.dumps([{**ROW, "amount": "one"}]), JSON),
        ('{"amount": 1, "amount": 1, "kind": "a", "rate": 7, "state": "OR", "empty": "x"}', JSON),
        ('{"amount": 1, "\\u0061mount": 1, "kind": "a", "rate": 7, "state": "OR", "empty": "x"}', JSON),
        (json.dumps([ROW, {**ROW, "x": 1}]), JSON), (json.dumps({**ROW, "amount": True}), JSON),
        (json.dumps({**ROW, "amount": [1]}), JSON), (json.dumps(ROW) + json.dumps(ROW), LINES),
        (json.dumps(ROW).replace(", ", "\n"), LINES), (json.dumps({"instances": [ROW]}), LINES),
        (f"{LINE}\n1,2,3,4\n5,6,7,8,9,10", CSV), (f'"{LINE}', CSV), (f"{LINE},1", CSV), ("", CSV),
        ("1_0,a,1,OR,x", CSV),
        ("nan,a,1,OR,x", CSV), ("1,a,inf,OR,x\n" * 50, CSV), ("amount,amount\n1,2", CSV), ("[]", JSON), ("3", JSON),
        (f"{json.dumps(ROW)},{json.dumps(ROW)}\n" + '{"amount": [{}\n{}]}', LINES),
        (json.dumps(ROW) + "\n\u00a0" + json.dumps(ROW), LINES), (json.dumps(ROW) + "\x1c", LINES), ("\n" * LONG, CSV),
    ],
)  # fmt: skip
def test_all_else_is_left_to_the_way_that_judges(body: str, kind: str) -> None:
    assert Quick(transform("NA", "")).matrix(body, kind) is None
    assert slowly(transform("NA", ""), body, kind) is None


def test_a_csv_of_one_category_and_nothing_but_spaces_is_left_to_the_way_that_judges() -> None:
    model = transform(columns=(Column("kind", "categorical", ("a",)),))
    for spaces in (" ", "\t\n", "\n\u2028" + "\n" * LONG):
        assert Quick(model).matrix(spaces, CSV) is None
        assert slowly(model, spaces, CSV) is None


@pytest.mark.parametrize("missing", [("NA", ""), ()])
@pytest.mark.parametrize("end", ["\n", "\r\n\r\n"])
@pytest.mark.parametrize("header", [(), ("rate", "label", "kind", "amount", "state", "empty"), NAMES])
def test_a_csv_longer_than_the_readers_blocks_gives_the_same_bits(
    header: tuple[str, ...], end: str, missing: tuple[str, ...]
) -> None:
    values = {"amount": ["1.5", "-2e-3", " 7", ".1"], "kind": ["a", "나", "", "b"], "rate": ["3", "0.1", "-0"],
              "state": ["WA", "OR", "NA"], "empty": ["", "x"], "label": ["1", "no number"]}  # fmt: skip
    values["amount"] += missing
    names = header or NAMES
    lines = [",".join(values[name][row % len(values[name])] for name in names) for row in range(100_000)]
    body = end.join([",".join(header), *lines] if header else lines)
    assert len(body) > 1 << 20
    found = Quick(transform(*missing)).matrix(body, CSV)
    assert found is not None
    assert bits(found) == bits(slowly(transform(*missing), body, CSV))


@pytest.mark.parametrize(
    "last",
    ["1.5,a,7,OR", f"{LINE},1", "x,a,7,OR,x", "1_0,a,7,OR,x", "\uff11,a,7,OR,x", " NA ,a,7,OR,x", "nan,a,7,OR,x",
     "inf,a,7,OR,x", "1e39,a,7,OR,x", "1e400,a,7,OR,x", "0x1,a,7,OR,x", " ", f"{'0' * (1 << 17)}{LINE}",
     f'"{LINE}', f"1\0{LINE}", ",".join(NAMES)],
)  # fmt: skip
def test_a_long_csv_with_one_bad_row_is_left_to_the_way_that_judges(last: str) -> None:
    body = f"{LINE}\n" * LONG + last
    assert Quick(transform("NA", "")).matrix(body, CSV) is None
    assert slowly(transform("NA", ""), body, CSV) is None


@pytest.mark.parametrize("first", ["\ufeff", f"{','.join(NAMES)}\n\ufeff", f"{LINE}\r"])
def test_what_arrow_would_skip_at_the_beginning_of_a_long_csv_is_left_to_the_way_that_judges(first: str) -> None:
    assert Quick(transform("NA", "")).matrix(first + f"{LINE}\n" * LONG, CSV) is None


def test_a_marker_that_is_a_number_too_leaves_everything_to_the_way_that_judges() -> None:
    assert Quick(transform("-999")).matrix(json.dumps(ROW), JSON) is None
    assert Quick(transform("NaN")).matrix(json.dumps(ROW), JSON) is not None


numbers = st.none() | st.integers() | st.floats() | st.sampled_from(["1", "-2.5e3", "NA", "", "nan", " 3 ", "1_0", "x"])
texts = (
    st.none()
    | st.sampled_from(["a", "나", "WA", "OR", "NA", "", "b", "\u2028", "\\", '"', "\ufeff", "1"])
    | st.text(max_size=3)
)
one = st.fixed_dictionaries(
    {"amount": numbers, "kind": texts, "rate": numbers, "state": texts, "empty": texts},
    optional={"policy_id": st.integers() | texts, "other": st.just(1)},
)


@settings(max_examples=400)
@given(
    rows=st.lists(one, min_size=1, max_size=3), times=st.sampled_from([1, 1, FEW]), ascii_only=st.booleans(),
    missing=st.sampled_from([("NA", ""), (), ("NaN",), ("나", "NA")]),
    form=st.sampled_from(["list", "lines", "csv", "header", "long csv", "long header"]),
)  # fmt: skip
def test_both_ways_agree_on_any_rows(
    rows: list[dict[str, Any]], times: int, ascii_only: bool, missing: tuple[str, ...], form: str
) -> None:
    model, every = transform(*missing), rows * times
    if form == "list":
        body, kind = json.dumps(every, ensure_ascii=ascii_only), JSON
    elif form == "lines":
        body, kind = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in every), LINES
    else:
        lines = [",".join("" if row[name] is None else str(row[name]) for name in NAMES) for row in every]
        body, kind = "\n".join([",".join(NAMES), *lines] if "header" in form else lines), CSV
        body += "\n" * LONG if "long" in form else ""
    found = Quick(model).matrix(body, kind)
    if found is not None:
        assert bits(found) == bits(slowly(model, body, kind))


@pytest.mark.parametrize("header", ["Kind,State", "kind , state", "KIND,STATE"])
def test_a_header_that_is_not_quite_the_models_is_never_taken_for_a_row_of_categories(header: str) -> None:
    columns = tuple(Column(name, "categorical", ("a", "b")) for name in ("kind", "state"))
    model = FeatureTransform("m", "binary", "label", ("",), columns)

    assert Quick(model).matrix(f"{header}\na,b\n", CSV) is None
    with pytest.raises(PayloadError, match="unknown column"):
        parse(f"{header}\na,b\n", CSV, names=model.names)
    assert Quick(model).matrix("a,b\n", CSV) is not None
