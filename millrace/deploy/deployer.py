"""The face of deployment: read an assembly, plan, execute. `millrace deploy` and the demo call it.

Deployer(session, endpoint_url=url, report=show).deploy(Path("cdk.out"), ["Dev/*"])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from millrace.deploy.assembly import Assembly, read_assembly
from millrace.deploy.assets import publish, published_keys
from millrace.deploy.aws import Clients
from millrace.deploy.bootstrap import ensure_bootstrap
from millrace.deploy.plan import Deployed, Environment, Plan, StackStep, make_plan
from millrace.deploy.progress import Report, ignore
from millrace.deploy.selection import select
from millrace.deploy.stacks import StackDeployment, deployed_stack, deployed_stacks
from millrace.errors import MillraceError

THREADS = 8


class Deployer:
    """Deploys to one account and region: those of the session, unless they are given."""

    def __init__(
        self,
        session: Any,
        *,
        endpoint_url: str | None = None,
        account: str | None = None,
        region: str | None = None,
        report: Report = ignore,
    ) -> None:
        self._clients = Clients(session, endpoint_url=endpoint_url, region=region)
        self._account = account
        self._report = report

    def environment(self) -> Environment:
        self._account = self._account or self._clients.account()
        return Environment(self._account, self._clients.region)

    def plan(self, folder: Path, patterns: Sequence[str] = ()) -> Plan:
        """What `deploy` would do to this assembly, or to the stacks of it that are meant."""
        assembly, environment = select(read_assembly(folder), patterns), self.environment()
        deployed = self._deployed(assembly)
        first = make_plan(assembly, environment, deployed)
        if not first.assets:
            return first
        published = published_keys(self._clients.client("s3"), sorted({asset.bucket for asset in first.assets}))
        return make_plan(assembly, environment, deployed, published)

    def deploy(self, folder: Path, patterns: Sequence[str] = ()) -> Plan:
        """Plan and execute; MillraceError names what failed and says that it was rolled back."""
        plan = self.plan(folder, patterns)
        self.execute(plan)
        return plan

    def execute(self, plan: Plan) -> dict[str, dict[str, str]]:
        """Carry a plan out; the outputs of every stack that was created or updated."""
        if not plan.steps:
            known = f" (it holds {', '.join(plan.elsewhere)} for elsewhere)" if plan.elsewhere else ""
            where = f"{plan.environment.account}/{plan.environment.region}"
            raise MillraceError(f"the assembly holds no stack for {where}{known}")
        if plan.changes:
            cloudformation = self._clients.client("cloudformation")
            embedded = self._clients.embedded
            ensure_bootstrap(cloudformation, plan.environment, plan.bootstrap_version, self._report, embedded=embedded)
            publish(self._clients.client("s3") if plan.assets else None, plan.assets, self._report)
        return self._run(plan)

    def _deployed(self, assembly: Assembly) -> dict[str, Deployed]:
        cloudformation = self._clients.client("cloudformation")
        described = deployed_stacks(cloudformation, {stack.name for stack in assembly.stacks})
        with ThreadPoolExecutor(THREADS, thread_name_prefix="look") as pool:
            found = pool.map(lambda one: deployed_stack(cloudformation, one), described.values())
            return {stack.name: stack for stack in found}

    def _run(self, plan: Plan) -> dict[str, dict[str, str]]:
        """Every stack as soon as those it needs are done; after a failure nothing new begins."""
        cloudformation = self._clients.client("cloudformation")
        waiting = {step.stack.name: step for step in plan.steps}
        outputs: dict[str, dict[str, str]] = {}
        running: dict[Future[dict[str, str]], str] = {}
        failures: list[BaseException] = []
        with ThreadPoolExecutor(THREADS, thread_name_prefix="deploy") as pool:
            while running or (waiting and not failures):
                if not failures:
                    for step in _ready(waiting, outputs):
                        del waiting[step.stack.name]
                        stack = StackDeployment(cloudformation, step, plan.environment, self._report)
                        running[pool.submit(stack.run)] = step.stack.name
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    name = running.pop(future)
                    error = future.exception()
                    if error is None:
                        outputs[name] = future.result()
                    else:
                        failures.append(error)
        if failures:
            raise failures[0]
        return outputs


def _ready(waiting: Mapping[str, StackStep], done: Mapping[str, Any]) -> list[StackStep]:
    return [step for step in waiting.values() if all(need in done for need in step.needs)]
