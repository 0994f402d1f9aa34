"""`millrace demo`: the whole way once, from an empty folder to a prediction, and where everything is then."""

from __future__ import annotations

import json
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli import accounts, approve, deploy, deployments, invoke, project, runs, screen, server
from millrace.cli.accounts import Account
from millrace.cli.connect import Connection, Options
from millrace.cli.places import Place
from millrace.cli.synth import synth_if_needed
from millrace.errors import MillraceError

if TYPE_CHECKING:
    from millrace.cli.evaluations import Evaluation
    from millrace.cli.executions import Run
    from millrace.cli.serving import Version
    from millrace.cli.system import System

MODEL = "claims-fraud"
SEED = 20
ROWS = 5000
START_SECONDS = 60.0


def demo(
    context: typer.Context,
    fresh_data: Annotated[
        bool, typer.Option("--fresh-data", help="Other data: a new run, and a new version if it is better.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The seed of the data.")] = SEED,
    rows: Annotated[int, typer.Option(help="How many claims.", min=1000)] = ROWS,
) -> None:
    """Everything once on this machine: deploy, drop data, train, approve, predict over HTTP.

    Example: millrace demo --fresh-data
    """
    options: Options = context.obj
    if options.profile:
        raise MillraceError("the demo runs in the embedded AWS only; README.md says how to deploy to AWS")
    began = time.monotonic()
    running, started = server.start()
    try:
        chosen = int(time.time()) if fresh_data else seed
        _demo(options, running, seed=chosen, rows=rows)
    except KeyboardInterrupt:
        if started:  # what this command started ends with it
            server.stop(running)
            screen.warn("The embedded AWS is stopped again.")
        raise
    screen.say()
    screen.say(f"Done in {screen.duration(time.monotonic() - began)}.", screen.GOOD)


def _demo(options: Options, running: server.Server, *, seed: int, rows: int) -> None:
    screen.heading(f"1. The embedded AWS is up at {running.url}")
    screen.heading("2. Deploy the stacks of cdk.out")
    synth_if_needed(project.ASSEMBLY, embedded=True)
    connection = options.embedded(running)
    deploy.run(connection, project.ASSEMBLY)

    from millrace.cli import system

    deployed = system.find(connection)
    deployed.model(MODEL)
    journey = Journey(connection, deployed, project.home() / "demo")
    run = journey.run_on(seed=seed, rows=rows)
    evaluation = journey.judge(run)
    journey.go_live(run, evaluation)
    journey.predict()
    _say_where(journey, run, evaluation)


@dataclass
class Journey:
    """The demo's way through one deployed system."""

    connection: Connection
    deployed: System
    folder: Path
    best_auc: float = 0.0

    def run_on(self, *, seed: int, rows: int) -> Run:
        """The run that the data set started, once it is over."""
        from millrace.cli import demo_data_set

        screen.heading("3. Drop the raw data into S3")
        data = demo_data_set.make(self.folder / "data", seed=seed, rows=rows)
        self.best_auc = data.best_auc
        screen.say(f"  {rows:,} made-up claims, {data.frauds} of them frauds (seed {seed})")
        before = self._run_arns()
        new = not demo_data_set.is_there(self.connection, self.deployed, data)
        if new:
            demo_data_set.remove_old(self.connection, self.deployed)
            demo_data_set.upload(self.connection, self.deployed, data)
        else:
            screen.say("  The bucket holds these very files: nothing new, so no new run (other data: --fresh-data).")
        arn = self.started_run(before if new else set())
        cause = "started by the upload" if new else "started by the earlier upload"
        screen.heading(f"4. The run {arn.rsplit('/', 1)[-1]} of the pipeline {MODEL}, {cause}")
        run = runs.watch(self.connection, arn)
        if run.state != "Succeeded":
            raise MillraceError(
                f"the run ended as {run.state}: `millrace logs {run.id}` shows what its jobs printed, "
                f"`millrace replay run {run.id}` starts it again"
            )
        return run

    def judge(self, run: Run) -> Evaluation:
        from millrace.cli import evaluations

        evaluation = evaluations.download(self.connection, run.arn, self.folder / "report")
        auc, gate = evaluation.verdict["metrics"]["auc"], evaluation.verdict["gate"]
        screen.heading("5. The report")
        screen.say(
            f"  AUC {auc['value']:.3f}, between {auc['low']:.3f} and {auc['high']:.3f} in 95 of 100 cases, on "
            "claims it has never seen"
        )
        screen.say(f"  the floor is {gate['floor']:.2f}, the best possible on average {self.best_auc:.3f}")
        screen.say(f"  {project.short(evaluation.page)}")
        return evaluation

    def go_live(self, run: Run, evaluation: Evaluation) -> None:
        from millrace.cli import serving

        version = self.version_of(run)
        if version is None:
            champion = (evaluation.verdict["champion"] or {}).get("version", "the champion")
            screen.heading(f"6. Nothing to approve: {champion} is not beaten and stays")
            return
        screen.heading(f"6. Approve {version}: its deployment starts by itself")
        endpoint = serving.endpoint(self.connection, MODEL)
        if endpoint and endpoint.package == version.arn and endpoint.state == "InService":
            screen.say(f"  The endpoint {MODEL} already serves {version}.")
            return
        if version.state == serving.APPROVED:
            screen.say(f"  {version} is already approved.")
        account = accounts.chosen(self.connection.account) or Account("", self.connection.account, "")
        following = [deployments.Deployment(self.connection, Place(account, self.connection), version)]
        if version.state != serving.APPROVED:
            approve.start(self.connection, version)
        deployments.watch(following)

    def predict(self) -> None:
        screen.heading("7. One prediction over HTTP")
        row = invoke.sample_rows(1)[0]
        answer = invoke.call(self.connection, MODEL, invoke.of_rows([row]))
        screen.say(f"  POST {self.connection.url}/endpoints/{MODEL}/invocations")
        for line in textwrap.wrap(json.dumps(row), 100):
            screen.say(f"    {line}", screen.FAINT)
        screen.say(f"  {json.dumps(answer)}", screen.GOOD)

    def _run_arns(self) -> set[str]:
        from millrace.cli import executions

        return {run.arn for run in executions.recent(self.connection, model=MODEL)}

    def started_run(self, before: set[str]) -> str:
        from millrace.cli import executions

        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            new = [run for run in executions.recent(self.connection, model=MODEL) if run.arn not in before]
            if new:
                return new[0].arn
            time.sleep(self.connection.poll_seconds)
        raise MillraceError(f"no run started in {START_SECONDS:.0f} s: see `millrace logs start-pipeline`")

    def version_of(self, run: Run) -> Version | None:
        """What the run registered; None if the champion was kept."""
        from millrace.cli import executions, serving

        packages = [step.job for step in executions.steps(self.connection, run.arn) if ":model-package/" in step.job]
        return serving.version(self.connection, packages[0]) if packages else None


def _say_where(journey: Journey, run: Run, evaluation: Evaluation) -> None:
    screen.heading("Where everything is")
    screen.facts(
        [
            ("report", project.short(evaluation.page)),
            ("run", f"millrace runs {run.id}"),
            ("logs", f"millrace logs {run.id}"),
            ("endpoint", f"{MODEL} at {journey.connection.url}/endpoints/{MODEL}/invocations"),
            ("raw data", f"s3://{journey.deployed.raw_bucket}/raw/{MODEL}/"),
            ("stop it", "millrace down   (the embedded AWS stays up until then)"),
        ]
    )
    screen.heading("Try next")
    screen.facts(
        [
            ("millrace", "where you are, and the next command"),
            ("millrace invoke", "score five more claims"),
            ("millrace ledger", "what became of each uploaded file"),
            ("millrace logs --step Train", "what the training job printed"),
            ('eval "$(millrace env)"; aws s3 ls', "the AWS CLI and boto3 talk to it unchanged"),
            ("millrace demo --fresh-data", "other data: a new run, and a new version if it beats this one"),
            ("millrace rollout", "three accounts, a canary under load, a bad model and its alarm"),
            ("millrace new your.csv", "settings for a table of your own"),
        ]
    )
    screen.say_path()
