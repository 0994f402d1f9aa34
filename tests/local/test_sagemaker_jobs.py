"""Processing jobs, asked for through boto3 and really run."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sagemaker_lab import ENDED, IMAGE, REGION, JobLab, s3_output, until


@pytest.fixture(scope="session")
def lab(embedded: Any) -> JobLab:
    return JobLab(embedded)


WRITE = "import pathlib, sys\npathlib.Path(sys.argv[2], 'written.txt').write_text('partial')\n"


def test_a_processing_job_reads_its_inputs_and_its_outputs_arrive_in_s3(lab: JobLab) -> None:
    lab.put("in/claims/00000.csv", "a,b\n1,2\n")
    script = (
        "import pathlib, sys\n"
        "rows = pathlib.Path(sys.argv[3], 'claims', '00000.csv').read_text()\n"
        "folder = pathlib.Path(sys.argv[2], 'sub')\n"
        "folder.mkdir()\n"
        "(folder / 'copy.csv').write_text(rows)\n"
    )
    job = lab.run(script, inputs={"data": f"s3://{lab.bucket}/in"}, arguments=["/opt/ml/processing/input/data"])
    assert job["ProcessingJobStatus"] == "Completed", job
    assert job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    assert lab.text(f"out/{job['ProcessingJobName']}/sub/copy.csv") == "a,b\n1,2\n"


SHOWS_ML = subprocess.run(["unshare", "-Um", "true"], capture_output=True).returncode == 0 and Path("/opt").is_dir()
needs_ml = pytest.mark.skipif(not SHOWS_ML, reason="the system allows no mount namespaces, or has no /opt")


@needs_ml
@pytest.mark.parametrize("isolated", [False, True])
def test_code_that_names_opt_ml_itself_finds_its_own_job_there(lab: JobLab, isolated: bool) -> None:
    script = """
import os, pathlib, subprocess, sys
base = pathlib.Path("/opt/ml/processing")
found = [(base / "input/data/a.txt").read_text(), pathlib.Path("/opt/ml/config/resourceconfig.json").exists()]
beside = sorted(each.name for each in pathlib.Path("/opt").iterdir())
(base / "output/found.txt").write_text(f"{found} {beside}")
copy = "cd /opt/ml/processing && cp input/data/a.txt output/copied.txt"
subprocess.run(["/bin/sh", "-c", copy], check=True)
"""
    inputs = {"data": lab.put("ml/a.txt", "hello").rsplit("/", 1)[0]}
    ended = lab.run(script, inputs=inputs, NetworkConfig={"EnableNetworkIsolation": isolated})
    beside = sorted({*(each.name for each in Path("/opt").iterdir()), "ml"})

    assert ended["ProcessingJobStatus"] == "Completed", ended
    out = f"out/{ended['ProcessingJobName']}"
    assert lab.text(f"{out}/found.txt") == f"['hello', True] {beside}"
    assert lab.text(f"{out}/copied.txt") == "hello"


@needs_ml
def test_what_a_job_leaves_in_opt_ml_is_seen_by_nobody_else(lab: JobLab) -> None:
    here = "import pathlib; pathlib.Path('/opt/ml/mine').write_text('x')"
    assert lab.run(here)["ProcessingJobStatus"] == "Completed"
    assert not Path("/opt/ml/mine").exists()
    there = "import pathlib; assert not pathlib.Path('/opt/ml/mine').exists()"
    assert lab.run(there)["ProcessingJobStatus"] == "Completed"


def test_a_shell_script_finds_the_images_own_python(lab: JobLab) -> None:
    script = "python -c 'import xgboost; print(xgboost.__version__)' > $0/version.txt"
    entry = {"ContainerEntrypoint": ["/bin/sh", "-c", script], "ContainerArguments": ["/opt/ml/processing/output"]}
    ended = lab.run("", AppSpecification={"ImageUri": IMAGE, **entry})
    assert ended["ProcessingJobStatus"] == "Completed", ended
    assert lab.text(f"out/{ended['ProcessingJobName']}/version.txt").startswith("3.2")


def test_what_a_job_prints_is_in_cloudwatch_logs(lab: JobLab) -> None:
    job = lab.run("print('forty-two rows')")
    lab.logged("/aws/sagemaker/ProcessingJobs", job["ProcessingJobName"], "forty-two rows")


def test_the_failure_reason_holds_the_exception_and_its_line(lab: JobLab) -> None:
    job = lab.run("def check(row):\n    raise ValueError(f'no column policy_id in {row}')\n\ncheck('x')\n")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == (
        "AlgorithmError: ValueError: no column policy_id in x (job.py, line 2), exit code: 1"
    )


def test_a_job_killed_by_a_signal_fails_with_the_signal(lab: JobLab) -> None:
    job = lab.run("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    assert job["ProcessingJobStatus"] == "Failed"
    assert "signal 9 (SIGKILL)" in job["FailureReason"]
    assert job["FailureReason"].endswith("exit code: 137")


def test_nothing_of_a_failed_job_is_visible(lab: JobLab) -> None:
    job = lab.run(WRITE + "raise SystemExit(3)\n")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].endswith("exit code: 3")
    assert lab.keys(f"out/{job['ProcessingJobName']}") == []


@pytest.mark.parametrize("ending", ["raise SystemExit(3)", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_continuous_output_of_a_failed_job_is_there_all_the_same(lab: JobLab, ending: str) -> None:
    name = f"job-{uuid.uuid4().hex[:8]}"
    base = "/opt/ml/processing"
    kept = s3_output("kept", f"s3://{lab.bucket}/kept/{name}", f"{base}/kept")
    kept["S3Output"]["S3UploadMode"] = "Continuous"
    lost = s3_output("lost", f"s3://{lab.bucket}/out/{name}", f"{base}/output")
    script = "import pathlib, sys\n" + "".join(
        f"pathlib.Path(sys.argv[{number}], 'rows.csv').write_text('refused')\n" for number in (2, 3)
    )
    job = lab.run(
        f"{script}{ending}\n", name=name, arguments=[f"{base}/kept"], ProcessingOutputConfig={"Outputs": [kept, lost]}
    )
    assert job["ProcessingJobStatus"] == "Failed"
    assert lab.keys(f"kept/{name}") == [f"kept/{name}/rows.csv"]
    assert lab.keys(f"out/{name}") == []


def test_a_continuous_output_that_cannot_arrive_does_not_hide_why_the_job_failed(lab: JobLab) -> None:
    kept = s3_output("kept", "s3://no-such-bucket-anywhere/out", "/opt/ml/processing/output")
    kept["S3Output"]["S3UploadMode"] = "Continuous"
    job = lab.run(WRITE + "raise SystemExit(3)\n", ProcessingOutputConfig={"Outputs": [kept]})
    assert job["FailureReason"].endswith("exit code: 3")


def test_outputs_that_arrived_stay_when_another_cannot_for_the_role_need_not_be_able_to_delete(lab: JobLab) -> None:
    name = f"job-{uuid.uuid4().hex[:8]}"
    outputs = [
        s3_output("good", f"s3://{lab.bucket}/out/{name}", "/opt/ml/processing/output"),
        s3_output("bad", "s3://no-such-bucket-anywhere/out", "/opt/ml/processing/output"),
    ]
    job = lab.run(WRITE, name=name, ProcessingOutputConfig={"Outputs": outputs})
    assert job["ProcessingJobStatus"] == "Failed"
    assert "upload failed" in job["FailureReason"]
    assert lab.keys(f"out/{name}") == [f"out/{name}/written.txt"]


def test_an_empty_input_prefix_fails_the_job_as_aws_does(lab: JobLab) -> None:
    job = lab.run("print('never')", inputs={"data": f"s3://{lab.bucket}/nothing-here"})
    assert job["ProcessingJobStatus"] == "Failed"
    assert "No S3 objects found under S3 URL" in job["FailureReason"]


def test_an_unknown_image_fails_the_job_and_lists_the_known_ones(lab: JobLab) -> None:
    job = lab.run("print('never')", image="123456789012.dkr.ecr.eu-west-1.amazonaws.com/mine:1")
    assert job["ProcessingJobStatus"] == "Failed"
    assert "mine:1 has no local environment" in job["FailureReason"]
    assert "sagemaker-xgboost" in job["FailureReason"]
    assert "images.toml" in job["FailureReason"]


def test_a_stopped_job_is_told_first_and_leaves_nothing(lab: JobLab) -> None:
    script = (
        "import signal, sys, threading\n"
        "def told(*_):\n    print('told to stop')\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, told)\n" + WRITE + "print('ready')\nthreading.Event().wait()\n"
    )
    name = lab.start(script)
    group = "/aws/sagemaker/ProcessingJobs"
    lab.logged(group, name, "ready")
    lab.sagemaker.stop_processing_job(ProcessingJobName=name)
    assert lab.ended(name)["ProcessingJobStatus"] == "Stopped"
    lab.logged(group, name, "told to stop")
    assert lab.keys(f"out/{name}") == []


def test_an_isolated_job_has_neither_network_nor_credentials(lab: JobLab) -> None:
    script = (
        "import json, os, pathlib, socket, sys\n"
        "host, port = sys.argv[3].split(':')\n"
        "try:\n    socket.create_connection((host, int(port)), 5)\n    network = True\n"
        "except OSError:\n    network = False\n"
        "found = {'network': network, 'keys': [k for k in os.environ if k.startswith('AWS_')]}\n"
        "pathlib.Path(sys.argv[2], 'found.json').write_text(json.dumps(found))\n"
    )
    server = lab.embedded.url.removeprefix("http://")
    open_job = lab.run(script, arguments=[server])
    closed_job = lab.run(script, arguments=[server], NetworkConfig={"EnableNetworkIsolation": True})
    opened = json.loads(lab.text(f"out/{open_job['ProcessingJobName']}/found.json"))
    closed = json.loads(lab.text(f"out/{closed_job['ProcessingJobName']}/found.json"))
    assert opened["network"] is True
    assert "AWS_SESSION_TOKEN" in opened["keys"]
    assert closed == {"network": False, "keys": ["AWS_REGION", "AWS_DEFAULT_REGION"]}


def test_a_job_has_the_rights_of_its_role_through_boto3(lab: JobLab) -> None:
    script = (
        "import boto3, pathlib, sys\n"
        "arn = boto3.client('sts').get_caller_identity()['Arn']\n"
        "pathlib.Path(sys.argv[2], 'who.txt').write_text(arn)\n"
    )
    job = lab.run(script)
    assert f":assumed-role/{lab.bucket}/SageMaker" in lab.text(f"out/{job['ProcessingJobName']}/who.txt")


def test_a_role_that_does_not_exist_is_refused(lab: JobLab) -> None:
    with pytest.raises(lab.sagemaker.exceptions.ClientError, match="Could not assume role"):
        lab.start("print()", RoleArn="arn:aws:iam::111111111111:role/nobody")


def test_a_job_name_is_taken_once_and_for_all(lab: JobLab) -> None:
    name = lab.run("print()")["ProcessingJobName"]
    with pytest.raises(lab.sagemaker.exceptions.ResourceInUse, match="already exists"):
        lab.start("print()", name=name)


def test_what_a_job_leaves_in_its_message_file_is_the_exit_message(lab: JobLab) -> None:
    script = "import os, pathlib\npathlib.Path(os.environ['WHERE']).write_text('ten rows dropped')\n"
    job = lab.run(script, Environment={"WHERE": "/opt/ml/output/message"})
    assert job["ExitMessage"] == "ten rows dropped"


def test_state_changes_reach_eventbridge(lab: JobLab) -> None:
    events, sqs = lab.embedded.client("events"), lab.embedded.client("sqs")
    name = f"states-{uuid.uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Processing Job State Change"],
        "detail": {"ProcessingJobName": [name], "ProcessingJobStatus": ["Failed"]},
    }
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    lab.run("raise KeyError('row')", name=name)
    message = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"][0]
    event = json.loads(message["Body"])
    assert "KeyError: 'row'" in event["detail"]["FailureReason"]
    assert event["resources"] == [f"arn:aws:sagemaker:{REGION}:111111111111:processing-job/{name}"]


def test_lists_filter_sort_and_page(lab: JobLab) -> None:
    prefix = f"listed-{uuid.uuid4().hex[:6]}"
    for number, script in enumerate(("print()", "raise SystemExit(1)", "print()")):
        lab.run(script, name=f"{prefix}-{number}")
    list_jobs = lab.sagemaker.list_processing_jobs
    good = list_jobs(NameContains=prefix, StatusEquals="Completed", SortBy="Name", SortOrder="Descending")
    assert [each["ProcessingJobName"] for each in good["ProcessingJobSummaries"]] == [f"{prefix}-2", f"{prefix}-0"]
    first = list_jobs(NameContains=prefix, SortBy="CreationTime", SortOrder="Ascending", MaxResults=2)
    second = list_jobs(NameContains=prefix, SortBy="CreationTime", SortOrder="Ascending", NextToken=first["NextToken"])
    names = [each["ProcessingJobName"] for each in first["ProcessingJobSummaries"] + second["ProcessingJobSummaries"]]
    assert names == [f"{prefix}-{number}" for number in range(3)]
    assert "NextToken" not in second


def test_a_job_ends_at_its_time_limit_even_if_it_ignores_being_told(
    embedded_factory: Callable[..., Any],
) -> None:
    lab = JobLab(embedded_factory())
    deaf = "import signal, threading\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready')\n"
    name = lab.start(deaf + "threading.Event().wait()\n", StoppingCondition={"MaxRuntimeInSeconds": 600})
    lab.logged("/aws/sagemaker/ProcessingJobs", name, "ready")
    lab.embedded.advance(601)
    # The 120 seconds of grace begin when the limit was noticed: move the clock until they are over.
    job = until(
        lambda: (lab.embedded.advance(121), lab.sagemaker.describe_processing_job(ProcessingJobName=name))[1],
        lambda job: job["ProcessingJobStatus"] in ENDED,
    )
    assert job["ProcessingJobStatus"] == "Stopped"
    assert job["FailureReason"] == "MaxRuntimeExceeded"


def test_a_job_that_ran_when_the_server_ended_is_failed_after_the_restart(
    embedded_factory: Callable[..., Any], tmp_path: Path
) -> None:
    lab = JobLab(embedded_factory(tmp_path))
    name = lab.start("import threading\nprint('ready')\nthreading.Event().wait()\n")
    lab.logged("/aws/sagemaker/ProcessingJobs", name, "ready")
    lab.embedded.stop()
    again = embedded_factory(tmp_path).client("sagemaker")
    job = again.describe_processing_job(ProcessingJobName=name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert "stopped while the job ran" in job["FailureReason"]
