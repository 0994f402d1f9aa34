"""Which stacks a pattern means: what the CDK CLI would take for it, with all that they need."""

from __future__ import annotations

from pathlib import Path

import pytest

from millrace.deploy.assembly import Assembly, StackArtifact
from millrace.deploy.selection import environments, select
from millrace.errors import MillraceError

DEV, PROD = "111111111111", "333333333333"


def stack(path: str, account: str | None, *needs: str) -> StackArtifact:
    return StackArtifact(
        id=path.replace("/", ""),
        name=path.replace("/", "-"),
        path=path,
        account=account,
        region="ap-northeast-2" if account else None,
        template_file=Path("none"),
        template_url=None,
        role_arn=None,
        parameters={},
        tags={},
        termination_protection=False,
        bootstrap_version=0,
        needs=tuple(need.replace("/", "") for need in needs),
        assets=(),
        names={},
    )


ASSEMBLY = Assembly(
    Path("cdk.out"),
    (
        stack("Dev/Data", DEV),
        stack("Dev/Deploy", DEV, "Dev/Data"),
        stack("Dev/Serving-a", DEV, "Dev/Deploy"),
        stack("Prod/Data", PROD),
        stack("Prod/Deploy", PROD, "Prod/Data"),
        stack("Alone", None),
    ),
)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ([], ["Dev/Data", "Dev/Deploy", "Dev/Serving-a", "Prod/Data", "Prod/Deploy", "Alone"]),
        (["Dev/*"], ["Dev/Data", "Dev/Deploy", "Dev/Serving-a"]),
        (["Prod/*", "Dev/Data"], ["Dev/Data", "Prod/Data", "Prod/Deploy"]),
        (["*"], ["Alone"]),
        (["**"], ["Dev/Data", "Dev/Deploy", "Dev/Serving-a", "Prod/Data", "Prod/Deploy", "Alone"]),
        (["*/Data"], ["Dev/Data", "Prod/Data"]),
        (["Dev/Serving-?"], ["Dev/Data", "Dev/Deploy", "Dev/Serving-a"]),
        (["Prod-Deploy"], ["Prod/Data", "Prod/Deploy"]),
    ],
)
def test_a_pattern_means_the_stacks_it_matches_and_those_they_need(patterns: list[str], expected: list[str]) -> None:
    assert [each.path for each in select(ASSEMBLY, patterns).stacks] == expected


@pytest.mark.parametrize("pattern", ["Test/*", "Dev/Dat", "Dev", "dev/*", "Dev/(Data)"])
def test_a_pattern_that_matches_nothing_says_what_there_is(pattern: str) -> None:
    with pytest.raises(MillraceError) as raised:
        select(ASSEMBLY, ["Dev/*", pattern])
    assert str(raised.value) == (
        f"no stack matches {pattern!r}; the assembly holds "
        "Dev/Data, Dev/Deploy, Dev/Serving-a, Prod/Data, Prod/Deploy, Alone"
    )


def test_each_account_is_named_once_in_the_assemblys_order() -> None:
    assert environments(ASSEMBLY) == [(DEV, "ap-northeast-2"), (PROD, "ap-northeast-2")]
    assert environments(select(ASSEMBLY, ["Prod/*"])) == [(PROD, "ap-northeast-2")]
