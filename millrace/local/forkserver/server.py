"""Forks children that have the image's libraries already loaded; run by `client.ForkServer`, never imported.

    python -I server.py CONTROL_FD PRELOAD,MODULES CLOCK [exec]

Runs in the image's environment, so it may use the standard library only. It is single-threaded: forking a
threaded process is unsafe, and a child's parent-death signal is tied to the thread that made it. A request
on CONTROL_FD is a 4-byte length carrying four file descriptors (reply, stdin, stdout, stderr), then JSON.
When the control socket closes, the embedded AWS is gone: every child's process group is killed.
Python children see the time of the file CLOCK (`moved_clock.py`; an empty argument is the machine's time).
With `exec`, each Python child is a new interpreter (what a cold container start costs), with the machine's time.
"""

import atexit
import contextlib
import ctypes
import errno
import fcntl
import functools
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

PR_SET_PDEATHSIG = 1
CLONE_NEWNS = 0x20000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
OPT = "/opt"
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
PYTHONS = ("python", "python3")
FIRST_UNUSED_FD = 3
OWN_ADDRESSES = ("127.0.0.1", "localhost", "::1", "None")

LIBC = ctypes.CDLL(None, use_errno=True)

# Isolated networks that several children share, by name: how many use it, and its user and network namespaces.
NETWORKS: dict[str, list[int]] = {}
PEERS: dict[int, str] = {}


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
        join_network(shared)
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
        PEERS[pid] = shared


def join_network(name: str) -> None:
    """Count one more child in the shared network; the first finds it made."""
    if name not in NETWORKS:
        NETWORKS[name] = [0, *new_network()]
    NETWORKS[name][0] += 1


def leave_network(pid: int) -> None:
    name = PEERS.pop(pid, "")
    if name in NETWORKS:
        NETWORKS[name][0] -= 1
        if not NETWORKS[name][0]:
            for fd in NETWORKS.pop(name)[1:]:
                os.close(fd)


def new_network() -> list[int]:
    """The namespaces of an own network, kept open for children to enter; none where the system does not allow it."""
    ready, readying = os.pipe()
    leave, leaving = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(leaving)
        with contextlib.suppress(Exception):
            if own_network():
                os.write(readying, b"1")
                os.read(leave, 1)
        os._exit(0)
    os.close(readying)
    os.close(leave)
    found: list[int] = []
    if os.read(ready, 1):
        found = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in ("user", "net")]
    os.close(ready)
    os.close(leaving)
    os.waitpid(pid, 0)
    return found


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
        leave_network(pid)
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
            cut_network(order["peers"])
        if order["ml"]:
            with contextlib.suppress(OSError):
                show_ml(order["ml"])
        os.closerange(FIRST_UNUSED_FD, 65536)
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["env"])
        if order["hosts"]:
            know_hosts(order["hosts"])
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


def cut_network(peers: str | None) -> None:
    """No network but loopback: a namespace of its own where the system allows it, an audit hook everywhere."""
    if peers is None:
        own_network()
    else:
        for fd in NETWORKS[peers][1:]:
            LIBC.setns(fd, 0)
    sys.addaudithook(functools.partial(refuse_connections, peers is not None))


def own_network() -> bool:
    """Whether this process now has a network namespace of its own."""
    if not own_namespaces(CLONE_NEWUSER | CLONE_NEWNET):
        return False
    with contextlib.suppress(OSError):
        raise_loopback()
    return True


def own_namespaces(kinds: int) -> bool:
    """Whether this process now has namespaces of these kinds; in a user namespace it stays who it was."""
    uid, gid = os.getuid(), os.getgid()
    if not hasattr(LIBC, "unshare") or LIBC.unshare(kinds) != 0:
        return False
    if not kinds & CLONE_NEWUSER:
        return True
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with contextlib.suppress(OSError), open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    return True


def show_ml(ml: str) -> None:
    """Let /opt/ml be the folder `ml`, for this process and its children, where the system allows it.

    `ml` is the entry of that name in a folder of its own, which takes the place of /opt and gets its other entries.
    """
    if not os.path.isdir(OPT) or not (own_namespaces(CLONE_NEWNS) or own_namespaces(CLONE_NEWUSER | CLONE_NEWNS)):
        return
    mount("none", "/", MS_REC | MS_PRIVATE)
    stand_in = os.path.dirname(ml)
    with os.scandir(OPT) as entries:
        for entry in entries:
            if entry.name != os.path.basename(ml):
                bind(entry, os.path.join(stand_in, entry.name))
    mount(stand_in, OPT, MS_BIND | MS_REC)


def bind(entry: os.DirEntry, place: str) -> None:
    """Show an entry of a folder at another place as well."""
    if entry.is_symlink():
        with contextlib.suppress(FileExistsError):
            os.symlink(os.readlink(entry.path), place)
        return
    if entry.is_dir():
        os.makedirs(place, exist_ok=True)
    else:
        open(place, "ab").close()
    mount(entry.path, place, MS_BIND | MS_REC)


def mount(source: str, place: str, flags: int) -> None:
    if LIBC.mount(os.fsencode(source), os.fsencode(place), None, flags, None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), place)


def raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        name = struct.pack("16sh", b"lo", 0).ljust(40, b"\0")
        flags = struct.unpack("16sh", fcntl.ioctl(probe, SIOCGIFFLAGS, name)[:18])[1]
        fcntl.ioctl(probe, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP).ljust(40, b"\0"))


def refuse_connections(peers: bool, event: str, arguments: tuple) -> None:
    if event not in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
        return
    address = arguments[1] if event != "socket.getaddrinfo" else arguments
    if isinstance(address, tuple) and not within_reach(str(address[0]), peers):
        raise OSError(errno.ENETUNREACH, f"network isolation is on for this job: {address[0]} is out of reach")


def within_reach(host: str, peers: bool) -> bool:
    """An isolated child may connect to its own loopback and its peers, but never to a port of the machine outside.

    Where the system allows no namespaces, peers have to meet on the machine's own loopback; on Linux they have
    addresses there that nothing else listens on.
    """
    isolated = os.path.exists("/proc/self/ns/net") and os.readlink("/proc/self/ns/net") != HOST_NETWORK
    loopback = host in OWN_ADDRESSES or host.startswith("127.")
    return loopback and (isolated or (peers and (sys.platform != "linux" or host not in OWN_ADDRESSES)))


def know_hosts(hosts: dict[str, str]) -> None:
    """Let Python code look up the names of the job's other hosts, which no name server knows."""
    plain_getaddrinfo, plain_connect = socket.getaddrinfo, socket.socket.connect

    def getaddrinfo(host, *rest, **options):  # type: ignore[no-untyped-def]
        return plain_getaddrinfo(hosts.get(host, host), *rest, **options)

    def gethostbyname(host: str) -> str:
        return hosts.get(host) or plain_gethostbyname(host)

    def connect(self, address):  # type: ignore[no-untyped-def]
        known = isinstance(address, tuple) and address[0] in hosts
        return plain_connect(self, (hosts[address[0]], *address[1:]) if known else address)

    plain_gethostbyname = socket.gethostbyname
    socket.getaddrinfo = getaddrinfo
    socket.gethostbyname = gethostbyname
    socket.socket.connect = connect  # type: ignore[method-assign]


HOST_NETWORK = os.readlink("/proc/self/ns/net") if os.path.exists("/proc/self/ns/net") else ""


def follow_clock(file: str) -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    spec = importlib.util.spec_from_file_location("moved_clock", os.path.join(here, "moved_clock.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.follow(file)


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    # The embedded AWS blocks what ends it, and a new process inherits that.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    exec_only = sys.argv[4:] == ["exec"]
    if not exec_only:
        if sys.argv[3]:
            follow_clock(sys.argv[3])
        for module in filter(None, sys.argv[2].split(",")):
            importlib.import_module(module)
    gc.collect()
    gc.freeze()
    serve(control, exec_only)


if __name__ == "__main__":
    main()
