"""What the gates make of the reports of public tools: one finding per resource, named by its construct."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from checks import nag, tools
from checks.__main__ import assembled
from checks.finding import Finding
from stacks.controls.templates import Templates
from tests.stacks.template_lab import IDS, Lab

REPORT = {
    "pluginReports": [
        {
            "pluginName": "AwsSolutions",
            "violations": [
                {
                    "ruleName": "AwsSolutions-IAM5[Resource::arn:aws:s3:::b/*]",
                    "description": "The IAM entity contains wildcard permissions.",
                    "violatingConstructs": [{"constructPath": "Dev/A/Policy"}, {"constructPath": "Dev/B/Policy"}],
                },
                {
                    "ruleName": "AwsSolutions-IAM5[Resource::*]",
                    "description": "The IAM entity contains wildcard permissions.",
                    "violatingConstructs": [{"constructPath": "Dev/A/Policy"}],
                },
            ],
        }
    ]
}


def test_a_packs_finding_names_its_construct_and_what_the_rule_is_about() -> None:
    found = list(nag.findings(REPORT, {"AwsSolutions": "AWS asks it"}))
    assert {finding.control for finding in found} == {"AwsSolutions-IAM5"}
    assert [finding.resource for finding in found] == [
        "Dev/A/Policy[Resource::arn:aws:s3:::b/*]",
        "Dev/B/Policy[Resource::arn:aws:s3:::b/*]",
        "Dev/A/Policy[every resource]",
    ]
    assert all(finding.what and finding.why == "AWS asks it" and finding.change for finding in found)


def test_the_templates_are_found_with_the_account_and_region_of_each(assembly: Any, elsewhere: dict[str, Any]) -> None:
    found = Counter((template.account, template.region) for template in assembled(assembly.folder).templates)
    assemblies = {"dev": assembly, **elsewhere}
    assert found == {(IDS[name], "ap-northeast-2"): len(one.templates) for name, one in assemblies.items()}


def test_a_logical_id_becomes_the_path_of_its_construct(assembly: Any) -> None:
    (path,) = assembly.folder.rglob("DevData*.template.json")
    resources = json.loads(path.read_text())["Resources"]
    (logical_id,) = [key for key, found in resources.items() if found["Type"] == "AWS::DynamoDB::Table"]
    assert tools.Assembly(assembly.folder).construct(path.name, logical_id) == "Dev/Data/Ledger/Resource"


@pytest.mark.skipif(not tools.ENVIRONMENT.is_dir(), reason="`make check` makes the environment of the gates")
def test_parliament_finds_a_grant_without_effect(assembly: Any) -> None:
    lab = Lab(assembly)
    lab.statements("AWS::IAM::ManagedPolicy", "JobRole").append(
        {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": "arn:aws:s3:::bucket"}
    )
    (found,) = tools.parliament(lab.templates())
    assert (found.control, found.resource) == ("RESOURCE_MISMATCH", "arn:aws:iam::111111111111:policy/millrace-dev-job")


def test_a_missing_environment_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tools, "ENVIRONMENT", tmp_path)
    with pytest.raises(RuntimeError, match="run `make check`"):
        list(tools.parliament(Templates(())))


def test_findings_of_a_kind_sort_together() -> None:
    found = [Finding("b", "1", "r", "", ""), Finding("a", "2", "r", "", ""), Finding("a", "1", "r", "", "")]
    assert [(finding.tool, finding.control) for finding in sorted(found)] == [("a", "1"), ("a", "2"), ("b", "1")]
