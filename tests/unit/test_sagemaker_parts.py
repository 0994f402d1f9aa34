"""The pure parts of SageMaker's jobs: paths, archives, failure reasons, script mode, events, the store."""

from __future__ import annotations

import io
import tarfile
import threading
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import MillraceError
from millrace.local.images import environment_of
from millrace.local.sagemaker.events import plain, upper_snake
from millrace.local.sagemaker.jobs.archive import ArchiveError, pack, unpack
from millrace.local.sagemaker.jobs.errors import JobError
from millrace.local.sagemaker.jobs.failure import failure_reason
from millrace.local.sagemaker.jobs.folder import JobFolder
from millrace.local.sagemaker.jobs.script_mode import ScriptMode, as_argument, decode
from millrace.local.sagemaker.jobs.transfer import relative_path
from millrace.local.sagemaker.resources import paginate
from millrace.local.sagemaker.store import Place, Store
from millrace.local.service import ServiceError

FOLDER = JobFolder(Path("/state/jobs/1/r/job"))
PLACE = Place("111111111111", "ap-northeast-2")
names = st.text("abcxyz0189-_.", min_size=1, max_size=8).filter(lambda name: name.strip("."))


@pytest.mark.parametrize(
    ("given_text", "text"),
    [
        ("/opt/ml/input", "/state/jobs/1/r/job/opt/ml/input"),
        ("--data=/opt/ml", "--data=/state/jobs/1/r/job/opt/ml"),
        ("s3://bucket/opt/ml/x", "s3://bucket/opt/ml/x"),
        ("/opt/mlflow", "/opt/mlflow"),
        ('{"a":"/opt/ml/a"}', '{"a":"/state/jobs/1/r/job/opt/ml/a"}'),
    ],
)
def test_only_the_containers_folder_is_rewritten(given_text: str, text: str) -> None:
    assert FOLDER.inside(given_text) == text


@given(st.lists(names, max_size=4))
def test_what_is_rewritten_comes_back(parts: list[str]) -> None:
    path = str(PurePosixPath("/opt/ml", *parts))
    assert FOLDER.outside(FOLDER.inside(path)) == path


def test_a_path_outside_opt_ml_is_refused() -> None:
    for path in ("/etc", "/opt/ml/../../etc"):
        with pytest.raises(ValueError, match="must be under /opt/ml"):
            FOLDER.local(path)


@pytest.mark.parametrize(
    ("key", "prefix", "path"),
    [
        ("in/claims/0.csv", "in/claims", "0.csv"),
        ("in/claims/0.csv", "in/claims/", "0.csv"),
        ("in/claims/0.csv", "in", "claims/0.csv"),
        ("in/claims/0.csv", "in/cla", "claims/0.csv"),
        ("in/claims.csv", "in/claims.csv", "claims.csv"),
        ("claims.csv", "", "claims.csv"),
    ],
)
def test_objects_go_below_the_prefix(key: str, prefix: str, path: str) -> None:
    assert relative_path(key, prefix) == path


@given(st.lists(names, min_size=1, max_size=4), st.integers(0, 20))
def test_an_object_never_leaves_its_input_folder(parts: list[str], cut: int) -> None:
    key = "/".join(parts)
    path = PurePosixPath(relative_path(key, key[:cut]))
    assert not path.is_absolute()
    assert key.endswith(str(path))


def test_a_key_that_climbs_is_refused() -> None:
    with pytest.raises(JobError, match="no file path"):
        relative_path("in/../../etc/passwd", "in/")


def test_the_reason_names_the_jobs_own_line_not_the_librarys() -> None:
    lines = [
        "rows: 5",
        "Traceback (most recent call last):",
        '  File "/job/opt/ml/code/train.py", line 40, in main',
        "    fit(rows)",
        '  File "/env/lib/pandas/core.py", line 900, in fit',
        "    raise KeyError(name)",
        "KeyError: 'policy_id'",
    ]
    reason = failure_reason(1, lines, inside="/job/")
    assert reason == "AlgorithmError: KeyError: 'policy_id' (train.py, line 40), exit code: 1"


def test_the_last_of_chained_exceptions_is_the_reason() -> None:
    block = 'Traceback (most recent call last):\n  File "a.py", line {}, in f\n    x\n{}: boom'
    text = block.format(1, "OSError") + "\n\nDuring handling ...\n\n" + block.format(2, "ValueError")
    assert failure_reason(1, text.splitlines()) == "AlgorithmError: ValueError: boom (a.py, line 2), exit code: 1"


def test_without_a_traceback_the_last_line_is_the_reason() -> None:
    assert failure_reason(2, ["usage: train.py", "error: unrecognized --x", ""]).startswith(
        "AlgorithmError: error: unrecognized --x"
    )


@given(st.lists(st.text()), st.integers(-64, 255).filter(bool), st.text())
def test_a_reason_always_fits_and_tells_the_exit_code(lines: list[str], code: int, message: str) -> None:
    reason = failure_reason(code, lines, message=message)
    assert len(reason) <= 1024
    assert reason.endswith(f"exit code: {code if code > 0 else 128 - code}")


def test_equal_folders_pack_to_equal_bytes_whatever_their_times(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "code").mkdir(parents=True)
        (tmp_path / name / "code" / "inference.py").write_text("x = 1\n")
        pack(tmp_path / f"{name}.tar.gz", tmp_path / name)
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    unpack(tmp_path / "one.tar.gz", tmp_path / "back")
    assert (tmp_path / "back" / "code" / "inference.py").read_text() == "x = 1\n"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_an_archive_are_refused(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("model.json")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(ArchiveError, match="neither a file nor a folder"):
        unpack(archive_of(tmp_path, info), tmp_path / "out")


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x"])
def test_members_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArchiveError, match="leads out of its folder"):
        unpack(archive_of(tmp_path, tarfile.TarInfo(name)), tmp_path / "out")


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(b"no archive")
    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out")


def archive_of(folder: Path, info: tarfile.TarInfo) -> Path:
    path = folder / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(info, io.BytesIO() if info.isfile() else None)
    return path


def test_script_mode_gives_the_hyperparameters_as_the_toolkit_does() -> None:
    script = ScriptMode(
        FOLDER,
        "job-1",
        {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": "/opt/ml/input/data/code/c.gz",
            "eta": "0.3",
            "k": "1",
            "grid": "[1, 2]",
            "name": "plain text",
            "sagemaker_debug": "true",
            "_tuning_objective_metric": "auc",
        },
        {"train": {}, "code": {}},
        {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"},
        "ap-northeast-2",
    )
    assert script.arguments() == ["--eta", "0.3", "--grid", "[1, 2]", "-k", "1", "--name", "plain text"]
    variables = script.variables()
    assert variables["SM_HPS"] == '{"eta":0.3,"grid":[1,2],"k":1,"name":"plain text"}'
    assert variables["SM_HP_ETA"] == "0.3"
    assert variables["SM_CHANNEL_TRAIN"] == "/state/jobs/1/r/job/opt/ml/input/data/train"
    assert variables["SM_CHANNELS"] == '["code","train"]'
    assert variables["SM_MODEL_DIR"] == "/state/jobs/1/r/job/opt/ml/model"
    assert variables["SM_MODULE_NAME"] == "train"
    assert variables["SM_FRAMEWORK_PARAMS"] == '{"sagemaker_debug":true}'
    assert variables["SAGEMAKER_REGION"] == "ap-northeast-2"
    assert variables["SM_HOSTS"] == '["algo-1"]'


@given(st.text())
def test_a_hyperparameter_that_is_no_json_stays_text(text: str) -> None:
    value = decode(text)
    assert isinstance(as_argument(value), str)


def test_unknown_images_are_refused_with_the_known_ones() -> None:
    assert environment_of("1.dkr.ecr.r.amazonaws.com/sagemaker-xgboost:3.2-0") == "sagemaker-xgboost-3.2-0"
    for other in ("x/sagemaker-xgboost:1.7-1", "x/mine"):
        with pytest.raises(MillraceError, match="Known images"):
            environment_of(other)


def test_event_details_hold_times_as_documented() -> None:
    moment = datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC)
    assert plain({"CreationTime": moment, "Steps": [{"At": moment}]}, iso=True) == {
        "CreationTime": "2026-11-20T01:02:03Z",
        "Steps": [{"At": "2026-11-20T01:02:03Z"}],
    }
    assert plain(moment, iso=False) == 1795136523000
    assert upper_snake("InService") == "IN_SERVICE"
    assert upper_snake("Failed") == "FAILED"


@given(st.integers(0, 30), st.integers(1, 7))
def test_pages_hold_every_item_once(count: int, size: int) -> None:
    seen: list[int] = []
    params: dict[str, object] = {"MaxResults": size}
    while True:
        page = paginate("Items", list(range(count)), params)
        seen += page["Items"]
        if "NextToken" not in page:
            break
        params["NextToken"] = page["NextToken"]
    assert seen == list(range(count))


def test_a_made_up_page_token_is_refused() -> None:
    with pytest.raises(ServiceError, match="Invalid pagination token"):
        paginate("Items", [], {"NextToken": "zzz"})


def test_a_waiter_wakes_when_the_record_changes() -> None:
    store = Store()
    store.put(PLACE, "Job", "a", {"Status": "InProgress"})
    changer = threading.Thread(target=store.update, args=(PLACE, "Job", "a"), kwargs={"Status": "Completed"})

    def final() -> str | None:
        record = store.find(PLACE, "Job", "a") or {}
        return record["Status"] if record["Status"] != "InProgress" else None

    changer.start()
    assert store.wait(final, stop=threading.Event(), timeout=10) == "Completed"
    changer.join()


def test_a_waiter_gives_up_when_told() -> None:
    stop = threading.Event()
    stop.set()
    assert Store().wait(lambda: None, stop=stop) is None
    assert Store().wait(lambda: None, stop=threading.Event(), timeout=0.01) is None


def test_a_record_someone_holds_does_not_change() -> None:
    store = Store()
    held = store.put(PLACE, "Job", "a", {"Status": "InProgress", "Reason": "x"})
    store.update(PLACE, "Job", "a", Status="Failed", Reason=None)
    assert held == {"Status": "InProgress", "Reason": "x"}
    assert store.find(PLACE, "Job", "a") == {"Status": "Failed"}
    assert store.update(PLACE, "Job", "gone", Status="x") is None


def test_the_store_survives_its_dump() -> None:
    store, copy = Store(), Store()
    store.put(PLACE, "Job", "a", {"Status": "Completed"})
    store.tag("arn", [{"Key": "k", "Value": "v"}])
    copy.load(store.dump())
    assert copy.find(PLACE, "Job", "a") == {"Status": "Completed"}
    assert copy.tags("arn") == {"k": "v"}
