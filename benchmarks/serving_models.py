"""Models as the app trains them, on made-up data, and the servers around them; for serving.py."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from millrace.demo_data import generate, generate_abalone
from millrace.local.forkserver.client import PRELOADS, ForkServer
from millrace.local.serving.instance import ENDPOINT_BYTES, SERVER, server_packages

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = Path(sys.prefix) / "environments"
IMAGE, BENCHMARK = ENVIRONMENTS / "sagemaker-xgboost-3.2-0", ENVIRONMENTS / "benchmark"
JSON, CSV = "application/json", "text/csv"
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Served:
    """A trained model and rows for it."""

    name: str
    model: Path

    def body(self, rows: int, kind: str) -> Path:
        """A file with a request of so many rows; made once."""
        path = self.model.parent / f"{rows}-{kind.replace('/', '-')}"
        if not path.exists():
            golden = json.loads((self.model / "golden.json").read_text("utf-8"))["rows"]
            columns = json.loads((self.model / "features.json").read_text("utf-8"))["columns"]
            texts = [golden[number % len(golden)] for number in range(rows)]
            if kind == CSV:
                names = [column["name"] for column in columns]
                path.write_text("".join(",".join(row[name] for name in names) + "\n" for row in texts), "utf-8")
            else:
                numeric = {column["name"] for column in columns if column["kind"] == "numeric"}
                path.write_text(json.dumps({"instances": [_typed(row, numeric) for row in texts]}), "utf-8")
        return path


def _typed(row: dict[str, str], numeric: set[str]) -> dict[str, Any]:
    """As a client has it: numbers as numbers, null for what is missing."""
    return {
        name: (float(text) if text not in ("", "NA") else None) if name in numeric else text
        for name, text in row.items()
    }


def trained(name: str, folder: Path) -> Served:
    """Preprocess and Train with the model's settings."""
    data, parts, model = folder / "data", folder / "parts", folder / "model"
    if name == "abalone":
        files = {"abalone": generate_abalone(folder / "made", rows=4177, seed=3).file}
    else:
        made = generate(folder / "made", rows=5000, seed=3)
        files = {"claims": made.claims, "customers": made.customers}
    for table, path in files.items():
        (data / table).mkdir(parents=True)
        path.rename(data / table / "00000.csv")
    spec = folder / "model_spec.json"
    spec.write_text(_run(sys.executable, "-m", "settings", name, "spec"))
    arguments = _run(sys.executable, "-m", "settings", name, "train").split()
    code, python = ROOT / "pipeline_code", IMAGE / "bin" / "python"
    _run(python, code / "preprocess.py", "--data", data, "--output", parts, "--spec", spec)
    channels = [word for part in ("train", "validation", "features") for word in (f"--{part}", parts / part)]
    _run(python, code / "train.py", *arguments, *channels, "--model-dir", model)
    return Served(name, model)


def _run(*command: object) -> str:
    ended = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{ended.stdout}\n{ended.stderr}")
    return ended.stdout


def measured(python: Path, script: str, *arguments: object) -> dict[str, float]:
    found: dict[str, float] = json.loads(_run(python / "bin" / "python", ROOT / "benchmarks" / script, *arguments))
    if found["failed"]:
        raise SystemExit(f"{found['failed']} answers of {script} {arguments} were no 200")
    return found


@dataclass
class Server:
    port: int
    pid: int
    started: float
    """Seconds from the start of the process to its first answer."""

    def cpu(self) -> float:
        """The seconds that the process has computed so far, in all its threads."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)


@contextlib.contextmanager
def ours(served: Served, *, forked: ForkServer | None = None) -> Iterator[Server]:
    """The model server of the embedded AWS, from a fork server or as an interpreter of its own."""
    base = served.model.parent
    env = {
        "SAGEMAKER_BASE_DIR": str(base), "SAGEMAKER_PROGRAM": "inference.py", "MODEL_VERSION": "benchmark/1",
        "SAGEMAKER_SUBMIT_DIRECTORY": str(served.model / "code"), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    arguments = [str(SERVER), server_packages(), str(ENDPOINT_BYTES)]
    listener = socket.create_server((HOST, 0), backlog=256)
    port, began = listener.getsockname()[1], time.perf_counter()
    if forked is not None:
        child = forked.spawn(["python3", *arguments], env=env, cwd=base, stdin=listener.fileno())
        stop, pid = child.kill, child.pid
    else:
        process = subprocess.Popen(
            [str(IMAGE / "bin" / "python"), *arguments], stdin=listener.fileno(), env=env, cwd=base
        )
        stop, pid = process.kill, process.pid
    listener.close()
    try:
        _ready(port)
        yield Server(port, pid, time.perf_counter() - began)
    finally:
        stop()


@contextlib.contextmanager
def fastapi(served: Served) -> Iterator[Server]:
    """The plain endpoint, started as its documentation says."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(BENCHMARK / "bin" / "uvicorn"), "serving_fastapi:app", "--port", str(port), "--no-access-log",
         "--log-level", "warning"],
        cwd=ROOT / "benchmarks", env={"MODEL": str(served.model), "PATH": os.environ["PATH"]},
    )  # fmt: skip
    try:
        _ready(port)
        yield Server(port, process.pid, time.perf_counter() - began)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def fork_server() -> Iterator[ForkServer]:
    """As the embedded AWS has it: the image's libraries are loaded already."""
    server = ForkServer(IMAGE, preload=PRELOADS[IMAGE.name])
    try:
        server.spawn(["true"], env={"PATH": os.environ["PATH"]}, cwd=ROOT).wait()
        yield server
    finally:
        server.stop()


def _ready(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"http://{HOST}:{port}/ping", timeout=60).read()
            return
        time.sleep(0.005)
    raise SystemExit(f"nothing answers on port {port}")
