"""A comparison as figures: learning curves, seconds per query, penalty matrix.

Each function takes a matplotlib figure, so that they can be called from Python with a figure of one's own;
none touches pyplot. `style` holds the settings that `alframe compare --figures` draws with.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from alframe.comparison.compare import QueryCost
from alframe.comparison.curves import CurvePoint
from alframe.comparison.significance import PenaltyMatrix
from alframe_cli.palette import COLOURS, DASHES, MARKERS, Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 5.5  # inches: the text width of a one-column paper
ROW = 0.24  # inches that a strategy takes in a list


def style() -> Any:
    """A dictionary for `matplotlib.rc_context`: small type, names as they are, the same bytes each time."""
    return {
        "axes.axisbelow": True,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "figure.titlesize": 9,
        "font.size": 8.5,
        "legend.frameon": False,
        "legend.handlelength": 3.2,
        "lines.linewidth": 1.4,
        "lines.markersize": 5.5,
        "pdf.fonttype": 42,  # journals refuse Type 3
        "svg.hashsalt": "alframe",  # else the names inside an SVG are random
        "text.parse_math": False,  # a dollar in a name is a dollar
        "text.usetex": False,
    }


def line_of(look: Look) -> dict[str, Any]:
    """Colour, marker and dashes as arguments of `Axes.plot`; the markers have a white rim."""
    dashes = DASHES[look.dash]
    return marker_of(look) | {"linestyle": (0, dashes) if dashes else "-"}


def marker_of(look: Look) -> dict[str, Any]:
    """Colour and marker alone."""
    return {
        "color": COLOURS[look.colour],
        "marker": MARKERS[look.marker],
        "markeredgecolor": "white",
        "markeredgewidth": 0.4,
    }


def draw_curves(
    figure: Figure, curves: Mapping[str, list[CurvePoint]], looks: Mapping[str, Look], title: str = ""
) -> None:
    """Draws accuracy by labelled-set size; a band is one standard deviation over seeds to either side.

    Args:
        figure: an empty figure.
        curves: by strategy.
        looks: how each is drawn.
        title: a line above.
    """
    columns = _widen(figure, curves, panels=1)
    write_title(figure, title)
    axes = figure.add_subplot(xlabel=f"labelled samples{_band(curves)}", ylabel="accuracy on the test part")
    _plot_curves(axes, curves, looks)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=columns)


def draw_calibration(
    figure: Figure,
    ece: Mapping[str, list[CurvePoint]],
    brier: Mapping[str, list[CurvePoint]],
    looks: Mapping[str, Look],
    title: str = "",
) -> None:
    """Draws expected calibration error and Brier score by labelled-set size, as `draw_curves` does accuracy.

    Args:
        figure: an empty figure.
        ece: by strategy.
        brier: by strategy.
        looks: how each is drawn.
        title: a line above.
    """
    columns = _widen(figure, ece, panels=2)
    write_title(figure, title)
    names = "expected calibration error", "Brier score"
    for axes, name, curves in zip(figure.subplots(1, 2), names, (ece, brier), strict=True):
        band = _band(curves).replace("standard deviation", "std")  # two panels are narrow
        axes.set(xlabel=f"labelled samples{band}", ylabel=name)
        _plot_curves(axes, curves, looks)
        axes.set_ylim(bottom=0)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=columns)


def _widen(figure: Figure, curves: Mapping[str, list[CurvePoint]], panels: int) -> int:
    """Makes room for curves and their legend; gives the legend's columns."""
    count = len(curves)
    columns = max(1, min(count, 5, 84 // (max(map(len, curves)) + 8)))
    height = 3.3 if panels == 1 else 2.7
    figure.set_size_inches(WIDTH, height + 0.18 * math.ceil(count / columns) + 0.08 * max(0, count - 6))
    return columns


def _plot_curves(axes: Axes, curves: Mapping[str, list[CurvePoint]], looks: Mapping[str, Look]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.grid(color="#e4e4e4", linewidth=0.6)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    sizes = {point.labelled for curve in curves.values() for point in curve}
    if len(sizes) == 1:  # any locator would put the same number at several places
        axes.set_xticks(list(sizes))
    else:
        axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
    for name, curve in curves.items():
        at, means = [point.labelled for point in curve], [point.mean for point in curve]
        low = [point.mean - (point.std or 0) for point in curve]
        high = [point.mean + (point.std or 0) for point in curve]
        colour = COLOURS[looks[name].colour]
        axes.fill_between(
            at, low, high, color=colour, alpha=0.06 if colour == "#000000" else 0.12, linewidth=0
        )
        axes.plot(at, low, at, high, color=colour, alpha=0.35, linewidth=0.5)
        axes.plot(at, means, label=name, **line_of(looks[name]))


def _band(curves: Mapping[str, list[CurvePoint]]) -> str:
    """What a band is, below the axis' name; "" where there is none."""
    seeds = {point.seeds for curve in curves.values() for point in curve}
    if max(seeds) == 1:
        return ""
    many = f"{min(seeds)} to {max(seeds)}" if len(seeds) > 1 else f"{max(seeds)}"
    return f"\nband: ± 1 standard deviation over {many} seeds"


def draw_seconds(
    figure: Figure, costs: Mapping[str, QueryCost], looks: Mapping[str, Look], title: str = ""
) -> None:
    """Draws the mean seconds of a query, the cheapest first; a line is one standard deviation over seeds.

    Args:
        figure: an empty figure.
        costs: by strategy; those whose seconds are not known are left out.
        looks: how each is drawn.
        title: a line above.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    known = [
        (cost.seconds, cost.seconds_std, name) for name, cost in costs.items() if cost.seconds is not None
    ]
    known.sort(key=lambda row: (row[0], row[2]))
    figure.set_size_inches(WIDTH, 1.1 + ROW * len(known))
    write_title(figure, title)
    axes = figure.add_subplot(xlabel="seconds a query")
    axes.grid(axis="x", color="#e4e4e4", linewidth=0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_yticks(range(len(known)), [name for *_, name in known])
    axes.set_ylim(len(known) - 0.4, -0.6)
    if all(seconds > 0 for seconds, *_ in known):
        axes.set_xscale("log")
        wide = known[-1][0] / known[0][0] > 300
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter("{x:g}")
    for row, (seconds, std, name) in enumerate(known):
        look = looks[name]
        low = max(seconds - (std or 0), seconds / 10)  # a logarithmic axis has no zero
        axes.hlines(row, low, seconds + (std or 0), color=COLOURS[look.colour])
        axes.plot([seconds], [row], linestyle="", **marker_of(look) | {"markersize": 6})
        axes.annotate(
            f"{seconds:.2g}" if seconds < 100 else f"{seconds:,.0f}",
            (1.01, row),
            xycoords=("axes fraction", "data"),
            verticalalignment="center",
        )
    if any(std for _, std, _ in known):
        _remark(axes, "line: ± 1 standard deviation over seeds")


def draw_matrix(figure: Figure, matrix: PenaltyMatrix, title: str = "") -> None:
    """Draws the penalty matrix: the darker a cell, the oftener its row beats its column.

    Args:
        figure: an empty figure.
        matrix: of K strategies, one setting's or a sum.
        title: a line above.
    """
    names, count = matrix.strategies, len(matrix.strategies)
    longest = max(len(name) for name in names)
    figure.set_size_inches(1.5 + 0.065 * longest + 0.38 * count, 1.5 + 0.05 * longest + 0.28 * count)
    write_title(figure, title)
    axes = figure.add_subplot()
    cells = np.vstack([matrix.wins, matrix.penalties])
    most = max(float(matrix.settings), 1.0)
    image = axes.imshow(np.ma.masked_invalid(cells), cmap="Blues", vmin=0, vmax=most, aspect="auto")
    for (row, column), value in np.ndenumerate(cells):
        text = "-" if math.isnan(value) or row == column else f"{value:.2f}"
        axes.text(
            column,
            row,
            text,
            horizontalalignment="center",
            verticalalignment="center",
            fontsize=7.5,
            fontweight="bold" if row == count else "normal",
            color="white" if value > 0.6 * most else "black",
        )
    axes.axhline(count - 0.5, color="black", linewidth=1)
    turned = longest > 5
    axes.set_xticks(
        range(count), names, rotation=40 if turned else 0, ha="right" if turned else "center",
        rotation_mode="anchor",
    )  # fmt: skip
    axes.set_yticks(range(count + 1), [*names, "penalty"])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_ylabel("beats")
    axes.set_xlabel("is beaten")
    figure.colorbar(image, label="share of rounds" if most == 1 else f"sum over {most:.0f} settings")


def write_title(figure: Figure, text: str) -> None:
    """Writes a title at the upper left, in as many lines as the figure's width asks for."""
    if text:
        lines = textwrap.wrap(text, int(13 * figure.get_figwidth()))
        figure.suptitle("\n".join(lines), x=0.01, horizontalalignment="left")


def _remark(axes: Axes, text: str) -> None:
    axes.set_xlabel(f"{axes.get_xlabel()}\n{text}")
