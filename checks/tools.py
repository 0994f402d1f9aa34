"""checkov, cfn-lint and parliament over the assembly. They run from `.venv/environments/checks`, side by side."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from checks.finding import Finding
from stacks.controls.templates import Templates

ROOT = Path(__file__).parent.parent
ENVIRONMENT = ROOT / ".venv" / "environments" / "checks" / "bin"
TOO_NEW = ("W3005", "W3010", "E3703")
"""cfn-lint's rules about dependencies that CDK writes twice, zone names, and event patterns it cannot read."""
LEVELS = {"E": "CloudFormation refuses it, or would at the deployment", "W": "it works, but not as one expects"}


@dataclass(frozen=True)
class Assembly:
    """What the synth wrote: the folders that hold templates, and the construct path of each logical id."""

    folder: Path

    @property
    def templates(self) -> list[Path]:
        return sorted(self.folder.rglob("*.template.json"))

    def construct(self, template: str, logical_id: str) -> str:
        """The path of a resource's construct; what tools print are file names and logical ids."""
        (metadata,) = self.folder.rglob(f"{Path(template).name.removesuffix('.template.json')}.metadata.json")
        for path, entries in json.loads(metadata.read_text("utf-8")).items():
            if {"aws:cdk:logicalId": logical_id} in [{entry["type"]: entry["data"]} for entry in entries]:
                return str(path).removeprefix("/")
        return f"{Path(template).name}/{logical_id}"


def run_all(assembly: Assembly, templates: Templates) -> list[Finding]:
    """What the three tools found."""
    jobs: list[Callable[[], Iterator[Finding]]] = [
        lambda: checkov(assembly),
        lambda: cfn_lint(assembly),
        lambda: parliament(templates),
    ]
    with ThreadPoolExecutor(len(jobs)) as pool:
        return [finding for found in pool.map(lambda job: list(job()), jobs) for finding in found]


def checkov(assembly: Assembly) -> Iterator[Finding]:
    options = ["--framework", "cloudformation", "--compact", "--quiet", "--output", "json", "--skip-download"]
    files = [argument for path in assembly.templates for argument in ("--file", str(path))]
    answer = json.loads(_run(["checkov", *files, *options, "--soft-fail"]))
    for report in answer if isinstance(answer, list) else [answer]:
        if report.get("results", {}).get("parsing_errors"):
            raise RuntimeError(f"checkov could not read {report['results']['parsing_errors']}")
        for failed in report.get("results", {}).get("failed_checks", ()):
            yield Finding(
                tool="checkov",
                control=failed["check_id"],
                resource=assembly.construct(failed["file_path"], failed["resource"].split(".")[-1]),
                what=f"not so: {failed['check_name']}",
                why="it is one of checkov's controls for AWS, collected from CIS and AWS's own advice",
            )


def cfn_lint(assembly: Assembly) -> Iterator[Finding]:
    options = ["--format", "json", "--ignore-checks", *TOO_NEW, "--"]
    answer = json.loads(_run(["cfn-lint", *options, *map(str, assembly.templates)], accepted=range(16)))
    for match in answer:
        path = match["Location"].get("Path") or []
        logical_id = str(path[1]) if len(path) > 1 else ""
        yield Finding(
            tool="cfn-lint",
            control=match["Rule"]["Id"],
            resource=assembly.construct(match["Filename"], logical_id),
            what=f"{match['Message']} (at {'/'.join(map(str, path))})",
            why=LEVELS.get(match["Rule"]["Id"][0], match["Rule"]["ShortDescription"]),
        )


def parliament(templates: Templates) -> Iterator[Finding]:
    asked = {policy.arn: document for policy, document in templates.policies()}
    answer = _run(["python", str(Path(__file__).with_name("policies.py"))], text=json.dumps(asked))
    for found in json.loads(answer):
        yield Finding(
            tool="parliament",
            control=found["issue"],
            resource=found["policy"],
            what=f"{found['title']} {found['detail']}".strip(),
            why=found["description"] or "a statement that matches no request grants nothing, and hides what is meant",
        )


def _run(command: list[str], *, text: str = "", accepted: Mapping[int, int] | range = range(1)) -> str:
    program = ENVIRONMENT / command[0]
    if not program.exists():
        raise RuntimeError(f"{program} is missing: run `make check`, which installs it")
    ended = subprocess.run(
        [str(program), *command[1:]],
        input=text,
        capture_output=True,
        text=True,
        timeout=300,
        env={
            "PATH": f"{ENVIRONMENT}{os.pathsep}{os.defpath}",
            "HOME": os.environ.get("HOME", "/"),
            "LOG_LEVEL": "ERROR",
        },
    )
    if ended.returncode not in accepted:
        raise RuntimeError(f"{command[0]} ended with {ended.returncode}:\n{ended.stderr[-2000:]}")
    return ended.stdout
