"""What every template must hold, whatever it deploys."""

from __future__ import annotations

import json
import re
from typing import Any

from pipeline_code.definition import SENTINELS
from settings import load
from tests.stacks.template_lab import MODELS

FUNCTIONS = ("start-pipeline", "deploy-model", "smoke-test", "resolve-champion", "read-verdict", "start-batch")
FUNCTION, BUCKET = "AWS::Lambda::Function", "AWS::S3::Bucket"
HELPERS = ("Custom::", "AWS::CloudFormation::CustomResource")


def test_the_account_has_the_stacks_of_the_design(assembly: Any) -> None:
    names = ("Access", "Data", "Build", "Trigger", "Deploy", "Batch", "Watch")
    assert set(assembly.templates) == {f"Dev-{name}" for name in (*names, *(f"Serving-{model}" for model in MODELS))}


def test_an_account_that_only_serves_holds_nothing_that_trains(elsewhere: dict[str, Any]) -> None:
    names = ("Access", "Data", "Deploy", "Watch", *(f"Serving-{model}" for model in MODELS))
    for account, assembly in elsewhere.items():
        assert set(assembly.templates) == {f"{account.capitalize()}-{name}" for name in names}
        made = {function["Properties"]["FunctionName"] for function in assembly.resources(FUNCTION).values()}
        assert made == {f"millrace-{account}-{purpose}" for purpose in ("deploy-model", "smoke-test")}
        buckets = {bucket["Properties"]["BucketName"].split("-")[2] for bucket in assembly.resources(BUCKET).values()}
        captures = any(endpoint.capture_percent for endpoint in load().endpoints(account).values())
        assert buckets == ({"logs", "capture"} if captures else set())


def test_no_stack_refers_to_another_account(assembly: Any, elsewhere: dict[str, Any]) -> None:
    """Each is deployed alone: what is imported is exported beside it."""
    for one in (assembly, *elsewhere.values()):
        exported = {
            output["Export"]["Name"]
            for template in one.templates.values()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }
        text = json.dumps(one.templates)
        assert set(re.findall(r'"Fn::ImportValue": "([^"]+)"', text)) <= exported


def test_the_only_functions_are_our_own(assembly: Any) -> None:
    functions = assembly.resources("AWS::Lambda::Function").values()
    names = {function["Properties"]["FunctionName"] for function in functions}
    assert names == {f"millrace-dev-{purpose}" for purpose in FUNCTIONS}
    types = {r["Type"] for template in assembly.templates.values() for r in template["Resources"].values()}
    assert not [type_ for type_ in types if type_.startswith(HELPERS)]


def test_no_stand_in_of_the_definition_is_left(assembly: Any) -> None:
    text = json.dumps(assembly.templates)
    assert "sentinel" not in text
    assert not [value for value in SENTINELS.values() if value in text]


def test_templates_need_no_bootstrap_parameter_and_carry_no_metadata(assembly: Any) -> None:
    for name, template in assembly.templates.items():
        assert set(template.get("Parameters", {})) == (
            {"ModelPackageArn", "ModelDigest"} if "Serving" in name else set()
        ), name
        assert not {"Rules", "Metadata"} & set(template), name
        assert not [key for key, resource in template["Resources"].items() if "Metadata" in resource], name


def test_every_bucket_is_versioned_private_and_answers_over_tls_only(assembly: Any) -> None:
    buckets = assembly.resources("AWS::S3::Bucket")
    assert len(buckets) == 3
    for path, bucket in buckets.items():
        properties = bucket["Properties"]
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}, path
        assert all(properties["PublicAccessBlockConfiguration"].values()), path
        denials = _denials(assembly.resources("AWS::S3::BucketPolicy"), "Bucket", path)
        assert {"Bool": {"aws:SecureTransport": "false"}} in denials, path


def test_buckets_are_encrypted_with_the_customers_key_but_for_the_access_logs(assembly: Any) -> None:
    algorithms = {
        bucket["Properties"]["BucketName"].split("-")[2]: bucket["Properties"]["BucketEncryption"][
            "ServerSideEncryptionConfiguration"
        ][0]["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
        for bucket in assembly.resources("AWS::S3::Bucket").values()
    }
    assert algorithms == {"raw": "aws:kms", "artifacts": "aws:kms", "logs": "AES256"}


def test_only_the_raw_bucket_announces_its_objects_and_does_so_natively(assembly: Any) -> None:
    announcing = {
        bucket["Properties"]["BucketName"]: bucket["Properties"]["NotificationConfiguration"]
        for bucket in assembly.resources("AWS::S3::Bucket").values()
        if "NotificationConfiguration" in bucket["Properties"]
    }
    assert announcing == {
        "millrace-dev-raw-111111111111-ap-northeast-2": {
            "EventBridgeConfiguration": {"EventBridgeEnabled": True},
        }
    }


def test_every_queue_is_encrypted_and_has_a_dead_letter_queue_that_events_reach_too(assembly: Any) -> None:
    queues = assembly.resources("AWS::SQS::Queue")
    dead = {path for path, queue in queues.items() if queue["Properties"]["QueueName"].endswith("-dlq")}
    for path, queue in queues.items():
        assert "KmsMasterKeyId" in queue["Properties"], path
        if path not in dead:
            target = queue["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
            assert f"{path.split('/')[0]}/{target}" in dead
    for path, rule in assembly.resources("AWS::Events::Rule").items():
        for target in rule["Properties"]["Targets"]:
            assert f"{path.split('/')[0]}/{target['DeadLetterConfig']['Arn']['Fn::GetAtt'][0]}" in dead
    for schedule in assembly.resources("AWS::Scheduler::Schedule").values():
        assert "DeadLetterConfig" in schedule["Properties"]["Target"]


def test_every_queue_refuses_plain_http_and_lets_only_its_rules_send(assembly: Any) -> None:
    policies = assembly.resources("AWS::SQS::QueuePolicy")
    for path in assembly.resources("AWS::SQS::Queue"):
        assert {"Bool": {"aws:SecureTransport": "false"}} in _denials(policies, "Queues", path), path
    for policy in policies.values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                assert statement["Action"] == "sqs:SendMessage"
                assert "aws:SourceArn" in statement["Condition"]["ArnEquals"]


def test_eventbridge_may_use_the_key_of_the_queues(assembly: Any) -> None:
    statements = _key(assembly, "Key")["KeyPolicy"]["Statement"]
    assert {"Service": "events.amazonaws.com"} in [statement["Principal"] for statement in statements]


def test_every_key_is_rotated(assembly: Any, elsewhere: dict[str, Any]) -> None:
    for one in (assembly, *elsewhere.values()):
        for key in one.resources("AWS::KMS::Key").values():
            assert key["Properties"]["EnableKeyRotation"] is True


def test_messages_that_fail_are_reported_one_by_one(assembly: Any) -> None:
    mappings = assembly.resources("AWS::Lambda::EventSourceMapping")
    assert len(mappings) == 4
    for mapping in mappings.values():
        assert mapping["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["Properties"]["ScalingConfig"] == {"MaximumConcurrency": 2}


def test_a_message_stays_hidden_longer_than_a_function_may_run(assembly: Any) -> None:
    timeouts = {
        function["Properties"]["FunctionName"]: function["Properties"]["Timeout"]
        for function in assembly.resources("AWS::Lambda::Function").values()
    }
    hidden = {
        queue["Properties"]["QueueName"]: queue["Properties"]["VisibilityTimeout"]
        for queue in assembly.resources("AWS::SQS::Queue").values()
        if "RedrivePolicy" in queue["Properties"]
    }
    assert len(hidden) == 4
    assert hidden == {name: 6 * timeouts[name] for name in hidden}


def test_data_outlives_its_stack_unless_a_first_deployment_fails(assembly: Any) -> None:
    for type_ in ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::DynamoDB::Table"):
        for path, resource in assembly.resources(type_).items():
            assert resource["DeletionPolicy"] == "RetainExceptOnCreate", path
            assert resource["UpdateReplacePolicy"] == "Retain", path


def test_each_pipeline_registers_into_a_group_that_exists(assembly: Any) -> None:
    groups = assembly.resources("AWS::SageMaker::ModelPackageGroup")
    pipelines = assembly.resources("AWS::SageMaker::Pipeline", stack="Dev-Build").values()
    assert {pipeline["Properties"]["PipelineName"] for pipeline in pipelines} == set(MODELS)
    for pipeline in pipelines:
        (group,) = pipeline["DependsOn"]
        name = groups[f"Dev-Build/{group}"]["Properties"]["ModelPackageGroupName"]
        assert name == pipeline["Properties"]["PipelineName"]


def _key(assembly: Any, id_: str) -> dict[str, Any]:
    """The properties of the key with this id in the data stack; CDK adds eight characters to it."""
    keys = assembly.resources("AWS::KMS::Key", stack="Dev-Data")
    (found,) = [key["Properties"] for path, key in keys.items() if path.split("/")[1][:-8] == id_]
    return dict(found)


def _denials(policies: dict[str, Any], attribute: str, path: str) -> list[dict[str, Any]]:
    """The conditions of every Deny that the policies put on the resource at this path."""
    stack, logical_id = path.split("/")
    return [
        statement["Condition"]
        for policy_path, policy in policies.items()
        if policy_path.startswith(f"{stack}/") and {"Ref": logical_id} in _listed(policy["Properties"][attribute])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and "Condition" in statement
    ]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


BESIDE = {
    "start_pipeline": {"models.json", "shared/__init__.py", "shared/dead_letters.py", "shared/log.py"},
    "start_batch": {"models.json", "shared/__init__.py", "shared/dead_letters.py", "shared/log.py"},
    "deploy_model": {"shared/__init__.py", "shared/grants.py", "shared/records.py"},
    "smoke_test": {"shared/__init__.py", "shared/grants.py", "shared/records.py"},
}


def test_a_functions_asset_holds_its_own_package_what_it_shares_and_nothing_compiled(assembly: Any) -> None:
    for function in assembly.resources("AWS::Lambda::Function").values():
        properties = function["Properties"]
        package = properties["Handler"].split(".")[0]
        asset = assembly.folder / f"asset.{properties['Code']['S3Key'].removesuffix('.zip')}"
        files = {str(path.relative_to(asset)) for path in asset.rglob("*") if path.is_file()}
        assert f"{package}/handler.py" in files
        beside = {file for file in files if not (file.startswith(f"{package}/") and file.endswith(".py"))}
        assert beside == BESIDE.get(package, set())


def test_access_logs_may_be_delivered_before_a_bucket_asks_for_them(assembly: Any) -> None:
    ((path, logs),) = [
        item
        for item in assembly.resources("AWS::S3::BucketPolicy").items()
        if "logging.s3.amazonaws.com" in json.dumps(item)
    ]
    logged = [b for b in assembly.resources("AWS::S3::Bucket").values() if "LoggingConfiguration" in b["Properties"]]
    assert len(logged) == 2
    for bucket in logged:
        assert path.split("/")[1] in bucket["DependsOn"]
        assert bucket["Properties"]["BucketName"] in json.dumps(logs["Properties"]["PolicyDocument"])


def test_what_was_replaced_is_forgotten_but_no_current_object_of_the_data_buckets_ever_is(assembly: Any) -> None:
    """A registered model names its runs/ for ever, a cached step its inputs/: both must outlive them."""
    for bucket in assembly.resources("AWS::S3::Bucket").values():
        (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
        assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
        assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] > 0
        assert not {"Prefix", "TagFilters"} & set(rule), "it must hold for the whole bucket"
        assert ("ExpirationInDays" in rule) == ("-logs-" in bucket["Properties"]["BucketName"])


def test_logs_of_functions_jobs_and_endpoints_have_the_key_and_an_end(assembly: Any) -> None:
    groups = [group["Properties"] for group in assembly.resources("AWS::Logs::LogGroup").values()]
    assert {group["LogGroupName"] for group in groups} == {
        *(f"/aws/lambda/millrace-dev-{purpose}" for purpose in FUNCTIONS),
        "/aws/sagemaker/ProcessingJobs",
        "/aws/sagemaker/TransformJobs",
        "/aws/sagemaker/TrainingJobs",
        *(f"/aws/sagemaker/Endpoints/{model}{kind}" for model in MODELS for kind in ("", "-serverless")),
    }
    for group in groups:
        assert group["RetentionInDays"] == 30
        assert "Fn::ImportValue" in group["KmsKeyId"]


def test_cloudwatch_may_use_the_key_for_the_log_groups_of_the_system_only(assembly: Any) -> None:
    (statement,) = [s for s in _key(assembly, "Key")["KeyPolicy"]["Statement"] if "logs" in json.dumps(s["Principal"])]
    assert statement["Principal"] == {"Service": "logs.ap-northeast-2.amazonaws.com"}
    groups = "arn:aws:logs:ap-northeast-2:111111111111:log-group:"
    assert statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"] == [
        f"{groups}/aws/lambda/millrace-dev-*",
        f"{groups}/aws/sagemaker/*",
    ]


def test_functions_keep_their_variables_under_the_key_and_failures_in_a_queue(assembly: Any) -> None:
    for path, function in assembly.resources("AWS::Lambda::Function").items():
        assert "Fn::ImportValue" in function["Properties"]["KmsKeyArn"]
        queue = function["Properties"]["DeadLetterConfig"]["TargetArn"]["Fn::GetAtt"][0]
        names = assembly.resources("AWS::SQS::Queue")[f"{path.split('/')[0]}/{queue}"]["Properties"]["QueueName"]
        assert names.endswith("-dlq")


def test_a_served_model_has_no_network(assembly: Any) -> None:
    for model in assembly.resources("AWS::SageMaker::Model").values():
        assert model["Properties"]["EnableNetworkIsolation"] is True
