"""Forks children that have the image's libraries already loaded; run by `client.ForkServer`, never imported.

    python -I server.py CONTROL_FD PRELOAD,MODULES CLOCK [exec]

Runs in the image's environment, so it may use the standard library only; the files beside it are loaded by their
path: `surroundings.py` (network, /opt/ml) and `moved_clock.py`. It is single-threaded: forking a threaded process is
unsafe, and a child's parent-death signal is tied to the thread that made it. A request on CONTROL_FD is a 4-byte
length carrying four file descriptors (reply, stdin, stdout, stderr), then JSON.
When the control socket closes, the embedded AWS is gone: every child's process group is killed.
Python children see the time of the file CLOCK (an empty argument is the machine's time).
With `exec`, each Python child is a new interpreter (what a cold container start costs), with the machine's time.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import importlib.util
import json
import os
import runpy
import select
import signal
import socket
import struct
import sys
import threading
import traceback
from typing import Any

PR_SET_PDEATHSIG = 1
PYTHONS = ("python", "python3")
FIRST_UNUSED_FD = 3

LIBC = ctypes.CDLL(None, use_errno=True)


def load(name: str) -> Any:
    """A file beside this one, as a module that no child could import."""
    place = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


around = load("surroundings")


def serve(control: socket.socket, exec_only: bool) -> None:
    replies: dict[int, socket.socket] = {}
    wake_reader, wake_writer = os.pipe()
    os.set_blocking(wake_writer, False)
    signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    try:
        while True:
            ready, _, _ = select.select([control.fileno(), wake_reader], [], [])
            if wake_reader in ready:
                os.read(wake_reader, 4096)
                reap(replies)
            if control.fileno() in ready:
                request = receive(control)
                if request is None:
                    return
                start(request, replies, exec_only)
    finally:
        for pid in replies:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)


def receive(control: socket.socket) -> tuple[dict, list[int]] | None:
    header, fds, _, _ = socket.recv_fds(control, 4, 4)
    if len(header) < 4 or len(fds) < 4:
        return None
    left = struct.unpack("!I", header)[0]
    parts = []
    while left:
        part = control.recv(min(left, 65536))
        if not part:
            return None
        parts.append(part)
        left -= len(part)
    return json.loads(b"".join(parts)), list(fds)


def start(request: tuple[dict, list[int]], replies: dict[int, socket.socket], exec_only: bool) -> None:
    order, (reply_fd, *standard) = request
    server = os.getpid()
    shared = None if order["network"] else order["peers"]
    if shared:
        around.join_network(shared)
    settled, settling = os.pipe()
    pid = os.fork()
    if pid == 0:
        become(order, standard, server, exec_only)
    os.close(settling)
    # Until the child has its own group and signal handlers a signal would be lost: it closes the pipe then.
    os.read(settled, 1)
    os.close(settled)
    for fd in standard:
        os.close(fd)
    reply = socket.socket(fileno=reply_fd)
    with contextlib.suppress(OSError):
        reply.sendall(struct.pack("!i", pid))
    replies[pid] = reply
    if shared:
        around.PEERS[pid] = shared


def reap(replies: dict[int, socket.socket]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        reply = replies.pop(pid, None)
        if reply is None:
            continue
        around.leave_network(pid)
        # What the child left behind in its group goes with it, as a container's processes do.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            reply.sendall(struct.pack("!i", os.waitstatus_to_exitcode(status)))
        reply.close()


def become(order: dict, standard: list[int], server: int, exec_only: bool) -> None:
    """Turn the forked child into what was ordered; never returns."""
    code = 1
    try:
        os.setsid()
        if hasattr(LIBC, "prctl"):
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != server:
                os._exit(1)
        signal.set_wakeup_fd(-1)
        for changed in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(changed, signal.default_int_handler if changed == signal.SIGINT else signal.SIG_DFL)
        for target, fd in enumerate(standard):
            os.dup2(fd, target)
        if not order["network"]:
            around.cut_network(order["peers"])
        if order["ml"]:
            with contextlib.suppress(OSError):
                around.show_ml(order["ml"])
        os.closerange(FIRST_UNUSED_FD, 65536)
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["env"])
        if order["hosts"]:
            around.know_hosts(order["hosts"])
        argv = order["argv"]
        if runs_in_fork(argv) and not exec_only:
            code = run_python(argv[1:])
        else:
            if os.path.basename(argv[0]) in PYTHONS:
                argv = [sys.executable, *argv[1:]]
            os.execvpe(argv[0], argv, order["env"])
    except BaseException:  # noqa: BLE001 - the outermost frame of the child
        with contextlib.suppress(Exception):
            os.write(2, traceback.format_exc().encode(errors="replace"))
    os._exit(code)


def runs_in_fork(argv: list[str]) -> bool:
    if os.path.basename(argv[0]) not in PYTHONS or len(argv) < 2:
        return False
    return not argv[1].startswith("-") or (argv[1] == "-m" and len(argv) > 2)


def run_python(arguments: list[str]) -> int:
    """Run `script.py ...`, `archive.zip ...` or `-m module ...` as the interpreter would; the exit code."""
    gc.unfreeze()
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.path[:0] = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    try:
        if arguments[0] == "-m":
            sys.argv = ["-m", *arguments[2:]]
            sys.path.insert(0, os.getcwd())
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = list(arguments)
            if os.path.splitext(arguments[0])[1] == ".py":
                sys.path.insert(0, os.path.dirname(os.path.abspath(arguments[0])))
            runpy.run_path(arguments[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = exit_code(end)
    except BaseException as error:  # noqa: BLE001 - a user's script may raise anything
        print_as_python(error)
        code = 1
    finish()
    return code


def exit_code(end: SystemExit) -> int:
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code & 0xFF
    print(end.code, file=sys.stderr)
    return 1


def print_as_python(error: BaseException) -> None:
    """Print the traceback without the frames of this file and of runpy, as a plain interpreter would."""
    trace = error.__traceback__
    ours = (__file__, runpy.__file__, "<frozen runpy>")
    while trace is not None and trace.tb_frame.f_code.co_filename in ours:
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


def finish() -> None:
    with contextlib.suppress(Exception):
        threading._shutdown()  # type: ignore[attr-defined]
    with contextlib.suppress(Exception):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    # The embedded AWS blocks what ends it, and a new process inherits that.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    exec_only = sys.argv[4:] == ["exec"]
    if not exec_only:
        if sys.argv[3]:
            load("moved_clock").follow(sys.argv[3])
        for module in filter(None, sys.argv[2].split(",")):
            importlib.import_module(module)
    gc.collect()
    gc.freeze()
    serve(control, exec_only)


if __name__ == "__main__":
    main()
