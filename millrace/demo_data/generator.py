"""Writes claims.csv and customers.csv of any size, the same bytes for the same seed."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from pathlib import Path
from random import Random
from typing import Any

from millrace.demo_data.rows import (
    CLAIM_COLUMNS,
    CUSTOMER_COLUMNS,
    Row,
    draw_claim,
    draw_customer,
    risk,
    soil,
)
from millrace.errors import MillraceError

FRAUD_SHARE = 0.055
MOST_ROWS = 10_000_000


@dataclass(frozen=True)
class DemoData:
    claims: Path
    customers: Path
    best_auc: float  # what a model that knew every probability would reach on average
    frauds: int


def generate(folder: Path | str, *, rows: int = 5000, seed: int = 7) -> DemoData:
    if not 1 <= rows <= MOST_ROWS:
        raise MillraceError(f"rows is {rows}; it must be from 1 to {MOST_ROWS:,}")
    random = Random(seed)
    pairs = [(draw_claim(random), draw_customer(random)) for _ in range(rows)]
    probabilities = _probabilities([risk(claim, customer) for claim, customer in pairs])
    for policy_id, ((claim, customer), probability) in enumerate(zip(pairs, probabilities, strict=True), 1):
        claim["policy_id"] = customer["policy_id"] = policy_id
        claim["fraud"] = int(random.random() < probability)
        soil(random, claim)
        soil(random, customer)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    claims = _write(folder / "claims.csv", CLAIM_COLUMNS, [claim for claim, _ in pairs])
    shuffled = [customer for _, customer in pairs]
    random.shuffle(shuffled)
    customers = _write(folder / "customers.csv", CUSTOMER_COLUMNS, shuffled)
    return DemoData(claims, customers, best_auc(probabilities), sum(claim["fraud"] for claim, _ in pairs))


def sample_rows(n: int, seed: int = 11) -> list[dict[str, Any]]:
    """Raw rows as a client sends them: claim and customer joined, without key and label."""
    random = Random(seed)
    rows: list[dict[str, Any]] = []
    for _ in range(n):
        row = {**draw_claim(random), **draw_customer(random)}
        soil(random, row)
        rows.append(row)
    return rows


def best_auc(probabilities: Sequence[float]) -> float:
    """The AUC of the true probabilities as scores, expected over the labels they give."""
    wins = below = positives = negatives = 0.0
    ascending = sorted(probabilities)
    start = 0
    while start < len(ascending):
        end = start
        while end < len(ascending) and ascending[end] == ascending[start]:
            end += 1
        tied, probability = end - start, ascending[start]
        tied_positive, tied_negative = tied * probability, tied * (1 - probability)
        wins += tied_positive * (below + tied_negative / 2)
        below += tied_negative
        positives, negatives = positives + tied_positive, negatives + tied_negative
        start = end
    return wins / (positives * negatives) if positives and negatives else 0.5


def _probabilities(risks: Sequence[float]) -> list[float]:
    """Logistic probabilities, shifted so that FRAUD_SHARE of the rows are expected to be fraud."""
    low, high = -30.0, 30.0
    for _ in range(40):
        shift = (low + high) / 2
        share = sum(1 / (1 + exp(-(value + shift))) for value in risks) / len(risks)
        low, high = (shift, high) if share < FRAUD_SHARE else (low, shift)
    return [1 / (1 + exp(-(value + low))) for value in risks]


def _write(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([row[name] for name in columns] for row in rows)
    return path
