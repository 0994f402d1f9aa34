"""Jobs run with the rights of their role and no other: each hidden call that it may not make breaks the right thing."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.iam_lab import EVERYTHING, allow, deny, make_role, permit, trust
from tests.sagemaker_lab import IMAGE, REGION, JobLab, until

ACCOUNT = "111111111111"
REPOSITORY = "arn:aws:ecr:ap-northeast-2:366743142698:repository/sagemaker-xgboost"
NETWORK = {"VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}
PULLS = (
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
)
INTERFACES = (
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
)
MakeRole = Callable[..., str]


@pytest.fixture(scope="session")
def lab(embedded: Any) -> JobLab:
    return JobLab(embedded)


@pytest.fixture(scope="session")
def key(embedded: Any) -> str:
    return str(embedded.client("kms").create_key()["KeyMetadata"]["Arn"])


@pytest.fixture
def role(embedded: Any) -> MakeRole:
    """A role of SageMaker's that may do everything but the actions given."""

    def make(*but: str, **conditions: Any) -> str:
        name = f"job-{uuid.uuid4().hex[:8]}"
        may = [EVERYTHING, *([deny(*but)] if but else [])]
        return make_role(embedded.client("iam"), name, "sagemaker.amazonaws.com", may=may, **conditions)

    return make


def volume(key: str) -> dict[str, Any]:
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1, "VolumeKmsKeyId": key}
    return {"ProcessingResources": {"ClusterConfig": cluster}}


def refused(job: dict[str, Any], action: str, role: str) -> None:
    """The job has failed, and says who lacks which right."""
    assert job["ProcessingJobStatus"] == "Failed"
    assert f"not authorized to perform: {action}" in job["FailureReason"]
    assert role.rsplit("/", 1)[1] in job["FailureReason"]


@pytest.mark.parametrize("action", PULLS)
def test_a_role_that_may_not_pull_the_image_starts_nothing(lab: JobLab, role: MakeRole, action: str) -> None:
    arn = role(action)
    job = lab.run("print('never')", RoleArn=arn)

    refused(job, action, arn)
    assert "ProcessingStartTime" not in job
    assert f"role {arn} has proper pull permissions" in job["FailureReason"]


@pytest.mark.parametrize("action", INTERFACES)
def test_a_role_that_may_not_make_network_interfaces_joins_no_vpc(lab: JobLab, role: MakeRole, action: str) -> None:
    arn = role(action)
    refused(lab.run("print('never')", RoleArn=arn, NetworkConfig=NETWORK), action, arn)
    assert lab.run("print()", RoleArn=arn)["ProcessingJobStatus"] == "Completed"


def test_an_output_key_needs_encrypt(lab: JobLab, role: MakeRole, key: str) -> None:
    outputs = {"Outputs": [], "KmsKeyId": key}
    arn = role("kms:Encrypt")
    refused(lab.run("print('never')", RoleArn=arn, ProcessingOutputConfig=outputs), "kms:Encrypt", arn)
    assert lab.run("print()", RoleArn=role(), ProcessingOutputConfig=outputs)["ProcessingJobStatus"] == "Completed"


def test_a_volume_key_needs_a_grant_by_the_role_or_else_by_whoever_starts_the_job(
    lab: JobLab, embedded: Any, role: MakeRole, key: str
) -> None:
    without = role("kms:CreateGrant")
    assert lab.run("print()", RoleArn=without, **volume(key))["ProcessingJobStatus"] == "Completed"

    starter = make_role(
        embedded.client("iam"),
        f"starter-{uuid.uuid4().hex[:8]}",
        "sagemaker.amazonaws.com",
        may=[allow("sagemaker:*", "iam:PassRole")],
    )
    code = json.dumps(job_request(lab, without, key))
    script = f"import boto3, json\nboto3.client('sagemaker').create_processing_job(**json.loads({code!r}))\n"
    assert lab.run(script, RoleArn=starter_that_runs(embedded, starter))["ProcessingJobStatus"] == "Completed"
    refused(lab.ended(json.loads(code)["ProcessingJobName"]), "kms:CreateGrant", starter)


def starter_that_runs(embedded: Any, role: str) -> str:
    """The role with what its own job needs besides, but for the grant."""
    permit(embedded.client("iam"), role.rsplit("/", 1)[1], EVERYTHING, deny("kms:CreateGrant"))
    return role


def job_request(lab: JobLab, role: str, key: str) -> dict[str, Any]:
    return {
        "ProcessingJobName": f"child-{uuid.uuid4().hex[:8]}",
        "RoleArn": role,
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", "-c", "print()"]},
        **volume(key),
    }


@pytest.mark.parametrize(
    ("action", "said"),
    [("s3:ListBucket", "Data download failed"), ("s3:GetObject", "Data download failed"), ("s3:PutObject", "upload")],
)
def test_inputs_and_outputs_are_the_roles_to_read_and_write(
    lab: JobLab, role: MakeRole, action: str, said: str
) -> None:
    arn = role(action)
    job = lab.run("import pathlib, sys\npathlib.Path(sys.argv[2], 'x').write_text('x')\n", RoleArn=arn)
    refused(job, action, arn)
    assert said in job["FailureReason"]


@pytest.mark.parametrize("action", ["logs:CreateLogStream", "logs:PutLogEvents"])
def test_a_role_that_may_not_write_logs_only_loses_them(
    lab: JobLab, embedded: Any, role: MakeRole, action: str
) -> None:
    lab.run("print('the group exists')")
    job = lab.run("print('unheard')", RoleArn=role(action))

    assert job["ProcessingJobStatus"] == "Completed"
    assert lines(embedded, job["ProcessingJobName"]) == []


def lines(embedded: Any, job: str) -> list[str]:
    logs, group = embedded.client("logs"), "/aws/sagemaker/ProcessingJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=job)["logStreams"]
    return [
        event["message"]
        for stream in streams
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    ]


def test_a_role_that_may_not_put_metrics_only_loses_the_curves(lab: JobLab, embedded: Any, role: MakeRole) -> None:
    files = {"train.py": "print('validation-auc:0.5')\n"}
    job = lab.train(files, RoleArn=role("cloudwatch:PutMetricData"))

    assert job["TrainingJobStatus"] == "Completed"
    assert job["FinalMetricDataList"][0]["Value"] == 0.5
    dimensions = [{"Name": "TrainingJobName", "Value": job["TrainingJobName"]}]
    assert embedded.client("cloudwatch").list_metrics(Dimensions=dimensions)["Metrics"] == []


def test_a_training_role_without_its_pull_right_fails_the_job(lab: JobLab, role: MakeRole) -> None:
    arn = role("ecr:BatchGetImage")
    algorithm = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
    job = lab.train({"train.py": "print()\n"}, RoleArn=arn, AlgorithmSpecification=algorithm)
    assert job["TrainingJobStatus"] == "Failed"
    assert f"not authorized to perform: ecr:BatchGetImage on resource: {REPOSITORY}" in job["FailureReason"]


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:SourceAccount": "999999999999"}},
        {"ArnLike": {"aws:SourceArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/*"}},
    ],
)
def test_a_role_that_trusts_sagemaker_for_somebody_else_is_refused(
    lab: JobLab, role: MakeRole, condition: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match=r"Could not assume role .* sts:AssumeRole"):
        lab.start("print()", RoleArn=role(**condition))


def test_sagemaker_says_for_which_job_and_account_it_assumes_a_role(lab: JobLab, role: MakeRole) -> None:
    arn = role(
        StringEquals={"aws:SourceAccount": ACCOUNT},
        ArnLike={"aws:SourceArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:processing-job/*"},
    )
    assert lab.run("print()", RoleArn=arn)["ProcessingJobStatus"] == "Completed"


def test_a_role_that_trusts_no_longer_is_refused_although_it_was_assumed_before(
    lab: JobLab, embedded: Any, role: MakeRole
) -> None:
    arn = role()
    assert lab.run("print()", RoleArn=arn)["ProcessingJobStatus"] == "Completed"

    embedded.client("iam").update_assume_role_policy(
        RoleName=arn.rsplit("/", 1)[1], PolicyDocument=json.dumps(trust("lambda.amazonaws.com"))
    )
    with pytest.raises(ClientError, match="Could not assume role"):
        lab.start("print()", RoleArn=arn)


def test_nobody_outside_has_the_key_of_a_service(embedded: Any) -> None:
    import boto3

    client = boto3.client(
        "sqs",
        endpoint_url=embedded.url,
        region_name=REGION,
        aws_access_key_id="AKIASVC" + "A" * 13,
        aws_secret_access_key="x",
    )
    with pytest.raises(ClientError, match=r"InvalidClientTokenId|UnrecognizedClient|InvalidAccessKeyId"):
        client.list_queues()


def test_a_pipelines_role_must_be_able_to_pass_the_jobs_role(lab: JobLab, embedded: Any, role: MakeRole) -> None:
    without, passed = role("iam:PassRole"), role()
    execution = run_pipeline(lab, without, passed)
    assert "iam:PassRole" in execution["reason"]
    assert passed in execution["reason"]


def test_sagemaker_says_for_which_execution_it_assumes_a_pipelines_role(lab: JobLab, role: MakeRole) -> None:
    ours = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/*"
    assert run_pipeline(lab, role(ArnLike={"aws:SourceArn": ours}), role())["status"] == "Succeeded"

    other = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/another/*"
    refusal = run_pipeline(lab, role(ArnLike={"aws:SourceArn": other}), role())
    assert "sts:AssumeRole" in refusal["reason"]


def run_pipeline(lab: JobLab, pipeline_role: str, job_role: str) -> dict[str, str]:
    """Run one step with the roles: its status and reason."""
    request = job_request(lab, job_role, "") | volume("")
    del request["ProcessingJobName"]
    del request["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"]
    step = {"Name": "Only", "Type": "Processing", "Arguments": request}
    name = f"rights-{uuid.uuid4().hex[:8]}"
    definition = json.dumps({"Version": "2020-12-01", "Steps": [step]})
    lab.sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=definition, RoleArn=pipeline_role)
    arn = lab.sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
    until(
        lambda: lab.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"],
        lambda status: status not in ("Executing", "Stopping"),
    )
    [found] = lab.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    return {"status": found["StepStatus"], "reason": found.get("FailureReason", "")}
