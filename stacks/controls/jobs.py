"""Every job and every call of every pipeline, read out of PipelineDefinitionBody: nothing else checks those.

A step of a kind that is not known here fails as well: whoever adds one says here where its job keeps its settings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stacks.controls.templates import Resource, Templates, listed
from stacks.controls.violation import Violation

LONGEST_SECONDS = 24 * 3600
MOST_INSTANCES = 10
WITHOUT_JOB = ("Callback", "Condition", "Fail", "Lambda", "Model", "RegisterModel")
_IMAGE = re.compile(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/.+")


@dataclass(frozen=True)
class Where:
    """Where the arguments of one kind of job keep what is checked; a path is dotted, "" means that it has none."""

    outputs: str
    volumes: str
    runtime: str
    isolation: str
    role: str
    instances: str
    traffic: str
    image: str


PROCESSING = Where(
    outputs="ProcessingOutputConfig.KmsKeyId",
    volumes="ProcessingResources.ClusterConfig.VolumeKmsKeyId",
    runtime="StoppingCondition.MaxRuntimeInSeconds",
    isolation="NetworkConfig.EnableNetworkIsolation",
    role="RoleArn",
    instances="ProcessingResources.ClusterConfig.InstanceCount",
    traffic="NetworkConfig.EnableInterContainerTrafficEncryption",
    image="AppSpecification.ImageUri",
)
TRAINING = Where(
    outputs="OutputDataConfig.KmsKeyId",
    volumes="ResourceConfig.VolumeKmsKeyId",
    runtime="StoppingCondition.MaxRuntimeInSeconds",
    isolation="EnableNetworkIsolation",
    role="RoleArn",
    instances="ResourceConfig.InstanceCount",
    traffic="EnableInterContainerTrafficEncryption",
    image="AlgorithmSpecification.TrainingImage",
)
TRANSFORM = Where(  # network and role are the model's
    outputs="TransformOutput.KmsKeyId",
    volumes="TransformResources.VolumeKmsKeyId",
    runtime="",
    isolation="",
    role="",
    instances="TransformResources.InstanceCount",
    traffic="",
    image="",
)
KINDS = {"Processing": PROCESSING, "Training": TRAINING, "Tuning": TRAINING, "Transform": TRANSFORM}


@dataclass(frozen=True)
class Job:
    """One job that a step starts, with the values that the definition's parameters have by default."""

    pipeline: Resource
    step: str
    where: Where
    arguments: Mapping[str, Any]
    defaults: Mapping[str, Any]

    def value(self, path: str) -> Any:
        found: Any = self.arguments
        for key in path.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        match found:
            case {"Get": str(name)} if name.startswith("Parameters."):
                return self.defaults.get(name.removeprefix("Parameters."))
            case _:
                return found

    def violation(self, control: str, what: str, *, why: str, change: str) -> Violation:
        resource = f"{self.pipeline.logical_id} ({self.step})"
        return Violation(control, self.pipeline.template, resource, what, why, change)


def jobs_are_safe(templates: Templates) -> Iterator[Violation]:
    """All controls on all jobs."""
    roles = _job_roles(templates)
    functions = frozenset(function.arn for function in templates.resources("AWS::Lambda::Function"))
    for pipeline in templates.resources("AWS::SageMaker::Pipeline"):
        for step in _steps(_definition(pipeline)["Steps"]):
            if step["Type"] not in (*KINDS, *WITHOUT_JOB):
                yield _unknown(pipeline, step)
            if step["Type"] == "Lambda" and step.get("FunctionArn") not in functions:
                yield _foreign_function(pipeline, step, functions)
        for job in _jobs(pipeline):
            yield from _encryption(job)
            yield from _limits(job)
            yield from _network(job)
            yield from _identity(job, roles)


def _encryption(job: Job) -> Iterator[Violation]:
    for control, path, subject in (
        ("job-outputs-encrypted", job.where.outputs, "outputs"),
        ("job-volumes-encrypted", job.where.volumes, "volumes"),
    ):
        if not str(job.value(path) or "").startswith("arn:aws:kms:"):
            yield job.violation(
                control,
                f"the job's {subject} are not encrypted with the customer's key: {path} is {job.value(path)!r}",
                why="the data of a run must be unreadable without the key, which the account controls",
                change=f"set {path} to SENTINELS['kms_key'] in pipeline_code/definition.py",
            )


def _limits(job: Job) -> Iterator[Violation]:
    seconds, count = job.value(job.where.runtime) if job.where.runtime else 1, job.value(job.where.instances)
    if not isinstance(seconds, int) or not 1 <= seconds <= LONGEST_SECONDS:
        yield job.violation(
            "job-runtime-limited",
            f"{job.where.runtime} is {seconds!r}, not 1 to {LONGEST_SECONDS:,} seconds",
            why="a job that hangs costs money until its limit, which is a day or more unless it is set",
            change="set max_runtime_seconds in settings/models/<model>.toml",
        )
    if not isinstance(count, int) or not 1 <= count <= MOST_INSTANCES:
        yield job.violation(
            "job-instances-limited",
            f"{job.where.instances} is {count!r}, not 1 to {MOST_INSTANCES}",
            why="the count multiplies the costs, so a mistyped one must not reach AWS",
            change="set instance_count in settings/models/<model>.toml; "
            "settings/model_reader.py and stacks/controls/jobs.py hold the limit",
        )


def _network(job: Job) -> Iterator[Violation]:
    if job.where.isolation and job.value(job.where.isolation) is not True:
        yield job.violation(
            "job-isolated",
            f"the job can reach the network: {job.where.isolation} is {job.value(job.where.isolation)!r}",
            why="code or a package that was tampered with could send the data away, and the job has AWS credentials",
            change=f"set {job.where.isolation} to true in pipeline_code/definition.py",
        )
    count = job.value(job.where.instances)
    if job.where.traffic and isinstance(count, int) and count > 1 and job.value(job.where.traffic) is not True:
        yield job.violation(
            "job-traffic-encrypted",
            f"several instances talk to each other in the clear: {job.where.traffic} is not true",
            why="the rows and gradients they exchange are as confidential as the data",
            change=f"set {job.where.traffic} to true in pipeline_code/definition.py",
        )


def _identity(job: Job, roles: frozenset[str]) -> Iterator[Violation]:
    if job.where.role and job.value(job.where.role) not in roles:
        yield job.violation(
            "job-role",
            f"the job runs as {job.value(job.where.role)!r}, which is no role of these templates for jobs",
            why="only the roles made here are limited to what a job needs; the pipeline's own role may start others",
            change=f"use one of: {', '.join(sorted(roles))}",
        )
    if job.where.image and not _IMAGE.fullmatch(str(job.value(job.where.image))):
        yield job.violation(
            "job-image",
            f"the image {job.value(job.where.image)!r} is not in a registry of AWS (ECR)",
            why="an image from elsewhere is pulled over the public network, and nobody here controls it",
            change="use an image of SageMaker or of an ECR repository of your own",
        )


def _unknown(pipeline: Resource, step: Mapping[str, Any]) -> Violation:
    return Violation(
        "step-known",
        pipeline.template,
        f"{pipeline.logical_id} ({step['Name']})",
        f"no control knows steps of type {step['Type']}",
        "a job that nobody checks may run unencrypted, for ever and with the network open",
        "say in KINDS of stacks/controls/jobs.py where its settings are, or add it to WITHOUT_JOB",
    )


def _foreign_function(pipeline: Resource, step: Mapping[str, Any], functions: frozenset[str]) -> Violation:
    return Violation(
        "step-function",
        pipeline.template,
        f"{pipeline.logical_id} ({step['Name']})",
        f"the step calls {step.get('FunctionArn')!r}, which is no function of these templates",
        "what a function answers decides what is compared and registered, so it must be reviewed with them",
        f"use one of: {', '.join(sorted(functions))}",
    )


def _jobs(pipeline: Resource) -> Iterator[Job]:
    definition = _definition(pipeline)
    defaults = {p["Name"]: p.get("DefaultValue") for p in definition.get("Parameters", ())}
    for step in _steps(definition["Steps"]):
        if step["Type"] not in KINDS:
            continue
        arguments = step.get("Arguments", {})
        # A tuning job holds the definition of the training jobs it starts, or a list of them.
        inner = arguments.get("TrainingJobDefinitions") or [arguments.get("TrainingJobDefinition", arguments)]
        for one in inner:
            yield Job(pipeline, step["Name"], KINDS[step["Type"]], one, defaults)


def _steps(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """All steps, those inside of conditions too."""
    for step in steps:
        yield step
        arguments = step.get("Arguments", {})
        for branch in ("IfSteps", "ElseSteps"):
            if isinstance(arguments, Mapping):
                yield from _steps(arguments.get(branch, []))


def _definition(pipeline: Resource) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(pipeline.properties["PipelineDefinition"]["PipelineDefinitionBody"])
    return body


def _job_roles(templates: Templates) -> frozenset[str]:
    """The ARNs of roles that SageMaker may assume and that run no pipeline themselves."""
    running = {pipeline.properties.get("RoleArn") for pipeline in templates.resources("AWS::SageMaker::Pipeline")}
    return frozenset(
        role.arn
        for role in templates.resources("AWS::IAM::Role")
        for statement in role.properties["AssumeRolePolicyDocument"]["Statement"]
        if "sagemaker.amazonaws.com" in listed(statement["Principal"].get("Service", [])) and role.arn not in running
    )
