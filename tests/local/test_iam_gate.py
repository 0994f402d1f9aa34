"""Every request is decided: against the caller's policies, their limits, and what an API implies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.gate_lab import ACCOUNT, REGION, Lab, allow, denied, deny, document, trust

IMAGE = "366743142698.dkr.ecr.ap-northeast-2.amazonaws.com/sagemaker-xgboost:3.2-0"


@pytest.fixture
def lab(embedded: Any) -> Lab:
    return Lab(embedded)


def table(lab: Lab, name: str) -> None:
    lab.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )


def test_a_role_does_what_its_policy_names_and_nothing_else(lab: Lab) -> None:
    table(lab, "gate-own")
    table(lab, "gate-other")
    own = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/gate-own"
    dynamodb = lab.as_role("dynamodb", allow("dynamodb:PutItem", on=own))
    item = {"id": {"S": "1"}}

    dynamodb.put_item(TableName="gate-own", Item=item)

    assert "dynamodb:PutItem" in denied(dynamodb.put_item, TableName="gate-other", Item=item)
    assert "dynamodb:Scan" in denied(dynamodb.scan, TableName="gate-own")
    transaction = [{"Delete": {"TableName": "gate-own", "Key": item}}]
    assert "dynamodb:DeleteItem" in denied(dynamodb.transact_write_items, TransactItems=transaction)


def test_a_new_policy_counts_at_once(lab: Lab) -> None:
    role = lab.role()
    sqs, iam, name = lab.acting(role, "sqs"), lab.client("iam"), role.rsplit("/", 1)[1]
    denied(sqs.list_queues)

    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(allow("sqs:ListQueues")))
    sqs.list_queues()
    iam.delete_role_policy(RoleName=name, PolicyName="own")

    denied(sqs.list_queues)


def test_the_default_version_of_a_managed_policy_counts(lab: Lab) -> None:
    role, iam = lab.role(), lab.client("iam")
    policy = lab.policy(allow("sqs:ListQueues"))
    iam.attach_role_policy(RoleName=role.rsplit("/", 1)[1], PolicyArn=policy)
    sqs = lab.acting(role, "sqs")
    sqs.list_queues()

    iam.create_policy_version(PolicyArn=policy, PolicyDocument=document(allow("sns:ListTopics")), SetAsDefault=True)

    assert policy in denied(sqs.list_queues)


def test_users_have_their_own_policies_and_those_of_their_groups(lab: Lab) -> None:
    name, session = lab.user(allow("sqs:ListQueues"), groups=[allow("sns:ListTopics")])

    session.client("sqs", endpoint_url=lab.aws.url).list_queues()
    session.client("sns", endpoint_url=lab.aws.url).list_topics()
    message = denied(session.client("kms", endpoint_url=lab.aws.url).list_keys)

    assert message.startswith(f"User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: kms:ListKeys")


def test_a_user_reads_its_own_name_from_the_key_it_signs_with(lab: Lab) -> None:
    own = f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}"
    name, session = lab.user(allow("iam:ListAccessKeys", on=own))
    iam = session.client("iam", endpoint_url=lab.aws.url)

    iam.list_access_keys(UserName=name)
    iam.list_access_keys()

    denied(iam.list_access_keys, UserName=lab.user()[0])


def test_a_boundary_limits_what_policies_allow(lab: Lab) -> None:
    role = lab.role(allow("sqs:*", "sns:*"), boundary=[allow("sqs:*")])

    lab.acting(role, "sqs").list_queues()
    message = denied(lab.acting(role, "sns").list_topics)

    assert "because no permissions boundary allows the sns:ListTopics action" in message


def test_a_session_policy_limits_the_session(lab: Lab) -> None:
    role = lab.role(allow("sqs:*"))
    limited = lab.acting(role, "sqs", policy=document(allow("sqs:ListQueues")))

    limited.list_queues()
    message = denied(limited.create_queue, QueueName="gate-session")

    assert "because no session policy allows the sqs:CreateQueue action" in message


def test_a_session_policy_that_would_not_count_is_refused(lab: Lab) -> None:
    role, sts = lab.role(), lab.client("sts")

    with pytest.raises(ClientError, match="MalformedPolicyDocument"):
        sts.assume_role(RoleArn=role, RoleSessionName="test", Policy='{"Statement": {"Effect": "Maybe"}}')
    with pytest.raises(ClientError, match="PolicyArns is not supported"):
        sts.assume_role(RoleArn=role, RoleSessionName="test", PolicyArns=[{"arn": lab.policy(allow("sqs:*"))}])


def test_a_role_that_does_not_trust_the_caller_is_not_assumed(lab: Lab) -> None:
    role = lab.role(trusts=trust(Service="lambda.amazonaws.com"))
    sts = lab.as_role("sts", allow("sts:AssumeRole"))

    message = denied(sts.assume_role, RoleArn=role, RoleSessionName="test")

    assert f"sts:AssumeRole on resource: {role}" in message


def test_passing_a_role_needs_the_right_to_pass_it_to_that_service(lab: Lab) -> None:
    passed = lab.role(trusts=trust(Service="sagemaker.amazonaws.com"))
    create = allow("sagemaker:CreateModel")
    right = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    wrong = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    model = {"ExecutionRoleArn": passed, "PrimaryContainer": {"Image": IMAGE, "Mode": "MultiModel"}}

    def attempt(*statements: dict[str, Any]) -> str:
        return denied(lab.as_role("sagemaker", create, *statements).create_model, ModelName="gate-model", **model)

    assert f"iam:PassRole on resource: {passed}" in attempt()
    assert "iam:PassRole" in attempt(allow("iam:PassRole", on=passed, when=wrong))
    assert "iam:PassRole" in attempt(allow("iam:PassRole", on=passed + "-other", when=right))
    assert '"iam:PassedToService": "sagemaker.amazonaws.com"' in attempt()


def test_a_role_in_an_environment_variable_is_not_passed(lab: Lab) -> None:
    passed = lab.role(trusts=trust(Service="lambda.amazonaws.com"))
    functions = lab.as_role("lambda", allow("lambda:*"), allow("iam:PassRole", on=passed))
    environment = {"Variables": {"UPDATE_ROLE_ARN": lab.role()}}

    with pytest.raises(ClientError) as caught:
        functions.update_function_configuration(FunctionName="gate-none", Role=passed, Environment=environment)

    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_role_that_does_not_exist_cannot_be_passed(lab: Lab) -> None:
    nobody = f"arn:aws:iam::{ACCOUNT}:role/nobody-at-all"
    target = {"Id": "t", "Arn": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default", "RoleArn": nobody}
    events, scheduler = lab.client("events"), lab.client("scheduler")
    events.put_rule(Name="gate-nobody", EventPattern='{"source": ["gate-nobody"]}', State="DISABLED")

    with pytest.raises(ClientError, match=f"Provided role '{nobody}' cannot be assumed"):
        events.put_targets(Rule="gate-nobody", Targets=[target])
    with pytest.raises(ClientError, match="must allow AWS EventBridge Scheduler to assume the role"):
        scheduler.create_schedule(
            Name="gate-nobody",
            ScheduleExpression="rate(1 hour)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", "RoleArn": nobody},
        )


def test_only_the_named_pipeline_can_be_started(lab: Lab) -> None:
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/gate-own"
    sagemaker = lab.as_role("sagemaker", allow("sagemaker:StartPipelineExecution", on=arn))

    with pytest.raises(ClientError, match="ResourceNotFound"):
        sagemaker.start_pipeline_execution(PipelineName="gate-own")
    denied(sagemaker.start_pipeline_execution, PipelineName="gate-other")


def processing_job(role: str, instance_type: str) -> dict[str, Any]:
    cluster = {"InstanceCount": 1, "InstanceType": instance_type, "VolumeSizeInGB": 1}
    return {
        "ProcessingJobName": f"gate-{instance_type.replace('.', '-')}",
        "RoleArn": role,
        "AppSpecification": {"ImageUri": IMAGE},
        "ProcessingResources": {"ClusterConfig": cluster},
    }


def test_a_condition_on_the_instance_type_is_read_from_inside_the_request(lab: Lab) -> None:
    passed = lab.role(trusts=trust(Service="sagemaker.amazonaws.com"))
    small = {"ForAllValues:StringEquals": {"sagemaker:InstanceTypes": ["ml.m5.large"]}}
    sagemaker = lab.as_role(
        "sagemaker", allow("sagemaker:CreateProcessingJob", when=small), allow("iam:PassRole", on=passed)
    )

    sagemaker.create_processing_job(**processing_job(passed, "ml.m5.large"))

    denied(sagemaker.create_processing_job, **processing_job(passed, "ml.p4d.24xlarge"))


def test_tags_at_creation_need_the_right_to_tag(lab: Lab) -> None:
    passed = lab.role(trusts=trust(Service="sagemaker.amazonaws.com"))
    sagemaker = lab.as_role("sagemaker", allow("sagemaker:CreateProcessingJob"), allow("iam:PassRole", on=passed))
    job = processing_job(passed, "ml.m5.xlarge")

    message = denied(sagemaker.create_processing_job, **job, Tags=[{"Key": "team", "Value": "fraud"}])

    assert "sagemaker:AddTags" in message


def test_an_explicit_deny_on_approval_wins_over_every_allow(lab: Lab) -> None:
    sagemaker = lab.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="gate-group")
    container = {"Image": IMAGE, "ModelDataUrl": "s3://gate-none/model.tar.gz"}
    package = sagemaker.create_model_package(
        ModelPackageGroupName="gate-group",
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        ModelApprovalStatus="PendingManualApproval",
    )["ModelPackageArn"]
    approval = {"StringEquals": {"sagemaker:ModelApprovalStatus": "Approved"}}
    limited = lab.as_role(
        "sagemaker", allow("sagemaker:*"), {**deny("sagemaker:UpdateModelPackage", when=approval), "Sid": "NoApproval"}
    )

    limited.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Rejected")
    message = denied(limited.update_model_package, ModelPackageArn=package, ModelApprovalStatus="Approved")

    assert "with an explicit deny in an identity-based policy" in message
    assert "Statement NoApproval of own denies it" in message


def test_a_denial_says_who_what_which_policies_and_what_would_help(lab: Lab) -> None:
    role = lab.role(allow("sqs:ListQueues"))
    url = lab.client("sqs").create_queue(QueueName="gate-message")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:gate-message"
    name = role.rsplit("/", 1)[1]

    message = denied(lab.acting(role, "sqs").send_message, QueueUrl=url, MessageBody="x")

    assert message == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{name}/test is not authorized to perform: sqs:SendMessage on "
        f"resource: {arn} because no identity-based policy allows the sqs:SendMessage action. "
        f"Policies looked at: own. This statement in an identity policy of {role} would allow it: "
        f'{{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "{arn}"}}'
    )


def test_the_last_hours_of_a_deleted_role_are_powerless(lab: Lab) -> None:
    role = lab.role(allow("sqs:ListQueues"))
    sqs, iam, name = lab.acting(role, "sqs"), lab.client("iam"), role.rsplit("/", 1)[1]
    sqs.list_queues()

    iam.delete_role_policy(RoleName=name, PolicyName="own")
    iam.delete_role(RoleName=name)

    denied(sqs.list_queues)


def test_an_access_key_that_was_switched_off_is_unknown(lab: Lab) -> None:
    name, session = lab.user(allow("sqs:*"))
    sqs = session.client("sqs", endpoint_url=lab.aws.url)
    sqs.list_queues()
    key = session.get_credentials().access_key

    lab.client("iam").update_access_key(UserName=name, AccessKeyId=key, Status="Inactive")

    with pytest.raises(ClientError, match="invalid"):
        sqs.list_queues()


def test_a_condition_on_time_is_decided_now(lab: Lab) -> None:
    year = datetime.now(UTC).year
    past = {"DateLessThan": {"aws:CurrentTime": f"{year - 1}-01-01T00:00:00Z"}}
    future = {"DateLessThan": {"aws:CurrentTime": f"{year + 2}-01-01T00:00:00Z"}}

    lab.as_role("sqs", allow("sqs:ListQueues", when=future)).list_queues()

    denied(lab.as_role("sqs", allow("sqs:ListQueues", when=past)).list_queues)


def test_requests_that_no_operation_matches_are_refused(lab: Lab) -> None:
    s3 = lab.as_role("s3", allow("s3:GetObject"))
    s3.meta.events.register("before-sign.s3", lambda request, **_: setattr(request, "method", "PATCH"))

    denied(s3.get_object, Bucket="gate-none", Key="k")


def test_who_pretends_to_be_another_account_by_header_is_not_believed(lab: Lab) -> None:
    lab.client("sqs", account="222222222222").create_queue(QueueName="gate-foreign")
    sqs = lab.as_role("sqs", allow("sqs:*"))
    sqs.meta.events.register(
        "before-sign.sqs", lambda request, **_: request.headers.add_header("x-moto-account-id", "222222222222")
    )

    assert not any("gate-foreign" in url for url in sqs.list_queues().get("QueueUrls", []))
