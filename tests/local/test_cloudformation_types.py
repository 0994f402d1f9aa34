"""Every resource type makes what its properties say, changes it in place and takes it away again.

Long by nature: a test for each group of types, with all the properties that its templates may have.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.cloudformation_lab import REGION, Lab, events_may_send, queue

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}],
}
IAM = {"Capabilities": ["CAPABILITY_NAMED_IAM"]}


def policy(action: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


def key_policy() -> dict[str, Any]:
    """The account's own policies decide about the key."""
    root = {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    return {"Version": "2012-10-17", "Statement": [{**policy("kms:*")["Statement"][0], "Principal": root}]}


def typed(type_: str, **properties: Any) -> dict[str, Any]:
    return {"Type": type_, "Properties": properties}


@pytest.fixture
def lab(embedded: Any) -> Lab:
    return Lab(embedded)


def complete(lab: Lab, stack: str, *templates: dict[str, Any], **rest: Any) -> dict[str, Any]:
    """Create with the first template, update with the others; the last description."""
    described = lab.create(stack, templates[0], **rest)
    assert described["StackStatus"] == "CREATE_COMPLETE", lab.failures(stack)
    for template in templates[1:]:
        described = lab.update(stack, template, **rest)
        assert described["StackStatus"] == "UPDATE_COMPLETE", lab.failures(stack)
    return described


def gone(lab: Lab, stack: str) -> None:
    """Delete the stack; whatever stays in the list could not be deleted."""
    arn = lab.ended(stack)["StackId"]
    lab.delete(stack)
    described = lab.api.describe_stacks(StackName=arn)["Stacks"][0]
    if described["StackStatus"] != "DELETE_COMPLETE":
        pytest.fail(str(lab.failures(stack)))


def test_a_bucket_with_everything(lab: Lab) -> None:
    def bucket(**more: Any) -> dict[str, Any]:
        return {
            "Key": typed("AWS::KMS::Key", KeyPolicy=key_policy()),
            "Logs": typed(
                "AWS::S3::Bucket",
                AccessControl="LogDeliveryWrite",
                OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
            ),
            "Bucket": typed(
                "AWS::S3::Bucket",
                BucketEncryption={
                    "ServerSideEncryptionConfiguration": [
                        {
                            "BucketKeyEnabled": True,
                            "ServerSideEncryptionByDefault": {
                                "SSEAlgorithm": "aws:kms",
                                "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]},
                            },
                        }
                    ]
                },
                PublicAccessBlockConfiguration={"BlockPublicAcls": True, "BlockPublicPolicy": "true"},
                OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                LoggingConfiguration={"DestinationBucketName": {"Ref": "Logs"}, "LogFilePrefix": "here/"},
                **more,
            ),
            "Policy": typed(
                "AWS::S3::BucketPolicy",
                Bucket={"Ref": "Bucket"},
                PolicyDocument={
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "s3:*",
                            "Resource": {"Fn::Sub": "${Bucket.Arn}/*"},
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                        }
                    ],
                },
            ),
        }

    rich = {
        "VersioningConfiguration": {"Status": "Enabled"},
        "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        "Tags": [{"Key": "a", "Value": "1"}],
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "Id": "old",
                    "Status": "Enabled",
                    "Prefix": "raw/",
                    "ExpirationInDays": 5,
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                }
            ]
        },
    }
    complete(lab, "bucket", bucket(**rich))
    s3, name = lab.client("s3"), lab.resources("bucket")["Bucket"]
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == [{"Key": "a", "Value": "1"}]
    rule = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"][0]
    assert (rule["ID"], rule["Filter"], rule["Expiration"]["Days"]) == ("old", {"Prefix": "raw/"}, 5)
    assert s3.get_bucket_logging(Bucket=name)["LoggingEnabled"]["TargetPrefix"] == "here/"
    assert s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] is True
    default = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert default["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=name)["Policy"]
    lab.update("bucket", bucket())
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Suspended"
    with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
        s3.get_bucket_lifecycle_configuration(Bucket=name)
    written = s3.list_objects_v2(Bucket=lab.resources("bucket")["Logs"]).get("Contents", [])
    assert written
    assert all(entry["Key"].startswith("here/") for entry in written)
    lab.update("bucket", {"Logs": bucket()["Logs"]})
    for entry in s3.list_objects_v2(Bucket=lab.resources("bucket")["Logs"])["Contents"]:
        s3.delete_object(Bucket=lab.resources("bucket")["Logs"], Key=entry["Key"])
    gone(lab, "bucket")


def test_a_bucket_sends_its_events_to_event_bridge_only_while_it_is_told_to(lab: Lab) -> None:
    def notifying(*, on: bool, detail: str) -> dict[str, Any]:
        configuration = {"EventBridgeConfiguration": {"EventBridgeEnabled": on}}
        return {
            "Queue": queue(),
            "Taken": events_may_send("Queue"),
            "Bucket": typed("AWS::S3::Bucket", BucketName=lab.name("bridge"), NotificationConfiguration=configuration),
            "Rule": typed(
                "AWS::Events::Rule",
                Description=detail,
                EventPattern={"source": ["aws.s3"], "detail": {"bucket": {"name": [lab.name("bridge")]}}},
                Targets=[{"Id": "q", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}],
            ),
        }

    s3, sqs = lab.client("s3"), lab.client("sqs")
    complete(lab, "bridge", notifying(on=False, detail="off"))
    url = lab.resources("bridge")["Queue"]
    s3.put_object(Bucket=lab.name("bridge"), Key="silent", Body=b"x")
    lab.update("bridge", notifying(on=True, detail="on"))
    s3.put_object(Bucket=lab.name("bridge"), Key="heard", Body=b"x")
    messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(message["Body"])["detail"]["object"]["key"] for message in messages] == ["heard"]


def test_roles_and_policies(lab: Lab) -> None:
    def iam(action: str, *, inline: bool, boundary: bool) -> dict[str, Any]:
        role: dict[str, Any] = {
            "RoleName": lab.name("role"),
            "AssumeRolePolicyDocument": TRUST,
            "Description": action,
            "ManagedPolicyArns": [{"Ref": "Managed"}],
            "Tags": [{"Key": "does", "Value": action}],
        }
        if inline:
            role["Policies"] = [{"PolicyName": "inline", "PolicyDocument": policy(action)}]
        if boundary:
            role["PermissionsBoundary"] = {"Ref": "Managed"}
        return {
            "Managed": typed("AWS::IAM::ManagedPolicy", PolicyDocument=policy(action)),
            "Role": typed("AWS::IAM::Role", **role),
            "User": typed("AWS::IAM::User", UserName=lab.name("user"), ManagedPolicyArns=[{"Ref": "Managed"}]),
            "Policy": typed(
                "AWS::IAM::Policy",
                PolicyName="extra",
                PolicyDocument=policy(action),
                Roles=[{"Ref": "Role"}],
                Users=[{"Ref": "User"}],
            ),
            "Profile": typed("AWS::IAM::InstanceProfile", Roles=[{"Ref": "Role"}]),
        }

    complete(lab, "iam", iam("s3:GetObject", inline=True, boundary=False), **IAM)
    api, role = lab.client("iam"), {"RoleName": lab.name("role")}
    assert sorted(api.list_role_policies(**role)["PolicyNames"]) == ["extra", "inline"]
    complete_again = iam("s3:PutObject", inline=False, boundary=True)
    assert lab.update("iam", complete_again, **IAM)["StackStatus"] == "UPDATE_COMPLETE", lab.failures("iam")
    assert api.list_role_policies(**role)["PolicyNames"] == ["extra"]
    found = api.get_role(**role)["Role"]
    assert (found["Description"], found["Tags"]) == ("s3:PutObject", [{"Key": "does", "Value": "s3:PutObject"}])
    arn = lab.resources("iam")["Managed"]
    assert found["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    version = api.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = api.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    assert document["Statement"][0]["Action"] == "s3:PutObject"
    gone(lab, "iam")
    with pytest.raises(ClientError, match="NoSuchEntity"):
        api.get_role(**role)


def test_keys_and_aliases(lab: Lab) -> None:
    def key(description: str, **more: Any) -> dict[str, Any]:
        return {
            "Key": typed("AWS::KMS::Key", KeyPolicy=key_policy(), Description=description, **more),
            "Alias": typed("AWS::KMS::Alias", AliasName=f"alias/{lab.name('key')}", TargetKeyId={"Ref": "Key"}),
        }

    complete(lab, "key", key("one", EnableKeyRotation=True), key("two", Tags=[{"Key": "a", "Value": "b"}]))
    kms = lab.client("kms")
    found = kms.describe_key(KeyId=f"alias/{lab.name('key')}")["KeyMetadata"]
    assert found["Description"] == "two"
    assert kms.get_key_rotation_status(KeyId=found["KeyId"])["KeyRotationEnabled"] is False
    assert kms.list_resource_tags(KeyId=found["KeyId"])["Tags"] == [{"TagKey": "a", "TagValue": "b"}]
    gone(lab, "key")
    assert kms.describe_key(KeyId=found["KeyId"])["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_topics_and_queues_with_their_policies(lab: Lab) -> None:
    def messaging(name: str, **more: Any) -> dict[str, Any]:
        allow = {
            "Version": "2012-10-17",
            "Statement": [
                {"Sid": name, "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
            ],
        }
        publish = {
            "Version": "2012-10-17",
            "Statement": [{"Sid": name, "Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": "*"}],
        }
        return {
            "Dead": queue(),
            "Queue": queue(
                RedrivePolicy={"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 3}, **more
            ),
            "Policy": typed("AWS::SQS::QueuePolicy", PolicyDocument=allow, Queues=[{"Ref": "Queue"}]),
            "Topic": typed("AWS::SNS::Topic", DisplayName=name, Tags=[{"Key": "n", "Value": name}]),
            "Open": typed("AWS::SNS::TopicPolicy", PolicyDocument=publish, Topics=[{"Ref": "Topic"}]),
            "Subscription": typed(
                "AWS::SNS::Subscription",
                TopicArn={"Ref": "Topic"},
                Protocol="sqs",
                Endpoint={"Fn::GetAtt": ["Queue", "Arn"]},
                RawMessageDelivery=True,
            ),
        }

    complete(lab, "messaging", messaging("one", DelaySeconds=5), messaging("two"))
    made = lab.resources("messaging")
    attributes = lab.client("sqs").get_queue_attributes(QueueUrl=made["Queue"], AttributeNames=["All"])["Attributes"]
    assert (attributes["DelaySeconds"], json.loads(attributes["RedrivePolicy"])["maxReceiveCount"]) == ("0", 3)
    assert json.loads(attributes["Policy"])["Statement"][0]["Sid"] == "two"
    topic = lab.client("sns").get_topic_attributes(TopicArn=made["Topic"])["Attributes"]
    assert (topic["DisplayName"], json.loads(topic["Policy"])["Statement"][0]["Sid"]) == ("two", "two")
    lab.client("sns").publish(TopicArn=made["Topic"], Message="hello")
    received = lab.client("sqs").receive_message(QueueUrl=made["Queue"], WaitTimeSeconds=5)["Messages"]
    assert received[0]["Body"] == "hello"
    gone(lab, "messaging")


def test_rules_schedules_and_buses(lab: Lab) -> None:
    def events(state: str, target: str) -> dict[str, Any]:
        return {
            "A": queue(),
            "B": queue(),
            "Role": typed("AWS::IAM::Role", AssumeRolePolicyDocument=TRUST),
            "Bus": typed("AWS::Events::EventBus", Name=lab.name("bus")),
            "Rule": typed(
                "AWS::Events::Rule",
                State=state,
                EventPattern={"source": ["x"]},
                EventBusName={"Ref": "Bus"},
                Targets=[{"Id": target, "Arn": {"Fn::GetAtt": [target, "Arn"]}}],
            ),
            "Open": typed(
                "AWS::Events::EventBusPolicy",
                StatementId="others",
                EventBusName={"Ref": "Bus"},
                Statement={
                    "Effect": "Allow",
                    "Principal": {"AWS": "arn:aws:iam::444444444444:root"},
                    "Action": "events:PutEvents",
                    "Resource": {"Fn::GetAtt": ["Bus", "Arn"]},
                },
            ),
            "Group": typed("AWS::Scheduler::ScheduleGroup", Name=lab.name("group")),
            "Schedule": typed(
                "AWS::Scheduler::Schedule",
                GroupName={"Ref": "Group"},
                State=state,
                ScheduleExpression="rate(1 hour)",
                FlexibleTimeWindow={"Mode": "OFF"},
                Target={
                    "Arn": {"Fn::GetAtt": [target, "Arn"]},
                    "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Input": "{}",
                },
            ),
        }

    complete(lab, "events", events("ENABLED", "A"), events("DISABLED", "B"), **IAM)
    api, made = lab.client("events"), lab.resources("events")
    bus, rule = made["Rule"].split("|")
    targets = api.list_targets_by_rule(Rule=rule, EventBusName=bus)["Targets"]
    assert [target["Id"] for target in targets] == ["B"]
    assert api.describe_rule(Name=rule, EventBusName=bus)["State"] == "DISABLED"
    assert "444444444444" in api.describe_event_bus(Name=bus)["Policy"]
    schedule = lab.client("scheduler").get_schedule(Name=made["Schedule"], GroupName=lab.name("group"))
    assert (schedule["State"], schedule["Target"]["Arn"].split(":")[-1]) == ("DISABLED", made["B"].split("/")[-1])
    gone(lab, "events")


def test_a_function_with_its_code_permission_and_mapping(lab: Lab) -> None:
    bucket = lab.name("code")
    s3 = lab.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    for version in ("1", "2"):
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w") as archive:
            archive.writestr("handler.py", f"def handler(event, context): return '{version}'")
        s3.put_object(Bucket=bucket, Key=f"{version}.zip", Body=body.getvalue())

    def function(version: str, **more: Any) -> dict[str, Any]:
        return {
            "Role": typed(
                "AWS::IAM::Role",
                AssumeRolePolicyDocument=TRUST,
                Policies=[{"PolicyName": "all", "PolicyDocument": policy("*")}],
            ),
            "Queue": queue(),
            "Function": typed(
                "AWS::Lambda::Function",
                Code={"S3Bucket": bucket, "S3Key": f"{version}.zip"},
                Handler="handler.handler",
                Runtime="python3.12",
                Role={"Fn::GetAtt": ["Role", "Arn"]},
                **more,
            ),
            "Permission": typed(
                "AWS::Lambda::Permission",
                FunctionName={"Ref": "Function"},
                Action="lambda:InvokeFunction",
                Principal="events.amazonaws.com",
            ),
            "Mapping": typed(
                "AWS::Lambda::EventSourceMapping",
                FunctionName={"Ref": "Function"},
                EventSourceArn={"Fn::GetAtt": ["Queue", "Arn"]},
                BatchSize=int(version) * 2,
                FunctionResponseTypes=["ReportBatchItemFailures"],
            ),
            "Version": typed("AWS::Lambda::Version", FunctionName={"Ref": "Function"}),
            "Alias": typed(
                "AWS::Lambda::Alias",
                FunctionName={"Ref": "Function"},
                Name="live",
                FunctionVersion={"Fn::GetAtt": ["Version", "Version"]},
            ),
            "Retries": typed(
                "AWS::Lambda::EventInvokeConfig",
                FunctionName={"Ref": "Function"},
                Qualifier="$LATEST",
                MaximumRetryAttempts=1,
            ),
        }

    complete(lab, "function", function("1", Environment={"Variables": {"AB": "1"}}, Timeout=9), **IAM)
    api, name = lab.client("lambda"), lab.resources("function")["Function"]
    first = api.get_function(FunctionName=name)["Configuration"]
    assert (first["Timeout"], first["Environment"]["Variables"]) == (9, {"AB": "1"})
    assert lab.update("function", function("2", MemorySize=256), **IAM)["StackStatus"] == "UPDATE_COMPLETE"
    second = api.get_function(FunctionName=name)["Configuration"]
    assert second["CodeSha256"] != first["CodeSha256"]
    assert (second["MemorySize"], second["Timeout"]) == (256, 3)
    assert second.get("Environment", {}).get("Variables", {}) == {}
    mapping = api.get_event_source_mapping(UUID=lab.resources("function")["Mapping"])
    assert (mapping["BatchSize"], mapping["FunctionResponseTypes"]) == (4, ["ReportBatchItemFailures"])
    statement = json.loads(api.get_policy(FunctionName=name)["Policy"])["Statement"][0]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    gone(lab, "function")
    with pytest.raises(ClientError, match="ResourceNotFound"):
        api.get_function(FunctionName=name)


def test_logs_alarms_dashboards_tables_secrets_and_repositories(lab: Lab) -> None:
    def several(number: int) -> dict[str, Any]:
        return {
            "Group": typed(
                "AWS::Logs::LogGroup", LogGroupName=lab.name("/logs"), RetentionInDays=7 if number == 1 else 30
            ),
            "Filter": typed(
                "AWS::Logs::MetricFilter",
                LogGroupName={"Ref": "Group"},
                FilterPattern="ERROR",
                MetricTransformations=[{"MetricName": "e", "MetricNamespace": "n", "MetricValue": "1"}],
            ),
            "Alarm": typed(
                "AWS::CloudWatch::Alarm",
                ComparisonOperator="GreaterThanThreshold",
                EvaluationPeriods=1,
                MetricName="e",
                Namespace="n",
                Period=60,
                Statistic="Sum",
                Threshold=number,
            ),
            "Dashboard": typed(
                "AWS::CloudWatch::Dashboard", DashboardName=lab.name("board"), DashboardBody='{"widgets": []}'
            ),
            "Table": typed(
                "AWS::DynamoDB::Table",
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                SSESpecification={"SSEEnabled": True},
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": number == 2},
                TimeToLiveSpecification={"AttributeName": "until", "Enabled": True},
            ),
            "Secret": typed(
                "AWS::SecretsManager::Secret",
                Description=str(number),
                GenerateSecretString={
                    "SecretStringTemplate": '{"user": "me"}',
                    "GenerateStringKey": "password",
                    "PasswordLength": 12,
                },
            ),
            "Repository": typed(
                "AWS::ECR::Repository",
                RepositoryName=lab.name("images"),
                EmptyOnDelete=True,
                ImageTagMutability="MUTABLE" if number == 1 else "IMMUTABLE",
            ),
        }

    complete(lab, "several", several(1), several(2))
    made = lab.resources("several")
    groups = lab.client("logs").describe_log_groups(logGroupNamePrefix=made["Group"])["logGroups"]
    assert groups[0]["retentionInDays"] == 30
    alarm = lab.client("cloudwatch").describe_alarms(AlarmNames=[made["Alarm"]])["MetricAlarms"][0]
    assert alarm["Threshold"] == 2.0
    dynamodb = lab.client("dynamodb")
    backups = dynamodb.describe_continuous_backups(TableName=made["Table"])["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    ttl = dynamodb.describe_time_to_live(TableName=made["Table"])["TimeToLiveDescription"]
    assert ttl["AttributeName"] == "until"
    secret = json.loads(lab.client("secretsmanager").get_secret_value(SecretId=made["Secret"])["SecretString"])
    assert (secret["user"], len(secret["password"])) == ("me", 12)
    repository = lab.client("ecr").describe_repositories(repositoryNames=[made["Repository"]])["repositories"][0]
    assert repository["imageTagMutability"] == "IMMUTABLE"
    gone(lab, "several")


def test_ssm_parameters_and_what_only_a_stack_knows(lab: Lab) -> None:
    def parameter(value: str) -> dict[str, Any]:
        return {
            "Parameter": typed("AWS::SSM::Parameter", Type="String", Value=value, Tags={"v": value}),
            "Copy": typed("AWS::SSM::Parameter", Type="String", Value={"Fn::GetAtt": ["Parameter", "Value"]}),
            "Metadata": typed("AWS::CDK::Metadata", Analytics="v2:deflate64:abc"),
            "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        }

    complete(lab, "parameter", parameter("one"), parameter("two"))
    made = lab.resources("parameter")
    assert lab.parameter(made["Copy"]) == "two"
    tags = lab.client("ssm").list_tags_for_resource(ResourceType="Parameter", ResourceId=made["Parameter"])["TagList"]
    assert tags == [{"Key": "v", "Value": "two"}]
    gone(lab, "parameter")


def test_names_are_made_of_the_stack_and_the_logical_id(lab: Lab) -> None:
    complete(lab, "naming", {"Queue": queue(), "Bucket": {"Type": "AWS::S3::Bucket"}})
    made = lab.resources("naming")
    assert made["Queue"].split("/")[-1].startswith(f"{lab.name('naming')}-Queue-")
    assert made["Bucket"].startswith(f"{lab.name('naming')}-bucket-")
    gone(lab, "naming")
