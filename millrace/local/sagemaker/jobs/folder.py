"""The private folder of one job, which stands in for the container's file system.

A laptop has no /opt/ml, so the text /opt/ml in arguments, environment and configuration is replaced by
the folder's own path on the way in, and put back in messages on the way out.
"""

from __future__ import annotations

import re
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from millrace.local.sagemaker.store import Place

# Not in the middle of a path such as s3://bucket/opt/ml, and not /opt/mlx.
OPT_ML = re.compile(r"(?<![\w.-])/opt/ml(?![\w-])")
KEPT = 12


@dataclass(frozen=True)
class JobFolder:
    path: Path

    @property
    def ml(self) -> Path:
        return self.path / "opt" / "ml"

    @property
    def home(self) -> Path:
        return self.path / "root"

    @property
    def tmp(self) -> Path:
        return self.path / "tmp"

    def inside(self, path: str) -> str:
        """A container's text with /opt/ml turned into this folder."""
        return OPT_ML.sub(lambda _: str(self.ml), path)

    def outside(self, text: str) -> str:
        """The folder's own path turned back into /opt/ml."""
        return text.replace(str(self.ml), "/opt/ml").replace(str(self.path), "")

    def local(self, container_path: str) -> Path:
        """Where a container's path is; refused outside /opt/ml, which is all that the folder stands for."""
        path = Path(self.inside(container_path))
        if not path.is_relative_to(self.ml) or ".." in path.parts:
            raise ValueError(f"LocalPath {container_path} must be under /opt/ml")
        return path


def folder_of(state: Path, place: Place, kind: str, name: str) -> JobFolder:
    return JobFolder((state / "jobs" / place.account / place.region / f"{kind}-{name}").absolute())


class Folders:
    """The folders of all jobs: made empty, kept after the job for whoever looks for its failure, bounded."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._running: set[Path] = set()

    def open(self, folder: JobFolder) -> None:
        """Make it; what an earlier job of that name left is removed."""
        with self._lock:
            self._running.add(folder.path)
        shutil.rmtree(folder.path, ignore_errors=True)
        for part in (folder.ml, folder.home, folder.tmp):
            part.mkdir(parents=True, exist_ok=True)

    def close(self, folder: JobFolder) -> None:
        """The job has ended: remove the folders of ended jobs but for the newest."""
        with self._lock:
            self._running.discard(folder.path)
            ended = [path for path in (self._state / "jobs").glob("*/*/*") if path not in self._running]
            for path in sorted(ended, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
                shutil.rmtree(path, ignore_errors=True)
