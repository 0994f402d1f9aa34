"""One synth of the whole app with cdk-nag's packs; our own controls (`stacks/controls`) run in every synth anyway."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import cdk_nag
import jsii

from checks.finding import FIX, Finding
from settings import load
from stacks.account_stage import AccountStage
from stacks.app import new_app

PACKS: Mapping[Callable[[cdk.App], cdk_nag.NagPack], str] = {
    cdk_nag.AwsSolutionsChecks: "AWS asks it of its own solutions",
    cdk_nag.NIST80053R5Checks: "NIST 800-53 revision 5 asks it of federal systems",
    cdk_nag.HIPAASecurityChecks: "HIPAA asks it of systems with health data",
    cdk_nag.PCIDSS321Checks: "PCI DSS 3.2.1 asks it of systems with card data",
    cdk_nag.ServerlessChecks: "AWS asks it of serverless applications",
}
REPORT = "validation-report.json"
EVERY = "[every resource]"
"""How accepted.toml can tell a statement about all resources from patterns that hold a *."""


def synthesize(folder: Path) -> list[Finding]:
    """Write the assembly to the folder; return what the packs and our own controls found."""
    loaded = load()
    app = new_app(outdir=folder)
    for account in loaded.accounts:
        AccountStage(app, account.name.capitalize(), account=account, settings=loaded)
    packs = [pack(app) for pack in PACKS]
    cdk.Validations.of(app).add_plugins(*packs)
    report = folder / REPORT
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            app.synth()
        except (jsii.errors.JSIIError, RuntimeError):  # raised when there are findings, which the report holds
            if not report.is_file():
                raise
    reasons = {str(pack.read_pack_name): why for pack, why in zip(packs, PACKS.values(), strict=True)}
    return list(findings(json.loads(report.read_text("utf-8")), reasons))


def findings(report: Mapping[str, Any], reasons: Mapping[str, str]) -> Iterator[Finding]:
    for plugin in report["pluginReports"]:
        tool = plugin["pluginName"]
        for violation in plugin["violations"]:
            control, bracket, detail = violation["ruleName"].replace("[Resource::*]", EVERY).partition("[")
            what, _, why = str(violation["description"]).partition(". Why it matters: ")
            for construct in violation["violatingConstructs"]:
                yield Finding(
                    tool=tool,
                    control=control,
                    resource=construct["constructPath"] + bracket + detail,
                    what=what,
                    why=why or reasons.get(tool, tool),
                    change=violation.get("suggestedFix") or violation.get("fix") or FIX,
                )
