from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from media import KINDS, PayloadError, choose_accept
from payload import parse

NAMES = ("amount", "contact")


def rows_of(body: str | bytes, kind: str | None = "text/csv", null: str | None = "") -> dict[str, list[str]]:
    return parse(body, kind, names=NAMES, ignored=("policy_id",), null=null)


def error_of(body: str | bytes, kind: str | None = "text/csv", null: str | None = "") -> PayloadError:
    with pytest.raises(PayloadError) as caught:
        rows_of(body, kind, null)
    return caught.value


@pytest.mark.parametrize(
    "body",
    ["1.5,None\n2,Police", "amount,contact\n1.5,None\n2,Police\n", "contact,amount\r\nNone,1.5\r\nPolice,2\r\n",
     "\ufeffpolicy_id,amount,contact\n7,1.5,None\n8,2,Police\n", b"1.5,None\n\n2,Police\n"],
)  # fmt: skip
def test_csv_may_have_a_header_any_order_and_the_key(body: str | bytes) -> None:
    assert rows_of(body) == {"amount": ["1.5", "2"], "contact": ["None", "Police"]}


@pytest.mark.parametrize(
    "value",
    [{"amount": 1.5, "contact": "None"}, [{"amount": 1.5, "contact": "None", "policy_id": 9}],
     {"instances": [{"amount": "1.5", "contact": "None"}]}],
)  # fmt: skip
def test_json_may_be_an_object_a_list_or_instances(value: object) -> None:
    assert rows_of(json.dumps(value), "application/json; charset=utf-8") == {"amount": ["1.5"], "contact": ["None"]}


def test_json_lines_are_one_object_each() -> None:
    body = '{"amount": 1.5, "contact": "None"}\n\n{"contact": "경찰", "amount": 2, "policy_id": 9}\r\n'
    assert rows_of(body.encode(), "application/jsonlines") == {"amount": ["1.5", "2"], "contact": ["None", "경찰"]}


def test_a_line_separator_within_a_text_ends_no_line() -> None:
    body = json.dumps({"amount": 1, "contact": "a\u2028b"}, ensure_ascii=False)
    assert rows_of(body, "application/jsonlines")["contact"] == ["a\u2028b"]


def test_null_stands_for_a_missing_value_if_there_is_a_marker_for_it() -> None:
    body = json.dumps({"amount": None, "contact": "None"})
    assert rows_of(body, "application/json", null="NA")["amount"] == ["NA"]
    assert error_of(body, "application/json", null=None).column == "amount"


@pytest.mark.parametrize(
    ("body", "kind", "column", "row", "message"),
    [
        ("", "text/csv", None, None, "the body is empty"),
        (" \n", "application/json", None, None, "the body is empty"),
        (b"\xff1,2", "text/csv", None, None, "not UTF-8: invalid start byte at byte 0"),
        ("1,\ufffd", "text/csv", None, None, "not UTF-8: a replacement character at position 2"),
        ("amount,contact\n", "text/csv", None, None, "a header but no rows"),
        ("amount,contcat\n1,None", "text/csv", "contcat", None, "unknown column 'contcat'; allowed: amount, contact"),
        (
            "Amount, contact\n1,None",
            "text/csv",
            "Amount",
            None,
            "'Amount' (only capitals, blanks or Unicode form differ",
        ),
        ('{"amount": 1, "Contact": "x"}', "application/json", "Contact", 1, "form differ from 'contact'); allowed: "),
        ("amount\n1", "text/csv", "contact", None, "column 'contact' is missing"),
        ("amount,amount,contact\n1,1,None", "text/csv", "amount", None, "given twice"),
        ("1,None\n2", "text/csv", "contact", 2, "1 fields given, 2 needed"),
        ("1;None", "text/csv", "contact", 1, "1 fields given, 2 needed; commas stand between them, not semicolons"),
        ("1,None,3", "text/csv", None, 1, "3 fields given, 2 needed: amount, contact"),
        ('1,"None', "text/csv", None, None, "no CSV: unexpected end of data"),
        ("{", "application/json", None, None, "no JSON: Expecting property name"),
        ("[" * 100_000, "application/json", None, None, "no JSON"),
        ("[]", "application/json", None, None, "the list of rows is empty"),
        ("[[1, 2]]", "application/json", None, 1, "a row is a JSON object of column and value, this one is a list"),
        ("3", "application/json", None, 1, "this one is a int"),
        ('{"amount": 1}', "application/json", "contact", 1, "column 'contact' is missing; needed: amount, contact"),
        ('{"amount": 1, "contact": "x", "extra": 1}', "application/json", "extra", 1, "unknown column 'extra'"),
        ('{"amount": 1, "amount": 2, "contact": "x"}', "application/json", "amount", None, "given twice"),
        ('{"amount": true, "contact": "x"}', "application/json", "amount", 1, "true given; allowed: a number"),
        ('{"amount": [1], "contact": "x"}', "application/json", "amount", 1, "[1] given; allowed: a number"),
        ('{"amount": NaN, "contact": "x"}', "application/json", None, None, "NaN is not allowed; send null"),
        (
            '{"amount": 1, "contact": "x"}\n{',
            "application/jsonlines",
            None,
            2,
            "the line is no JSON: Expecting property",
        ),
        ('{"amount": 1, "contact": "x"}\n[1]', "application/jsonlines", None, 2, "this one is a list"),
        ('{"amount": 1, "contact": "x"}\n{"amount": 1}', "application/jsonlines", "contact", 2, "is missing; needed"),
        ('{"instances": []}\n', "application/jsonlines", "instances", 1, "unknown column 'instances'"),
        ('{"amount": 1, "amount": 2, "contact": "x"}', "application/jsonlines", "amount", None, "given twice"),
    ],
)
def test_a_bad_body_is_a_400_that_tells_the_column_and_the_row(
    body: str | bytes, kind: str, column: str | None, row: int | None, message: str
) -> None:
    error = error_of(body, kind)
    assert (error.status, error.column, error.row) == (400, column, row)
    assert message in error.message


@pytest.mark.parametrize("kind", ["image/png", "text/plain", "application/x-npy"])
def test_another_content_type_is_a_415(kind: str) -> None:
    error = error_of("1,None", kind)
    assert error.status == 415
    assert error.message == f"content type {kind!r} given; allowed: text/csv, application/json, application/jsonlines"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [(None, "application/json"), ("*/*", "application/json"), ("text/csv", "text/csv"),
     ("image/png, text/csv;q=0.5", "text/csv"), ("Application/JSON; charset=utf-8", "application/json"),
     ("text/csv;q=0.5, application/jsonlines;q=0.8", "application/jsonlines"), ("text/*", "text/csv"),
     ("application/json;q=0, */*", "application/jsonlines"), ("*/*;q=0.1, text/csv", "text/csv"),
     ("text/csv;q=0, text/*, application/json;q=0.001", "application/json"),
     ("text/csv, application/json", "text/csv")],
)  # fmt: skip
def test_the_answer_has_the_first_type_that_is_accepted_and_there(accept: str | None, kind: str) -> None:
    assert choose_accept(accept) == (kind, False)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [(None, "application/jsonlines"), ("*/*", "application/jsonlines"), ("application/json", "application/json"),
     ("text/csv", "text/csv"), ("application/jsonlines", "application/jsonlines")],
)  # fmt: skip
def test_lines_are_answered_with_lines_unless_another_type_is_wanted(accept: str | None, kind: str) -> None:
    assert choose_accept(accept, "application/jsonlines; charset=utf-8") == (kind, False)


@pytest.mark.parametrize(
    "accept", ["image/png", "text/csv;q=0", "*/*;q=0", "text/csv;q=2", "text/csv;q=-1", "text/csv;q=nan", "text/csv;q="]
)
def test_an_accept_without_any_of_the_types_or_with_an_odd_weight_is_a_406(accept: str) -> None:
    with pytest.raises(PayloadError) as caught:
        choose_accept(accept)
    assert caught.value.status == 406


def test_a_value_that_is_no_text_or_number_is_told_with_what_is_allowed_here() -> None:
    body = json.dumps({"amount": None, "contact": "None"})
    assert error_of(body, "application/json", null=None).message == "null given; allowed: a number or a text"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps({"x" * 100_000: 1}), "application/json"),
        (json.dumps({"amount": [1] * 100_000, "contact": "x"}), "application/json"),
        (",".join(f"c{n}" for n in range(10_000)) + ",amount\n1", "text/csv"),
        ("amount,contact,policy_id\n" + ",".join("1" * 10_000), "text/csv"),
        ("{" + ",".join(f'"c{n}": 1' for n in range(50_000)) + ', "c49999": 2}', "application/json"),
    ],
)
def test_an_answer_is_short_and_quick_whatever_the_request_holds(body: str, kind: str) -> None:
    began = time.process_time()
    error = error_of(body, kind)
    assert len(error.message) < 200
    assert len(error.column or "") <= 200
    assert time.process_time() - began < 5, "looking for a doubled name takes no time that grows with its square"


def test_of_many_columns_an_answer_lists_the_first() -> None:
    with pytest.raises(PayloadError) as caught:
        parse('{"a": 1}', "application/json", names=[f"c{n}" for n in range(500)])
    assert caught.value.message.endswith("c49 and 450 more")


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60)), st.sampled_from(KINDS))
def test_any_body_is_rows_or_a_payload_error(body: str | bytes, kind: str) -> None:
    try:
        rows = rows_of(body, kind)
    except PayloadError:
        return
    assert set(rows) == set(NAMES)
    assert len({len(texts) for texts in rows.values()}) == 1


@given(st.lists(st.fixed_dictionaries({"amount": st.integers() | st.floats(allow_nan=False), "contact": st.text()})))
def test_json_rows_come_out_in_order(rows: list[dict[str, object]]) -> None:
    kept = [row for row in rows if "\ufffd" not in str(row["contact"]) and abs(float(str(row["amount"]))) < 1e300]
    if kept:
        found = rows_of(json.dumps(kept), "application/json")
        assert found["contact"] == [row["contact"] for row in kept]
        assert [float(text) for text in found["amount"]] == [float(str(row["amount"])) for row in kept]
