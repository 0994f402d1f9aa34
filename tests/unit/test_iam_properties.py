"""What must hold of every decision, whatever the policies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.iam.documents import PolicyError
from millrace.local.iam.evaluator import decide
from millrace.local.iam.records import AccessRequest, Policies, Policy, Principal

OWN, OTHER = "111111111111", "222222222222"
ROLE = f"arn:aws:iam::{OWN}:role/job"
SESSION = f"arn:aws:sts::{OWN}:assumed-role/job/run"
ALICE = f"arn:aws:iam::{OWN}:user/alice"
PRINCIPALS = [
    Principal("root", f"arn:aws:iam::{OWN}:root", OWN),
    Principal("user", ALICE, OWN),
    Principal("role", SESSION, OWN, ROLE),
    Principal("user", f"arn:aws:iam::{OTHER}:user/bob", OTHER),
    Principal("service", "events.amazonaws.com", ""),
    Principal("anonymous", "*", ""),
]
KEY = f"arn:aws:kms:r:{OWN}:key/1"
TARGETS = [
    *(("s3:GetObject", "arn:aws:s3:::b/k"), ("s3:PutObject", "arn:aws:s3:::b/k"), ("kms:Decrypt", KEY)),
    *(("kms:ListKeys", "*"), ("sts:AssumeRole", f"arn:aws:iam::{OWN}:role/target")),
]
TRUST_ACTION = "sts:AssumeRole"

actions = st.lists(st.sampled_from(["*", "s3:*", "s3:Get*", "s3:PutObject", "kms:*", "sts:AssumeRole"]), max_size=2)
resources = st.lists(st.sampled_from(["*", "arn:aws:s3:::b/*", KEY, "arn:aws:s3:::other/*"]), min_size=1, max_size=2)
blocks = st.sampled_from(
    [
        {},
        {"Bool": {"aws:SecureTransport": "false"}},
        {"StringEquals": {"aws:username": "alice"}},
        {"StringNotLike": {"aws:username": "b*"}},
        {"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}},
        {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
    ]
)
whom = st.sampled_from(
    [
        "*",
        {"AWS": OWN},
        {"AWS": OTHER},
        {"AWS": [ALICE, ROLE]},
        {"AWS": SESSION},
        {"Service": "events.amazonaws.com"},
    ]
)


@st.composite
def statements(draw: st.DrawFn, kind: str, effects: tuple[str, ...] = ("Allow", "Deny")) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": draw(st.sampled_from(effects)), "Condition": draw(blocks)}
    statement[draw(st.sampled_from(["Action", "Action", "NotAction"]))] = draw(actions)
    if kind != "trust":
        statement[draw(st.sampled_from(["Resource", "Resource", "NotResource"]))] = draw(resources)
    if kind != "identity":
        statement["Principal"] = draw(whom)
    return statement


def policies_of(kind: str, effects: tuple[str, ...] = ("Allow", "Deny")) -> st.SearchStrategy[Policy]:
    return st.lists(statements(kind, effects), max_size=3).map(policy)


def policy(listed: list[dict[str, Any]]) -> Policy:
    return Policy("p", {"Version": "2012-10-17", "Statement": listed})


@st.composite
def questions(draw: st.DrawFn) -> tuple[AccessRequest, Policies]:
    action, resource = draw(st.sampled_from(TARGETS))
    context = {
        "aws:SecureTransport": (draw(st.sampled_from(["true", "false"])),),
        **draw(st.sampled_from([{}, {"aws:username": ("alice",)}, {"aws:username": ("bob",)}])),
        **draw(st.sampled_from([{}, {"aws:TagKeys": ("a", "b")}, {"s3:TlsVersion": ("1.1",)}])),
    }
    request = AccessRequest(draw(st.sampled_from(PRINCIPALS)), action, resource, OWN, context)
    kind = "trust" if action == TRUST_ACTION else "resource"
    return request, Policies(
        identity=tuple(draw(st.lists(policies_of("identity"), max_size=2))),
        boundary=draw(st.none() | policies_of("identity")),
        session=tuple(draw(st.lists(policies_of("identity"), max_size=2))),
        resource=draw(st.none() | policies_of(kind)),
    )


def with_statement(given_policy: Policy, statement: dict[str, Any], *, first: bool = False) -> Policy:
    listed = given_policy.document["Statement"]
    return policy([statement, *listed] if first else [*listed, statement])


@given(question=questions(), place=st.sampled_from(["identity", "boundary", "session", "resource"]))
def test_an_explicit_deny_anywhere_wins(question: tuple[AccessRequest, Policies], place: str) -> None:
    request, policies = question
    everything: dict[str, Any] = {"Effect": "Deny", "Action": "*"}
    if place == "resource":
        everything["Principal"] = "*"
    if place != "resource" or request.action != TRUST_ACTION:
        everything["Resource"] = "*"
    denial = policy([everything])
    changed = {
        "identity": replace(policies, identity=(*policies.identity, denial)),
        "boundary": replace(policies, boundary=denial),
        "session": replace(policies, session=(*policies.session, denial)),
        "resource": replace(policies, resource=denial),
    }[place]

    assert decide(request, changed).reason == "explicit-deny"


@given(question=questions(), statement=statements("identity", ("Deny",)))
def test_a_further_deny_never_allows(question: tuple[AccessRequest, Policies], statement: dict[str, Any]) -> None:
    request, policies = question
    more = replace(policies, identity=(*policies.identity, policy([statement])))

    assert decide(request, policies).allowed or not decide(request, more).allowed


@given(question=questions(), statement=statements("identity", ("Allow",)))
def test_a_further_allow_of_an_identity_policy_never_takes_access_away(
    question: tuple[AccessRequest, Policies], statement: dict[str, Any]
) -> None:
    request, policies = question
    more = replace(policies, identity=(*policies.identity, policy([statement])))

    assert decide(request, more).allowed or not decide(request, policies).allowed


@given(question=questions(), data=st.data())
def test_a_further_allow_of_the_resource_never_takes_access_away(
    question: tuple[AccessRequest, Policies], data: st.DataObject
) -> None:
    request, policies = question
    if policies.resource is None:
        return
    kind = "trust" if request.action == TRUST_ACTION else "resource"
    grant = data.draw(statements(kind, ("Allow",)))
    more = replace(policies, resource=with_statement(policies.resource, grant, first=data.draw(st.booleans())))

    assert decide(request, more).allowed or not decide(request, policies).allowed


@given(question=questions(), boundary=policies_of("identity"))
def test_a_boundary_only_restricts(question: tuple[AccessRequest, Policies], boundary: Policy) -> None:
    request, policies = question
    free = replace(policies, boundary=None)

    assert decide(request, free).allowed or not decide(request, replace(free, boundary=boundary)).allowed


@given(question=questions(), session=st.lists(policies_of("identity"), min_size=1, max_size=2))
def test_a_session_policy_only_restricts(question: tuple[AccessRequest, Policies], session: list[Policy]) -> None:
    request, policies = question
    free = replace(policies, session=())

    assert decide(request, free).allowed or not decide(request, replace(free, session=tuple(session))).allowed


@given(question=questions())
def test_the_order_of_policies_and_statements_does_not_matter(question: tuple[AccessRequest, Policies]) -> None:
    request, policies = question
    turned = Policies(
        identity=tuple(turn(each) for each in reversed(policies.identity)),
        boundary=policies.boundary and turn(policies.boundary),
        session=tuple(turn(each) for each in reversed(policies.session)),
        resource=policies.resource and turn(policies.resource),
    )
    here, there = decide(request, policies), decide(request, turned)

    assert (here.allowed, here.reason) == (there.allowed, there.reason)


def turn(given_policy: Policy) -> Policy:
    return policy(given_policy.document["Statement"][::-1])


@given(question=questions())
def test_nothing_is_allowed_without_an_allow_but_to_the_root_user(question: tuple[AccessRequest, Policies]) -> None:
    request, policies = question
    decision = decide(request, policies)
    mine = (*policies.identity, *((policies.resource,) if policies.resource else ()))
    allows = [s for each in mine for s in each.document["Statement"] if s["Effect"] == "Allow"]

    assert not decision.allowed or allows or request.principal.kind == "root"
    assert decision.allowed is (decision.reason == "allowed")


@given(question=questions())
def test_across_accounts_an_allow_needs_the_resource_and_the_identity(
    question: tuple[AccessRequest, Policies],
) -> None:
    request, policies = question
    if request.principal.account != OTHER:
        return

    assert not decide(request, replace(policies, resource=None)).allowed
    assert not decide(request, replace(policies, identity=())).allowed


@given(question=questions())
def test_condition_keys_are_read_in_any_case(question: tuple[AccessRequest, Policies]) -> None:
    request, policies = question
    shouted = replace(request, context={key.upper(): values for key, values in request.context.items()})

    assert decide(shouted, policies) == decide(request, policies)


def ask(*listed: dict[str, Any], **context: tuple[str, ...]) -> str:
    keys = {f"aws:{name}": values for name, values in context.items()}
    request = AccessRequest(PRINCIPALS[1], "s3:GetObject", "arn:aws:s3:::b/alice/k", OWN, keys)
    return decide(request, Policies(identity=(policy(list(listed)),))).reason


ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
HOME = "arn:aws:s3:::b/${aws:username}/*"


def test_several_values_under_a_plain_operator_fail_an_allow_and_satisfy_a_deny() -> None:
    block = {"StringEquals": {"aws:TagKeys": "a"}}

    assert ask({**ALLOW_ALL, "Condition": block}, TagKeys=("a", "b")) == "no-allow-identity"
    assert ask(ALLOW_ALL, {**ALLOW_ALL, "Effect": "Deny", "Condition": block}, TagKeys=("a", "b")) == "explicit-deny"


def test_not_resource_with_a_variable_that_has_no_value_allows_nothing_and_denies_everything() -> None:
    all_but_home = {"Action": "*", "NotResource": HOME}

    assert ask({"Effect": "Allow", **all_but_home}) == "no-allow-identity"
    assert ask({"Effect": "Allow", **all_but_home}, username=("bob",)) == "allowed"
    assert ask(ALLOW_ALL, {"Effect": "Deny", **all_but_home}) == "explicit-deny"
    assert ask(ALLOW_ALL, {"Effect": "Deny", **all_but_home}, username=("alice",)) == "allowed"


def test_a_request_about_no_resource_in_particular_is_about_the_own_account() -> None:
    request = AccessRequest(PRINCIPALS[3], "s3:ListAllMyBuckets", "*", "", {})

    assert decide(request, Policies(identity=(policy([ALLOW_ALL]),))).allowed


def test_the_decision_names_the_policy_and_the_statement_that_made_it() -> None:
    statement = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    named = Policy("arn:aws:iam::111111111111:policy/limits", {"Statement": [{**statement, "Sid": "Never"}]})
    request = AccessRequest(PRINCIPALS[1], "s3:GetObject", "arn:aws:s3:::b/k", OWN, {})
    decision = decide(request, Policies(identity=(Policy("inline", {"Statement": []}), named)))

    assert (decision.policy, decision.statement) == (named.name, "Never")


def test_a_malformed_policy_is_an_error_and_no_decision() -> None:
    request = AccessRequest(PRINCIPALS[1], "s3:GetObject", "arn:aws:s3:::b/k", OWN, {})

    with pytest.raises(PolicyError, match="Statement"):
        decide(request, Policies(identity=(Policy("broken", {"Version": "2012-10-17"}),)))
