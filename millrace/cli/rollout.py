"""`millrace rollout`: versions on their way through three accounts under load, a good one and a bad one, and back.

rollout_stage.py     a fresh embedded AWS with three accounts, and its clock, which is moved and never set back
rollout_load.py      the load, from a second process
rollout_bad.py       a bad model, as a team's own pipeline could register one
rollout_counts.py    what has to hold, and the line of counts
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from millrace.cli import (
    approve,
    back,
    deployments,
    project,
    rollout_bad,
    rollout_counts,
    rollout_load,
    runs,
    screen,
    serving,
    story,
)
from millrace.cli.connect import Options
from millrace.cli.places import Place, Places
from millrace.cli.rollout_stage import Stage
from millrace.errors import MillraceError

MODEL = "claims-fraud"
DATA = ((11, 1500), (12, 8000))
"""Seed and rows of the uploads: few at first, then so many that the second model is surely better."""
PACES = (2.0, 60.0)
"""How many seconds may pass in the embedded AWS in one of ours."""
GOOD_ENOUGH, BAD_ENOUGH = 100, 600
"""So many requests shall reach the canary in a minute of the embedded AWS: the bad model fails on one in a hundred."""
FAULTS = {
    rollout_bad.RAISES: rollout_counts.Fault("it raises on one row in a hundred", raises=True, least=1),
    rollout_bad.SLOW: rollout_counts.Fault("it is slow", raises=False, least=5),
}
BACK_SECONDS = 300.0
CALM_SECONDS = 3.0


def rollout(
    context: typer.Context,
    threads: Annotated[int, typer.Option(help="Connections of the load.", min=1, max=32)] = 4,
    bad: Annotated[str, typer.Option(help="What the bad model does: `raises` (one row in 100) or `slow`.")] = "raises",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the embedded AWS up at the end.")] = False,
) -> None:
    """Play a rollout in a fresh embedded AWS: dev, staging, prod by canary under load, a bad model, the way back.

    Ends with a line of counts. Exit code 1 if anything that must hold does not.

    Example: millrace rollout
    """
    options: Options = context.obj
    if options.profile:
        raise MillraceError("the rollout is played in the embedded AWS only; docs/deploy.md tells how it goes on AWS")
    if bad not in rollout_bad.FAULTS:
        raise MillraceError(f"--bad is {bad!r}; there are: {', '.join(rollout_bad.FAULTS)}")
    began = time.monotonic()
    with Stage.fresh(project.home() / "rollout", keep=keep) as stage:
        found = _play(stage, threads=threads, fault=bad)
    found.show()
    screen.say(f"Done in {screen.duration(time.monotonic() - began)}.")
    if not found.holds:
        raise typer.Exit(1)


def _play(stage: Stage, *, threads: int, fault: str) -> rollout_counts.Outcome:
    play = _Play(stage)
    screen.heading("2. A first version, on its way to prod")
    first = play.train(*DATA[0])
    play.promote(first)
    screen.heading(f"3. A second version, by canary under load: {threads} connections of a second process")
    second = play.train(*DATA[1])
    with rollout_load.start(play.prod, play.rows, stage.folder / "load", threads=threads) as load:
        load.wait_for(100)
        good = play.rolled_out(second, load)
        screen.heading(f"4. A bad version: {FAULTS[fault].words}, but golden rows are answered as ever")
        bad = play.register_bad(second, fault)
        begun, alarm = play.rolled_back(bad, second, load)
        screen.say(f"  The load goes on for {CALM_SECONDS:.0f} s.")
        time.sleep(CALM_SECONDS)
    screen.heading("5. What the registry tells")
    for version in (first, second, bad):
        story.show(serving.package(stage.places.registry, version.arn))
    return rollout_counts.judge(
        load.answers(),
        good=good,
        begun=begun,
        names=(str(first), str(second), str(bad)),
        alarm=alarm,
        fault=FAULTS[fault],
        package=serving.package(stage.places.registry, bad.arn),
        served={str(place): play.served(place) for place in stage.places.all},
    )


class _Play:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.places: Places = stage.places
        self.prod: Place = next(place for place in stage.places.all if place.account.stage)
        self.rows: Path = stage.folder / "rows.json"

    def train(self, seed: int, rows: int) -> serving.Version:
        """Upload data, and wait for the version that its run registers."""
        from millrace.cli import demo, demo_data_set, executions, system

        deployed = system.find(self.places.registry)
        journey = demo.Journey(self.places.registry, deployed, self.stage.folder)
        data = demo_data_set.make(self.stage.folder / f"data-{seed}", seed=seed, rows=rows)
        before = {run.arn for run in executions.recent(self.places.registry, model=MODEL)}
        demo_data_set.remove_old(self.places.registry, deployed)
        demo_data_set.upload(self.places.registry, deployed, data)
        run = runs.watch(self.places.registry, journey.started_run(before))
        version = journey.version_of(run)
        if version is None:
            raise MillraceError(f"the run {run.id} registered no version: `millrace runs {run.id}` says why")
        rollout_load.write_rows(data.files["claims"], data.files["customers"], self.rows)
        return version

    def promote(self, version: serving.Version) -> None:
        """Approve it, and approve it for the stage once staging has tested it."""
        self._approve(version)
        self._approve(version, self.prod.account.stage)

    def rolled_out(self, version: serving.Version, load: rollout_load.Load) -> rollout_counts.Window:
        """The same with the clock moving on, as prod takes its time; when it began and ended."""
        self._approve(version)
        pace, began = _pace(load, GOOD_ENOUGH), time.time()
        with self.stage.moving(pace):
            self._approve(version, self.prod.account.stage)
        return rollout_counts.Window(began, time.time())

    def register_bad(self, version: serving.Version, fault: str) -> serving.Version:
        bad = rollout_bad.register(self.places.registry, version, self.stage.folder / "bad", rollout_bad.code(fault))
        screen.say(f"  {bad} is {version} with other inference code, registered as a pipeline of one's own could.")
        return bad

    def rolled_back(
        self, bad: serving.Version, good: serving.Version, load: rollout_load.Load
    ) -> tuple[float, rollout_counts.Alarm]:
        """Promote the bad version; wait until an alarm has taken it back, and every account serves the good one."""
        self._approve(bad)
        pace, began = _pace(load, BAD_ENOUGH), time.time()
        assert self.prod.connection
        alarms = rollout_counts.watching(self.prod.connection, self.prod.account.name, str(bad))
        with alarms as alarm, self.stage.moving(pace):
            try:
                self._approve(bad, self.prod.account.stage)
            except MillraceError as error:
                screen.say(f"  {error}", screen.BUSY)
            self._wait_for(good, bad)
        return began, alarm

    def served(self, place: Place) -> str:
        assert place.connection
        found = serving.live(place.connection, MODEL)
        return "/".join(found.package.split("/")[-2:]) if found and found.state == "InService" else "nothing"

    def _approve(self, version: serving.Version, stage: str | None = None) -> None:
        if stage:
            approve.check_stage(self.places, version, stage)
        meant = [place for place in self.places.all if place.account.stage == (stage or "")]
        following = deployments.follow(self.places.registry, meant, version)
        approve.start(self.places.registry, version, stage=stage, why="Played by `millrace rollout`")
        deployments.watch(following)

    def _wait_for(self, good: serving.Version, bad: serving.Version) -> None:
        deadline = time.monotonic() + BACK_SECONDS
        while time.monotonic() < deadline:
            rejected = serving.version(self.places.registry, bad.arn).state == serving.REJECTED
            if rejected and all(self._is_back(place, good) for place in self.places.all):
                screen.say(f"  Every account serves {good} again.", screen.GOOD)
                return
            time.sleep(0.2)
        screen.say(f"  Not every account serves {good} after {BACK_SECONDS:.0f} s.", screen.BAD)

    def _is_back(self, place: Place, good: serving.Version) -> bool:
        assert place.connection
        return self.served(place) == str(good) and back.settled(place.connection, MODEL)


def _pace(load: rollout_load.Load, enough: int) -> float:
    """How fast time may pass, so that the canary, half of the instances, gets so many requests in a minute there."""
    rate = load.rate()
    pace = min(max(PACES[0], 60 * rate / 2 / enough), PACES[1])
    screen.say(f"  {rate:,.0f} requests a second: a minute of the embedded AWS takes {60 / pace:.1f} s.")
    return pace
