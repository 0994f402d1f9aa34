"""`python -m millrace.demo_data --rows 5000 --seed 7 --out folder` writes claims.csv and customers.csv."""

from __future__ import annotations

import argparse
from pathlib import Path

from millrace.demo_data.generator import generate


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m millrace.demo_data", description="Write a demo data set.")
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("."))
    args = parser.parse_args()
    data = generate(args.out, rows=args.rows, seed=args.seed)
    print(
        f"{data.claims}\n{data.customers}\n{data.frauds} frauds in {args.rows} rows, "
        f"best reachable AUC {data.best_auc:.4f}"
    )


if __name__ == "__main__":
    main()
