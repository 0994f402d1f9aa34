"""Measures the main job end to end in one run and prints it beside the aims.

    python benchmarks/main_job.py [--rows 5000,100000] [--repeat 3]

Everything is made anew in a temporary folder: the assembly (`app.py`), made-up data, private embedded AWSs with the
fork server on and off. Runs with it on, with it off and by hand take turns, so that a busy machine is fair to all.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import by_hand, functions, runs
from benchmarks.embedded import ROOT, Embedded, clean_environment, running, timed
from benchmarks.table import Figure, Table
from millrace.demo_data import generate

OVERHEAD_SECONDS = 0.3
UPLOAD_TO_LAMBDA_SECONDS, WARM_LAMBDA_SECONDS = 0.05, 0.005
DEPLOYMENT_SECONDS, START_SECONDS, SYNTH_SECONDS = 2.0, 1.5, 4.0
FASTER_THAN_HAND_ROWS = 5000
UPLOADS, INVOKES = 20, 200


@dataclass
class Series:
    """All runs on one number of rows."""

    rows: int
    on: list[runs.Run] = field(default_factory=list)
    off: list[runs.Run] = field(default_factory=list)
    hand: list[by_hand.ByHand] = field(default_factory=list)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="main_job", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", default="5000,100000", help="numbers of claims, separated by commas")
    parser.add_argument("--repeat", type=int, default=3, help="measurements of each figure after the first")
    options = parser.parse_args(arguments)
    counts = [int(each) for each in options.rows.split(",")]
    with tempfile.TemporaryDirectory(prefix="millrace-benchmark-", ignore_cleanup_errors=True) as folder:
        measure(Path(folder), counts, options.repeat + 1)
    return 0


def measure(folder: Path, counts: list[int], times: int) -> None:
    assembly = folder / "cdk.out"
    synths = [synth(assembly) for _ in range(times)]
    starts, deployments = from_nothing(folder, assembly, times)
    show(
        Table(
            "The embedded AWS and the app",
            [
                Figure("synth (app.py, CDK_VALIDATION=false)", synths, SYNTH_SECONDS),
                Figure("start of the embedded AWS, from nothing", starts, START_SECONDS),
                Figure("deployment from nothing (millrace deploy, as a process)", deployments, DEPLOYMENT_SECONDS),
            ],
        )
    )
    with running(folder / "on") as on, running(folder / "off", MILLRACE_FORK_SERVER="off") as off:
        for embedded in (on, off):
            embedded.deploy(assembly)
        for rows in counts:
            show_runs(run_all(folder, rows, times, assembly=assembly, on=on, off=off))
        uploads = functions.uploads_to_lambda(on, UPLOADS + 1)
        invokes = functions.warm_invokes(on, INVOKES + 1)
    show(
        Table(
            "Lambda",
            [
                Figure(
                    "upload to Lambda (PutObject begins - START)",
                    uploads,
                    UPLOAD_TO_LAMBDA_SECONDS,
                    "S3 - EventBridge rule - SQS - function",
                    milliseconds=True,
                ),
                Figure("warm Lambda (Invoke)", invokes, WARM_LAMBDA_SECONDS, milliseconds=True),
            ],
        )
    )


def synth(assembly: Path) -> float:
    env = clean_environment() | {"CDK_OUTDIR": str(assembly), "CDK_VALIDATION": "false"}
    return timed([sys.executable, "app.py"], env=env, cwd=ROOT)


def from_nothing(folder: Path, assembly: Path, times: int) -> tuple[list[float], list[float]]:
    """Seconds of start and of deployment, each time on a new embedded AWS."""
    starts, deployments = [], []
    for number in range(times):
        with running(folder / f"new-{number}") as embedded:
            starts.append(embedded.started)
            deployments.append(embedded.deploy(assembly))
    return starts, deployments


def run_all(folder: Path, rows: int, times: int, *, assembly: Path, on: Embedded, off: Embedded) -> Series:
    """Every repeat takes another last file (a row less each time), which the three ways share."""
    series = Series(rows)
    made = generate(folder / f"data-{rows}", rows=rows)
    lines = made.customers.read_text().splitlines(keepends=True)
    for embedded in (on, off):
        runs.upload_first_table(embedded, made.claims)
    for number in range(times):
        customers = made.customers.with_name(f"customers-{number}.csv")
        customers.write_text("".join(lines[: len(lines) - number]))
        series.on.append(runs.measure(on, customers))
        series.off.append(runs.measure(off, customers))
        series.hand.append(
            by_hand.run(
                folder / "hand",
                claims=made.claims,
                customers=customers,
                assembly=assembly,
                arguments=series.on[-1].arguments,
            )
        )
    return series


def show_runs(series: Series) -> None:
    show(Table(f"{series.rows:,} rows, fork server on: upload to registered model", run_figures(series.on)))
    show(Table(f"{series.rows:,} rows, fork server off", run_figures(series.off)))
    hand = series.hand
    show(
        Table(
            f"{series.rows:,} rows, the same scripts by hand, as separate processes",
            [
                Figure("preprocess", [each.preprocess for each in hand]),
                Figure("train", [each.train for each in hand]),
                Figure("evaluate", [each.evaluate for each in hand]),
                Figure("total", [each.total for each in hand], note="aim: the run above is faster"),
            ],
        )
    )
    run, scripts = (Figure("", values).warm for values in ([r.total for r in series.on], [h.total for h in hand]))
    word = "faster" if run < scripts else "SLOWER"
    aim = " (aim: faster)" if series.rows == FASTER_THAN_HAND_ROWS else ""
    print(f"  The whole run takes {run:.3f} s, the scripts by hand {scripts:.3f} s: {word}{aim}.\n", flush=True)


def run_figures(measured: list[runs.Run]) -> list[Figure]:
    def figure(name: str, of: Callable[[runs.Run], float], aim: float | None = None) -> Figure:
        return Figure(name, [of(run) for run in measured], aim)

    steps = [
        figure(f"{name}, {part}", of)
        for name in measured[0].steps
        for part, of in (
            ("whole step", lambda run, name=name: run.steps[name]),
            ("its program", lambda run, name=name: run.programs.get(name, 0.0)),
        )
        if part == "whole step" or name in measured[0].programs
    ]
    return [
        figure("PutObject of the last file", lambda run: run.upload),
        figure("until the run starts", lambda run: run.until_started),
        *steps,
        figure("upload to registered model", lambda run: run.total),
        figure("inside step code", lambda run: sum(run.programs.values())),
        figure("own overhead", lambda run: run.overhead, OVERHEAD_SECONDS),
    ]


def show(table: Table) -> None:
    print(table.render() + "\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
