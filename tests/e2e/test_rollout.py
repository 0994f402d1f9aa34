"""`millrace rollout` as a user plays it: everything that must hold does, and the registry tells the story."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT

SOURCES = ("app.py", "settings", "stacks", "pipeline_code", "lambda", "millrace", "cdk.json")
SECONDS = 300
COUNTS = re.compile(
    r"^([\d,]+) requests, 0 lost, 0 failed, 0 answered by the bad model after the alarm "
    r"\(([\d,]+) failed by it before\)$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Played:
    """What the command left behind, its embedded AWS still up."""

    project: Path
    code: int
    said: str

    def millrace(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run(self.project, self.project / "home" / "rollout", *arguments)


def run(project: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "millrace", *arguments],
        cwd=project,
        env={**os.environ, "MILLRACE_HOME": str(home), "COLUMNS": "400"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


@pytest.fixture(scope="module")
def project(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with a cdk.out of its own: the command makes one where there is none, under the feet of other tests."""
    folder = tmp_path_factory.mktemp("rollout")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, folder / name)
    shutil.copytree(assembly, folder / "cdk.out")
    (folder / "cdk.out" / "manifest.json").touch()
    return folder


@pytest.fixture(scope="module")
def played(project: Path) -> Iterator[Played]:
    ended = run(project, project / "home", "rollout", "--keep")
    found = Played(project, ended.returncode, ended.stdout + ended.stderr)
    try:
        yield found
    finally:
        found.millrace("down")


def test_everything_that_must_hold_holds(played: Played) -> None:
    assert played.code == 0, played.said
    assert "\n  NO " not in played.said
    assert played.said.count("\n  yes  ") == 9


def test_it_ends_with_plain_words_and_a_line_of_counts(played: Played) -> None:
    counts = COUNTS.search(played.said)
    assert counts, played.said[-3000:]
    requests, failed = (int(each.replace(",", "")) for each in counts.groups())
    assert requests > 1000
    assert 0 < failed < requests / 100
    assert "claims-fraud/3 was bad: it raises on one row in a hundred. Its smoke test could not tell." in played.said
    assert f"and failed {failed:,} of them, until millrace-prod-serving-claims-fraud-3-" in played.said


def test_the_history_tells_the_story_of_the_bad_version(played: Played) -> None:
    told = played.millrace("history", "claims-fraud/3").stdout
    assert told.startswith("claims-fraud/3: Rejected")
    for happened in (
        r"approved +by ",
        r"deployed +dev +by millrace-dev-deploy-model",
        r"smoke test +staging +passed by millrace-staging-smoke-test",
        r"promoted +production +by ",
        r"rolled back +prod +by millrace-prod-deploy-model: .*ALARM",
        r"rejected +claims-fraud/3 was rolled back: .*millrace-prod-serving-claims-fraud-3-.*"
        r"\(by .*333333333333:assumed-role/millrace-prod-deploy-model/",
    ):
        assert re.search(happened, told), f"{happened}\n{told}"


TESTED = [(f"deployed +{account}", f"smoke test +{account}") for account in ("dev", "staging")]


@pytest.mark.parametrize(
    ("version", "stories"),
    [
        # Accounts that went back to it have deployed it, and tested it, once more.
        ("claims-fraud/2", [("approved", "promoted +production", "deployed +prod", "smoke test +prod"), *TESTED]),
        ("claims-fraud/3", [("approved", *each, "promoted", "rolled back +prod", "rejected") for each in TESTED]),
    ],
)
def test_the_history_is_told_in_the_order_in_which_it_happened(
    played: Played, version: str, stories: list[tuple[str, ...]]
) -> None:
    told = played.millrace("history", version).stdout
    for story in stories:
        found = [re.search(rf"^  \S+ \S+  {happened} ", told, re.MULTILINE) for happened in ("registered", *story)]
        places = [each.start() if each else -1 for each in found]
        assert -1 not in places, f"{story}\n{told}"
        assert places == sorted(places), f"{story}\n{told}"


def test_the_history_tells_that_the_good_version_was_served_everywhere(played: Played) -> None:
    told = played.millrace("history", "claims-fraud/2").stdout
    assert told.startswith("claims-fraud/2: Approved, Production")
    for account in ("dev", "staging", "prod"):
        assert re.search(rf"smoke test +{account} +passed by ", told), told
