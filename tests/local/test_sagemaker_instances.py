"""Jobs on several instances: a process each, that know one another, share the data, and are one job."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest

from tests.sagemaker_lab import JobLab, channel, s3_input

SHARDED = "ShardedByS3Key"


@pytest.fixture(scope="session")
def lab(embedded: Any) -> JobLab:
    return JobLab(embedded)


def cluster(count: int) -> dict[str, Any]:
    return {
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": count, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        }
    }


def instances(count: int) -> dict[str, Any]:
    return {"ResourceConfig": {"InstanceCount": count, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}}


# Each host writes what it knows into a file of its own name.
TELL = """
import json, os, pathlib, sys
base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
config = json.loads((base / "config" / "resourceconfig.json").read_text())
folder = base / "processing" / "input" / "data"
data = sorted(p.name for p in folder.iterdir()) if folder.exists() else []
name = config["current_host"]
pathlib.Path(sys.argv[2], name + ".json").write_text(json.dumps({"config": config, "data": data, "pid": os.getpid()}))
"""


def test_a_processing_job_runs_a_process_per_instance_with_its_share_of_the_objects(lab: JobLab) -> None:
    for number in range(5):
        lab.put(f"parts/{number}.csv", "x")
    data = s3_input("data", f"s3://{lab.bucket}/parts", "/opt/ml/processing/input/data")
    data["S3Input"]["S3DataDistributionType"] = SHARDED
    name = lab.start("pass")
    inputs = lab.sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingInputs"]
    code = s3_input("code", lab.put("code/tell/job.py", TELL), inputs[0]["S3Input"]["LocalPath"])
    job = lab.run("", ProcessingInputs=[code, data], **cluster(2))

    assert job["ProcessingJobStatus"] == "Completed", job
    told = [json.loads(lab.text(f"out/{job['ProcessingJobName']}/algo-{n}.json")) for n in (1, 2)]
    assert [each["config"] for each in told] == [
        {"current_host": host, "hosts": ["algo-1", "algo-2"]} for host in ("algo-1", "algo-2")
    ]
    assert [each["data"] for each in told] == [["0.csv", "2.csv", "4.csv"], ["1.csv", "3.csv"]]
    assert told[0]["pid"] != told[1]["pid"]


def test_each_instance_has_a_log_stream_of_its_own(lab: JobLab) -> None:
    job = lab.run("print('hello')", **cluster(3))
    name = job["ProcessingJobName"]
    logs = lab.embedded.client("logs")
    streams = logs.describe_log_streams(logGroupName="/aws/sagemaker/ProcessingJobs", logStreamNamePrefix=name)
    hosts = sorted(each["logStreamName"].split("/")[1].rsplit("-", 1)[0] for each in streams["logStreams"])
    assert hosts == ["algo-1", "algo-2", "algo-3"]


TALK = """
import os, pathlib, socket, sys, json
hosts, me = json.loads(os.environ["SM_HOSTS"]), os.environ["SM_CURRENT_HOST"]
if me == hosts[0]:
    with socket.create_server((socket.gethostbyname(me), 7777)) as server:
        said = [server.accept()[0].makefile().read() for _ in hosts[1:]]
    pathlib.Path(os.environ["SM_MODEL_DIR"], "said.json").write_text(json.dumps(sorted(said)))
else:
    for _ in range(600):
        try:
            with socket.create_connection((hosts[0], 7777), 5) as line:
                line.sendall(f"{me} of {len(hosts)}, master {os.environ['SM_HOSTS']}".encode())
            break
        except ConnectionRefusedError:
            import time
            time.sleep(0.05)
    else:
        sys.exit("the master never listened")
    pathlib.Path(os.environ["SM_MODEL_DIR"], f"{me}.txt").write_text(me)
try:
    socket.create_connection((sys.argv[2].split(":")[0], int(sys.argv[2].split(":")[1])), 2).close()
    reached = "outside"
except OSError:
    reached = "nothing"
pathlib.Path(os.environ["SM_MODEL_DIR"], f"reached-{me}.txt").write_text(reached)
"""


@pytest.mark.parametrize("isolated", [False, True])
def test_the_instances_of_a_training_job_reach_each_other_by_name_and_make_one_model(
    lab: JobLab, isolated: bool
) -> None:
    server = lab.embedded.url.removeprefix("http://")
    job = lab.train(
        {"train.py": TALK}, hyperparameters={"server": server}, EnableNetworkIsolation=isolated, **instances(3)
    )
    assert job["TrainingJobStatus"] == "Completed", job
    files = model_files(lab, job)
    assert sorted(files) == [
        "algo-2.txt", "algo-3.txt", "reached-algo-1.txt", "reached-algo-2.txt", "reached-algo-3.txt", "said.json",
    ]  # fmt: skip
    assert [each.split(",")[0] for each in json.loads(files["said.json"])] == ["algo-2 of 3", "algo-3 of 3"]
    expected = "nothing" if isolated else "outside"
    assert {files[f"reached-algo-{n}.txt"] for n in (1, 2, 3)} == {expected}


def test_a_sharded_channel_is_divided_and_said_to_be(lab: JobLab) -> None:
    script = (
        "import json, os, pathlib\n"
        "config = pathlib.Path(os.environ['SM_INPUT_CONFIG_DIR'])\n"
        "told = {'files': sorted(os.listdir(os.environ['SM_CHANNEL_TRAIN'])),\n"
        "        'how': json.loads((config / 'inputdataconfig.json').read_text())['train']['S3DistributionType'],\n"
        "        'resources': json.loads((config / 'resourceconfig.json').read_text())['hosts']}\n"
        "pathlib.Path(os.environ['SM_MODEL_DIR'], os.environ['SM_CURRENT_HOST']).write_text(json.dumps(told))\n"
    )
    for number in range(3):
        lab.put(f"shards/{number}.csv", "x")
    train = channel("train", f"s3://{lab.bucket}/shards/")
    train["DataSource"]["S3DataSource"]["S3DataDistributionType"] = SHARDED
    code = channel("code", lab.put("code/shards/code.gz", _archive(script)))
    job = lab.train({}, InputDataConfig=[train, code], **instances(2))
    assert job["TrainingJobStatus"] == "Completed", job
    told = {name: json.loads(text) for name, text in model_files(lab, job).items()}
    assert {name: each["files"] for name, each in told.items()} == {
        "algo-1": ["0.csv", "2.csv"],
        "algo-2": ["1.csv"],
    }
    assert told["algo-1"]["how"] == SHARDED
    assert told["algo-2"]["resources"] == ["algo-1", "algo-2"]


def test_one_instance_that_fails_ends_the_others_and_gives_the_reason(lab: JobLab) -> None:
    script = (
        "import os, threading\n"
        "if os.environ['SM_CURRENT_HOST'] == 'algo-2':\n    raise ValueError('shard 2 is broken')\n"
        "threading.Event().wait()\n"
    )
    job = lab.train({"train.py": script}, **instances(2))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: ValueError: shard 2 is broken (train.py, line 3), exit code: 1"


def test_stopping_a_job_ends_all_of_its_instances(lab: JobLab) -> None:
    name = lab.start("import threading\nprint('ready')\nthreading.Event().wait()\n", **cluster(2))
    lab.logged("/aws/sagemaker/ProcessingJobs", f"{name}/algo-1", "ready")
    lab.logged("/aws/sagemaker/ProcessingJobs", f"{name}/algo-2", "ready")
    lab.sagemaker.stop_processing_job(ProcessingJobName=name)
    assert lab.ended(name)["ProcessingJobStatus"] == "Stopped"


COLLECTIVE = """
import contextlib, json, os, pathlib, socket
import numpy, xgboost
from xgboost import collective
from xgboost.tracker import RabitTracker
hosts, me = json.loads(os.environ["SM_HOSTS"]), os.environ["SM_CURRENT_HOST"]
rank, master = hosts.index(me), socket.gethostbyname(hosts[0])
if rank == 0 and len(hosts) > 1:
    tracker = RabitTracker(n_workers=len(hosts), host_ip=master, port=9099, sortby="task")
    tracker.start()
data = numpy.loadtxt(pathlib.Path(os.environ["SM_CHANNEL_TRAIN"]) / "train.csv", delimiter=",")[rank :: len(hosts)]
arguments = {"dmlc_tracker_uri": master, "dmlc_tracker_port": 9099, "dmlc_task_id": str(rank), "dmlc_retry": 50}
with collective.CommunicatorContext(**arguments) if len(hosts) > 1 else contextlib.nullcontext():
    assert collective.get_world_size() == len(hosts), collective.get_world_size()
    matrix = xgboost.DMatrix(data[:, 1:], data[:, 0])
    booster = xgboost.train({"tree_method": "hist", "nthread": 1, "max_depth": 3}, matrix, 5)
    if collective.get_rank() == 0:
        booster.save_model(pathlib.Path(os.environ["SM_MODEL_DIR"], "model.json"))
if rank == 0 and len(hosts) > 1:
    tracker.wait_for()
print("done")
"""


def test_xgboosts_own_collective_trains_one_model_on_two_isolated_instances(lab: JobLab) -> None:
    rows = "".join(f"{n % 7},{n % 7 + n % 3 / 10},{n % 11}\n" for n in range(600))
    data = channel("train", lab.put("collective/train.csv", rows))
    code = channel("code", lab.put("code/collective/code.gz", _archive(COLLECTIVE)))
    jobs = [
        lab.train({}, InputDataConfig=[data, code], EnableNetworkIsolation=True, **instances(count)) for count in (1, 2)
    ]
    assert [job.get("FailureReason") for job in jobs] == [None, None]
    one, two = (json.loads(model_files(lab, job)["model.json"]) for job in jobs)
    shapes = [[len(tree["left_children"]) for tree in trees_of(model)] for model in (one, two)]
    assert shapes[0] == shapes[1]


def trees_of(model: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = model["learner"]["gradient_booster"]["model"]["trees"]
    return found


def model_files(lab: JobLab, job: dict[str, Any]) -> dict[str, str]:
    key = job["ModelArtifacts"]["S3ModelArtifacts"].split("/", 3)[3]
    body = lab.s3.get_object(Bucket=lab.bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return {name: archive.extractfile(name).read().decode() for name in archive.getnames()}  # type: ignore[union-attr]


def _archive(script: str) -> bytes:
    from tests.sagemaker_lab import tar_gz

    return tar_gz({"train.py": script})
