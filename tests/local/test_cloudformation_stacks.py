"""Stacks live: created, changed, rolled back and deleted through the CloudFormation API of a running server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.local.cloudformation_lab import Lab, events_may_send, queue, refused, ssm


@pytest.fixture
def lab(embedded: Any) -> Lab:
    return Lab(embedded)


def test_resources_are_made_in_the_order_of_their_references(lab: Lab) -> None:
    first = {
        "Reader": ssm(lab.name("/order/a"), {"Fn::Sub": "${Queue.Arn}"}),
        "Last": ssm(lab.name("/order/b"), "x", DependsOn="Reader"),
        "Queue": queue(),
    }
    assert lab.create("order", first)["StackStatus"] == "CREATE_COMPLETE"
    made = [name for name, status in lab.events("order") if status == "CREATE_COMPLETE"]
    assert made == ["Queue", "Reader", "Last", lab.name("order")]
    arn = lab.client("sqs").get_queue_attributes(QueueUrl=lab.resources("order")["Queue"], AttributeNames=["QueueArn"])[
        "Attributes"
    ]["QueueArn"]
    assert lab.parameter(lab.name("/order/a")) == arn


def test_a_changed_property_is_updated_in_place(lab: Lab) -> None:
    lab.create("inplace", {"Queue": queue(VisibilityTimeout=30)})
    url = lab.resources("inplace")["Queue"]
    assert lab.update("inplace", {"Queue": queue(VisibilityTimeout=77)})["StackStatus"] == "UPDATE_COMPLETE"
    assert lab.resources("inplace")["Queue"] == url
    found = lab.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    assert found["Attributes"]["VisibilityTimeout"] == "77"


def test_a_replacement_moves_its_dependents_and_then_deletes_the_old_resource(lab: Lab) -> None:
    old, new = lab.name("old"), lab.name("new")
    reader = ssm(lab.name("/replace"), {"Ref": "Queue"})
    lab.create("replace", {"Queue": queue(QueueName=old), "Reader": reader})
    assert lab.update("replace", {"Queue": queue(QueueName=new), "Reader": reader})["StackStatus"] == "UPDATE_COMPLETE"
    assert str(lab.parameter(lab.name("/replace"))).endswith(new)
    urls = lab.client("sqs").list_queues().get("QueueUrls", [])
    assert any(url.endswith(new) for url in urls)
    assert not any(url.endswith(old) for url in urls)
    events = lab.events("replace")
    assert events.index(("Reader", "UPDATE_COMPLETE")) < events.index(("Queue", "DELETE_COMPLETE"))


def test_a_custom_named_resource_is_not_replaced_under_its_own_name(lab: Lab) -> None:
    name = lab.name("named") + ".fifo"
    lab.create("named", {"Queue": queue(QueueName=name, FifoQueue=True)})
    ended = lab.update("named", {"Queue": queue(QueueName=name)})
    assert ended["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert f"Rename {name} and update the stack again" in lab.reason("named", "Queue", "UPDATE_FAILED")


def test_a_failing_creation_takes_everything_back_and_names_the_resource(lab: Lab) -> None:
    name = lab.name("/failing/good")
    bad = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "not a valid name"}}
    ended = lab.create("failing", {"Good": ssm(name, "x"), "Bad": {**bad, "DependsOn": "Good"}})
    assert ended["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "[Bad]" in lab.reason("failing", lab.name("failing"), "ROLLBACK_IN_PROGRESS")
    assert lab.reason("failing", "Bad", "CREATE_FAILED")
    assert lab.parameter(name) is None
    assert "ROLLBACK_COMPLETE state and can not be updated" in refused(lab.update, "failing", {"Good": ssm(name, "y")})


def test_a_resource_that_exists_but_could_not_be_completed_is_deleted_by_the_rollback(lab: Lab) -> None:
    bucket = lab.name("incomplete")
    logging = {"DestinationBucketName": lab.name("no-such-bucket")}
    resources = {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket, "LoggingConfiguration": logging}}
    }
    assert lab.create("incomplete", resources)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert bucket not in [one["Name"] for one in lab.client("s3").list_buckets()["Buckets"]]


def test_a_failing_update_puts_everything_back(lab: Lab) -> None:
    kept, added = lab.name("/back/kept"), lab.name("/back/added")
    lab.create("back", {"Kept": ssm(kept, "before"), "Queue": queue(VisibilityTimeout=30)})
    ended = lab.update(
        "back",
        {
            "Kept": ssm(kept, "after"),
            "Added": ssm(added, "x"),
            "Queue": {**queue(VisibilityTimeout=99999999), "DependsOn": ["Kept", "Added"]},
        },
    )
    assert ended["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "[Queue]" in lab.reason("back", lab.name("back"), "UPDATE_ROLLBACK_IN_PROGRESS")
    assert (lab.parameter(kept), lab.parameter(added)) == ("before", None)
    assert set(lab.resources("back")) == {"Kept", "Queue"}
    assert lab.update("back", {"Kept": ssm(kept, "again"), "Queue": queue()})["StackStatus"] == "UPDATE_COMPLETE"


def test_an_update_without_a_change_is_refused(lab: Lab) -> None:
    resources = {"Queue": queue()}
    lab.create("same", resources)
    assert refused(lab.update, "same", resources) == "No updates are to be performed."


def test_a_condition_leaves_a_resource_out_until_it_is_turned_on(lab: Lab) -> None:
    name = lab.name("/conditional")
    template: dict[str, Any] = {
        "resources": {
            "Always": queue(),
            "Sometimes": ssm(name, "here", Condition="Wanted"),
        },
        "parameters": {"Want": {"Type": "String", "Default": "no"}},
        "conditions": {"Wanted": {"Fn::Equals": [{"Ref": "Want"}, "yes"]}},
        "outputs": {"Name": {"Value": {"Ref": "Sometimes"}, "Condition": "Wanted"}},
    }
    assert lab.create("conditional", **template).get("Outputs", []) == []
    assert lab.parameter(name) is None
    lab.api.update_stack(
        StackName=lab.name("conditional"),
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": "Want", "ParameterValue": "yes"}],
    )
    assert lab.ended("conditional")["Outputs"] == [{"OutputKey": "Name", "OutputValue": name}]
    assert lab.parameter(name) == "here"
    message = refused(
        lab.api.update_stack,
        StackName=lab.name("conditional"),
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": "Want", "UsePreviousValue": True}],
    )
    assert message == "No updates are to be performed."


def test_an_unknown_type_is_refused_before_anything_is_made(lab: Lab) -> None:
    message = refused(lab.create, "unknown", {"Fine": queue(), "Job": {"Type": "AWS::Glue::Job"}})
    assert "Unrecognized resource types: [AWS::Glue::Job (Job)]" in message
    assert "does not exist" in refused(lab.api.describe_stacks, StackName=lab.name("unknown"))


@pytest.mark.parametrize(
    ("properties", "named"),
    [({"VisibiltyTimeout": 3}, "VisibiltyTimeout"), ({"Tags": [{"Key": "a", "Valeu": "b"}]}, "Valeu")],
)
def test_an_unknown_property_fails_the_resource_by_its_name(lab: Lab, properties: Any, named: str) -> None:
    assert lab.create(f"typo{named}", {"Queue": queue(**properties)})["StackStatus"] == "ROLLBACK_COMPLETE"
    assert f"extraneous key [{named}]" in lab.reason(f"typo{named}", "Queue", "CREATE_FAILED")


def test_a_property_that_only_aws_has_is_refused_by_its_name(lab: Lab) -> None:
    website = {"WebsiteConfiguration": {"IndexDocument": "index.html"}}
    lab.create("website", {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": website}})
    assert "WebsiteConfiguration" in lab.reason("website", "Bucket", "CREATE_FAILED")


def test_an_attribute_that_a_type_does_not_have_is_refused(lab: Lab) -> None:
    resources = {"Queue": queue(), "Reader": ssm("/x", {"Fn::GetAtt": ["Queue", "Color"]})}
    assert "does not support attribute type Color" in refused(lab.create, "attribute", resources)


def test_an_export_in_use_can_neither_change_nor_go(lab: Lab) -> None:
    export = lab.name("shared")

    def exporting(value: str) -> dict[str, Any]:
        return {"resources": {"Queue": queue()}, "outputs": {"It": {"Value": value, "Export": {"Name": export}}}}

    lab.create("exporter", **exporting("one"))
    lab.create("importer", {"Reader": ssm(lab.name("/import"), {"Fn::ImportValue": export})})
    assert lab.parameter(lab.name("/import")) == "one"
    assert lab.api.list_imports(ExportName=export)["Imports"] == [lab.name("importer")]
    assert lab.update("exporter", **exporting("two"))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    lab.delete("exporter")
    ended = lab.ended("exporter")
    assert ended["StackStatus"] == "DELETE_FAILED"
    assert f"Cannot delete export {export} as it is in use by {lab.name('importer')}" in ended["StackStatusReason"]
    lab.delete("importer")
    lab.delete("exporter")
    assert export not in [one["Name"] for one in lab.api.list_exports()["Exports"]]


def test_an_export_name_belongs_to_one_stack(lab: Lab) -> None:
    outputs = {"It": {"Value": "x", "Export": {"Name": lab.name("single")}}}
    lab.create("owner", {"Queue": queue()}, outputs=outputs)
    assert lab.create("thief", {"Queue": queue()}, outputs=outputs)["StackStatus"] == "ROLLBACK_COMPLETE"


def test_a_stack_that_is_deleted_takes_its_resources_along_but_not_the_retained_ones(lab: Lab) -> None:
    kept, gone = lab.name("/retain/kept"), lab.name("/retain/gone")
    lab.create("retain", {"Kept": ssm(kept, "x", DeletionPolicy="Retain"), "Gone": ssm(gone, "x")})
    arn = lab.ended("retain")["StackId"]
    lab.delete("retain")
    assert lab.api.describe_stacks(StackName=arn)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE"
    assert (lab.parameter(kept), lab.parameter(gone)) == ("x", None)


def test_a_bucket_with_objects_keeps_its_stack_from_being_deleted(lab: Lab) -> None:
    lab.create("full", {"Bucket": {"Type": "AWS::S3::Bucket"}})
    bucket = lab.resources("full")["Bucket"]
    lab.client("s3").put_object(Bucket=bucket, Key="a", Body=b"x")
    lab.delete("full")
    ended = lab.ended("full")
    assert (ended["StackStatus"], "[Bucket]" in ended["StackStatusReason"]) == ("DELETE_FAILED", True)
    lab.client("s3").delete_object(Bucket=bucket, Key="a")
    lab.delete("full")
    assert "does not exist" in refused(lab.api.describe_stacks, StackName=lab.name("full"))


def test_termination_protection_refuses_deletion(lab: Lab) -> None:
    lab.create("protected", {"Queue": queue()}, EnableTerminationProtection=True)
    assert "TerminationProtection is enabled" in refused(lab.delete, "protected")
    lab.api.update_termination_protection(StackName=lab.name("protected"), EnableTerminationProtection=False)
    lab.delete("protected")
    assert "does not exist" in refused(lab.api.describe_stacks, StackName=lab.name("protected"))


def test_the_same_token_does_not_start_twice(lab: Lab) -> None:
    first = lab.create("token", {"Queue": queue()}, ClientRequestToken="one")
    again = lab.api.create_stack(
        StackName=lab.name("token"),
        TemplateBody='{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}',
        ClientRequestToken="one",
    )
    assert again["StackId"] == first["StackId"]
    assert "already exists" in refused(lab.create, "token", {"Queue": queue()}, ClientRequestToken="two")


def test_a_role_that_does_not_exist_is_refused(lab: Lab) -> None:
    role = "arn:aws:iam::333333333333:role/nobody"
    assert "cannot be assumed" in refused(lab.create, "role", {"Queue": queue()}, RoleARN=role)


def test_iam_needs_the_callers_consent(lab: Lab) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": []}}}
    assert "Requires capabilities : [CAPABILITY_IAM]" in refused(lab.create, "consent", {"Role": role})


def test_resource_types_limit_what_an_update_may_hold(lab: Lab) -> None:
    lab.create("limited", {"Queue": queue()})
    message = refused(lab.update, "limited", {"Queue": queue(), "Other": ssm("/a", "x")}, ResourceTypes=["AWS::SQS::*"])
    assert "AWS::SSM::Parameter" in message


def test_a_failed_update_that_keeps_what_it_did_can_be_rolled_back_later(lab: Lab) -> None:
    name = lab.name("/later")
    lab.create("later", {"Kept": ssm(name, "before"), "Queue": queue()})
    resources = {"Kept": ssm(name, "after"), "Queue": {**queue(VisibilityTimeout=99999999), "DependsOn": "Kept"}}
    assert lab.update("later", resources, DisableRollback=True)["StackStatus"] == "UPDATE_FAILED"
    assert lab.parameter(name) == "after"
    lab.api.rollback_stack(StackName=lab.name("later"))
    assert lab.ended("later")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert lab.parameter(name) == "before"


def test_a_template_comes_from_s3_under_every_kind_of_address(lab: Lab, embedded: Any) -> None:
    bucket = lab.name("templates")
    s3 = lab.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    s3.put_object(Bucket=bucket, Key="a/t.yaml", Body=b"Resources: {Queue: {Type: 'AWS::SQS::Queue'}}")
    for index, url in enumerate(
        [
            f"{embedded.url}/{bucket}/a/t.yaml",
            f"https://{bucket}.s3.ap-northeast-2.amazonaws.com/a/t.yaml",
            f"https://s3.ap-northeast-2.amazonaws.com/{bucket}/a/t.yaml",
        ]
    ):
        lab.api.create_stack(StackName=lab.name(f"url{index}"), TemplateURL=url)
        assert lab.ended(f"url{index}")["StackStatus"] == "CREATE_COMPLETE"


def test_parameters_may_come_from_ssm_and_secrets_never_stay_in_the_stack(lab: Lab) -> None:
    lab.client("ssm").put_parameter(Name=lab.name("/given"), Value="from-ssm", Type="String")
    lab.client("secretsmanager").create_secret(Name=lab.name("secret"), SecretString='{"word": "hidden"}')
    resources = {
        "Plain": ssm(lab.name("/got/plain"), {"Ref": "Given"}),
        "Secret": ssm(
            lab.name("/got/secret"), f"{{{{resolve:secretsmanager:{lab.name('secret')}:SecretString:word}}}}"
        ),
    }
    parameters = {"Given": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": lab.name("/given")}}
    ended = lab.create("values", resources, parameters=parameters)
    assert ended["Parameters"][0]["ResolvedValue"] == "from-ssm"
    assert lab.parameter(lab.name("/got/plain")) == "from-ssm"
    assert lab.parameter(lab.name("/got/secret")) == "hidden"
    assert "hidden" not in str(lab.api.describe_stack_events(StackName=lab.name("values")))


def test_every_status_change_is_an_event_on_the_default_bus(lab: Lab) -> None:
    rule = lab.name("stack-events")
    lab.create("target", {"Queue": queue(), "Taken": events_may_send("Queue")})
    url = lab.resources("target")["Queue"]
    sqs, events = lab.client("sqs"), lab.client("events")
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    created = {"source": ["aws.cloudformation"], "detail": {"status-details": {"status": ["CREATE_COMPLETE"]}}}
    events.put_rule(Name=rule, EventPattern=json.dumps(created))
    events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": arn}])
    ended = lab.create("announced", {"Queue": queue()}, ClientRequestToken="hello")
    messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    events.remove_targets(Rule=rule, Ids=["queue"])
    events.delete_rule(Name=rule)
    assert ended["StackId"] in messages[0]["Body"]
    assert '"client-request-token"' in messages[0]["Body"]


@pytest.mark.parametrize(
    "asked",
    [
        {"TimeoutInMinutes": 5},
        {"NotificationARNs": ["arn:aws:sns:ap-northeast-2:333333333333:t"]},
        {"StackPolicyBody": "{}"},
        {"RollbackConfiguration": {"MonitoringTimeInMinutes": 5}},
        {"DeploymentConfig": {"Mode": "EXPRESS"}},
    ],
)
def test_what_has_no_meaning_here_is_refused_and_not_ignored(lab: Lab, asked: dict[str, Any]) -> None:
    message = refused(lab.create, "asked", {"Queue": queue()}, **asked)
    assert message.startswith(next(iter(asked)))
    assert message.endswith("is not supported by the embedded AWS")


def test_stacks_survive_a_restart_of_the_server(embedded_factory: Callable[..., Any]) -> None:
    first = embedded_factory()
    before = Lab(first)
    before.create("kept", {"Queue": queue(VisibilityTimeout=30)})
    first.stop()
    after = Lab(embedded_factory(first.folder))
    after.suffix = before.suffix
    assert after.ended("kept")["StackStatus"] == "CREATE_COMPLETE"
    assert after.update("kept", {"Queue": queue(VisibilityTimeout=31)})["StackStatus"] == "UPDATE_COMPLETE"


def test_stack_tags_reach_the_resources(lab: Lab) -> None:
    lab.create("tagged", {"Queue": queue(Tags=[{"Key": "own", "Value": "1"}])}, Tags=[{"Key": "team", "Value": "ml"}])
    tags = lab.client("sqs").list_queue_tags(QueueUrl=lab.resources("tagged")["Queue"])["Tags"]
    assert tags == {"own": "1", "team": "ml"}


@pytest.mark.parametrize(
    ("template", "block"),
    [
        ({"Resources": {"Queue": queue(QueueName={"Fn::If": ["C", {"Ref": "Missing"}, "q"]})}}, "Resources"),
        ({"Resources": {"Queue": queue()}, "Outputs": {"O": {"Value": {"Fn::Sub": "${Missing.Arn}"}}}}, "Outputs"),
    ],
)
def test_a_template_that_refers_to_what_it_does_not_declare_is_not_valid(
    lab: Lab, template: dict[str, Any], block: str
) -> None:
    text = json.dumps({"Conditions": {"C": {"Fn::Equals": ["a", "b"]}}} | template)

    said = refused(lab.client("cloudformation").validate_template, TemplateBody=text)
    assert f"Unresolved resource dependencies [Missing] in the {block} block of the template" in said
