"""What a request needs: its action, and the resource that its parameters name."""

from __future__ import annotations

from typing import Any

import pytest

from millrace.local.iam import actions, catalog, passed_roles
from millrace.local.iam.needs import Place

PLACE = Place("111111111111", "ap-northeast-2")
OTHER = "222222222222"


def arn(service: str, rest: str, account: str = PLACE.account) -> str:
    return f"arn:aws:{service}:{PLACE.region}:{account}:{rest}"


def needed(service: str, operation: str, **params: Any) -> list[tuple[str, str]]:
    return [(need.action, need.resource) for need in actions.needs(service, operation, params, PLACE)]


CASES: list[tuple[str, str, dict[str, Any], list[tuple[str, str]]]] = [
    ("sqs", "ListQueues", {}, [("sqs:ListQueues", "*")]),
    (
        "sqs",
        "SendMessageBatch",
        {"QueueUrl": f"http://127.0.0.1:4580/{OTHER}/q"},
        [("sqs:SendMessage", arn("sqs", "q", OTHER))],
    ),
    ("sqs", "CreateQueue", {"QueueName": "q"}, [("sqs:CreateQueue", arn("sqs", "q"))]),
    ("sns", "PublishBatch", {"TopicArn": arn("sns", "t")}, [("sns:Publish", arn("sns", "t"))]),
    (
        "sns",
        "Unsubscribe",
        {"SubscriptionArn": arn("sns", "t:6b0e71bd-7e97-4d97-80ce-4a0994e55286")},
        [("sns:Unsubscribe", arn("sns", "t"))],
    ),
    ("lambda", "Invoke", {"FunctionName": "f"}, [("lambda:InvokeFunction", arn("lambda", "function:f"))]),
    (
        "lambda",
        "Invoke",
        {"FunctionName": "f", "Qualifier": "live"},
        [("lambda:InvokeFunction", arn("lambda", "function:f:live"))],
    ),
    (
        "lambda",
        "GetFunction",
        {"FunctionName": arn("lambda", "function:f", OTHER)},
        [("lambda:GetFunction", arn("lambda", "function:f", OTHER))],
    ),
    ("lambda", "CreateEventSourceMapping", {"FunctionName": "f"}, [("lambda:CreateEventSourceMapping", "*")]),
    ("lambda", "ListFunctions", {}, [("lambda:ListFunctions", "*")]),
    (
        "logs",
        "PutLogEvents",
        {"logGroupName": "/g", "logStreamName": "s"},
        [("logs:PutLogEvents", arn("logs", "log-group:/g:log-stream:s"))],
    ),
    (
        "logs",
        "DescribeLogStreams",
        {"logGroupName": "/g"},
        [("logs:DescribeLogStreams", arn("logs", "log-group:/g:log-stream:"))],
    ),
    ("events", "PutRule", {"Name": "r"}, [("events:PutRule", arn("events", "rule/r"))]),
    (
        "events",
        "PutTargets",
        {"Rule": "r", "EventBusName": "b"},
        [("events:PutTargets", arn("events", "rule/b/r"))],
    ),
    ("events", "CreateEventBus", {"Name": "b"}, [("events:CreateEventBus", arn("events", "event-bus/b"))]),
    (
        "events",
        "PutEvents",
        {"Entries": [{"Source": "a"}, {"EventBusName": arn("events", "event-bus/b", OTHER)}]},
        [
            ("events:PutEvents", arn("events", "event-bus/default")),
            ("events:PutEvents", arn("events", "event-bus/b", OTHER)),
        ],
    ),
    (
        "scheduler",
        "CreateSchedule",
        {"Name": "s"},
        [("scheduler:CreateSchedule", arn("scheduler", "schedule/default/s"))],
    ),
    (
        "dynamodb",
        "TransactWriteItems",
        {"TransactItems": [{"Put": {"TableName": "a"}}, {"ConditionCheck": {"TableName": "b"}}]},
        [
            ("dynamodb:PutItem", arn("dynamodb", "table/a")),
            ("dynamodb:ConditionCheckItem", arn("dynamodb", "table/b")),
        ],
    ),
    (
        "dynamodb",
        "Query",
        {"TableName": "a", "IndexName": "i"},
        [("dynamodb:Query", arn("dynamodb", "table/a/index/i"))],
    ),
    ("dynamodb", "PutItem", {"TableName": "a"}, [("dynamodb:PutItem", arn("dynamodb", "table/a"))]),
    (
        "sagemaker",
        "StartPipelineExecution",
        {"PipelineName": "p"},
        [("sagemaker:StartPipelineExecution", arn("sagemaker", "pipeline/p"))],
    ),
    (
        "sagemaker",
        "DescribePipelineExecution",
        {"PipelineExecutionArn": arn("sagemaker", "pipeline/p/execution/x")},
        [("sagemaker:DescribePipelineExecution", arn("sagemaker", "pipeline/p/execution/x"))],
    ),
    (
        "sagemaker",
        "CreateEndpoint",
        {"EndpointName": "e", "EndpointConfigName": "c"},
        [
            ("sagemaker:CreateEndpoint", arn("sagemaker", "endpoint/e")),
            ("sagemaker:CreateEndpoint", arn("sagemaker", "endpoint-config/c")),
        ],
    ),
    (
        "sagemaker",
        "CreateTrainingJob",
        {"TrainingJobName": "t", "Tags": [{"Key": "a", "Value": "b"}]},
        [
            ("sagemaker:CreateTrainingJob", arn("sagemaker", "training-job/t")),
            ("sagemaker:AddTags", arn("sagemaker", "training-job/t")),
        ],
    ),
    (
        "sagemaker",
        "AddTags",
        {"ResourceArn": arn("sagemaker", "training-job/t"), "Tags": [{"Key": "a", "Value": "b"}]},
        [("sagemaker:AddTags", arn("sagemaker", "training-job/t"))],
    ),
    (
        "sagemaker",
        "CreateModelPackage",
        {"ModelPackageGroupName": "g"},
        [
            ("sagemaker:CreateModelPackage", arn("sagemaker", "model-package/g/*")),
            ("sagemaker:CreateModelPackage", arn("sagemaker", "model-package-group/g")),
        ],
    ),
    (
        "sagemaker-runtime",
        "InvokeEndpoint",
        {"EndpointName": "e"},
        [("sagemaker:InvokeEndpoint", arn("sagemaker", "endpoint/e"))],
    ),
    (
        "sagemaker-featurestore-runtime",
        "PutRecord",
        {"FeatureGroupName": "f"},
        [("sagemaker:PutRecord", arn("sagemaker", "feature-group/f"))],
    ),
    (
        "cloudformation",
        "UpdateStack",
        {"StackName": "Dev-Data"},
        [("cloudformation:UpdateStack", arn("cloudformation", "stack/Dev-Data/*"))],
    ),
    (
        "cloudformation",
        "DescribeStacks",
        {"StackName": arn("cloudformation", "stack/Dev-Data/1b2c")},
        [("cloudformation:DescribeStacks", arn("cloudformation", "stack/Dev-Data/1b2c"))],
    ),
    (
        "iam",
        "CreateRole",
        {"RoleName": "r", "Path": "/team/"},
        [("iam:CreateRole", "arn:aws:iam::111111111111:role/team/r")],
    ),
    (
        "iam",
        "AttachRolePolicy",
        {"RoleName": "r", "PolicyArn": "arn:aws:iam::111111111111:policy/p"},
        [("iam:AttachRolePolicy", "arn:aws:iam::111111111111:role/r")],
    ),
    ("sts", "GetCallerIdentity", {}, []),
    (
        "sts",
        "AssumeRole",
        {"RoleArn": "arn:aws:iam::222222222222:role/r", "Tags": [{"Key": "a", "Value": "b"}]},
        [
            ("sts:AssumeRole", "arn:aws:iam::222222222222:role/r"),
            ("sts:TagSession", "arn:aws:iam::222222222222:role/r"),
        ],
    ),
    (
        "ssm",
        "GetParameters",
        {"Names": ["/a/b", "c:3"]},
        [("ssm:GetParameters", arn("ssm", "parameter/a/b")), ("ssm:GetParameters", arn("ssm", "parameter/c"))],
    ),
    (
        "secretsmanager",
        "CreateSecret",
        {"Name": "s"},
        [("secretsmanager:CreateSecret", arn("secretsmanager", "secret:s-??????"))],
    ),
    (
        "cloudwatch",
        "DeleteAlarms",
        {"AlarmNames": ["a", "b"]},
        [
            ("cloudwatch:DeleteAlarms", arn("cloudwatch", "alarm:a")),
            ("cloudwatch:DeleteAlarms", arn("cloudwatch", "alarm:b")),
        ],
    ),
    ("cloudwatch", "PutMetricData", {"Namespace": "n"}, [("cloudwatch:PutMetricData", "*")]),
    (
        "stepfunctions",
        "StartExecution",
        {"stateMachineArn": arn("states", "stateMachine:m")},
        [("states:StartExecution", arn("states", "stateMachine:m"))],
    ),
    ("s3", "ListBuckets", {}, [("s3:ListAllMyBuckets", "*")]),
    ("s3", "HeadBucket", {"Bucket": "b"}, [("s3:ListBucket", "arn:aws:s3:::b")]),
    (
        "s3",
        "PutObject",
        {"Bucket": "b", "Key": "k", "Tagging": "a=b", "ACL": "private"},
        [
            ("s3:PutObject", "arn:aws:s3:::b/k"),
            ("s3:PutObjectAcl", "arn:aws:s3:::b/k"),
            ("s3:PutObjectTagging", "arn:aws:s3:::b/k"),
        ],
    ),
    (
        "s3",
        "CopyObject",
        {"Bucket": "b", "Key": "k", "CopySource": "/a/x%2By?versionId=1"},
        [("s3:GetObjectVersion", "arn:aws:s3:::a/x+y"), ("s3:PutObject", "arn:aws:s3:::b/k")],
    ),
    (
        "s3",
        "DeleteObjects",
        {"Bucket": "b", "Delete": {"Objects": [{"Key": "k"}, {"Key": "l", "VersionId": "1"}]}},
        [("s3:DeleteObject", "arn:aws:s3:::b/k"), ("s3:DeleteObjectVersion", "arn:aws:s3:::b/l")],
    ),
    ("s3", "ListParts", {"Bucket": "b", "Key": "k"}, [("s3:ListMultipartUploadParts", "arn:aws:s3:::b/k")]),
    ("athena", "StartQueryExecution", {"QueryString": "x"}, [("athena:StartQueryExecution", "*")]),
]


@pytest.mark.parametrize(("service", "operation", "params", "expected"), CASES)
def test_an_operation_needs_its_action_on_what_it_names(
    service: str, operation: str, params: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert needed(service, operation, **params) == expected


def test_every_action_that_the_tables_name_is_one_of_aws() -> None:
    from millrace.local.iam import s3_actions

    named = {f"s3:{name}" for name in s3_actions.BUCKET_ACTIONS.values()}
    named |= {f"s3:{name}" for pair in s3_actions.OBJECT_ACTIONS.values() for name in pair if name}
    named |= {f"s3:{name}" for name in (*s3_actions.EXTRA_WRITES, *s3_actions.EXTRA_BUCKET)}
    named |= {f"{prefix}:{name}" for (prefix, _), name in actions.RENAMED.items()}

    assert [name for name in sorted(named) if not catalog.action(name).known] == []


def model(service: str, operation: str) -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model(service).operation_model(operation)


ROLE = "arn:aws:iam::111111111111:role/r"
PASSES: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("lambda", "CreateFunction", {"Role": ROLE}, ["lambda.amazonaws.com"]),
    ("lambda", "UpdateFunctionConfiguration", {"Environment": {"Variables": {"ROLE": ROLE}}}, []),
    ("scheduler", "CreateSchedule", {"Target": {"RoleArn": ROLE}}, ["scheduler.amazonaws.com"]),
    ("events", "PutTargets", {"Targets": [{"RoleArn": ROLE}, {"RoleArn": ROLE}]}, ["events.amazonaws.com"]),
    ("cloudformation", "UpdateStack", {"RoleARN": ROLE}, ["cloudformation.amazonaws.com"]),
    ("sagemaker", "UpdatePipeline", {"RoleArn": ROLE}, ["sagemaker.amazonaws.com"]),
    ("sagemaker", "StartPipelineExecution", {"PipelineName": ROLE}, []),
    ("sts", "AssumeRole", {"RoleArn": ROLE}, []),
    ("iam", "PutRolePolicy", {"RoleName": ROLE}, []),
]


@pytest.mark.parametrize(("service", "operation", "params", "services"), PASSES)
def test_a_role_is_passed_where_a_member_that_is_called_so_holds_one(
    service: str, operation: str, params: dict[str, Any], services: list[str]
) -> None:
    found = passed_roles.needs(service, operation, params, model(service, operation).input_shape, PLACE)

    assert [need.context["iam:PassedToService"][0] for need in found] == services
    assert all((need.action, need.resource) == ("iam:PassRole", ROLE) for need in found)
