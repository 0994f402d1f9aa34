"""`python -m millrace.demo_data --rows 5000 --seed 7 --out folder` writes claims.csv and customers.csv.

`--data abalone` and `--data penguins` write abalone.data and penguins.csv instead.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from millrace.demo_data.abalone import generate_abalone
from millrace.demo_data.generator import generate
from millrace.demo_data.penguins import generate_penguins


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m millrace.demo_data", description="Write a demo data set.")
    parser.add_argument("--data", choices=("claims", "abalone", "penguins"), default="claims")
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("."))
    args = parser.parse_args()
    if args.data == "abalone":
        made = generate_abalone(args.out, rows=args.rows, seed=args.seed)
        print(f"{made.file}\n{args.rows} rows, best reachable RMSE {made.best_rmse:.4f}")
    elif args.data == "penguins":
        print(f"{generate_penguins(args.out, rows=args.rows, seed=args.seed)}\n{args.rows} rows of three species")
    else:
        data = generate(args.out, rows=args.rows, seed=args.seed)
        print(
            f"{data.claims}\n{data.customers}\n{data.frauds} frauds in {args.rows} rows, "
            f"best reachable AUC {data.best_auc:.4f}"
        )


if __name__ == "__main__":
    main()
