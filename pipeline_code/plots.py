"""The report's plots as SVG text; called by report_binary.py, report_multiclass.py and report_regression.py.

matplotlib is imported on first use only, because that costs much of a short step's time. The same data give the
same bytes: no dates, fixed ids; text stays text. Names from the data are put in afterwards, because matplotlib would
look for their letters in a font of its own, which has no Korean.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SETTINGS: Any = {
    "svg.hashsalt": "millrace",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
}
BLUE, RED, GREY = "#1f6fb4", "#c23b22", "#888888"
LABEL = "LABELNAME"
"""Stands for the label's name until the plot is drawn."""
MOST_POINTS = 600
WIDE = 20


def roc(false_positive_rates: Sequence[float], true_positive_rates: Sequence[float], point: tuple[float, float]) -> str:
    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
        axes.plot(false_positive_rates, true_positive_rates, color=BLUE)
        axes.plot(*point, "o", color=RED, label="at the threshold")
        axes.set(xlabel="share of negatives flagged", ylabel="share of positives found", xlim=(0, 1), ylim=(0, 1.02))
        axes.legend(loc="lower right", frameon=False)

    return _svg(draw)


def precision_recall(recalls: Sequence[float], precisions: Sequence[float], point: tuple[float, float]) -> str:
    def draw(axes: Axes) -> None:
        axes.plot(recalls, precisions, color=BLUE)
        axes.plot(*point, "o", color=RED, label="at the threshold")
        axes.set(xlabel="positives found (recall)", ylabel="right flags (precision)", xlim=(0, 1.02), ylim=(0, 1.02))
        axes.legend(loc="upper right", frameon=False)

    return _svg(draw)


def calibration(bins: Sequence[tuple[float, float, int]]) -> str:
    """Each bin: mean score, share that came true, rows."""

    def draw(axes: Axes) -> None:
        scores, shares = [score for score, _, _ in bins], [share for _, share, _ in bins]
        most = max(*scores, *shares) * 1.05 or 1.0
        axes.plot([0, most], [0, most], color=GREY, linewidth=0.8, linestyle="--", label="perfect")
        axes.plot(scores, shares, "o-", color=BLUE, markersize=4, label="a tenth of the rows each")
        axes.set(xlabel="mean score", ylabel="share that came true", xlim=(0, most), ylim=(0, most))
        axes.legend(loc="upper left", frameon=False)

    return _svg(draw)


def scores(positives: NDArray[np.float64], negatives: NDArray[np.float64], threshold: float) -> str:
    def draw(axes: Axes) -> None:
        most = max(float(values.max()) for values in (positives, negatives))
        bins = np.linspace(0, max(most, threshold) * 1.02 or 1.0, 31).tolist()
        for values, color, label in ((negatives, BLUE, "negative"), (positives, RED, "positive")):
            weights = np.full(len(values), 1 / len(values))
            axes.hist(values, bins=bins, weights=weights, color=color, alpha=0.55, label=label)
        axes.axvline(threshold, color="black", linewidth=0.9, linestyle="--", label="threshold")
        axes.set(xlabel="score", ylabel="share of the class")
        axes.legend(loc="upper right", frameon=False)

    return _svg(draw)


def cost(thresholds: Sequence[float], costs: Sequence[float], threshold: float) -> str:
    def draw(axes: Axes) -> None:
        axes.plot(thresholds, costs, color=BLUE)
        axes.axvline(threshold, color="black", linewidth=0.9, linestyle="--", label="threshold")
        axes.set(
            xlabel="threshold",
            ylabel="cost on the test rows",
            xlim=(0, max(thresholds[1] * 1.1, threshold * 1.5)),
            ylim=(0, None),
        )
        axes.legend(loc="lower right", frameon=False)

    return _svg(draw)


def confidence(right: NDArray[np.float64], wrong: NDArray[np.float64]) -> str:
    """How sure the model was where it was right and where it was wrong."""

    def draw(axes: Axes) -> None:
        bins = np.linspace(0, 1, 21).tolist()
        kinds = ((right, BLUE, "right answers"), (wrong, RED, "wrong answers"))
        held = [kind for kind in kinds if len(kind[0])]
        axes.hist(
            [values for values, _, _ in held],
            bins=bins,
            stacked=True,
            color=[color for _, color, _ in held],
            label=[label for _, _, label in held],
        )
        axes.set(xlabel="probability of the answer", ylabel="test rows", xlim=(0, 1))
        axes.legend(loc="upper left", frameon=False)

    return _svg(draw)


def predicted_against_actual(actual: NDArray[np.float64], predicted: NDArray[np.float64], label: str) -> str:
    def draw(axes: Axes) -> None:
        ends = [float(min(actual.min(), predicted.min())), float(max(actual.max(), predicted.max()))]
        axes.plot(ends, ends, color=GREY, linewidth=0.8, linestyle="--", label="perfect")
        chosen = _some(len(actual))
        axes.plot(actual[chosen], predicted[chosen], "o", color=BLUE, markersize=3, alpha=0.4, markeredgewidth=0)
        axes.set(xlabel=f"actual {LABEL}", ylabel=f"predicted {LABEL}")
        axes.legend(loc="upper left", frameon=False)

    return _svg(draw, label=label)


def residuals(predicted: NDArray[np.float64], errors: NDArray[np.float64], label: str) -> str:
    def draw(axes: Axes) -> None:
        axes.axhline(0, color=GREY, linewidth=0.8, linestyle="--")
        chosen = _some(len(errors))
        axes.plot(predicted[chosen], errors[chosen], "o", color=BLUE, markersize=3, alpha=0.4, markeredgewidth=0)
        axes.set(xlabel=f"predicted {LABEL}", ylabel="predicted minus actual")

    return _svg(draw, label=label)


def residual_histogram(errors: NDArray[np.float64]) -> str:
    def draw(axes: Axes) -> None:
        low, high = float(errors.min()), float(errors.max())
        pad = (abs(low) / 2 or 0.5) if low == high else 0.0
        axes.hist(errors, bins=np.linspace(low - pad, high + pad, 41).tolist(), color=BLUE, alpha=0.8)
        axes.axvline(0, color="black", linewidth=0.9, linestyle="--")
        axes.set(xlabel="predicted minus actual", ylabel="test rows")

    return _svg(draw)


def latency(edges: Sequence[float], counts: Sequence[int], marks: Sequence[tuple[str, float]]) -> str:
    """Milliseconds, on a scale of powers of ten if they are far apart; `counts` has one number less than `edges`."""

    def draw(axes: Axes) -> None:
        total = max(sum(counts), 1)
        axes.stairs([count / total for count in counts], edges, fill=True, color=BLUE, alpha=0.8)
        for (label, value), style in zip(marks, ("-", "--", ":"), strict=False):
            axes.axvline(value, color="black", linewidth=0.9, linestyle=style, label=f"{label} {value:.3g} ms")
        axes.set(xlabel="milliseconds", ylabel="share", xscale="log" if edges[-1] > WIDE * edges[0] else "linear")
        axes.legend(loc="upper right", frameon=False)

    return _svg(draw)


def _some(rows: int) -> NDArray[np.int64]:
    """So many rows as a plot can show, always the same."""
    return np.sort(np.random.default_rng(0).permutation(rows)[:MOST_POINTS])


def _svg(draw: Callable[[Axes], None], *, label: str = "") -> str:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    text = io.StringIO()
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(4.4, 3.2))
        figure.subplots_adjust(left=0.14, right=0.97, bottom=0.14, top=0.96)
        draw(figure.add_subplot())
        FigureCanvasSVG(figure).print_svg(text, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    svg = text.getvalue()
    return svg[svg.index("<svg") :].strip().replace(LABEL, escape(label))
