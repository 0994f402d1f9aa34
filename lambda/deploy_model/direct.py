"""The direct form: a step of a pipeline names one version, and is told whether it is on its way. `handler.py` calls it.

    {"model": "claims-fraud", "version": "arn:...:model-package/claims-fraud/3"}
    {"outcome": "accepted", "reason": "from none"}
    {"outcome": "refused", "reason": "claims-fraud/3 is PendingManualApproval; ..."}

It does what an event would make the function do, and approves nothing. A refusal is an answer, no error: nothing is
wrong with the function then, so its alarm stays silent.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from deploy_model.deploy import Deployer, Deployment
from deploy_model.errors import GrantError, RefusedError
from deploy_model.messages import Request
from deploy_model.plan import Action, short

ACCEPTED, REFUSED = "accepted", "refused"
LONGEST_REASON = 1024
"""Of an output of a step."""

log = logging.getLogger(__name__)


def deploy(event: Mapping[str, Any], deployer: Deployer) -> dict[str, str]:
    """Bring the model's stack to this version, if it is the one that is wanted."""
    model, version = str(event.get("model", "")), str(event.get("version", ""))
    try:
        reason = _deploy(model, version, deployer)
    except (GrantError, RefusedError) as error:
        log.warning("%s: the pipeline is refused: %s", model, error)
        return {"outcome": REFUSED, "reason": str(error)[:LONGEST_REASON]}
    return {"outcome": ACCEPTED, "reason": reason}


def _deploy(model: str, version: str, deployer: Deployer) -> str:
    deployment = asked_for(model, version, deployer)
    if why := why_not(version, deployment):
        raise RefusedError(why)
    if deployment.stack.read() is None:
        raise RefusedError(f"the stack {deployment.stack.name} does not exist; deploy it first, as cdk deploy does")
    decided = deployer.reconcile(Request(model))
    if decided.action in (Action.BLOCKED, Action.REFUSED):
        raise RefusedError(decided.reason)
    return decided.reason


def asked_for(model: str, version: str, deployer: Deployer) -> Deployment:
    """The deployment of the model; raises RefusedError if model or version is none of this account's."""
    settings = deployer.settings
    if model not in settings.stacks:
        raise RefusedError(f"{model!r} is no model of {settings.account}; allowed: {', '.join(settings.stacks)}")
    start = settings.package_arn(model, "")
    if not version.removeprefix(start).isdigit():
        raise RefusedError(f"{version!r} is no version of {model}; name one as {start}1")
    return deployer.deployment(Request(model))


def why_not(version: str, deployment: Deployment) -> str:
    """Why the version is not to be served here; empty if it is the one that is wanted."""
    package = deployment.registry.package(version)
    if package is None:
        return f"{short(version)} is not in the registry"
    status, why = package.get("ModelApprovalStatus"), package.get("ApprovalDescription", "")
    if status == "Rejected":
        return f"{short(version)} is Rejected" + (f": {why}" if why else "")
    if status != "Approved":
        return f"{short(version)} is {status}; approve it first, a pipeline never does"
    wanted, waits = deployment.wanted()
    if wanted is None:
        return f"{short(version)} is not to be served in {deployment.settings.account} yet: {waits}"
    if wanted != version:
        return f"{short(wanted)} is to be served, not {short(version)}; name it, or reject it to go back"
    return ""
