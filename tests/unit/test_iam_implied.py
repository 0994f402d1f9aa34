"""The table of hidden calls: every row says where AWS documents it, and names an action that exists."""

from __future__ import annotations

import re

import pytest

from millrace.local.iam import catalog, implied, services
from millrace.local.iam.implied import TABLE, Implied
from millrace.local.images import aws_accounts

IMAGE = "366743142698.dkr.ecr.ap-northeast-2.amazonaws.com/sagemaker-xgboost:3.2-0"
ACCOUNT, REGION = "111111111111", "ap-northeast-2"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.api} {row.action}")
def test_every_row_has_its_section_and_names_an_action_that_exists(row: Implied) -> None:
    assert re.fullmatch(r"SageMaker Developer Guide, .+: .+", row.section)
    assert catalog.action(row.action).name == row.action
    assert row.on in implied.Subject.__dataclass_fields__
    assert row.when in ("start", "grant", "loss")


def test_no_row_is_there_twice() -> None:
    keys = [(row.api, row.action, row.when) for row in TABLE]
    assert len(keys) == len(set(keys))


def test_a_request_is_about_nothing_that_it_does_not_have() -> None:
    about = implied.subject(ACCOUNT, REGION)
    touched = [row for row in TABLE if getattr(about, row.on)]
    assert touched == []


def test_an_image_is_its_repository_in_the_registry_it_comes_from() -> None:
    about = implied.subject(ACCOUNT, REGION, image=IMAGE)
    assert about.image == ("arn:aws:ecr:ap-northeast-2:366743142698:repository/sagemaker-xgboost",)
    assert implied.subject(ACCOUNT, REGION, image=IMAGE.replace(":3.2-0", "@sha256:abc")).image == about.image
    assert "366743142698" in aws_accounts()


def test_a_network_is_its_interface_subnets_and_groups() -> None:
    vpc = {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
    about = implied.subject(ACCOUNT, REGION, vpc=vpc)
    parts = [arn.rsplit(":", 1)[1] for arn in about.network]
    assert parts == ["network-interface/*", "subnet/subnet-1", "subnet/subnet-2", "security-group/sg-1"]


@pytest.mark.parametrize(
    ("deputy", "on", "arn", "account"),
    [
        (services.EVENT_RULE, RULE, RULE, ACCOUNT),
        (
            services.SCHEDULE,
            f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/hourly",
            f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/default",
            ACCOUNT,
        ),
        (
            services.SAGEMAKER_HOSTING,
            f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/e",
            f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:*",
            ACCOUNT,
        ),
        (services.FUNCTION, f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f", "", ""),
        (services.STACK, f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/s/1", "", ""),
    ],
)
def test_a_service_says_of_itself_what_its_documentation_says_it_does(
    deputy: services.Deputy, on: str, arn: str, account: str
) -> None:
    identity = deputy.identity(on, account="222222222222", region=REGION)
    assert (identity.source_arn, identity.source_account) == (arn, account)
    assert (identity.principal, identity.account) == (deputy.principal, "222222222222")
    assert deputy.section
