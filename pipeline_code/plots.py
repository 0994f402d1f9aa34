"""The report's plots as SVG text; called by report.py.

matplotlib is imported on first use only, because that costs most of a short step's time. The same data give the
same bytes: no dates, fixed ids; text stays text.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
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


def roc(false_positive_rates: Sequence[float], true_positive_rates: Sequence[float], point: tuple[float, float]) -> str:
    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
        axes.plot(false_positive_rates, true_positive_rates, color=BLUE)
        axes.plot(*point, "o", color=RED, label="at the threshold")
        axes.set(
            xlabel="share of negatives flagged",
            ylabel="share of positives found",
            xlim=(0, 1),
            ylim=(0, 1.02),
        )
        axes.legend(loc="lower right", frameon=False)

    return _svg(draw)


def precision_recall(recalls: Sequence[float], precisions: Sequence[float], point: tuple[float, float]) -> str:
    def draw(axes: Axes) -> None:
        axes.plot(recalls, precisions, color=BLUE)
        axes.plot(*point, "o", color=RED, label="at the threshold")
        axes.set(
            xlabel="positives found (recall)",
            ylabel="right flags (precision)",
            xlim=(0, 1.02),
            ylim=(0, 1.02),
        )
        axes.legend(loc="upper right", frameon=False)

    return _svg(draw)


def scores(
    values: NDArray[np.float64], positives: NDArray[np.int64], negatives: NDArray[np.int64], threshold: float
) -> str:
    def draw(axes: Axes) -> None:
        bins = np.linspace(0, max(float(values.max()), threshold) * 1.02, 31)
        for counts, color, label in ((negatives, BLUE, "negative"), (positives, RED, "positive")):
            axes.hist(
                values,
                bins=bins.tolist(),
                weights=counts / counts.sum(),
                color=color,
                alpha=0.55,
                label=label,
            )
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
        axes.legend(loc="upper right", frameon=False)

    return _svg(draw)


def _svg(draw: Callable[[Axes], None]) -> str:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    text = io.StringIO()
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(4.4, 3.2))
        figure.subplots_adjust(left=0.14, right=0.97, bottom=0.14, top=0.96)
        draw(figure.add_subplot())
        FigureCanvasSVG(figure).print_svg(text, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return text.getvalue()[text.getvalue().index("<svg") :].strip()
