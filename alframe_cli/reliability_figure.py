"""The reliability diagram: accuracy against confidence, a panel a strategy, with how the samples lie.

Niculescu-Mizil and Caruana, "Predicting good probabilities with supervised learning", ICML 2005.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alframe.comparison.calibration import Calibration, ReliabilityBin
from alframe.comparison.curves import CurvePoint
from alframe.records.rounds import BINS
from alframe_cli.figures import WIDTH, marker_of, write_title
from alframe_cli.palette import COLOURS, Look
from alframe_cli.reliability_panels import FEW, parted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
LINE, LETTER = 0.145, 0.074  # inches that a line and a letter of text take
LEFT, BESIDE, BELOW = 0.62, 0.2, 0.48  # inches: for tick labels, between panels, under them
TALL, APART = 0.35, 0.16  # inches of the histogram, and between it and the diagram


def draw_reliability(
    figure: Figure, found: Mapping[str, Calibration], looks: Mapping[str, Look], title: str = ""
) -> None:
    """Draws accuracy by confidence, and below how many samples have which confidence.

    Args:
        figure: an empty figure.
        found: by strategy, at least one, at one labelled-set size.
        looks: how each is drawn.
        title: a line above.
    """
    columns = min(COLUMNS, len(found))
    side = (WIDTH - LEFT - 0.1 + BESIDE) / COLUMNS - BESIDE if columns == COLUMNS else 1.4
    width = max(3.6, LEFT + columns * (side + BESIDE))
    names = {name: textwrap.wrap(name, int(side / LETTER)) or [name] for name in found}
    in_rows = [list(found)[start : start + columns] for start in range(0, len(found), columns)]
    heads = [LINE * (2.3 + max(len(names[name]) for name in row)) for row in in_rows]
    remark = textwrap.wrap(_remark(found), int(width / LETTER))
    titles = [title, f"{next(iter(found.values())).labelled:,} labels"]
    above = LINE * (1.2 * math.ceil(len(", ".join(titles)) / (13 * width)) + 0.8)
    below = LINE * (len(remark) + 1)
    height = above + sum(heads) + len(in_rows) * (side + APART + TALL + BELOW) + below
    figure.set_layout_engine("none")
    figure.set_size_inches(width, height)
    write_title(figure, ", ".join(filter(None, titles)))
    figure.text(0.1 / width, 0.08 / height, "\n".join(remark), va="bottom")
    most = max(row.samples / one.samples for one in found.values() for row in one.bins)
    top = height - above
    for row, head in zip(in_rows, heads, strict=True):
        top -= head + side
        for column, name in enumerate(row):
            left = (LEFT + column * (side + BESIDE)) / width
            box = left, top / height, side / width, side / height
            diagram = figure.add_axes(box)
            box = left, (top - APART - TALL) / height, side / width, TALL / height
            counts = figure.add_axes(box)
            _diagram(diagram, found[name], looks[name])
            _head(diagram, names[name], found[name], side)
            _histogram(counts, found[name], looks[name], most)
            if column == 0:
                diagram.set_ylabel("accuracy")
                counts.set_ylabel("share")
            else:
                diagram.tick_params(labelleft=False)
                counts.tick_params(labelleft=False)
        top -= APART + TALL + BELOW


def _remark(found: Mapping[str, Calibration]) -> str:
    seeds = max(one.ece.seeds for one in found.values())
    remark = "below the diagonal too sure, above it not sure enough"
    remark += f"; {seeds} seeds together" if seeds > 1 else ""
    few = any(row.samples < FEW for one in found.values() for row in one.bins)
    return remark + (f"; hollow: under {FEW} samples" if few else "")


def _head(axes: Axes, name: list[str], one: Calibration, side: float) -> None:
    """The strategy's name and scores above its panel."""
    scores = f"ECE {_cell(one.ece)}\nBrier {_cell(one.brier)}"
    place: dict[str, Any] = {"va": "bottom", "transform": axes.transAxes}
    axes.text(0, 1 + 0.06 / side, scores, fontsize="small", color="#444444", **place)
    axes.text(0, 1 + (0.07 + 1.75 * LINE) / side, "\n".join(name), **place)


def _diagram(axes: Axes, one: Calibration, look: Look) -> None:
    colour = COLOURS[look.colour]
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    axes.tick_params(labelbottom=False)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(color="#e4e4e4", linewidth=0.6)
    axes.plot([0, 1], [0, 1], color="#8a8a8a", linewidth=0.8)
    many, few = parted(one.bins)
    confidence, accuracy = _at(many)
    axes.fill_between(confidence, confidence, accuracy, color=colour, alpha=0.15, linewidth=0)
    drawn = marker_of(look) | {"markersize": 4.5, "clip_on": False}
    axes.plot(confidence, accuracy, **drawn)
    hollow = {"linestyle": "", "markerfacecolor": "white", "markeredgecolor": colour, "markeredgewidth": 0.9}
    for row in few:
        axes.plot([row.confidence], [row.accuracy], **drawn | hollow)


def _at(bins: list[ReliabilityBin]) -> tuple[list[float], list[float]]:
    return [row.confidence for row in bins], [row.accuracy for row in bins]


def _histogram(axes: Axes, one: Calibration, look: Look, most: float) -> None:
    shares = [row.samples / one.samples for row in one.bins]
    at = [row.number / BINS for row in one.bins]
    rim: dict[str, Any] = {"edgecolor": "white", "linewidth": 0.4}
    axes.bar(at, shares, width=1 / BINS, align="edge", color=COLOURS[look.colour], alpha=0.55, **rim)
    axes.set(xlim=(0, 1), ylim=(0, most), xticks=(0, 0.5, 1), yticks=(0, most), xlabel="confidence")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")


def _cell(point: CurvePoint) -> str:
    return f"{point.mean:.3f}" + ("" if point.std is None else f" ± {point.std:.3f}")
