"""The gate's decision on a measured model, as an outcome with one sentence; called by evaluate.py. It is pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bootstrap import Difference, Estimate
from metrics import GateMetric

FIRST, BETTER, KEPT = "first", "better", "kept"
BELOW_FLOOR, TOO_FEW = "below-floor", "too-few"


@dataclass(frozen=True)
class Gate:
    """What a model must reach: `floor` of the metric, enough test rows, and, where there is a champion, certainty."""

    metric: GateMetric
    floor: float
    min_support: int
    confidence: float


@dataclass(frozen=True)
class Contest:
    """The champion on the same rows; without `difference` it could not be measured, and `problem` says why."""

    version: str
    estimate: Estimate | None = None
    difference: Difference | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Outcome:
    outcome: str
    sentence: str

    @property
    def register(self) -> int:
        return int(self.outcome in (FIRST, BETTER))


def decide(
    gate: Gate, estimate: Estimate, *, rows: int, support: Mapping[str, int], contest: Contest | None = None
) -> Outcome:
    scarce = _too_few(gate, rows, support)
    if scarce:
        return Outcome(TOO_FEW, scarce)
    metric = gate.metric
    told = f"{metric.title} {_with_interval(estimate, gate.floor)} on {rows:,} test rows"
    if not metric.reaches(estimate.value, gate.floor):
        side = "below" if metric.higher_is_better else "above"
        return Outcome(BELOW_FLOOR, f"Not good enough: {told} is {side} the {metric.bound} of {_bound(gate.floor)}.")
    passes = f"{'reaches the floor' if metric.higher_is_better else 'keeps to the ceiling'} of {_bound(gate.floor)}"
    if contest is None:
        return Outcome(FIRST, f"First model: {told} {passes}; there is no champion.")
    if contest.difference is None or contest.estimate is None:
        return Outcome(
            FIRST,
            f"{told[0].upper()}{told[1:]} {passes}; the champion {contest.version} does not count: {contest.problem}.",
        )
    return _against(gate, estimate, contest.version, contest.estimate, contest.difference, rows)


def _too_few(gate: Gate, rows: int, support: Mapping[str, int]) -> str:
    name, count = min(support.items(), key=lambda item: item[1])
    if count >= max(gate.min_support, 1):
        return ""
    if name == "rows":
        return f"Not enough rows to tell: {count:,} test rows, at least {max(gate.min_support, 1):,} are needed."
    kind = name if name in ("positives", "negatives") else f"rows of class {name!r}"
    return (
        f"Not enough {kind} to tell: {count:,} among {rows:,} test rows, at least "
        f"{max(gate.min_support, 1):,} are needed."
    )


def _against(
    gate: Gate, estimate: Estimate, version: str, champion: Estimate, difference: Difference, rows: int
) -> Outcome:
    metric = gate.metric
    figures = (
        f"{metric.title} {figure(estimate.value)} against {figure(champion.value)} on the same {rows:,} test rows "
        f"(difference {signed(difference.value)}, 95 % interval {signed(difference.low)} to {signed(difference.high)})"
    )
    gained = difference.value if metric.higher_is_better else -difference.value
    share = f"in {difference.probability_better:.1%} of the resamples, {percent(gate.confidence)} are needed"
    if gained > 0 and difference.probability_better >= gate.confidence:
        return Outcome(BETTER, f"Better than {version}: {figures}, better {share}.")
    if gained == 0 and difference.low == difference.high == 0:
        return Outcome(KEPT, f"Champion {version} kept: both answer alike, {figures}.")
    only = "only " if difference.probability_better < gate.confidence else ""
    return Outcome(KEPT, f"Champion {version} kept: {figures}, better {only}{share}.")


def _with_interval(estimate: Estimate, floor: float) -> str:
    """A value that would look like the floor is told in full."""
    value = figure(estimate.value) if figure(estimate.value) != figure(floor) else f"{estimate.value:.6g}"
    return f"{value} (95 % interval {figure(estimate.low)} to {figure(estimate.high)})"


def _bound(floor: float) -> str:
    """As it was set, but never with an exponent for what is large."""
    return f"{floor:g}" if abs(floor) < 1000 else f"{floor:,.10g}"


def figure(value: float) -> str:
    """Three decimals for shares, four digits for what is larger, three for what is tiny."""
    size = abs(value)
    if size >= 1000 or value != value:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.1f}"
    return f"{value:.3f}" if size >= 0.01 or size == 0 else f"{value:.3g}"


def percent(share: float) -> str:
    """With the digits that it has: 0.995 is no 100%."""
    return f"{100 * share:.4g}%"


def signed(value: float) -> str:
    return f"{'+' if value >= 0 else '-'}{figure(abs(value))}"
