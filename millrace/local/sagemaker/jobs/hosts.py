"""The instances of a job: each a process with a private /opt/ml of its own, that knows the others by name."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from millrace.local.sagemaker.jobs.folder import JobFolder


@dataclass(frozen=True)
class Host:
    """`number` counts from 0; the job's own folder is the first host's."""

    number: int
    folder: JobFolder

    @property
    def name(self) -> str:
        return f"algo-{self.number + 1}"


@dataclass(frozen=True)
class Hosts:
    """All instances of one job."""

    all: tuple[Host, ...]

    @property
    def names(self) -> list[str]:
        return [host.name for host in self.all]

    @property
    def addresses(self) -> dict[str, str]:
        """Where each is found."""
        return {host.name: address(host.number) for host in self.all}

    @property
    def peers(self) -> str | None:
        """The name of the network that the instances share when they have no other."""
        return str(self.all[0].folder.path) if len(self.all) > 1 else None

    def open(self) -> None:
        """Make the folders of the hosts beyond the first."""
        for host in self.all[1:]:
            for part in (host.folder.ml, host.folder.home, host.folder.tmp):
                part.mkdir(parents=True, exist_ok=True)


def hosts_of(folder: JobFolder, count: int) -> Hosts:
    others = [Host(number, JobFolder(folder.path / "hosts" / f"algo-{number + 1}")) for number in range(1, count)]
    return Hosts((Host(0, folder), *others))


def address(number: int) -> str:
    """Linux has all of 127.0.0.0/8, so that two hosts may listen on one port; elsewhere there is one address.

    The first address is the machine's own: an isolated job must not take what listens there for a peer.
    """
    return f"127.0.0.{number + 2}" if sys.platform == "linux" and number < 250 else "127.0.0.1"
