"""`python -m checks`, called by `make gates`: exit code 1 if anything is left to do."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

# CDK's own CloudFormation rules cost seconds for each synth, and cfn-lint checks the same. Node reads this when
# it starts, which importing CDK makes it do.
os.environ.setdefault("CDK_VALIDATION", "false")

from checks import any_resource, nag
from checks.accepted import FILE, Decision, Judgement, judge, read_decisions
from checks.finding import Finding
from checks.tools import Assembly, run_all
from stacks.controls.templates import Templates, read

PACKS = ("AwsSolutions", "NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321", "Serverless", "Millrace")
TOOLS = (*PACKS, "checkov", "cfn-lint", "parliament")


def main() -> int:
    """Synthesize once, ask everyone, judge."""
    started = time.monotonic()
    text = FILE.read_text("utf-8")
    decisions = read_decisions(text)
    with tempfile.TemporaryDirectory(prefix="millrace-gates-") as folder:
        findings = nag.synthesize(Path(folder))
        templates = assembled(Path(folder))
        findings += run_all(Assembly(Path(folder)), templates)
    wide = list(any_resource.check(templates, any_resource.read_reasons(text)))
    judgement = judge(findings, decisions, today=datetime.now(UTC).date())
    _print(findings, decisions, judgement, wide, len(any_resource.statements(templates)))
    print(f"{time.monotonic() - started:.1f} s")
    return 1 if judgement.open or judgement.complaints or wide else 0


def assembled(folder: Path) -> Templates:
    """The templates of all stages, each with the account and region it is made for."""
    import json

    files = []
    for manifest in sorted(folder.rglob("manifest.json")):
        for artifact in json.loads(manifest.read_text("utf-8"))["artifacts"].values():
            if artifact["type"] == "aws:cloudformation:stack":
                account, region = artifact["environment"].removeprefix("aws://").split("/")
                files.append((manifest.parent / artifact["properties"]["templateFile"], account, region))
    return read(files)


def _print(
    findings: Sequence[Finding],
    decisions: Sequence[Decision],
    judgement: Judgement,
    wide: Sequence[Finding],
    statements: int,
) -> None:
    for text in (*judgement.open, *wide, *judgement.complaints):
        print(text, file=sys.stderr)
    counts = Counter(finding.tool for finding in findings)
    print("findings: " + ", ".join(f"{tool} {counts[tool]}" for tool in TOOLS))
    print(
        f"{len(decisions)} accepted decisions cover {judgement.covered} findings, "
        f"{len(judgement.open)} are open; {statements} Allow statements on every resource"
    )


if __name__ == "__main__":
    sys.exit(main())
