"""How fast the endpoint's model server is, beside XGBoost alone and a plain FastAPI endpoint, in one run.

    python benchmarks/serving.py [--rounds 3] [--seconds 1.5] [--models claims-fraud,abalone]

One process and one XGBoost thread each, at most 40 requests at a time in threads, the same request body. The servers
take turns within each round; the figures are medians of the rounds. json.loads of the body stands beside them: what the
server needs for JSON before the first row is there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.serving_models import (
    BENCHMARK,
    CSV,
    IMAGE,
    JSON,
    Served,
    fastapi,
    fork_server,
    measured,
    ours,
    trained,
)

CONNECTIONS = (1, 8, 64)
ROWS = (1, 1000)
LEAST_SPEEDUP, LEAST_SHARE, LONGEST_START = 2.0, 0.6, 1.0
DECODER = "json.loads"
Figures = dict[tuple[str, int, int], dict[str, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--models", default="claims-fraud,abalone")
    arguments = parser.parse_args()
    for name in arguments.models.split(","):
        with tempfile.TemporaryDirectory() as folder:
            served = trained(name, Path(folder))
            print(f"{name}\n{throughput(served, arguments.rounds, arguments.seconds)}")
            print(f"{cold_starts(served, arguments.rounds)}\n", flush=True)


def throughput(served: Served, rounds: int, seconds: float) -> str:
    taken: dict[tuple[str, int, int], list[dict[str, float]]] = defaultdict(list)
    with ours(served) as own, fastapi(served) as plain:
        for _ in range(rounds):
            for rows in ROWS:
                body = served.body(rows, JSON)
                for name, what in (("XGBoost alone", "predict"), (DECODER, "decode")):
                    limit = measured(IMAGE, "serving_limit.py", what, served.model, seconds, JSON, body)
                    taken[name, rows, 1].append(limit)
                for connections in CONNECTIONS:
                    for name, server, kind in (
                        ("ours, JSON", own, JSON),
                        ("FastAPI, JSON", plain, JSON),
                        ("ours, CSV", own, CSV),
                    ):
                        body, before = served.body(rows, kind), server.cpu()
                        figure = measured(BENCHMARK, "serving_client.py", server.port, connections, seconds, kind, body)
                        figure["cpu"] = (server.cpu() - before) / figure["requests"]
                        taken[name, rows, connections].append(figure)
    figures = {
        key: {name: median(each[name] for each in found) for name in ("rate", "p50", "p99", "cpu")}
        for key, found in taken.items()
    }
    return table(figures)


def table(figures: Figures) -> str:
    lines = [
        f"  {'rows':>5}  {'connections':>11}  {'':<14}{'requests/s':>10}  {'p50':>10}  {'p99':>10}  {'CPU':>10}  ratio"
    ]
    for rows in ROWS:
        limit = figures["XGBoost alone", rows, 1]
        lines.append(_line(rows, "", "XGBoost alone", limit, ""))
        loads = figures[DECODER, rows, 1]
        lines.append(_line(rows, "", DECODER, loads, _share(loads, limit)))
        for connections in CONNECTIONS:
            plain = figures["FastAPI, JSON", rows, connections]
            lines.append(_line(rows, connections, "FastAPI, JSON", plain, _share(plain, limit)))
            for name, decoder in (("ours, JSON", loads["cpu"]), ("ours, CSV", None)):
                figure = figures[name, rows, connections]
                lines.append(_line(rows, connections, name, figure, _told(rows, figure, plain, limit, decoder)))
    return "\n".join(lines)


def _told(
    rows: int, figure: dict[str, float], plain: dict[str, float], limit: dict[str, float], decoder: float | None
) -> str:
    """How the figure stands to the two others: by requests a second, and by CPU, which others' load distorts less.

    `decoder` is the CPU of the decoder that the body needs, if it is the standard library's.
    """
    speedup, share = figure["rate"] / plain["rate"], figure["rate"] / limit["rate"]
    told = f"{speedup:.2f} x FastAPI (CPU {plain['cpu'] / figure['cpu']:.2f} x), {_share(figure, limit)}"
    if decoder is not None:
        told += f", of it and {DECODER} CPU {(limit['cpu'] + decoder) / figure['cpu']:.0%}"
    met = speedup >= LEAST_SPEEDUP if rows == 1 else share >= LEAST_SHARE
    aim = f">= {LEAST_SPEEDUP:g} x" if rows == 1 else f">= {LEAST_SHARE:.0%}"
    return f"{told}   aim {aim}: {'met' if met else 'MISSED'}"


def _share(figure: dict[str, float], limit: dict[str, float]) -> str:
    return f"{figure['rate'] / limit['rate']:.0%} of XGBoost alone (CPU {limit['cpu'] / figure['cpu']:.0%})"


def _line(rows: int, connections: object, name: str, figure: dict[str, float], told: str) -> str:
    times = "  ".join(f"{figure[each] * 1000:7.2f} ms" for each in ("p50", "p99", "cpu"))
    return f"  {rows:>5,}  {connections!s:>11}  {name:<14}{figure['rate']:>10,.0f}  {times}  {told}".rstrip()


def cold_starts(served: Served, rounds: int) -> str:
    taken: dict[str, list[float]] = defaultdict(list)
    with fork_server() as forked:
        for _ in range(max(rounds, 3)):
            with ours(served, forked=forked) as server:
                taken["ours, from the fork server"].append(server.started)
            with ours(served) as server:
                taken["ours, a new interpreter"].append(server.started)
            with fastapi(served) as server:
                taken["FastAPI"].append(server.started)
    lines = []
    for name, seconds in taken.items():
        verdict = "met" if median(seconds) < LONGEST_START else "MISSED"
        aim = f"   aim < {LONGEST_START:g} s: {verdict}" if name.startswith("ours") else ""
        lines.append(f"  cold start, {name:<28}{median(seconds):.2f} s{aim}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
