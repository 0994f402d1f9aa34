"""What keeps data: TLS, encryption and isolation of what serves them, how long they live, where failures go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from settings.names import has_local_storage
from stacks.controls.templates import Resource, Templates, listed
from stacks.controls.violation import Violation

TLS = "1.2"
LOG_BUCKET = "-logs-"
"""What only the name of the bucket of access logs holds; access logs are the only objects that may expire."""


def buckets_answer_over_tls_only(templates: Templates) -> Iterator[Violation]:
    policies = list(templates.resources("AWS::S3::BucketPolicy"))
    for bucket in templates.resources("AWS::S3::Bucket"):
        denials = [
            statement.get("Condition", {})
            for policy in policies
            if policy.properties["Bucket"] == bucket.properties.get("BucketName")
            for statement in policy.properties["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
        ]
        plain = any(str(test.get("Bool", {}).get("aws:SecureTransport")).lower() == "false" for test in denials)
        old = any(float(test.get("NumericLessThan", {}).get("s3:TlsVersion", 0)) >= float(TLS) for test in denials)
        if not (plain and old):
            yield _violation(
                bucket,
                "bucket-tls",
                f"its policy does not deny {'TLS before ' + TLS if plain else 'requests without TLS'}",
                why="whoever listens on the way could read the data, or change them",
                change="make it with SecureBucket (stacks/secure_bucket.py)",
            )


def data_never_expire(templates: Templates) -> Iterator[Violation]:
    """A registered model names its run's files, and a cached step its inputs, for as long as they are known."""
    for bucket in templates.resources("AWS::S3::Bucket"):
        if LOG_BUCKET in bucket.properties.get("BucketName", ""):
            continue
        for rule in bucket.properties.get("LifecycleConfiguration", {}).get("Rules", ()):
            ending = {"ExpirationInDays", "ExpirationDate"} & set(rule)
            if ending and rule.get("Status") == "Enabled":
                yield _violation(
                    bucket,
                    "data-kept",
                    f"the lifecycle rule {rule.get('Id')} deletes current objects ({', '.join(sorted(ending))})",
                    why="a registered model could no longer be deployed, and a cached step would name missing files",
                    change="expire noncurrent versions and incomplete uploads only",
                )


def logs_are_encrypted_and_forget(templates: Templates) -> Iterator[Violation]:
    for group in templates.resources("AWS::Logs::LogGroup"):
        missing = [key for key in ("KmsKeyId", "RetentionInDays") if not group.properties.get(key)]
        if missing:
            yield _violation(
                group,
                "logs-encrypted-and-limited",
                f"{', '.join(missing)} is not set",
                why="a traceback can hold rows of data: logs need the customer's key, and an end",
                change="make it with LogGroup (stacks/log_group.py)",
            )


def models_are_served_safely(templates: Templates) -> Iterator[Violation]:
    """Of a serverless endpoint AWS isolates no model and encrypts nothing of the customer's: it refuses to be asked."""
    configs = list(templates.resources("AWS::SageMaker::EndpointConfig"))
    serverless = {config.template for config in configs if _is_serverless(config)}
    for model in templates.resources("AWS::SageMaker::Model"):
        if model.properties.get("EnableNetworkIsolation") is not True and model.template not in serverless:
            yield _violation(
                model,
                "model-isolated",
                "EnableNetworkIsolation is not true",
                why="inference code that was tampered with could send each request away",
                change="set enable_network_isolation=True in stacks/serving.py",
            )
    for config in configs:
        if (
            not _is_serverless(config)
            and not _has_own_disks(config)
            and not str(config.properties.get("KmsKeyId", "")).startswith("arn:aws:kms:")
        ):
            yield _violation(
                config,
                "endpoint-volumes-encrypted",
                "KmsKeyId is not the customer's key",
                why="model and requests lie on the instances' volumes",
                change="set kms_key_id in stacks/serving.py",
            )


def _is_serverless(config: Resource) -> bool:
    return any("ServerlessConfig" in variant for variant in config.properties["ProductionVariants"])


def _has_own_disks(config: Resource) -> bool:
    """Such disks encrypt themselves, and SageMaker refuses a key for them."""
    types = [variant.get("InstanceType", "") for variant in config.properties["ProductionVariants"]]
    return bool(types) and all(has_local_storage(each) for each in types)


def nothing_undelivered_is_lost(templates: Templates) -> Iterator[Violation]:
    """Rules, schedules, functions, and the queues that functions read."""
    for resource, holder, lacking in _deliveries(templates):
        if lacking:
            yield _violation(
                resource,
                "failures-kept",
                f"{holder} has no dead-letter queue",
                why="after the last retry the event is gone, and nobody knows that new data or an approval was missed",
                change="use WorkerQueue (stacks/worker_queue.py), or name a dead-letter queue",
            )


def _deliveries(templates: Templates) -> Iterator[tuple[Resource, str, bool]]:
    for rule in templates.resources("AWS::Events::Rule"):
        for target in rule.properties.get("Targets", ()):
            yield rule, f"the target {target['Id']}", not _dead_letters(target)
    for schedule in templates.resources("AWS::Scheduler::Schedule"):
        yield schedule, "its target", not _dead_letters(schedule.properties["Target"])
    for function in templates.resources("AWS::Lambda::Function"):
        yield function, "it", not function.properties.get("DeadLetterConfig", {}).get("TargetArn")
    read = {
        arn
        for mapping in templates.resources("AWS::Lambda::EventSourceMapping")
        for arn in listed(mapping.properties.get("EventSourceArn", []))
    }
    for queue in templates.resources("AWS::SQS::Queue"):
        if queue.arn in read:
            yield queue, "it", not queue.properties.get("RedrivePolicy")


def _dead_letters(target: Mapping[str, Any]) -> Any:
    return target.get("DeadLetterConfig", {}).get("Arn")


def _violation(resource: Resource, control: str, what: str, *, why: str, change: str) -> Violation:
    return Violation(control, resource.template, resource.logical_id, what, why, change)
