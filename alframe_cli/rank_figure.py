"""The critical-difference diagram (Demsar, JMLR 7, 2006): mean ranks, and who can't be told from whom."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from alframe.comparison.ranks import Ranks
from alframe_cli.figures import ROW, WIDTH, marker_of
from alframe_cli.palette import Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


ABOVE = 4.1  # rows above the axis: tick labels, critical difference, two lines of text


def groups(ranks: Sequence[float], critical_difference: float) -> list[tuple[int, int]]:
    """Finds the largest runs of strategies whose mean ranks differ by less than the critical difference.

    Args:
        ranks: K mean ranks, ascending.
        critical_difference: of mean ranks.

    Returns:
        First and last position of each run of two or more; none lies within another.

    Example:
        >>> groups([1.0, 1.5, 2.4, 4.0], 1.2)
        [(0, 1), (1, 2)]
    """
    found: list[tuple[int, int]] = []
    for first, lowest in enumerate(ranks):
        last = max(k for k, rank in enumerate(ranks) if rank - lowest < critical_difference or k == first)
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found


def draw_ranks(figure: Figure, ranks: Ranks, looks: Mapping[str, Look]) -> None:
    """Draws the mean ranks on a line, the best to the left; a bar joins those that Nemenyi's test can't tell.

    Args:
        figure: an empty figure.
        ranks: of K strategies.
        looks: how each is drawn.
    """
    count = len(ranks.strategies)
    left = math.ceil(count / 2)  # strategies named on the left, the others on the right
    bars = groups(ranks.mean_ranks, ranks.critical_difference)
    rows = 1.4 + 0.5 * len(bars) + left  # below the axis
    beside = 0.5 + 0.075 * max(map(len, ranks.strategies))  # inches for names
    length = max(WIDTH - 2 * beside, 0.25 * count)  # inches of the axis
    figure.set_layout_engine("none")
    figure.set_size_inches(length + 2 * beside, ROW * (rows + ABOVE))
    axes = figure.add_axes((0, 0, 1, 1))
    inch = (count - 1) / length  # in ranks
    axes.set_xlim(1 - beside * inch, count + beside * inch)
    axes.set_ylim(rows, -ABOVE)
    axes.axis("off")
    axes.hlines(0, 1, count, color="black", linewidth=1)
    for tick in range(1, count + 1):
        axes.vlines(tick, -0.3, 0, color="black", linewidth=1)
        axes.text(tick, -0.45, str(tick), horizontalalignment="center", verticalalignment="bottom")
    _bracket(axes, ranks, count)
    for number, (first, last) in enumerate(bars):
        y = 0.55 + 0.5 * number
        ends = ranks.mean_ranks[first] - 0.04 * inch, ranks.mean_ranks[last] + 0.04 * inch
        axes.hlines(y, *ends, color="black", linewidth=3)
    for position, (name, rank) in enumerate(zip(ranks.strategies, ranks.mean_ranks, strict=True)):
        on_left = position < left
        row = position if on_left else count - 1 - position
        y = 1.0 + 0.5 * len(bars) + row
        end = 1 - 0.12 * inch if on_left else count + 0.12 * inch
        axes.plot([rank, rank, end], [0, y, y], color="#555555", linewidth=0.8)
        axes.plot([rank], [0], linestyle="", clip_on=False, **marker_of(looks[name]) | {"markersize": 6})
        axes.text(
            end - 0.04 * inch if on_left else end + 0.04 * inch,
            y,
            f"{name}  {rank:.2f}" if on_left else f"{rank:.2f}  {name}",
            horizontalalignment="right" if on_left else "left",
            verticalalignment="center",
        )


def _bracket(axes: Axes, ranks: Ranks, count: int) -> None:
    """The critical difference as a length, above the ranks; what it is stands at the figure's edge."""
    width = ranks.critical_difference
    over = f"mean ranks by area over {ranks.settings} settings (1 is best)"
    text = f"critical difference {width:.2f} (Nemenyi, 5 %)"
    if width > count - 1:
        text += ": more than any ranks can differ by"
    else:
        axes.hlines(-1.6, 1, 1 + width, color="black", linewidth=1)
        axes.vlines([1, 1 + width], -1.75, -1.45, color="black", linewidth=1)
    edge = axes.get_yaxis_transform()  # across the figure, as the names may leave the axis little room
    for line, y in ((over, -2.95), (text, -1.95)):
        axes.text(0.01, y, line, transform=edge, horizontalalignment="left", verticalalignment="bottom")
