"""Which colour, marker and line a strategy has, the same in every figure and on the page of a command."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from alframe.comparison.compare import Comparison

# Okabe and Ito's colours ("Color Universal Design", 2008) without yellow, which is hardly seen on white. The
# order is that in which neighbours differ most, also in lightness.
COLOURS = ("#000000", "#e69f00", "#0072b2", "#cc79a7", "#009e73", "#d55e00", "#56b4e9")
DARK_COLOURS = ("#f0f0f0", "#e69f00", "#4aa3df", "#cc79a7", "#00b886", "#f0702a", "#8fd0f5")  # on black
MARKERS = ("o", "s", "^", "D", "v", "X", "P", "<", ">", "*", "p", "h")  # as matplotlib calls them
DASHES = ((), (5, 2), (1.2, 1.6), (6, 2, 1.2, 2), (3, 1.2))  # lengths of line and gap, in line widths


@dataclasses.dataclass(frozen=True)
class Look:
    """How a strategy is drawn. The first 420 strategies have each their own.

    Attributes:
        colour: index into `COLOURS`.
        marker: index into `MARKERS`.
        dash: index into `DASHES`.
    """

    colour: int
    marker: int
    dash: int


def looks(strategies: Iterable[str]) -> dict[str, Look]:
    """Gives each strategy its look, by the order of their names.

    Args:
        strategies: names.
    """
    return {
        name: Look(k % len(COLOURS), k % len(MARKERS), k % len(DASHES))
        for k, name in enumerate(sorted(set(strategies)))
    }


def looks_of(found: Comparison) -> dict[str, Look]:
    """The looks of all strategies of a comparison."""
    return looks(name for one in found.settings for name in one.curves)
