"""What a child of the fork server finds around it: a network or none, its peers, and its own folder at /opt/ml.

`server.py` loads it by its path. By namespaces where the system allows them; what Python code is told, everywhere.
"""

import contextlib
import ctypes
import errno
import fcntl
import functools
import os
import socket
import struct
import sys

CLONE_NEWNS = 0x20000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
OPT = "/opt"
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
OWN_ADDRESSES = ("127.0.0.1", "localhost", "::1", "None")

LIBC = ctypes.CDLL(None, use_errno=True)
HOST_NETWORK = os.readlink("/proc/self/ns/net") if os.path.exists("/proc/self/ns/net") else ""

# Isolated networks that several children share, by name: how many use it, and its user and network namespaces.
NETWORKS: dict[str, list[int]] = {}
PEERS: dict[int, str] = {}


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
