"""Who may do what: the roles and policies of the templates."""

from __future__ import annotations

import json
from typing import Any

from tests.stacks.template_lab import MODELS

ANY_RESOURCE = {
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "sagemaker:ListModelPackages",
}
"""The actions for which IAM knows no resources."""
SERVING = ("endpoint", "serving-update", "deploy-model", "smoke-test")
BATCH = ("batch-pipeline", "batch-job", "batch-scheduler", "start-batch")


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_roles_have_customer_managed_policies_only(assembly: Any) -> None:
    assert not assembly.resources("AWS::IAM::Policy")
    for path, role in assembly.resources("AWS::IAM::Role").items():
        assert "Policies" not in role["Properties"], path
        own, *shared = role["Properties"]["ManagedPolicyArns"]
        assert f"{path.split('/')[0]}/{own['Ref']}" in assembly.resources("AWS::IAM::ManagedPolicy"), path
        assert all(arn["Fn::ImportValue"].startswith("Dev-Access:") for arn in shared), path


def test_roles_are_named_after_their_purpose(assembly: Any) -> None:
    names = {role["Properties"]["RoleName"] for role in assembly.resources("AWS::IAM::Role").values()}
    services = ("pipeline", "job", "scheduler", "forward")
    purposes = (*services, "start-pipeline", "resolve-champion", "read-verdict", *SERVING, *BATCH)
    assert names == {f"millrace-dev-{purpose}" for purpose in purposes}


def test_an_account_that_only_serves_has_the_roles_that_serve_and_no_others(elsewhere: dict[str, Any]) -> None:
    for account, assembly in elsewhere.items():
        names = {role["Properties"]["RoleName"] for role in assembly.resources("AWS::IAM::Role").values()}
        assert names == {f"millrace-{account}-{purpose}" for purpose in (*SERVING, "deploy-scheduler")}


def test_no_policy_has_a_wildcard_action_or_an_unneeded_wildcard_resource(assembly: Any) -> None:
    for policy, statement in assembly.statements():
        actions = set(listed(statement["Action"]))
        assert not [action for action in actions if "*" in action], policy
        if "*" in listed(statement["Resource"]):
            assert actions <= ANY_RESOURCE, policy


def test_a_role_is_passed_to_one_service_only(assembly: Any) -> None:
    passing = {policy: s for policy, s in assembly.statements() if "iam:PassRole" in listed(s["Action"])}
    passers = ("pipeline", "deploy-model", "serving-update", "batch-pipeline")
    assert set(passing) == {f"millrace-dev-{purpose}" for purpose in passers}
    for policy, statement in passing.items():
        assert listed(statement["Action"]) == ["iam:PassRole"], policy
        assert len(listed(statement["Resource"])) == 1, policy
        assert isinstance(statement["Condition"]["StringEquals"]["iam:PassedToService"], str), policy


def test_the_deployer_may_update_serving_stacks_only_with_the_limited_role(assembly: Any) -> None:
    (statement,) = [s for _, s in assembly.statements() if "cloudformation:UpdateStack" in listed(s["Action"])]
    assert statement["Action"] == "cloudformation:UpdateStack"
    stack = "arn:aws:cloudformation:ap-northeast-2:111111111111:stack/Dev-Serving-{}/*"
    assert listed(statement["Resource"]) == [stack.format(model) for model in MODELS]
    assert "cloudformation:RoleArn" in statement["Condition"]["ArnEquals"]
    types = statement["Condition"]["ForAllValues:StringEquals"]["cloudformation:ResourceTypes"]
    assert {type_.rsplit("::", 1)[0] for type_ in types} == {
        *("AWS::SageMaker", "AWS::CloudFormation", "AWS::CloudWatch", "AWS::ApplicationAutoScaling"),
    }
    assert not [type_ for type_ in types if "Lambda" in type_ or "IAM" in type_ or type_.endswith("CustomResource")]


def test_the_role_that_updates_serving_stacks_reaches_sagemaker_its_alarms_and_the_volumes_key(assembly: Any) -> None:
    services = {
        action.split(":")[0]
        for policy, statement in assembly.statements()
        if policy == "millrace-dev-serving-update"
        for action in listed(statement["Action"])
    }
    assert services == {"sagemaker", "cloudwatch", "iam", "kms"}


def test_only_an_account_that_scales_may_register_its_endpoints_for_it(elsewhere: Any) -> None:
    scaling = {
        name: [
            (policy, statement)
            for policy, statement in assembly.statements()
            if any(action.startswith("application-autoscaling:") for action in listed(statement["Action"]))
        ]
        for name, assembly in elsewhere.items()
    }
    assert scaling["staging"] == []
    assert {policy for policy, _ in scaling["prod"]} == {"millrace-prod-serving-update"}
    changes = [statement for _, statement in scaling["prod"] if statement["Resource"] != "*"]
    assert [statement["Condition"]["StringEquals"] for statement in changes] == [
        {
            "application-autoscaling:service-namespace": "sagemaker",
            "application-autoscaling:scalable-dimension": "sagemaker:variant:DesiredInstanceCount",
        }
    ]


def test_scaling_has_its_own_role_made_and_no_other(elsewhere: Any) -> None:
    (statement,) = [
        s for _, s in elsewhere["prod"].statements() if "iam:CreateServiceLinkedRole" in listed(s["Action"])
    ]
    service = "sagemaker.application-autoscaling.amazonaws.com"
    assert statement["Condition"] == {"StringEquals": {"iam:AWSServiceName": service}}
    assert listed(statement["Resource"])[0].endswith(
        f":role/aws-service-role/{service}/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    )


def test_alarms_are_changed_by_the_prefix_of_the_serving_stacks_only(assembly: Any, elsewhere: Any) -> None:
    changed = {
        resource.rsplit(":", 1)[1]
        for each in (assembly, *elsewhere.values())
        for _, statement in each.statements()
        if "cloudwatch:PutMetricAlarm" in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }
    assert changed == {
        *(f"millrace-{account}-serving-*" for account in ("dev", "staging", "prod")),
        *(f"TargetTracking-endpoint/{model}{kind}/*" for model in MODELS for kind in ("", "-serverless")),
    }


def test_jobs_write_runs_and_refused_rows_only_and_cannot_touch_raw_data_or_inputs(assembly: Any) -> None:
    writes, reads = (
        [s for p, s in assembly.statements() if p == "millrace-dev-job" and a in listed(s["Action"])]
        for a in ("s3:PutObject", "s3:GetObject")
    )
    assert [_ends(s) for s in writes] == [[*(f"/quarantine/{model}/runs/*" for model in MODELS), "/runs/*"]]
    assert {end for s in reads for end in _ends(s) if end.startswith("/")} == {"/inputs/*", "/runs/*"}
    assert "Raw" not in json.dumps(reads)


def test_jobs_read_their_own_code_and_the_placeholder_and_no_other_asset(assembly: Any) -> None:
    read = [s for p, s in assembly.statements() if p == "millrace-dev-job" and "s3:GetObject" in listed(s["Action"])]
    assets = [resource for s in read for resource in listed(s["Resource"]) if isinstance(resource, str)]
    assert sorted(asset.rpartition(".")[2] for asset in assets) == sorted(["json", *("gz", "zip") * len(MODELS)])
    assert all("*" not in asset for asset in assets)


def test_the_pipelines_call_their_two_functions_and_nobody_calls_any_other(assembly: Any) -> None:
    calling = {policy: s for policy, s in assembly.statements() if "lambda:InvokeFunction" in listed(s["Action"])}
    (scoring,) = listed(calling.pop("millrace-dev-batch-pipeline")["Resource"])
    assert "ResolveChampion" in scoring["Fn::ImportValue"]
    assert set(calling) == {"millrace-dev-pipeline"}
    called = [resource["Fn::GetAtt"][0] for resource in listed(calling["millrace-dev-pipeline"]["Resource"])]
    functions = assembly.resources("AWS::Lambda::Function", stack="Dev-Build")
    assert {functions[f"Dev-Build/{name}"]["Properties"]["FunctionName"] for name in called} == {
        "millrace-dev-resolve-champion",
        "millrace-dev-read-verdict",
    }


def test_the_function_that_reads_verdicts_reads_nothing_else(assembly: Any) -> None:
    actions = {
        action for p, s in assembly.statements() if p == "millrace-dev-read-verdict" for action in listed(s["Action"])
    }
    assert {action for action in actions if action.startswith(("s3:", "sagemaker:"))} == {"s3:GetObject"}
    (read,) = [
        s for p, s in assembly.statements() if p == "millrace-dev-read-verdict" and s["Action"] == "s3:GetObject"
    ]
    assert _ends(read) == ["/runs/*/evaluate/verdict.json"]


def test_services_may_assume_a_role_only_for_this_account_where_they_say_for_whom(assembly: Any) -> None:
    for role in assembly.resources("AWS::IAM::Role").values():
        (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        service = statement["Principal"]["Service"]
        condition = statement.get("Condition")
        sources = {
            "sagemaker.amazonaws.com": "arn:aws:sagemaker:ap-northeast-2:111111111111:*",
            "scheduler.amazonaws.com": "arn:aws:scheduler:ap-northeast-2:111111111111:schedule-group/default",
            "events.amazonaws.com": "arn:aws:events:ap-northeast-2:111111111111:rule/millrace-dev-forward*",
        }
        if service in sources:
            assert condition == {
                "StringEquals": {"aws:SourceAccount": "111111111111"},
                "ArnLike": {"aws:SourceArn": sources[service]},
            }
        else:
            assert condition is None


def test_policies_fit_into_what_iam_allows(assembly: Any) -> None:
    for path, policy in assembly.resources("AWS::IAM::ManagedPolicy").items():
        document = json.dumps(policy["Properties"]["PolicyDocument"], separators=(",", ":"))
        assert len(document) < 6144, path


def _ends(statement: dict[str, Any]) -> list[str]:
    """The fixed ends of resource ARNs that are joined from a bucket's ARN and a pattern."""
    return [r["Fn::Join"][1][-1] if isinstance(r, dict) else r for r in listed(statement["Resource"])]
