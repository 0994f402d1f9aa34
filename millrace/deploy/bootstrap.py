"""Makes sure that an environment has what CDK's default synthesizer expects: bucket, roles, version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from millrace.deploy.assembly import StackArtifact
from millrace.deploy.plan import Environment, StackStep
from millrace.deploy.progress import Report
from millrace.deploy.stacks import StackDeployment, deployed_stacks
from millrace.errors import MillraceError

TOOLKIT = "CDKToolkit"
TEMPLATE = Path(__file__).parent / "bootstrap.json"


def bootstrap_version(described: dict[str, Any] | None) -> int:
    """The version that a living toolkit stack says it has; 0 without one."""
    outputs = {one["OutputKey"]: one["OutputValue"] for one in (described or {}).get("Outputs", [])}
    return int(outputs.get("BootstrapVersion", 0))


def ensure_bootstrap(
    cloudformation: Any, environment: Environment, needed: int, report: Report, *, embedded: bool
) -> None:
    """Create the toolkit stack in the embedded AWS; a real account is for `cdk bootstrap` to change."""
    described = deployed_stacks(cloudformation, {TOOLKIT}).get(TOOLKIT)
    found = bootstrap_version(described)
    if found >= max(needed, 1):
        return
    where = f"aws://{environment.account}/{environment.region}"
    if not embedded or (described and described["StackStatus"] == "UPDATE_COMPLETE"):
        raise MillraceError(
            f"{where} has bootstrap version {found}, the assembly needs {needed}: run `cdk bootstrap {where}`"
        )
    offered = int(json.loads(TEMPLATE.read_text())["Outputs"]["BootstrapVersion"]["Value"])
    if offered < needed:
        raise MillraceError(f"the assembly needs bootstrap version {needed}, this toolbox has {offered}")
    step = StackStep(_toolkit(environment), "recreate" if described else "create")
    StackDeployment(cloudformation, step, environment, report).run()


def _toolkit(environment: Environment) -> StackArtifact:
    return StackArtifact(
        id=TOOLKIT,
        name=TOOLKIT,
        path=TOOLKIT,
        account=environment.account,
        region=environment.region,
        template_file=TEMPLATE,
        template_url=None,
        role_arn=None,
        parameters={},
        tags={},
        termination_protection=False,
        bootstrap_version=0,
        needs=(),
        assets=(),
        names={},
    )
