"""The doctor's look at the service quotas: whether the instances of the settings may be used at all, and together."""

from __future__ import annotations

from collections.abc import Iterator

from millrace.cli import needs
from millrace.cli.connect import Connection
from millrace.cli.findings import Finding, bad, good, look, skipped
from millrace.cli.needs import ENDPOINT, Needs

WHY = {
    ENDPOINT: "blue/green doubles an endpoint's instances during a rollout: without room it is rolled back",
    needs.TRAINING: "a training job that finds no room fails, and with it the run",
    needs.PROCESSING: "a processing job that finds no room fails, and with it the run",
    needs.TRANSFORM: "a transform job that finds no room fails, and with it the batch",
}
SERVERLESS = "Maximum total concurrency that can be allocated across all serverless endpoints"


def quotas(connection: Connection, wanted: Needs) -> Iterator[Finding]:
    asked = needs.most_at_once(wanted.instances)
    if connection.embedded:
        told = ", ".join(f"{name} for {use} usage: {least}" for (use, name), (least, _) in asked.items())
        yield skipped(
            "quotas", f"the embedded AWS has no Service Quotas. Needed on AWS: {told}", "ask again with --profile"
        )
        return
    found = _applied(connection)
    if not found:
        yield skipped("quotas", "Service Quotas tells nothing of SageMaker here")
        return
    for (use, name), (least, better) in asked.items():
        yield _of_instances(found, use, name, least, better)
    concurrency = sum(need.count for need in wanted.serverless)
    if concurrency:
        yield _of_serverless(found, concurrency)


def _of_instances(found: dict[str, float], use: str, name: str, least: int, better: int) -> Finding:
    title = f"{name} for {use} usage"
    value = found.get(title)
    if value is None:
        return look(
            "quotas",
            f"there is no quota {title!r}",
            why="the type may not exist in this region",
            todo="look at the list in the Service Quotas console, or choose another type in settings/",
        )
    todo = f"ask for {better} of {title!r} in the Service Quotas console (Amazon SageMaker), or settings with less"
    if value < least:
        return bad("quotas", f"{title} is {value:g}, at least {least} are needed", why=WHY[use], todo=todo)
    if value < better:
        together = "when all endpoints are updated at once" if use == ENDPOINT else "when all models run at once"
        return look(
            "quotas", f"{title} is {value:g}: enough one by one, {better} are used {together}", why=WHY[use], todo=todo
        )
    return good("quotas", f"{title} is {value:g} ({better} are used at most; what else runs in the account counts too)")


def _of_serverless(found: dict[str, float], concurrency: int) -> Finding:
    value = next((value for name, value in found.items() if name.startswith(SERVERLESS)), None)
    if value is None:
        return skipped("quotas", f"no quota is named {SERVERLESS!r}; {concurrency} are needed")
    if value < concurrency:
        return bad(
            "quotas",
            f"{SERVERLESS}: {value:g}, {concurrency} are needed",
            why="an endpoint that finds no room is not made",
            todo="ask for more in the Service Quotas console, or give max_concurrency a smaller value",
        )
    return good("quotas", f"{SERVERLESS}: {value:g} ({concurrency} are needed)")


def _applied(connection: Connection) -> dict[str, float]:
    """What applies to this account; where it was never changed AWS's default does."""
    client = connection.client("service-quotas")
    found: dict[str, float] = {}
    for operation in ("list_aws_default_service_quotas", "list_service_quotas"):
        for page in client.get_paginator(operation).paginate(ServiceCode="sagemaker"):
            found |= {each["QuotaName"]: float(each["Value"]) for each in page["Quotas"]}
    return found
