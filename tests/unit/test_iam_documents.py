"""Policy documents: what is accepted, what is refused and with which words, and that compiling happens once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.iam import documents
from millrace.local.iam.documents import Kind, PolicyError

ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
GRANT = {**ALLOW, "Principal": "*"}
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}


def document(*statements: Any, **top: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements), **top}


def refusal(given_document: object, kind: Kind = "identity") -> str:
    with pytest.raises(PolicyError) as caught:
        documents.compile_document(given_document, kind)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("identity", ALLOW),
        ("identity", {"Sid": "A1", "Effect": "Deny", "NotAction": ["iam:*"], "NotResource": "arn:aws:s3:::b/*"}),
        ("identity", {**ALLOW, "Action": []}),
        ("identity", {**ALLOW, "Resource": "arn:aws:s3:::b/${aws:username}/*"}),
        ("identity", {**ALLOW, "Condition": {"NumericLessThan": {"s3:TlsVersion": 1.2}}}),
        ("identity", {**ALLOW, "Condition": {"Bool": {"aws:SecureTransport": True}, "Null": {"k": [False]}}}),
        ("resource", {**GRANT, "Sid": "Enable IAM policies"}),
        ("resource", {"Effect": "Allow", "Action": "ecr:*", "Principal": {"AWS": "123456789012"}}),
        ("resource", {**GRANT, "Principal": {"AWS": ["*", "AROA4KJY2TU23Y7NK62MV"], "CanonicalUser": "79a5"}}),
        ("resource", {**ALLOW, "Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam::123456789012:root"}}),
        ("trust", TRUST),
        ("trust", {**TRUST, "Principal": {"Federated": "accounts.google.com"}}),
    ],
)
def test_a_well_formed_statement_is_accepted(kind: Kind, statement: dict[str, Any]) -> None:
    assert len(documents.compile_document(document(statement), kind).statements) == 1


def test_one_statement_may_stand_without_a_list() -> None:
    assert len(documents.compile_document({"Statement": ALLOW}, "identity").statements) == 1


def test_a_statement_is_named_by_its_sid_or_its_index() -> None:
    compiled = documents.compile_document(document({**ALLOW, "Sid": "Read"}, ALLOW), "identity")

    assert [statement.name for statement in compiled.statements] == ["Read", "1"]


@pytest.mark.parametrize(
    ("statement", "where", "what"),
    [
        ("text", "Statement[0]", "allowed is an object"),
        ({**ALLOW, "Efect": "Allow"}, "Statement[0]", "has Efect"),
        ({**ALLOW, "Effect": "allow"}, "Statement[0].Effect", "'allow'; allowed are Allow and Deny"),
        ({"Effect": "Allow", "Resource": "*"}, "Statement[0]", "neither Action nor NotAction"),
        ({**ALLOW, "NotAction": "s3:*"}, "Statement[0]", "both Action and NotAction"),
        ({**ALLOW, "NotResource": "*"}, "Statement[0]", "both Resource and NotResource"),
        ({"Effect": "Allow", "Action": "s3:*"}, "Statement[0]", "neither Resource nor NotResource"),
        ({**ALLOW, "Principal": "*"}, "Statement[0].Principal", "not allowed in a policy of this kind"),
        ({**ALLOW, "Action": "GetObject"}, "Statement[0].Action", "'GetObject'"),
        ({**ALLOW, "Action": "s*:GetObject"}, "Statement[0].Action", "wildcards in the action only"),
        ({**ALLOW, "Action": 1}, "Statement[0].Action", "allowed are a text and a list of texts"),
        ({**ALLOW, "Resource": "bucket"}, "Statement[0].Resource", "'bucket'"),
        ({**ALLOW, "Resource": "arn:aws:s3:bucket"}, "Statement[0].Resource", "six fields"),
        ({**ALLOW, "Resource": "arn:aws:*:::x"}, "Statement[0].Resource", "without wildcards in the service"),
        ({**ALLOW, "Resource": "arn:aws:sqs:r:${aws:PrincipalAccount}:q"}, "Statement[0].Resource", "variables"),
        ({**ALLOW, "Sid": 7}, "Statement[0].Sid", "allowed is a text"),
        ({**ALLOW, "Sid": "with space"}, "Statement[0].Sid", "letters"),
        ({**ALLOW, "Condition": []}, "Statement[0].Condition", "allowed is an object"),
        ({**ALLOW, "Condition": {"Bool": "x"}}, "Statement[0].Condition.Bool", "allowed is an object"),
        ({**ALLOW, "Condition": {"Equals": {"a:b": "c"}}}, "Statement[0].Condition.Equals.a:b", "StringEquals"),
        ({**ALLOW, "Condition": {"NullIfExists": {"a:b": "true"}}}, "Statement[0]", "does not exist"),
        ({**ALLOW, "Condition": {"Bool": {"a:b": None}}}, "Statement[0].Condition.Bool.a:b", "is None"),
    ],
)
def test_a_malformed_statement_is_refused_with_its_place(statement: object, where: str, what: str) -> None:
    message = refusal(document(statement))

    assert message.startswith(where)
    assert what in message


@pytest.mark.parametrize(
    ("kind", "statement", "what"),
    [
        ("resource", ALLOW, "neither Principal nor NotPrincipal"),
        ("resource", {**ALLOW, "NotPrincipal": "*"}, "only with Deny"),
        ("resource", {**GRANT, "Principal": "alice"}, "'alice'"),
        ("resource", {**GRANT, "Principal": {}}, "{}"),
        ("resource", {**GRANT, "Principal": {"User": "x"}}, "has User"),
        ("resource", {**GRANT, "Principal": {"AWS": "arn:aws:iam::123456789012:role/*"}}, "without wildcards"),
        ("resource", {**GRANT, "Principal": {"AWS": "12345"}}, "'12345'"),
        ("resource", {**GRANT, "Principal": {"AWS": "123456789012:root"}}, "'123456789012:root'"),
        ("resource", {**GRANT, "Principal": {"AWS": "arn:aws:iam::123456789012"}}, "an account id"),
        ("resource", {**GRANT, "Principal": {"AWS": [1]}}, "a list of texts"),
        ("resource", {**GRANT, "Principal": {"Service": "*"}}, "events.amazonaws.com"),
        ("trust", {**TRUST, "Resource": "*"}, "Resource is not allowed"),
        ("trust", {"Effect": "Deny", "NotPrincipal": "*", "Action": "sts:AssumeRole"}, "NotPrincipal is allowed only"),
    ],
)
def test_each_kind_of_policy_has_its_own_rules(kind: Kind, statement: dict[str, Any], what: str) -> None:
    assert what in refusal(document(statement), kind)


@pytest.mark.parametrize(
    ("given_document", "what"),
    [
        (None, "allowed is a JSON object"),
        ([], "allowed is a JSON object"),
        ({"Version": "2012-10-17"}, "has no Statement"),
        (document(ALLOW, Version="2020-01-01"), "'2020-01-01'; allowed are 2012-10-17 and 2008-10-17"),
        (document(ALLOW, Name="x"), "has Name; allowed are Id, Statement, Version"),
        (document({**ALLOW, "Sid": "A"}, {**ALLOW, "Sid": "A"}), "'A' a second time"),
    ],
)
def test_a_malformed_document_is_refused(given_document: object, what: str) -> None:
    assert what in refusal(given_document)


def test_a_text_that_is_not_a_json_object_is_refused() -> None:
    for text in ("{", "[]", '"x"'):
        with pytest.raises(PolicyError, match="The policy is not"):
            documents.parse(text)


def test_the_same_text_and_the_same_object_are_compiled_once() -> None:
    text = json.dumps(document(ALLOW))

    assert documents.parse(text) is documents.parse(text)
    assert documents.compiled(documents.parse(text), "identity") is documents.compiled(
        documents.parse(text), "identity"
    )


def test_one_document_is_compiled_for_each_kind_by_itself() -> None:
    grant: Mapping[str, Any] = document(GRANT)
    documents.compiled(grant, "resource")

    with pytest.raises(PolicyError, match="Principal"):
        documents.compiled(grant, "identity")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
TEXTS = st.sampled_from(
    [*("*", "s3:Get*", "arn:aws:s3:::b/${aws:username}", "${", "${}", "123456789012", "true", "1.2", "", "2026")]
)
VALUES = JSON | TEXTS | st.lists(TEXTS, max_size=3)
BLOCKS = st.dictionaries(
    st.sampled_from(["StringLike", "ForAllValues:DateEquals", "IpAddressIfExists", "Null", "BinaryEquals", "Nope"]),
    st.dictionaries(st.sampled_from(["aws:username", "a"]), VALUES, max_size=2) | JSON,
    max_size=3,
)
STATEMENTS = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"]) | JSON},
    optional={
        **dict.fromkeys(["Action", "NotAction", "Resource", "NotResource", "Sid"], VALUES),
        **dict.fromkeys(["Principal", "NotPrincipal"], VALUES | st.dictionaries(st.just("AWS"), VALUES)),
        "Condition": BLOCKS | JSON,
    },
)
DOCUMENTS = JSON | st.fixed_dictionaries(
    {"Version": st.sampled_from(["2012-10-17", "2008-10-17"]) | JSON, "Statement": STATEMENTS | st.lists(STATEMENTS)}
)


@given(given_document=DOCUMENTS, kind=st.sampled_from(["identity", "resource", "trust"]))
def test_whatever_the_json_it_is_compiled_or_refused_with_the_typed_error(given_document: Any, kind: Kind) -> None:
    try:
        statements = documents.compile_document(given_document, kind).statements
    except PolicyError as refused:
        message, statements = str(refused), ()
    else:
        message = "Statement[..] is well formed."
    context = {"aws:username": ("alice",), "a": ("1", "")}

    assert message.startswith(("The policy", "Version", "Statement["))
    for statement in statements:
        assert statement.holds("arn:aws:s3:::b/alice", context) in (True, False)
        assert statement.has_action("s3:GetObject") in (True, False)
